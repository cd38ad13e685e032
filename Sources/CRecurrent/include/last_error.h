// What RecurrentABI tells recurrent_last_error(); not part of the interface and not exported.
#pragma once

#include <stdint.h>

void cr_set_last_error(const char *text, int64_t length, int32_t errno_value);
