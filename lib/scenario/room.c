#include "base/units.h"
extern int scenario_room;
int scenario_room;
