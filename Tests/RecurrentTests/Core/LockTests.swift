// The lock: exclusive, shared.

import Foundation
import Synchronization
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

  @Test func sharedCallsExcludeExclusiveOnes() throws {
    nonisolated(unsafe) let lock = Lock()
    let first = try lock.acquireShared(), second = try lock.acquireShared()
    onAnotherThread {
      #expect(throws: Never.self) { lock.releaseShared(try lock.acquireShared()) }
      refused(.busy, "network is in use by the inference of another thread", "expected", "got") { try lock.acquire() }
    }
    // of the same thread too: it would change what its own call reads
    refused(.busy, "network is in use") { try lock.acquire() }
    #expect(!lock.isOwned)
    lock.releaseShared(first)
    refused(.busy) { try lock.acquire() }
    lock.releaseShared(second)
    try lock.acquire()
    #expect(lock.isOwned && !lock.isNested)
    onAnotherThread {
      refused(.busy, "network is in use by another thread", "expected", "got") { try lock.acquireShared() }
    }
    lock.release()
    lock.releaseShared(try lock.acquireShared())
    try lock.acquire()
    lock.release()
  }

  /// Counts of many threads: exclusive calls see no other call, and the lock is free at the end.
  @Test func manyThreads() throws {
    nonisolated(unsafe) let lock = Lock()
    let readers = Atomic<Int>(0), writers = Atomic<Int>(0), faults = Atomic<Int>(0), done = Atomic<Int>(0)
    let group = DispatchGroup()
    for thread in 0..<4 {
      group.enter()
      Thread.detachNewThread {
        for i in 0..<5000 {
          if (i + thread) % 5 == 0 {
            guard (try? lock.acquire()) != nil else { continue }
            if writers.wrappingAdd(1, ordering: .relaxed).newValue != 1 || readers.load(ordering: .relaxed) != 0 {
              faults.wrappingAdd(1, ordering: .relaxed)
            }
            writers.wrappingSubtract(1, ordering: .relaxed)
            lock.release()
          } else {
            guard let shared = try? lock.acquireShared() else { continue }
            readers.wrappingAdd(1, ordering: .relaxed)
            if writers.load(ordering: .relaxed) != 0 { faults.wrappingAdd(1, ordering: .relaxed) }
            readers.wrappingSubtract(1, ordering: .relaxed)
            lock.releaseShared(shared)
          }
          done.wrappingAdd(1, ordering: .relaxed)
        }
        group.leave()
      }
    }
    group.wait()
    #expect(faults.load(ordering: .relaxed) == 0 && done.load(ordering: .relaxed) > 100)
    try lock.acquire()
    lock.release()
  }
}
