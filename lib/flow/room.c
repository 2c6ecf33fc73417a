#include "base/units.h"
extern int flow_room;
int flow_room;
