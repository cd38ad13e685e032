// Models, solvers and sentence models with what cannot be: each with its status and its value in the message.

import CRecurrent
import Foundation
import Testing

extension ABITests {
  @Suite struct BadModelValueTests {
    private let bad = [Double.nan, .infinity, -.infinity]

    @Test func models() {
      let random = Ingredient.random.handle(after: []), model = Ingredient.model.handle(after: [])
      for cell: Int32 in [-1, 17, .max] {
        fails(RECURRENT_BAD_VALUE, "cell is \(cell)") {
          recurrent_model_create(cell, 0, 3, 0, [4], 1, 5, random, $0)
        }
      }
      fails(RECURRENT_BAD_VALUE, "dtype is 3") { recurrent_model_create(1, 3, 3, 0, [4], 1, 5, random, $0) }
      for size: Int64 in [0, -1, .min, .max] {
        fails(RECURRENT_BAD_SHAPE) { recurrent_model_create(1, 0, size, 0, [4], 1, 5, random, $0) }
        fails(RECURRENT_BAD_SHAPE) { recurrent_model_create(1, 0, 3, 0, [4, size], 2, 5, random, $0) }
        // 0 is none
        if size != 0 {
          fails(RECURRENT_BAD_SHAPE) { recurrent_model_create(1, 0, 3, 0, [4], 1, size, random, $0) }
          fails(RECURRENT_BAD_SHAPE) { recurrent_model_create(1, 0, 3, size, [4], 1, 5, random, $0) }
        }
        fails(RECURRENT_BAD_SHAPE) { recurrent_model_create(1, 0, 3, 0, [4], size, 5, random, $0) }
      }
      fails(RECURRENT_NULL_ARGUMENT, "hidden_sizes") {
        recurrent_model_create(1, 0, 3, 0, nil, 1, 5, random, $0)
      }
      fails(RECURRENT_BAD_INDEX, "'Wnone'") { out in
        with("Wnone") { recurrent_model_parameter(model, $0, $1, out) }
      }
      fails(RECURRENT_BAD_INDEX) { recurrent_model_parameter(model, nil, 0, $0) }
      fails(RECURRENT_NULL_ARGUMENT, "name") { recurrent_model_parameter(model, nil, 4, $0) }
      fails(RECURRENT_BAD_SHAPE, "-1") { recurrent_model_parameter(model, [65], -1, $0) }
      fails(RECURRENT_BAD_VALUE, "UTF-8", "byte 1") { recurrent_model_parameter(model, [65, -1], 2, $0) }
      var name = [CChar](repeating: 7, count: 8), length: Int64 = -7
      for index: Int64 in [-1, 26, .max, .min] {
        fails(RECURRENT_BAD_INDEX, "\(index)", "0..<26") { _ in
          recurrent_model_parameter_name(model, index, &name, 8, &length)
        }
      }
      for capacity: Int64 in [3, 0, -1, .min] {
        fails(RECURRENT_SHORT_BUFFER, "\(capacity)", "4 bytes") { _ in
          recurrent_model_parameter_name(model, 0, &name, capacity, &length)
        }
      }
      #expect(name.allSatisfy { $0 == 7 } && length == -7)
      forward(model)
      ok(recurrent_random_free(random))
      ok(recurrent_model_free(model))
    }

    private func forward(_ model: UInt64) {
      let g = Ingredient.graph.handle(after: []), x = newMat(3, 2, [1, 2, 3, 4, 5, 6]),
        wrong = newMat(4, 2, [Double](repeating: 1, count: 8))
      let good = [newMat(4, 2, [Double](repeating: 1, count: 8)), newMat(2, 2, [1, 1, 1, 1])]
      var h: [UInt64] = [pattern, pattern], c = h
      fails(RECURRENT_BAD_SHAPE, "4 x 2", "3 x B") {
        recurrent_model_forward(model, g, wrong, nil, nil, &h, &c, $0)
      }
      fails(RECURRENT_BAD_SHAPE, "layer 1") {
        recurrent_model_forward(model, g, x, [good[0], wrong], good, &h, &c, $0)
      }
      fails(RECURRENT_BAD_SHAPE, "layer 1") {
        recurrent_model_forward(model, g, x, good, [good[0], wrong], &h, &c, $0)
      }
      fails(RECURRENT_NULL_ARGUMENT) { recurrent_model_forward(model, g, x, good, nil, &h, &c, $0) }
      fails(RECURRENT_NULL_ARGUMENT) { recurrent_model_forward(model, g, x, nil, good, &h, &c, $0) }
      fails(RECURRENT_NULL_ARGUMENT) { recurrent_model_forward(model, g, x, [good[0], 0], good, &h, &c, $0) }
      #expect(h == [pattern, pattern] && c == h)
      var count: Int64 = -1
      ok(recurrent_graph_count(g, &count))
      #expect(count == 0)
      for handle in good + [x, wrong] { ok(recurrent_mat_free(handle)) }
      ok(recurrent_graph_free(g))
    }

    @Test func solvers() {
      for x in bad + [-1] {
        fails(RECURRENT_BAD_VALUE, "decay_rate is", "\(x)") { recurrent_solver_create(x, 1e-8, $0) }
        fails(RECURRENT_BAD_VALUE, "smooth_eps is", "\(x)") { recurrent_solver_create(0.9, x, $0) }
      }
      fails(RECURRENT_BAD_VALUE) { recurrent_solver_create(1, 1e-8, $0) }
      fails(RECURRENT_BAD_VALUE) { recurrent_solver_create(0.9, 0, $0) }
      let solver = Ingredient.steppedSolver.handle(after: []), model = Ingredient.model.handle(after: []),
        m = newMat(2, 2, [1, 2, 3, 4])
      with(["w", "v"]) { names, lengths in
        for x in bad + [-1] {
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in
            recurrent_solver_step(solver, names, lengths, [m], 1, x, 0, 1, nil)
          }
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in
            recurrent_solver_step(solver, names, lengths, [m], 1, 1, x, 1, nil)
          }
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_solver_step_model(solver, model, x, 0, 1, nil) }
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_solver_step_model(solver, model, 1, x, 1, nil) }
        }
        // infinity is no clipping
        for x in [Double.nan, -Double.infinity, -1, 0] {
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in
            recurrent_solver_step(solver, names, lengths, [m], 1, 1, 0, x, nil)
          }
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_solver_step_model(solver, model, 1, 0, x, nil) }
        }
        for count: Int64 in [-1, .min, .max] {
          fails(RECURRENT_BAD_SHAPE) { _ in
            recurrent_solver_step(solver, names, lengths, [m], count, 1, 0, 1, nil)
          }
        }
        fails(RECURRENT_NULL_ARGUMENT, "names") { _ in
          recurrent_solver_step(solver, nil, lengths, [m], 1, 1, 0, 1, nil)
        }
        fails(RECURRENT_NULL_ARGUMENT, "lengths") { _ in
          recurrent_solver_step(solver, names, nil, [m], 1, 1, 0, 1, nil)
        }
        fails(RECURRENT_NULL_ARGUMENT, "mats") { _ in
          recurrent_solver_step(solver, names, lengths, nil, 1, 1, 0, 1, nil)
        }
        fails(RECURRENT_NULL_ARGUMENT) { _ in
          recurrent_solver_step(solver, [nil], lengths, [m], 1, 1, 0, 1, nil)
        }
        fails(RECURRENT_BAD_SHAPE) { _ in recurrent_solver_step(solver, names, [-1], [m], 1, 1, 0, 1, nil) }
        fails(RECURRENT_BAD_VALUE, "twice") { _ in
          recurrent_solver_step(solver, [names[0], names[0]], lengths, [m, m], 2, 1, 0, 1, nil)
        }
        Ingredient.mat(3, 1).with { other in
          fails(RECURRENT_BAD_SHAPE, "w has the wrong shape") { _ in
            recurrent_solver_step(solver, names, lengths, [other], 1, 1, 0, 1, nil)
          }
        }
        var dw: UnsafeMutableRawPointer?
        ok(recurrent_mat_dw(m, &dw))
        dw?.assumingMemoryBound(to: Double.self)[3] = .nan
        var stats = recurrent_step(ratio_clipped: -7, gradient_norm: -7)
        fails(RECURRENT_NOT_FINITE, "of w", "nan at [1, 1]") { _ in
          recurrent_solver_step(solver, names, lengths, [m], 1, 1, 0, 1, &stats)
        }
        #expect(stats.ratio_clipped == -7 && stats.gradient_norm == -7)
      }
      #expect(rows(m) == [1, 2, 3, 4])
      fails(RECURRENT_BAD_INDEX, "'none'") { out in
        with("none") { recurrent_solver_slot(solver, 0, $0, $1, out) }
      }
      var name = [CChar](repeating: 7, count: 8), length: Int64 = -7
      for index: Int64 in [-1, 1, .max] {
        fails(RECURRENT_BAD_INDEX, "\(index)") { _ in
          recurrent_solver_name(solver, index, &name, 8, &length)
        }
      }
      fails(RECURRENT_SHORT_BUFFER, "1 bytes") { _ in
        recurrent_solver_name(solver, 0, &name, 0, &length)
      }
      #expect(name.allSatisfy { $0 == 7 } && length == -7)
      for index: Int64 in [-1, 1, .max] {
        fails(RECURRENT_BAD_INDEX, "\(index)", "0..<1") { out in
          with("w") { recurrent_solver_slot(solver, index, $0, $1, out) }
        }
        fails(RECURRENT_BAD_INDEX, "\(index)") { _ in recurrent_solver_slot_name(solver, index, &name, 8, &length) }
      }
      for capacity: Int64 in [40, 0, -1, .min] {
        fails(RECURRENT_SHORT_BUFFER, "\(capacity)") { _ in
          recurrent_solver_describe(solver, &name, capacity, &length)
        }
      }
      #expect(name.allSatisfy { $0 == 7 } && length == -7)
      for rate in [-0.1, .nan, .infinity, -.infinity] {
        fails(RECURRENT_BAD_VALUE, "learning_rate is") { _ in recurrent_solver_set_learning_rate(solver, rate) }
      }
      var rate = -7.0
      ok(recurrent_solver_get_learning_rate(solver, &rate))
      #expect(rate == 0.01)
      ok(recurrent_solver_free(solver))
      ok(recurrent_model_free(model))
      ok(recurrent_mat_free(m))
    }

    @Test func rules() {
      func create(_ text: String, _ out: UnsafeMutablePointer<UInt64>) -> recurrent_status {
        with(text) { recurrent_solver_create_from($0, $1, out) }
      }
      fails(RECURRENT_BAD_FORMAT, "byte 1") { create("{", $0) }
      fails(RECURRENT_BAD_FORMAT) { create("", $0) }
      fails(RECURRENT_BAD_VALUE, "an array") { create("[]", $0) }
      fails(RECURRENT_BAD_VALUE, "name is missing") { create("{}", $0) }
      fails(RECURRENT_BAD_VALUE, "'lion'", "adamw") { create(#"{"name": "lion"}"#, $0) }
      fails(RECURRENT_BAD_VALUE, "betas[1]", "1.0") { create(#"{"name": "adam", "betas": [0, 1]}"#, $0) }
      fails(RECURRENT_NULL_ARGUMENT, "settings") { recurrent_solver_create_from(nil, 9, $0) }
      fails(RECURRENT_BAD_SHAPE) { recurrent_solver_create_from([0], -1, $0) }
      fails(RECURRENT_BAD_VALUE, "UTF-8") { recurrent_solver_create_from([-1], 1, $0) }
    }

    @Test func sentences() {
      let random = Ingredient.random.handle(after: []), sm = Ingredient.sentences.handle(after: [])
      func create(
        _ texts: [String], count: Int64? = nil, cell: Int32 = 1, dtype: Int32 = 1, sizes: [Int64] = [4],
        layers: Int64 = 1,
        letter: Int64 = 3, _ out: UnsafeMutablePointer<UInt64>
      ) -> recurrent_status {
        with(texts) {
          recurrent_sentence_model_create(
            $0, $1, count ?? Int64(texts.count), cell, dtype, sizes, layers, letter, random, out)
        }
      }
      fails(RECURRENT_BAD_VALUE, "nothing to learn") { create([], $0) }
      fails(RECURRENT_BAD_VALUE, "nothing to learn") { create(["", " \n"], $0) }
      fails(RECURRENT_BAD_SHAPE, "-1") { create(["a"], count: -1, $0) }
      fails(RECURRENT_BAD_VALUE, "cell") { create(["a"], cell: 99, $0) }
      fails(RECURRENT_BAD_VALUE, "dtype") { create(["a"], dtype: -1, $0) }
      for size: Int64 in [0, -1, .min, .max, 1 << 40] {
        fails(RECURRENT_BAD_SHAPE) { create(["a"], sizes: [size], $0) }
        fails(RECURRENT_BAD_SHAPE) { create(["a"], letter: size, $0) }
      }
      fails(RECURRENT_BAD_SHAPE) { create(["a"], layers: 0, $0) }
      fails(RECURRENT_NULL_ARGUMENT) {
        recurrent_sentence_model_create(nil, [1], 1, 1, 1, [4], 1, 3, random, $0)
      }
      fails(RECURRENT_NULL_ARGUMENT) {
        recurrent_sentence_model_create([nil], [1], 1, 1, 1, [4], 1, 3, random, $0)
      }

      var tick = recurrent_tick(cost: -7, perplexity: -7, ratio_clipped: -7, gradient_norm: -7),
        cost = recurrent_cost(cost: -7, perplexity: -7)
      for (text, word) in [("", "empty"), ("hex", "'x' (U+0078)")] {
        with(text) { p, n in
          fails(RECURRENT_BAD_VALUE, word) { _ in recurrent_sentence_model_tick(sm, p, n, 0.01, 0, 5, &tick) }
          fails(RECURRENT_BAD_VALUE, word) { _ in recurrent_sentence_model_cost(sm, p, n, &cost) }
        }
      }
      fails(RECURRENT_NULL_ARGUMENT, "text") { _ in
        recurrent_sentence_model_tick(sm, nil, 1, 0.01, 0, 5, &tick)
      }
      fails(RECURRENT_BAD_SHAPE, "-5") { _ in recurrent_sentence_model_cost(sm, [104], -5, &cost) }
      fails(RECURRENT_BAD_VALUE, "UTF-8", "byte 2") { _ in
        recurrent_sentence_model_cost(sm, [104, 101, -61], 3, &cost)
      }
      with("hello") { p, n in
        for x in bad + [-1] {
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_sentence_model_tick(sm, p, n, x, 0, 5, &tick) }
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_sentence_model_tick(sm, p, n, 0.01, x, 5, &tick)
          }
        }
        for x in [Double.nan, -Double.infinity, -1, 0] {
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_sentence_model_tick(sm, p, n, 0.01, 0, x, &tick) }
        }
      }
      #expect(tick.cost == -7 && tick.gradient_norm == -7 && cost.cost == -7 && cost.perplexity == -7)

      var text = [CChar](repeating: 7, count: 80), length: Int64 = -7
      var before = [UInt64](repeating: 0, count: 11), after = before
      ok(recurrent_random_get_state(random, &before))
      for x in bad + [0, -1] {
        fails(RECURRENT_BAD_VALUE, "temperature") { _ in
          recurrent_sentence_model_predict(sm, x, 20, random, &text, 80, &length)
        }
      }
      for n: Int64 in [0, -1, .min] {
        fails(RECURRENT_BAD_VALUE, "max_chars") { _ in
          recurrent_sentence_model_predict(sm, 1, n, random, &text, 80, &length)
        }
      }
      fails(RECURRENT_BAD_VALUE, "max_chars") { _ in
        recurrent_sentence_model_predict(sm, 1, .max, random, &text, 80, &length)
      }
      for capacity: Int64 in [79, 0, -1, .min] {
        fails(RECURRENT_SHORT_BUFFER, "\(capacity)", "80") { _ in
          recurrent_sentence_model_predict(sm, 1, 20, random, &text, capacity, &length)
        }
      }
      ok(recurrent_random_get_state(random, &after))
      #expect(text.allSatisfy { $0 == 7 } && length == -7 && before == after)
      var sizes: [Int64] = [-7], letters = [UInt32](repeating: 7, count: 5)
      for capacity: Int64 in [0, -1, .min] {
        fails(RECURRENT_SHORT_BUFFER, "1") { _ in recurrent_sentence_model_hidden_sizes(sm, &sizes, capacity)
        }
      }
      for capacity: Int64 in [4, 0, -1] {
        fails(RECURRENT_SHORT_BUFFER, "5") { _ in recurrent_sentence_model_letters(sm, &letters, capacity) }
      }
      #expect(sizes == [-7] && letters.allSatisfy { $0 == 7 })
      files(sm)
      ok(recurrent_random_free(random))
      ok(recurrent_sentence_model_free(sm))
    }

    private func files(_ sm: UInt64) {
      for path in ["/nonexistent/model.json", "/"] {
        fails(RECURRENT_IO, "'\(path)'") { _ in
          with(path) { recurrent_sentence_model_save_recurrentjs(sm, $0, $1) }
        }
        #expect(recurrent_last_errno() != 0)
        fails(RECURRENT_IO, "'\(path)'") { out in
          with(path) { recurrent_sentence_model_load_recurrentjs($0, $1, 0, out) }
        }
        #expect(recurrent_last_errno() == (path == "/" ? EISDIR : ENOENT))
      }
      for path in ["", "a\0b"] {
        fails(RECURRENT_BAD_VALUE, "path") { _ in
          with(path) { recurrent_sentence_model_save_recurrentjs(sm, $0, $1) }
        }
        fails(RECURRENT_BAD_VALUE, "path") { out in
          with(path) { recurrent_sentence_model_load_recurrentjs($0, $1, 0, out) }
        }
        #expect(recurrent_last_errno() == 0)
      }
      fails(RECURRENT_NULL_ARGUMENT, "path") { recurrent_sentence_model_load_recurrentjs(nil, 3, 0, $0) }
      fails(RECURRENT_NULL_ARGUMENT, "path") { _ in recurrent_sentence_model_save_recurrentjs(sm, nil, 3) }
      with(scratchFile) { p, n in
        ok(recurrent_sentence_model_save_recurrentjs(sm, p, n))
        for dtype: Int32 in [-1, 2] {
          fails(RECURRENT_BAD_VALUE, "dtype") { recurrent_sentence_model_load_recurrentjs(p, n, dtype, $0) }
        }
        #expect(throws: Never.self) {
          try "{\"generator\":".write(toFile: scratchFile, atomically: true, encoding: .utf8)
        }
        fails(RECURRENT_BAD_FORMAT, "byte 13") { recurrent_sentence_model_load_recurrentjs(p, n, 0, $0) }
      }
    }
  }
}
