// Locks that survive a fork: pthread_atfork makes them anew in the child; and a variable of the thread.

#include "CThread.h"

#include <pthread.h>
#include <sched.h>

static bool held[CT_LOCKS];
uint64_t ct_fork_count;

bool ct_try_lock(ct_lock_name lock) { return !__atomic_exchange_n(&held[lock], true, __ATOMIC_ACQUIRE); }

void ct_lock(ct_lock_name lock) {
  int turns = 0;
  while (!ct_try_lock(lock)) {
    if (turns++ < 100) ct_pause();
    else sched_yield();
  }
}

void ct_unlock(ct_lock_name lock) { __atomic_store_n(&held[lock], false, __ATOMIC_RELEASE); }

static void before_fork(void) {
  ct_lock(CT_HANDLES);
  ct_lock(CT_PINS);
  ct_lock(CT_CONTEXTS);
}

static void in_parent(void) {
  ct_unlock(CT_CONTEXTS);
  ct_unlock(CT_PINS);
  ct_unlock(CT_HANDLES);
}

static void in_child(void) {
  for (int i = 0; i < CT_LOCKS; i++) held[i] = false;
  ct_fork_count++;
}

// When the library is loaded: later, another thread could fork first.
__attribute__((constructor)) static void register_handlers(void) { pthread_atfork(before_fork, in_parent, in_child); }

ct_interrupt *ct_thread_interrupt(void) {
  static _Thread_local ct_interrupt state;
  return &state;
}
