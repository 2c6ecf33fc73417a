#include "base/units.h"
extern int config_room;
int config_room;
