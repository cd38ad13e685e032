// A lock that fails instead of waiting: recursive where exclusive, or shared.

import CVector
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The lock of an object: exclusive for calls that may change it, shared by calls that only read it.
///
/// An exclusive lock makes every other thread `.busy`; the owning thread may acquire it again. A shared one admits other
/// shared ones alone. No call waits.
public final class Lock {
  /// 0 if the lock is free. For an exclusive lock the owning thread of this process or of one that it was forked from. For
  /// a shared lock `isShared`, the number of forks, and the number of calls.
  private let state = Atomic<UInt>(0)
  /// The acquisitions of the owning thread; 0 for a shared lock.
  private var depth = 0

  init() {}

  /// Acquires the lock exclusively.
  ///
  /// - Throws: `.busy`, without waiting, if another thread holds it, or held it when this process was forked; if it is
  ///   shared, by whichever thread.
  public func acquire() throws(RecurrentError) {
    let thread = currentThread()
    if state.load(ordering: .relaxed) != thread {
      var expected: UInt = 0
      while true {
        let (acquired, holder) = state.compareExchange(expected: expected, desired: thread, ordering: .acquiring)
        if acquired { break }
        // calls of the process that this one was forked from have not changed the object, and never end here
        guard holder & isShared != 0, holder >> forkShift != sharedByProcess() >> forkShift else {
          throw busy(holder, thread)
        }
        expected = holder
      }
    }
    depth += 1
  }

  /// Whether the owning thread has acquired the lock more than once.
  public var isNested: Bool { depth > 1 }

  /// Releases one `acquire`.
  public func release() {
    depth -= 1
    if depth == 0 { state.store(0, ordering: .releasing) }
  }

  /// Acquires the lock together with other shared calls. Not for a thread that owns it exclusively.
  ///
  /// - Returns: what `releaseShared` takes.
  /// - Throws: `.busy`, without waiting, if a thread holds it exclusively.
  public func acquireShared() throws(RecurrentError) -> Shared {
    let process = sharedByProcess()
    var found = state.load(ordering: .relaxed)
    while true {
      if found != 0 && found & isShared == 0 { throw busyForReading(found) }
      // a count of the process that this one was forked from has no meaning here
      let next = found >> forkShift == process >> forkShift ? found + 1 : process + 1
      let (acquired, holder) = state.compareExchange(expected: found, desired: next, ordering: .acquiring)
      if acquired { return Shared(process: process) }
      found = holder
    }
  }

  /// Releases one `acquireShared`.
  public func releaseShared(_ shared: Shared) {
    var found = state.load(ordering: .relaxed)
    // after a fork inside the call the lock may be that of other calls
    while found >> forkShift == shared.process >> forkShift {
      let next = found - 1 == shared.process ? 0 : found - 1
      let (released, holder) = state.compareExchange(expected: found, desired: next, ordering: .releasing)
      if released { return }
      found = holder
    }
  }

  /// Whether the calling thread owns the lock exclusively.
  public var isOwned: Bool { state.load(ordering: .relaxed) == currentThread() }

  /// One acquisition of a shared lock.
  public struct Shared {
    fileprivate let process: UInt
  }

  private func busy(_ holder: UInt, _ thread: UInt) -> RecurrentError {
    if holder & isShared != 0 {
      return RecurrentError(
        .busy,
        "network is in use by the inference of another thread or call; expected the end of inference before a call that "
          + "may change the network, got one during it")
    }
    return RecurrentError(
      .busy,
      holder >> forkShift == thread >> forkShift
        ? "object is in use by another thread; expected one thread at a time, got a second thread" : lost)
  }

  private func busyForReading(_ holder: UInt) -> RecurrentError {
    RecurrentError(
      .busy,
      holder >> forkShift == currentThread() >> forkShift
        ? "network is in use by another thread, which may change it; expected the end of that call before inference, got "
          + "inference during it" : lost)
  }

  private var lost: String {
    "object was in use by another thread when this process was forked; expected a complete object, got one that this "
      + "process can only free"
  }
}

/// The bit of a state that counts calls.
private let isShared: UInt = 1 << 63

/// The state of a lock that 0 calls of this process share.
private func sharedByProcess() -> UInt { isShared | forks }

/// The thread, an address below 2⁴⁸, and above it the number of forks: a thread of a child process may get the address
/// of one that the fork did not copy.
private func currentThread() -> UInt {
  #if canImport(Darwin)
    UInt(bitPattern: pthread_self()) | forks
  #else
    UInt(pthread_self()) | forks
  #endif
}

/// The number of forks, 15 bits of it, above a thread's address.
private var forks: UInt { UInt(ct_forks() & 0x7fff) << forkShift }

private let forkShift: UInt = 48
