#include "base/units.h"
extern int worker_room;
int worker_room;
