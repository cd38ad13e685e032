// What Swift cannot spell: the spin-loop hint, the number of usable cores, locks that survive a fork, a variable of the
// thread.
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

// The spin locks of the library. After a fork they are free in the child, which has one thread.
typedef enum {
  CT_HANDLES,  // held during a fork, so that the child gets a consistent table; never held for long
  CT_PINS,     // as well, for the lists of pins
  CT_CONTEXTS, // as well, for the lists of contexts of networks
  CT_POOL,     // not held during a fork, which would wait for a large operation: the child discards the pool
  CT_LOCKS     // their number
} ct_lock_name;

// Waits while another thread holds the lock.
void ct_lock(ct_lock_name lock);
// Returns false, without waiting, if another thread holds the lock.
bool ct_try_lock(ct_lock_name lock);
void ct_unlock(ct_lock_name lock);

// Returns the number of forks between the process that loaded the library and this one.
extern uint64_t ct_fork_count;
static inline __attribute__((always_inline)) uint64_t ct_forks(void) { return ct_fork_count; }
