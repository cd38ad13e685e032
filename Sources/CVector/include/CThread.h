// Two things about cores that Swift cannot say.
#pragma once

#include <stdint.h>

// Tells the core that this is a loop that waits.
static inline __attribute__((always_inline)) void ct_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// How many cores this process may run on; 0 where the system does not say.
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
