// A recursive lock that fails instead of waiting.

import CVector
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Exclusive-use lock: a second thread gets `.busy`; the owning thread may acquire it again.
public final class Lock {
  /// The owning thread of this process or of one that it was forked from; 0 if the lock is free.
  private let owner = Atomic<UInt>(0)
  private var depth = 0

  init() {}

  /// Acquires the lock.
  ///
  /// - Throws: `.busy`, without waiting, if another thread holds it, or held it when this process was forked.
  public func acquire() throws(RecurrentError) {
    let thread = currentThread()
    if owner.load(ordering: .relaxed) != thread {
      let (acquired, holder) = owner.compareExchange(expected: 0, desired: thread, ordering: .acquiring)
      try require(
        acquired, .busy,
        holder >> forkShift == thread >> forkShift
          ? "object is in use by another thread; expected one thread at a time, got a second thread"
          : "object was in use by another thread when this process was forked; expected a complete object, got one that "
            + "this process can only free")
    }
    depth += 1
  }

  /// Whether the owning thread has acquired the lock more than once.
  public var isNested: Bool { depth > 1 }

  /// Releases one `acquire`.
  public func release() {
    depth -= 1
    if depth == 0 { owner.store(0, ordering: .releasing) }
  }
}

/// The thread, an address below 2⁴⁸, and above it the number of forks: a thread of a child process may get the address
/// of one that the fork did not copy.
private func currentThread() -> UInt {
  #if canImport(Darwin)
    UInt(bitPattern: pthread_self()) | UInt(ct_forks()) << forkShift
  #else
    UInt(pthread_self()) | UInt(ct_forks()) << forkShift
  #endif
}

private let forkShift: UInt = 48
