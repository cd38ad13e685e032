// The interrupt check of a Python process, see python.c. Not part of the interface.
#pragma once

#include <stdint.h>

// The functions of CPython.
typedef struct {
  int32_t (*gil_state_ensure)(void);
  void (*gil_state_release)(int32_t);
  int (*err_check_signals)(void);
  void (*err_fetch)(void **, void **, void **);
  void (*err_restore)(void *, void *, void *);
} cr_python;

// Sets the functions, in this order.
void cr_python_set(const void *const functions[5]);

// Runs the handlers of signals; keeps an exception and returns 1.
int32_t cr_python_check(void);

// Raises the exception that was kept and returns 1; 0 without one.
int32_t cr_python_raise(void);
