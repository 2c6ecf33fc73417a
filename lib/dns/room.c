#include "base/units.h"
extern int dns_room;
int dns_room;
