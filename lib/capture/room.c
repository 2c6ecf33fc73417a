#include "base/units.h"
extern int capture_room;
int capture_room;
