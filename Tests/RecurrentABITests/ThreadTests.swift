// Several threads: an error message per thread, a status instead of a race, no object lost.

import CRecurrent
import Foundation
import Testing

extension ABITests {
  @Suite struct ThreadTests {
    /// Runs `body` on `count` new threads, with their indices, and waits for all.
    private func threads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
      let group = DispatchGroup()
      for i in 0..<count {
        group.enter()
        Thread {
          body(i)
          group.leave()
        }.start()
      }
      group.wait()
    }

    @Test func theLastErrorIsTheThreadsOwn() {
      fails(RECURRENT_BAD_VALUE, "dtype is out of range", "got 42") { recurrent_mat_create(42, 1, 1, &Self.never) }
      let mine = lastError
      threads(4) { i in
        #expect(lastError == "" && recurrent_last_errno() == 0)
        for k in 0..<200 {
          var out: UInt64 = 0
          _ = recurrent_mat_create(Int32(100 + i), 1, 1, &out)
          #expect(lastError.contains("got \(100 + i)"))
          if k % 50 == 0 {
            _ = with("/nonexistent/\(i)") { recurrent_sentence_model_load($0, $1, 0, &out) }
          }
        }
      }
      #expect(lastError == mine && recurrent_last_errno() == 0)
      // a success leaves it
      ArgumentKind.random.with { _ in }
      #expect(lastError == mine)
    }

    @Test func longMessagesAreCutBetweenCharacters() {
      for pad in 0..<4 {
        let name = String(repeating: "x", count: pad) + String(repeating: "é😀", count: 1000)
        ArgumentKind.network.with { model in
          var out: UInt64 = 0
          fails(RECURRENT_BAD_INDEX, "é😀") { with(name) { recurrent_network_parameter(model, $0, $1, &out) } }
          let bytes = UnsafeBufferPointer(
            start: recurrent_last_error(), count: strlen(recurrent_last_error()))
          #expect(bytes.count <= 1023 && bytes.count > 1000)
          #expect(String(validating: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self) != nil)
        }
      }
    }

    /// Each function, with each of its objects in use by another thread.
    @Test(arguments: Function.all) func objectsInUseAreBusy(_ f: Function) {
      var good: [UInt64] = []
      for kind in f.takes { good.append(kind.handle(after: good)) }
      // no call changes a program: threads share it
      for (i, handle) in good.enumerated() where f.takes[i] != .program {
        held(handle) {
          let outputs = Outputs(f.outputs), count = recurrent_object_count()
          #expect(f.call(good, outputs) == Int32(RECURRENT_BUSY), "\(f.name), handle \(i): \(lastError)")
          #expect(lastError.contains("another thread"))
          #expect(outputs.areUntouched && recurrent_object_count() == count)
        }
      }
      for (kind, handle) in zip(f.takes, good) { ok(kind.free(handle)) }
    }

    /// A call releases all locks, whether it succeeds or fails.
    @Test(arguments: Function.all) func callsReleaseTheirLocks(_ f: Function) {
      var handles: [UInt64] = []
      for kind in f.takes { handles.append(kind.handle(after: handles)) }
      let good = handles, count = recurrent_object_count()
      if f.outputs > 0 {
        let outputs = Outputs(f.outputs)
        outputs.missing = f.outputs - 1
        #expect(f.call(good, outputs) == Int32(RECURRENT_NULL_ARGUMENT))
      }
      for i in good.indices where !f.optional.contains(i) {
        var bad = good
        bad[i] = .max
        #expect(f.call(bad, Outputs(f.outputs)) == Int32(RECURRENT_BAD_HANDLE))
      }
      for _ in 0..<2 {
        threads(1) { _ in
          let outputs = Outputs(f.outputs), status = f.call(good, outputs)
          // a second backward is refused, but not with RECURRENT_BUSY
          #expect(status == 0 || status == Int32(RECURRENT_INVALIDATED), "\(f.name): \(lastError)")
          if status == 0 { f.freeOutputs(outputs) }
        }
      }
      #expect(recurrent_object_count() == count)
      for (kind, handle) in zip(f.takes, good) { ok(kind.free(handle)) }
    }

    /// A Mat that a graph has yet to read cannot be accessed while another thread uses the graph.
    @Test func aPendingGraphInUseIsBusy() {
      let g = ArgumentKind.graph.handle(after: []), x = newMat(1, 1, [3]),
        y = make { recurrent_graph_unary(g, Int32(RECURRENT_SQUARE), x, 0, $0) }
      var w: UnsafeMutableRawPointer?
      held(g) {
        fails(RECURRENT_BUSY) { recurrent_mat_w(x, &w) }
        fails(RECURRENT_BUSY) { recurrent_mat_fill(x, 0) }
      }
      held(x) {
        fails(RECURRENT_BUSY) { recurrent_mat_w(y, &w) }
        fails(RECURRENT_BUSY) { recurrent_graph_backward(g) }
      }
      #expect(w == nil)
      #expect(rows(y) == [9])
      for handle in [x, y] { ok(recurrent_mat_free(handle)) }
      ok(recurrent_graph_free(g))
    }

    /// A generator uses its network and its random generator.
    @Test func generatorsOfObjectsInUseAreBusy() {
      let network = ArgumentKind.tokenNetwork.handle(after: []), random = ArgumentKind.random.handle(after: [])
      let generator = make { recurrent_generator_create(network, nil, 0, [1], 1, nil, 0, nil, random, $0) }
      var token: Int64 = -7, count: Int64 = -7
      for handle in [network, random] {
        held(handle) { fails(RECURRENT_BUSY) { recurrent_generator_next(generator, 1, &token, nil, &count) } }
      }
      #expect(token == -7 && count == -7)
      ok(recurrent_generator_next(generator, 1, &token, nil, &count))
      for (kind, handle) in [(ArgumentKind.network, network), (.random, random), (.generator, generator)] {
        ok(kind.free(handle))
      }
    }

    @Test func objectsInUseMayBeFreed() {
      let before = recurrent_object_count()
      for kind in ArgumentKind.kinds {
        let handle = kind.handle(after: [])
        held(handle) { ok(kind.free(handle)) }
      }
      #expect(recurrent_object_count() == before)
    }

    /// Different objects from different threads at once.
    @Test func differentObjectsAreIndependent() {
      let before = recurrent_object_count()
      let expected = Self.train(0)
      let results = Results()
      threads(4) { i in results.set(i, Self.train(i % 2)) }
      #expect(results.all.count == 4)
      for (i, result) in results.all where i % 2 == 0 { #expect(result == expected) }
      #expect(recurrent_object_count() == before)
    }

    /// A few steps of a model; the costs.
    private static func train(_ seed: Int) -> [Double] {
      let random = make { recurrent_random_create(UInt64(seed), $0) }
      let sm = make { out in
        with(["threads"]) { texts, lengths in
          with(#"{"hidden_sizes": [5], "embedding": 3, "dtype": "float64"}"#) {
            recurrent_sentence_model_create($0, $1, texts, lengths, 1, random, out)
          }
        }
      }
      let costs = (0..<30).map { _ in
        var result = recurrent_step_result()
        _ = with("threads") { recurrent_sentence_model_tick(sm, $0, $1, 0.01, 0, 5, nil, &result) }
        return result.loss
      }
      ok(recurrent_random_free(random))
      ok(recurrent_text_model_free(sm))
      return costs
    }

    /// The same objects from several threads at once: each call succeeds or gives a status.
    @Test func oneObjectFromManyThreadsGivesAStatus() {
      let before = recurrent_object_count()
      let g = ArgumentKind.graph.handle(after: []), x = newMat(2, 2, [1, 2, 3, 4]),
        random = ArgumentKind.random.handle(after: [])
      let allowed: Set<Int> = [RECURRENT_OK, RECURRENT_BUSY, RECURRENT_INVALIDATED, RECURRENT_BAD_VALUE]
      threads(4) { i in
        for k in 0..<500 {
          var y: UInt64 = 0
          var w: UnsafeMutableRawPointer?
          var statuses = [recurrent_graph_mul(g, x, x, &y)]
          if y != 0 { statuses += [recurrent_mat_w(y, &w), recurrent_mat_free(y)] }
          switch (i + k) % 5 {
          case 0: statuses.append(recurrent_graph_evaluate(g))
          case 1: statuses.append(recurrent_graph_reset(g))
          case 2: statuses.append(recurrent_mat_fill_uniform(x, -1, 1, random))
          case 3: statuses.append(recurrent_graph_backward(g))
          default: statuses.append(recurrent_mat_w(x, &w))
          }
          for status in statuses where !allowed.contains(Int(status)) {
            Issue.record("\(status): \(lastError)")
          }
        }
      }
      ok(recurrent_graph_free(g))
      ok(recurrent_mat_free(x))
      ok(recurrent_random_free(random))
      #expect(recurrent_object_count() == before)
    }

    private nonisolated(unsafe) static var never: UInt64 = 0

    private final class Results: @unchecked Sendable {
      private let lock = NSLock()
      private var results: [(Int, [Double])] = []
      func set(_ i: Int, _ result: [Double]) { lock.withLock { results.append((i, result)) } }
      var all: [(Int, [Double])] { lock.withLock { results } }
    }
  }
}
