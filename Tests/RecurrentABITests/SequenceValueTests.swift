// Sequences in the caller's memory: used as they are meant to be, and with what cannot be.

import CRecurrent
import Testing

extension ABITests {
  @Suite struct SequenceValueTests {
    private let x = (0..<12).map { Double($0) / 10 }

    @Test func trainsWritesAndTicks() {
      let model = Ingredient.tokenModel.handle(after: []), solver = Ingredient.solver.handle(after: [])
      let random = Ingredient.random.handle(after: [])
      var count: Int64 = 0
      ok(recurrent_model_state_count(model, 1, &count))
      #expect(count == 3)
      // 0 1 2 3 4 5 0 1 …
      let tokens = (0..<12).map { Int64($0 % 6) }, next = (0..<12).map { Int64(($0 + 1) % 6) }
      var result = recurrent_train_result(), first = 0.0
      for k in 0..<400 {
        ok(
          recurrent_model_train_step(
            model, solver, nil, tokens, next, nil, 12, 1, nil, nil, 0.02, 0, 5, nil, &result))
        if k == 0 { first = result.loss }
      }
      #expect(result.loss < 0.2 && first > 1.5 && result.gradient_norm > 0)
      var state = [Double](repeating: 0, count: 3), text = [Int64](repeating: -1, count: 6)
      ok(recurrent_model_generate(model, [0, 1], 2, 6, 1, &state, 0, &text))
      #expect(text == [2, 3, 4, 5, 0, 1])
      ok(recurrent_model_generate(model, [0, 1], 2, 6, 0.01, &state, random, &text))
      ok(recurrent_model_generate(model, [0], 1, 0, 1, &state, random, nil))

      var scores = [Double](repeating: 0, count: 6), y = scores, end = [Double](repeating: 0, count: 3)
      state = end
      ok(recurrent_model_tick(model, 4, nil, &state, &scores))
      ok(recurrent_model_forward_sequence(model, nil, [4], 1, 1, nil, nil, &y, &end))
      #expect(
        zip(y, scores).allSatisfy { abs($0 - $1) < 1e-13 }
          && zip(state, end).allSatisfy { abs($0 - $1) < 1e-13 })
      var dstate = [Double](repeating: 7, count: 3)
      ok(recurrent_model_backward_sequence(model, y, end, nil, &dstate))
      #expect(dstate.allSatisfy { $0 != 7 })
      fails(RECURRENT_INVALIDATED, "forward") { recurrent_model_backward_sequence(model, y, nil, nil, nil) }
      for (ingredient, handle) in [(Ingredient.tokenModel, model), (.solver, solver), (.random, random)] {
        ok(ingredient.free(handle))
      }
    }

    @Test func sequencesThatCannotBe() {
      let model = Ingredient.model.handle(after: []), tokens = Ingredient.tokenModel.handle(after: [])
      var y = [Double](repeating: -7, count: 20), end = [Double](repeating: -7, count: 24)
      func forward(
        _ m: UInt64, _ x: [Double]?, _ t: [Int64]?, _ T: Int64, _ B: Int64, lengths: [Int64]? = nil
      ) -> recurrent_status { recurrent_model_forward_sequence(m, x, t, T, B, nil, lengths, &y, &end) }
      for size: Int64 in [0, -1, .min, .max] {
        fails(RECURRENT_BAD_SHAPE) { forward(model, x, nil, size, 2) }
        fails(RECURRENT_BAD_SHAPE) { forward(model, x, nil, 2, size) }
        fails(RECURRENT_BAD_SHAPE) { forward(tokens, nil, [0, 0], size, 2) }
        fails(RECURRENT_BAD_SHAPE) { forward(tokens, nil, [0, 0], 2, size) }
      }
      fails(RECURRENT_BAD_SHAPE) { forward(model, x, nil, 1 << 32, 1 << 32) }
      fails(RECURRENT_NULL_ARGUMENT, "both NULL") { forward(model, nil, nil, 2, 2) }
      fails(RECURRENT_BAD_VALUE, "both given") { forward(model, x, [0, 0, 0, 0], 2, 2) }
      fails(RECURRENT_BAD_VALUE, "expected tokens") { forward(tokens, x, nil, 2, 2) }
      for bad: Int64 in [-1, 6, .max, .min] {
        for m in [model, tokens] {
          fails(RECURRENT_BAD_INDEX, "token 3", "\(bad)") { forward(m, nil, [0, 1, 2, bad], 2, 2) }
        }
      }
      for bad: Int64 in [-1, 3, .max, .min] {
        fails(RECURRENT_BAD_INDEX, "length 1", "\(bad)") { forward(model, x, nil, 2, 2, lengths: [1, bad]) }
      }
      x.withUnsafeBytes { bytes in
        guard let start = bytes.baseAddress else { return }
        fails(RECURRENT_BAD_VALUE, "x is not aligned") {
          recurrent_model_forward_sequence(model, start + 1, nil, 1, 1, nil, nil, &y, nil)
        }
        fails(RECURRENT_BAD_VALUE, "state is not aligned") {
          recurrent_model_forward_sequence(model, start, nil, 1, 1, start + 4, nil, &y, nil)
        }
      }
      #expect(y.allSatisfy { $0 == -7 } && end.allSatisfy { $0 == -7 })
      fails(RECURRENT_INVALIDATED, "forward") { recurrent_model_backward_sequence(model, y, nil, nil, nil) }
      fails(RECURRENT_NULL_ARGUMENT, "dy") { recurrent_model_backward_sequence(model, nil, nil, nil, nil) }
      var count: Int64 = -7
      for columns: Int64 in [0, -1, .min, .max] {
        fails(RECURRENT_BAD_SHAPE, "\(columns)") { recurrent_model_state_count(model, columns, &count) }
      }
      #expect(count == -7)
      ok(recurrent_model_free(model))
      ok(recurrent_model_free(tokens))
    }

    @Test func stepsThatCannotBe() {
      let model = Ingredient.model.handle(after: []), solver = Ingredient.solver.handle(after: [])
      let flat = make { recurrent_model_flat(model, $0) }, before = rows(flat),
        aims = [Double](repeating: 0, count: 20)
      var result = recurrent_train_result(loss: -7, ratio_clipped: -7, gradient_norm: -7)
      func train(
        _ classes: [Int64]?, _ numbers: [Double]?, T: Int64 = 2, B: Int64 = 2, rate: Double = 0.1,
        regc: Double = 0, clip: Double = 5
      ) -> recurrent_status {
        recurrent_model_train_step(
          model, solver, x, nil, classes, numbers, T, B, nil, nil, rate, regc, clip, nil, &result)
      }
      for bad in [Double.nan, .infinity, -1] {
        fails(RECURRENT_BAD_VALUE, "\(bad)") { train([0, 1, 2, 3], nil, rate: bad) }
        fails(RECURRENT_BAD_VALUE, "\(bad)") { train([0, 1, 2, 3], nil, regc: bad) }
      }
      for bad in [Double.nan, -1, 0] { fails(RECURRENT_BAD_VALUE, "\(bad)") { train(nil, aims, clip: bad) } }
      for size: Int64 in [0, -1, .min, .max] {
        fails(RECURRENT_BAD_SHAPE) { train([0], nil, T: size) }
        fails(RECURRENT_BAD_SHAPE) { train(nil, aims, B: size) }
      }
      for bad: Int64 in [5, -2, .max, .min] {
        fails(RECURRENT_BAD_INDEX, "\(bad)") { train([0, 1, 2, bad], nil) }
      }
      fails(RECURRENT_BAD_VALUE, "is empty") { train([-1, -1, -1, -1], nil) }
      fails(RECURRENT_NULL_ARGUMENT, "both NULL") { train(nil, nil) }
      fails(RECURRENT_BAD_VALUE, "both given") { train([0, 1, 2, 3], aims) }
      fails(RECURRENT_NOT_FINITE, "gradient of") { train(nil, [Double](repeating: .infinity, count: 20)) }
      #expect(result.loss == -7 && result.gradient_norm == -7 && rows(flat) == before)
      #expect(rows(flat, gradients: true).allSatisfy { $0 == 0 })
      var count: Int64 = -1
      ok(recurrent_solver_name_count(solver, &count))
      #expect(count == 0)
      ok(recurrent_mat_free(flat))
      ok(recurrent_model_free(model))
      ok(recurrent_solver_free(solver))
    }

    @Test func ticksAndTextsThatCannotBe() {
      let model = Ingredient.model.handle(after: []), tokens = Ingredient.tokenModel.handle(after: [])
      var state = [Double](repeating: 0.5, count: 12), y = [Double](repeating: -7, count: 6),
        text = [Int64](repeating: -7, count: 4)
      for bad: Int64 in [-1, 6, .max, .min] {
        fails(RECURRENT_BAD_INDEX, "expected 0 to 5, got \(bad)") { recurrent_model_tick(tokens, bad, nil, &state, &y) }
        fails(RECURRENT_BAD_INDEX, "\(bad)", "0..<6") {
          recurrent_model_generate(tokens, [0, bad], 2, 4, 1, &state, 0, &text)
        }
      }
      fails(RECURRENT_BAD_INDEX, "expected 0 to 2, got 3") { recurrent_model_tick(model, 3, nil, &state, &y) }
      for bad in [0, -1, Double.nan, .infinity] {
        fails(RECURRENT_BAD_VALUE, "temperature") {
          recurrent_model_generate(tokens, [0], 1, 4, bad, &state, 0, &text)
        }
      }
      for count: Int64 in [-1, .min, .max] {
        fails(RECURRENT_BAD_SHAPE) { recurrent_model_generate(tokens, [0], 1, count, 1, &state, 0, &text) }
        fails(RECURRENT_BAD_SHAPE) { recurrent_model_generate(tokens, [0], count, 4, 1, &state, 0, &text) }
      }
      fails(RECURRENT_BAD_SHAPE, "prime") { recurrent_model_generate(tokens, [0], 0, 4, 1, &state, 0, &text) }
      fails(RECURRENT_NULL_ARGUMENT, "prime") {
        recurrent_model_generate(tokens, nil, 1, 4, 1, &state, 0, &text)
      }
      fails(RECURRENT_BAD_VALUE, "puts out 5 numbers") {
        recurrent_model_generate(model, [0], 1, 4, 1, &state, 0, &text)
      }
      #expect(state.allSatisfy { $0 == 0.5 } && y.allSatisfy { $0 == -7 } && text.allSatisfy { $0 == -7 })
      ok(recurrent_model_free(model))
      ok(recurrent_model_free(tokens))
    }

    @Test func numbersOfThreads() {
      for bad: Int64 in [0, -1, 257, .max, .min] {
        fails(RECURRENT_BAD_VALUE, "\(bad)", "1 to 256") { recurrent_set_num_threads(bad) }
      }
      // other tests set it too
      let before = recurrent_get_num_threads()
      #expect(before >= 1 && before <= 256)
      ok(recurrent_set_num_threads(2))
      ok(recurrent_set_num_threads(before))
    }
  }
}
