// One object, one thread at a time: the second thread gets an error, not a race.

import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Held by a thread while it uses an object. The same thread may hold it again; another one is refused.
public final class Lock {
  private let owner = Atomic<UInt>(0)
  private var depth = 0

  init() {}

  /// Takes the lock, or throws `.busy` at once if another thread holds it.
  public func acquire() throws(RecurrentError) {
    let me = currentThread()
    if owner.load(ordering: .relaxed) != me {
      let (taken, _) = owner.compareExchange(expected: 0, desired: me, ordering: .acquiring)
      try require(taken, .busy, "this object is in use by another thread; use one object from one thread at a time")
    }
    depth += 1
  }

  /// Gives back one `acquire`.
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
