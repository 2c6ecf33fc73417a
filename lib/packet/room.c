#include "base/units.h"
extern int packet_room;
int packet_room;
