// The exclusive-use lock.

import Foundation
import Testing

@testable import Recurrent

@Suite struct LockTests {
  /// Runs `body` on another thread and waits for it.
  private func onAnotherThread(_ body: @escaping @Sendable () -> Void) {
    let done = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      body()
      done.signal()
    }
    done.wait()
  }

  @Test func theOwnerAcquiresAgain() throws {
    let lock = Lock()
    try lock.acquire()
    try lock.acquire()
    lock.release()
    lock.release()
    try lock.acquire()
    lock.release()
  }

  @Test func aSecondThreadIsBusyUntilTheLastRelease() throws {
    nonisolated(unsafe) let lock = Lock()
    try lock.acquire()
    try lock.acquire()
    onAnotherThread { refused(.busy, "another thread") { try lock.acquire() } }
    lock.release()
    onAnotherThread { refused(.busy) { try lock.acquire() } }
    lock.release()
    onAnotherThread {
      #expect(throws: Never.self) { try lock.acquire() }
      lock.release()
    }
    try lock.acquire()
    lock.release()
  }
}
