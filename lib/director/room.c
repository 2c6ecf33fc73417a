#include "base/units.h"
extern int director_room;
int director_room;
