// The lifetime of objects: none is lost, and none is released too early.

import CRecurrent
import Foundation
import Testing

extension ABITests {
  @Suite struct OwnershipTests {
    @Test func aThousandOfEachKind() {
      let before = recurrent_object_count()
      for kind in ArgumentKind.kinds {
        // one at a time, then all at once
        for _ in 0..<1000 { ok(kind.free(kind.handle(after: []))) }
        #expect(recurrent_object_count() == before)
        let handles = (0..<1000).map { _ in kind.handle(after: []) }
        #expect(recurrent_object_count() == before + 1000)
        #expect(Set(handles).count == 1000)
        for handle in handles { ok(kind.free(handle)) }
        #expect(recurrent_object_count() == before)
      }
    }

    @Test func memoryIsReleased() {
      let before = residentBytes()
      // 8 MB each, written: without release they are 1.6 GB
      for _ in 0..<200 {
        let m = make { recurrent_mat_create(1, 1024, 512, $0) }
        ok(recurrent_mat_fill(m, 1))
        ok(recurrent_mat_zero_gradient(m))
        ok(recurrent_mat_free(m))
      }
      #expect(residentBytes() - before < 200 << 20)
    }

    @Test func aMatThatAGraphReadsMayBeFreed() {
      let before = recurrent_object_count()
      let g = ArgumentKind.graph.handle(after: []), x = newMat(2, 1, [3, 4]),
        y = make { recurrent_graph_unary(g, Int32(RECURRENT_SQUARE), x, 0, $0) }
      ok(recurrent_mat_free(x))
      // the memory of the freed Mat is not reused before the graph has read it
      let others = (0..<100).map { _ in newMat(2, 1, [0, 0]) }
      #expect(rows(y) == [9, 16])
      let loss = make { recurrent_graph_sum(g, y, -1, $0) }
      ok(recurrent_mat_free(y))
      ok(recurrent_graph_backward_from(g, loss))
      #expect(others.allSatisfy { rows($0) == [0, 0] && rows($0, gradients: true) == [0, 0] })
      ok(recurrent_graph_reset(g))
      for handle in others + [loss] { ok(recurrent_mat_free(handle)) }
      ok(recurrent_graph_free(g))
      #expect(recurrent_object_count() == before)
    }

    @Test func pinnedMemoryOutlivesItsMatAndAReset() {
      let g = ArgumentKind.graph.handle(after: [])
      var kept: [(pin: UInt64, w: UnsafeMutableRawPointer?)] = []
      for step in 1...3 {
        let x = newMat(1, 1, [Double(step)]), y = make { recurrent_graph_unary(g, Int32(RECURRENT_SQUARE), x, 0, $0) }
        var w: UnsafeMutableRawPointer?
        let pin = make { recurrent_mat_pin_w(y, &w, $0) }
        kept.append((pin, w))
        for handle in [x, y] { ok(recurrent_mat_free(handle)) }
        ok(recurrent_graph_reset(g))
      }
      ok(recurrent_graph_free(g))
      #expect(kept.map { $0.w?.load(as: Double.self) } == [1, 4, 9])
      for (pin, _) in kept { ok(recurrent_pin_free(pin)) }
    }

    @Test func writesThroughAPinDoNotChangeGradients() {
      let g = ArgumentKind.graph.handle(after: []), x = newMat(2, 1, [3, 4])
      var w: UnsafeMutableRawPointer?
      let pin = make { recurrent_mat_pin_w(x, &w, $0) },
        y = make { recurrent_graph_unary(g, Int32(RECURRENT_SQUARE), x, 0, $0) }
      w?.storeBytes(of: 100, as: Double.self)
      #expect(rows(y) == [9, 16])
      let loss = make { recurrent_graph_sum(g, y, -1, $0) }
      ok(recurrent_mat_fill(x, 0))
      ok(recurrent_graph_backward_from(g, loss))
      #expect(rows(x, gradients: true) == [6, 8])
      for handle in [x, y, loss] { ok(recurrent_mat_free(handle)) }
      ok(recurrent_pin_free(pin))
      ok(recurrent_graph_free(g))
    }

    @Test func aGraphMayBeFreedBeforeItsMats() {
      let g = ArgumentKind.graph.handle(after: []), x = newMat(2, 1, [3, 4]),
        y = make { recurrent_graph_unary(g, Int32(RECURRENT_SQUARE), x, 0, $0) }
      var w: UnsafeMutableRawPointer?
      ok(recurrent_mat_w(y, &w))
      ok(recurrent_graph_free(g))
      // the pointer stays valid until the Mat's handle is freed
      #expect(w?.assumingMemoryBound(to: Double.self)[1] == 16)
      fails(RECURRENT_INVALIDATED) { recurrent_mat_w(y, &w) }
      var info = recurrent_mat_info()
      ok(recurrent_mat_describe(y, &info))
      #expect(info.n == 2)
      ok(recurrent_mat_free(y))
      ok(recurrent_mat_fill(x, 0))
      ok(recurrent_mat_free(x))
    }

    @Test func viewsAndParametersKeepTheirOwnersMemory() {
      let m = newMat(50, 50, [Double](repeating: 3, count: 2500)),
        v = make { recurrent_mat_view(m, 49, 49, 1, 1, $0) }
      ok(recurrent_mat_free(m))
      #expect(rows(v) == [3])
      ok(recurrent_mat_free(v))

      let model = ArgumentKind.network.handle(after: []), flat = make { recurrent_network_flat(model, $0) }
      let bd = make { out in with("bd") { recurrent_network_parameter(model, $0, $1, out) } }
      ok(recurrent_network_free(model))
      ok(recurrent_mat_fill(flat, 2))
      #expect(rows(bd) == [2, 2, 2, 2, 2])
      ok(recurrent_mat_free(flat))
      #expect(rows(bd) == [2, 2, 2, 2, 2])
      ok(recurrent_mat_free(bd))
    }

    @Test func stateOfAnOptimizerOutlivesIt() {
      let model = ArgumentKind.sentences.handle(after: []),
        optimizer = make { recurrent_text_model_optimizer(model, $0) }
      _ = with("hello") { recurrent_sentence_model_tick(model, $0, $1, 0.01, 0, 5, nil, nil) }
      let cache = make { out in with("bd") { recurrent_optimizer_state(optimizer, 0, $0, $1, out) } }
      ok(recurrent_text_model_free(model))
      ok(recurrent_optimizer_free(optimizer))
      #expect(rows(cache).count == 6)
      ok(recurrent_mat_free(cache))
    }

    /// A generator keeps its network and its random generator.
    @Test func generatorsKeepTheirNetwork() {
      let before = recurrent_object_count(), network = ArgumentKind.tokenNetwork.handle(after: [])
      let random = ArgumentKind.random.handle(after: [])
      let generators = (0..<2).map { _ in
        make { recurrent_generator_create(network, nil, 0, [1, 2], 2, nil, 0, nil, random, $0) }
      }
      ok(recurrent_network_free(network))
      ok(recurrent_random_free(random))
      var tokens = [Int64](repeating: -7, count: 9), count: Int64 = 0
      for generator in generators {
        ok(recurrent_generator_next(generator, 9, &tokens, nil, &count))
        #expect(count == 9 && tokens.allSatisfy { $0 >= 0 && $0 < 6 })
        ok(recurrent_generator_free(generator))
      }
      #expect(recurrent_object_count() == before)
    }

    private func residentBytes() -> Int {
      guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
      return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
    }
  }
}
