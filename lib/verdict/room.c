#include "base/units.h"
extern int verdict_room;
int verdict_room;
