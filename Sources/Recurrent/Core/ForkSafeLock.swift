// The locks of the process, which a forked child can use.

import CVector

/// A spin lock that is free in the child after a fork, whichever thread of the parent held it.
///
/// The mutex of Swift's Synchronization is not: it identifies its thread by a number that the child's thread does not
/// have. It also is invisible to ThreadSanitizer.
public enum ForkSafeLock {
  /// Protects the table of handles. A fork waits for it, so that the child gets a consistent table.
  case handles
  /// Protects the lists of pins. A fork waits for it.
  case pins
  /// Protects the lists of contexts of networks. A fork waits for it.
  case contexts
  /// Protects the thread pool, which a child discards. A fork does not wait for it.
  case pool

  private var name: ct_lock_name {
    switch self {
    case .handles: CT_HANDLES
    case .pins: CT_PINS
    case .contexts: CT_CONTEXTS
    case .pool: CT_POOL
    }
  }

  /// Acquires the lock; waits while another thread holds it.
  public func acquire() { ct_lock(name) }

  /// Acquires the lock; returns false, without waiting, if another thread holds it.
  func acquireIfFree() -> Bool { ct_try_lock(name) }

  /// Releases the lock.
  public func release() { ct_unlock(name) }
}
