// SwiftPM requires a source file in a C target. All code but a variable of the thread is in the headers.
#include "CThread.h"
#include "CVector.h"

ct_interrupt *ct_thread_interrupt(void) {
  static _Thread_local ct_interrupt state;
  return &state;
}
