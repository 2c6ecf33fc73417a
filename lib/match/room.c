#include "base/units.h"
extern int match_room;
int match_room;
