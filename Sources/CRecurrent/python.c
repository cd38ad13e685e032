// The interrupt check of a Python process: the interpreter runs the handlers of its signals between two parts of a call.
//
// A handler of Python runs when the interpreter executes the next instruction, that is after a call of C. The check runs
// the handlers in the middle of the call instead, and keeps the exception until the call has returned. A callback
// written in Python could not do this: the interpreter may run the handler before the callback's first instruction, and
// ctypes discards the exception.

#include "python.h"

#include <string.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#else
#include <pthread.h>
#endif

static cr_python python;

// The exception of a handler. Handlers run on the process's first thread only.
static void *type, *value, *traceback;

static int is_first_thread(void) {
#if defined(__linux__)
  return syscall(SYS_gettid) == getpid();
#else
  return pthread_main_np();
#endif
}

void cr_python_set(const void *const functions[5]) { memcpy(&python, functions, sizeof python); }

int32_t cr_python_check(void) {
  if (!is_first_thread()) return 0;
  int32_t state = python.gil_state_ensure();
  int32_t stops = python.err_check_signals() != 0;
  if (stops) python.err_fetch(&type, &value, &traceback);
  python.gil_state_release(state);
  return stops;
}

int32_t cr_python_raise(void) {
  void *t = type, *v = value, *b = traceback;
  if (!t) return 0;
  type = value = traceback = NULL;
  python.err_restore(t, v, b);
  return 1;
}
