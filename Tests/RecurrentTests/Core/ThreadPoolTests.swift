// Worker threads: every index runs once, barriers hold, and the parts cover the range.

import Synchronization
import Testing

@testable import Recurrent

@Suite(.serialized) struct ThreadPoolTests {
  @Test func partsCoverTheRange() {
    for total in [0, 1, 7, 100] {
      for count in [1, 2, 3, 8] {
        let team = Team(count)
        #expect((0..<count).flatMap { Array(team.share(total, $0)) } == Array(0..<total))
      }
    }
  }

  @Test func everyThreadRunsOnceAndBarriersHold() {
    for count in [1, 2, 3] {
      let before = Atomic<Int>(0), runs = Atomic<Int>(0), early = Atomic<Int>(0)
      ThreadPool.run(count) { thread, team in
        #expect(thread < team.count && team.count <= count)
        before.wrappingAdd(1, ordering: .sequentiallyConsistent)
        team.barrier()
        if before.load(ordering: .sequentiallyConsistent) < team.count {
          early.wrappingAdd(1, ordering: .sequentiallyConsistent)
        }
        runs.wrappingAdd(1, ordering: .sequentiallyConsistent)
      }
      #expect(early.load(ordering: .sequentiallyConsistent) == 0)
      #expect((1...count).contains(runs.load(ordering: .sequentiallyConsistent)))
    }
  }

  @Test func countsOutOfRangeAreRefused() {
    let before = ThreadPool.count
    for count in [0, -1, ThreadPool.maximum + 1] {
      refused(.badValue, "expected 1 to 256", "got \(count)") { try ThreadPool.set(count) }
    }
    #expect(ThreadPool.count == before)
  }
}
