#include "base/units.h"
extern int load_room;
int load_room;
