// Tied decoders, dropout, settings of a draw, searches and taps through the interface, good and bad.

import CRecurrent
import Testing

extension ABITests {
  @Suite struct LearningValueTests {
    private func tied(_ random: UInt64) -> UInt64 {
      make { recurrent_model_create_tied(1, 1, 6, [4, 3], 2, random, $0) }
    }

    @Test func tiedDecodersHaveNoMatrix() {
      let random = Ingredient.random.handle(after: []), model = tied(random)
      var count: Int64 = 0
      ok(recurrent_model_parameter_count(model, &count))
      // Wil, twelve for each layer, bd
      #expect(count == 26)
      fails(RECURRENT_BAD_INDEX, "'Whd'") { out in with("Whd") { recurrent_model_parameter(model, $0, $1, out) } }
      for size: Int64 in [0, -1, .min, .max] {
        fails(RECURRENT_BAD_SHAPE) { recurrent_model_create_tied(1, 0, size, [4], 1, random, $0) }
        fails(RECURRENT_BAD_SHAPE) { recurrent_model_create_tied(1, 0, 6, [4, size], 2, random, $0) }
        fails(RECURRENT_BAD_SHAPE) { recurrent_model_create_tied(1, 0, 6, [4], size, random, $0) }
      }
      ok(recurrent_model_free(model))
      ok(recurrent_random_free(random))
    }

    @Test func dropoutDrawsWhileTraining() {
      let random = Ingredient.random.handle(after: []), model = tied(random)
      let solver = Ingredient.solver.handle(after: [])
      var before = [UInt64](repeating: 0, count: 11), after = before
      func train() -> recurrent_status {
        recurrent_model_train_step(
          model, solver, nil, [0, 1, 2, 3], [1, 2, 3, 4], nil, 2, 2, nil, nil, 0.01, 0, 5, nil, nil)
      }
      for bad in [1, -0.1, Double.nan, .infinity] {
        fails(RECURRENT_BAD_VALUE, "dropout is", "\(bad)") { recurrent_model_set_dropout(model, bad, random) }
      }
      fails(RECURRENT_NULL_ARGUMENT, "random") { recurrent_model_set_dropout(model, 0.5, 0) }
      ok(recurrent_random_get_state(random, &before))
      ok(train())
      ok(recurrent_random_get_state(random, &after))
      #expect(before == after)

      ok(recurrent_model_set_dropout(model, 0.5, random))
      // the generator is the model's too
      held(random) { fails(RECURRENT_BUSY) { train() } }
      ok(train())
      ok(recurrent_random_get_state(random, &after))
      #expect(before != after)
      // and lives on with it
      ok(recurrent_random_free(random))
      ok(train())
      ok(recurrent_model_set_dropout(model, 0, 0))
      ok(train())
      ok(recurrent_model_free(model))
      ok(recurrent_solver_free(solver))
    }

    @Test func draws() {
      let model = Ingredient.tokenModel.handle(after: [])
      var sampler = recurrent_sampler(
        temperature: 1, top_k: 2, top_p: 1, min_p: 0, repetition_penalty: 1, repetition_window: 4)
      var p = [Double](repeating: -7, count: 4)
      ok(recurrent_probabilities(1, [1.0, 2, 2, 0], 4, &sampler, nil, 0, &p))
      #expect(p == [0, 0.5, 0.5, 0])
      p = [-7, -7, -7, -7]
      for (change, words) in [
        ({ $0.temperature = 0 }, "expected a finite number above 0, got 0.0"), ({ $0.top_k = -1 }, "top_k is -1"),
        ({ $0.top_p = 0 }, "top_p is 0"), ({ $0.top_p = 1.5 }, "top_p is 1.5"), ({ $0.min_p = 2 }, "min_p is 2"),
        ({ $0.repetition_penalty = .nan }, "expected a finite number above 0, got nan"),
        ({ $0.repetition_window = -1 }, "repetition_window is -1"),
      ] as [((inout recurrent_sampler) -> Void, String)] {
        var bad = sampler
        change(&bad)
        fails(RECURRENT_BAD_VALUE, words) { recurrent_probabilities(1, [1.0, 2, 2, 0], 4, &bad, nil, 0, &p) }
      }
      fails(RECURRENT_BAD_INDEX, "history 0 is 4") {
        recurrent_probabilities(1, [1.0, 2, 2, 0], 4, &sampler, [4], 1, &p)
      }
      fails(RECURRENT_NOT_FINITE, "not finite") { recurrent_probabilities(1, [Double.nan], 1, &sampler, nil, 0, &p) }
      #expect(p == [-7, -7, -7, -7])

      var state = [Double](repeating: 0, count: 3), twin = state
      var tokens = [Int64](repeating: -7, count: 6), plain = tokens, written: Int64 = -7
      var numbers = [Double](repeating: 7, count: 6)
      ok(
        recurrent_model_sample(model, nil, nil, 0, [1, 2], 2, 6, -1, &state, 0, &tokens, &numbers, &written))
      ok(recurrent_model_generate(model, [1, 2], 2, 6, 1, &twin, 0, &plain))
      #expect(tokens == plain && state == twin && written == 6 && numbers.allSatisfy { $0 < 0 })
      for end: Int64 in [-2, 6, .min, .max] {
        fails(RECURRENT_BAD_INDEX, "end is \(end)", "-1..<6") {
          recurrent_model_sample(model, nil, nil, 0, [1], 1, 6, end, &state, 0, &tokens, nil, &written)
        }
      }
      #expect(tokens == plain && state == twin && written == 6)
      ok(recurrent_model_free(model))
    }

    @Test func searches() {
      let model = Ingredient.tokenModel.handle(after: [])
      var tokens = [Int64](repeating: -7, count: 6), lengths = [Int64](repeating: -7, count: 3)
      var numbers = [Double](repeating: 7, count: 3), found: Int64 = -7
      for beams: Int64 in [0, -1, 4097, .min] {
        fails(RECURRENT_BAD_VALUE, "beams is \(beams)") {
          recurrent_model_beam_search(model, [1], 1, 2, beams, -1, nil, &tokens, &lengths, &numbers, &found)
        }
      }
      fails(RECURRENT_BAD_SHAPE, "more than memory") {
        recurrent_model_beam_search(model, [1], 1, 2, .max, -1, nil, &tokens, &lengths, &numbers, &found)
      }
      #expect(found == -7 && tokens.allSatisfy { $0 == -7 } && lengths.allSatisfy { $0 == -7 })
      ok(recurrent_model_beam_search(model, [1], 1, 2, 3, 4, nil, &tokens, &lengths, &numbers, &found))
      #expect(found == 3 && numbers[0] >= numbers[1] && numbers[1] >= numbers[2] && numbers[0] < 0)
      for i in 0..<3 {
        let text = tokens[i * 2..<i * 2 + 2]
        #expect(text.filter { $0 >= 0 }.count == lengths[i] && !text.contains(4) && !text.contains(-7))
      }
      ok(recurrent_model_free(model))
    }

    @Test func taps() {
      let model = Ingredient.ranModel.handle(after: [])
      var values = [Double](repeating: 7, count: 16)
      fails(RECURRENT_BAD_INDEX, "'r0'", "h0 c0 i0 f0 o0 g0 h1") { _ in
        with("r0") { recurrent_model_tap(model, $0, $1, &values) }
      }
      #expect(values.allSatisfy { $0 == 7 })
      with("f0") { ok(recurrent_model_tap(model, $0, $1, &values)) }
      #expect(values.allSatisfy { $0 > 0 && $0 < 1 })
      ok(recurrent_model_backward_sequence(model, [Double](repeating: 1, count: 20), nil, nil, nil))
      fails(RECURRENT_INVALIDATED, "unavailable") { _ in with("f0") { recurrent_model_tap(model, $0, $1, &values) } }
      ok(recurrent_model_free(model))
    }
  }
}
