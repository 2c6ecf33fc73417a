#include "base/units.h"
extern int stats_room;
int stats_room;
