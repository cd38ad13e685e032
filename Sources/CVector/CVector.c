// SwiftPM requires one source file in a C target. All code is in the header.
#include "CVector.h"
