// A recursive lock that fails instead of waiting.

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
  /// The owning thread; 0 if the lock is free.
  private let owner = Atomic<UInt>(0)
  private var depth = 0

  init() {}

  /// Acquires the lock.
  ///
  /// - Throws: `.busy`, without waiting, if another thread holds it.
  public func acquire() throws(RecurrentError) {
    let thread = currentThread()
    if owner.load(ordering: .relaxed) != thread {
      let (acquired, _) = owner.compareExchange(expected: 0, desired: thread, ordering: .acquiring)
      try require(
        acquired, .busy, "object is in use by another thread; expected one thread at a time, got a second thread")
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

private func currentThread() -> UInt {
  #if canImport(Darwin)
    UInt(bitPattern: pthread_self())
  #else
    UInt(pthread_self())
  #endif
}
