#include "base/units.h"
extern int report_room;
int report_room;
