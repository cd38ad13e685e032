// What Swift cannot spell: the spin-loop hint, the number of usable cores, a variable of the thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Hints that the caller is in a spin-wait loop.
static inline __attribute__((always_inline)) void ct_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Returns the number of cores in the process's affinity mask; 0 if it cannot be read.
#if defined(__linux__)
extern int sched_getaffinity(int pid, unsigned long size, void *mask);
static inline int64_t ct_cores(void) {
  uint64_t mask[64] = {0};
  int64_t cores = 0;
  if (sched_getaffinity(0, sizeof mask, mask) < 0) return 0;
  for (int i = 0; i < 64; i++) cores += __builtin_popcountll(mask[i]);
  return cores;
}
#else
static inline int64_t ct_cores(void) { return 0; }
#endif

// The calling thread's state of Core/Interrupt.swift.
typedef struct {
  int64_t work;
  uint64_t due;
  bool is_requested, is_checking;
} ct_interrupt;

ct_interrupt *ct_thread_interrupt(void);
