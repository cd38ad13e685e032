// The thread's last failure: the only state of the C interface.

#include "last_error.h"
#include "recurrent.h"

#include <string.h>

static _Thread_local char message[1024];
static _Thread_local int32_t number;

void cr_set_last_error(const char *text, int64_t length, int32_t errno_value) {
  const int64_t room = (int64_t)sizeof message - 1;
  if (length > room) {
    length = room;
    // not to end inside a UTF-8 sequence
    while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80) length--;
  }
  if (length > 0) memcpy(message, text, (size_t)length);
  message[length] = 0;
  number = errno_value;
}

const char *recurrent_last_error(void) { return message; }

int32_t recurrent_last_errno(void) { return number; }
