// Who keeps what alive: objects come and go, and none is lost.

import CRecurrent
import Foundation
import Testing

extension ABITests {
  @Suite struct OwnershipTests {
    @Test func aThousandOfEachComeAndGo() {
      let before = recurrent_object_count()
      for ingredient in [Ingredient.random, .mat(3, 3), .graph, .model, .solver, .sentences, .text] {
        // one after the other, then all at once
        for _ in 0..<1000 { ok(ingredient.free(ingredient.handle(after: []))) }
        #expect(recurrent_object_count() == before)
        let handles = (0..<1000).map { _ in ingredient.handle(after: []) }
        #expect(recurrent_object_count() == before + 1000)
        #expect(Set(handles).count == 1000)
        for handle in handles { ok(ingredient.free(handle)) }
        #expect(recurrent_object_count() == before)
      }
    }

    @Test func memoryIsGivenBack() {
      let before = residentBytes()
      // 8 MB each, touched: kept, they would be 1.6 GB
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
      let g = Ingredient.graph.handle(after: []), x = newMat(2, 1, [3, 4]),
        y = make { recurrent_graph_square(g, x, $0) }
      ok(recurrent_mat_free(x))
      // what was freed is not handed out again under the graph
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

    @Test func aGraphMayBeFreedBeforeItsMats() {
      let g = Ingredient.graph.handle(after: []), x = newMat(2, 1, [3, 4]),
        y = make { recurrent_graph_square(g, x, $0) }
      var w: UnsafeMutableRawPointer?
      ok(recurrent_mat_w(y, &w))
      ok(recurrent_graph_free(g))
      // the pointer is good until the Mat's handle is freed
      #expect(w?.assumingMemoryBound(to: Double.self)[1] == 16)
      fails(RECURRENT_INVALIDATED, "gone") { recurrent_mat_w(y, &w) }
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

      let model = Ingredient.model.handle(after: []), flat = make { recurrent_model_flat(model, $0) }
      let bd = make { out in with("bd") { recurrent_model_parameter(model, $0, $1, out) } }
      ok(recurrent_model_free(model))
      ok(recurrent_mat_fill(flat, 2))
      #expect(rows(bd) == [2, 2, 2, 2, 2])
      ok(recurrent_mat_free(flat))
      #expect(rows(bd) == [2, 2, 2, 2, 2])
      ok(recurrent_mat_free(bd))
    }

    @Test func aGeneratorMayBeFreedAfterItsUse() {
      let sm = Ingredient.sentences.handle(after: []),
        solver = make { recurrent_sentence_model_solver(sm, $0) }
      _ = with("hello") { recurrent_sentence_model_tick(sm, $0, $1, 0.01, 0, 5, nil) }
      let cache = make { out in with("bd") { recurrent_solver_slot(solver, 0, $0, $1, out) } }
      ok(recurrent_sentence_model_free(sm))
      ok(recurrent_solver_free(solver))
      #expect(rows(cache).count == 6)
      ok(recurrent_mat_free(cache))
    }

    private func residentBytes() -> Int {
      guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
      return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
    }
  }
}
