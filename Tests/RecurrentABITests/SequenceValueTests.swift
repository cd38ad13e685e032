// Sequences in the caller's memory: valid calls, and invalid arguments.

import CRecurrent
import Testing

extension ABITests {
  @Suite struct SequenceValueTests {
    private let x = (0..<12).map { Double($0) / 10 }

    @Test func trainsAndGenerates() {
      let network = ArgumentKind.tokenNetwork.handle(after: []), optimizer = ArgumentKind.optimizer.handle(after: [])
      var count: Int64 = 0
      ok(recurrent_network_state_count(network, 1, &count))
      #expect(count == 3)
      // 0 1 2 3 4 5 0 1 …
      let tokens = (0..<12).map { Int64($0 % 6) }, next = (0..<12).map { Int64(($0 + 1) % 6) }
      var result = recurrent_step_result(), first = 0.0
      for k in 0..<400 {
        ok(
          recurrent_network_train_step(
            network, optimizer, nil, tokens, next, nil, 12, 1, nil, nil, nil, 0.02, 0, 5, 0, nil, &result))
        if k == 0 { first = result.loss }
      }
      #expect(result.loss < 0.2 && first > 1.5 && result.gradient_norm > 0)
      let generator = make { recurrent_generator_create(network, nil, 0, [0, 1], 2, nil, 0, nil, 0, $0) }
      var text = [Int64](repeating: -1, count: 6)
      ok(recurrent_generator_next(generator, 6, &text, nil, &count))
      #expect(text == [2, 3, 4, 5, 0, 1] && count == 6)
      // the optimizer's own learning rate is the same step
      ok(recurrent_optimizer_set_learning_rate(optimizer, 0))
      let flat = make { recurrent_network_flat(network, $0) }, before = rows(flat)
      ok(
        recurrent_network_train_step(
          network, optimizer, nil, tokens, next, nil, 12, 1, nil, nil, nil, .nan, 0, .infinity, 0, nil, &result))
      #expect(rows(flat) == before && result.ratio_clipped == 0)

      var scores = [Double](repeating: 0, count: 6), y = scores, end = [Double](repeating: 0, count: 3), state = end
      ok(recurrent_network_step(network, 4, nil, &state, &scores))
      ok(recurrent_network_forward_sequence(network, nil, [4], 1, 1, nil, nil, nil, 0, &y, &end))
      #expect(
        zip(y, scores).allSatisfy { abs($0 - $1) < 1e-13 }
          && zip(state, end).allSatisfy { abs($0 - $1) < 1e-13 })
      var dstate = [Double](repeating: 7, count: 3)
      ok(recurrent_network_backward_sequence(network, y, end, nil, &dstate))
      #expect(dstate.allSatisfy { $0 != 7 })
      fails(RECURRENT_INVALIDATED, "forward") { recurrent_network_backward_sequence(network, y, nil, nil, nil) }
      for (kind, handle) in [
        (ArgumentKind.tokenNetwork, network), (.optimizer, optimizer), (.generator, generator), (.mat(1, 1), flat),
      ] {
        ok(kind.free(handle))
      }
    }

    /// Dropout acts in training alone; a thread that draws from the generator of the masks makes the network busy.
    @Test func trainingDrops() {
      let random = make { recurrent_random_create(1, $0) }
      let settings = #"{"cell": "gru", "input_size": 3, "hidden_sizes": [4, 2], "dropout": 0.5, "dtype": "float64"}"#
      let network = make { out in with(settings) { recurrent_network_create($0, $1, random, out) } }
      func state() -> [UInt64] {
        var words = [UInt64](repeating: 0, count: 11)
        ok(recurrent_random_get_state(random, &words))
        return words
      }
      func forward(_ training: Int32, T: Int64 = 2) -> [Double] {
        var y = [Double](repeating: -7, count: 8)
        ok(recurrent_network_forward_sequence(network, x, nil, T, 2, nil, nil, nil, training, &y, nil))
        return y
      }
      let start = state(), plain = forward(0)
      #expect(state() == start)
      let dropped = forward(1)
      #expect(dropped != plain && state() != start && forward(0) == plain)
      ok(recurrent_random_set_state(random, start))
      #expect(forward(1) == dropped)
      ok(recurrent_random_set_state(random, start))
      var y = [Double](repeating: -7, count: 8)
      fails(RECURRENT_BAD_INDEX, "tokens[1, 1]") {
        recurrent_network_forward_sequence(network, nil, [0, 1, 2, 3], 2, 2, nil, nil, nil, 1, &y, nil)
      }
      held(random) {
        fails(RECURRENT_BUSY) { recurrent_network_forward_sequence(network, x, nil, 2, 2, nil, nil, nil, 1, &y, nil) }
        #expect(y.allSatisfy { $0 == -7 })
        ok(recurrent_network_forward_sequence(network, x, nil, 2, 2, nil, nil, nil, 0, &y, nil))
      }
      #expect(state() == start && y == plain)
      ok(recurrent_network_free(network))
      ok(recurrent_random_free(random))
    }

    @Test func invalidSequences() {
      let network = ArgumentKind.network.handle(after: []), tokens = ArgumentKind.tokenNetwork.handle(after: [])
      var y = [Double](repeating: -7, count: 20), end = [Double](repeating: -7, count: 24)
      func forward(
        _ m: UInt64, _ x: [Double]?, _ t: [Int64]?, _ T: Int64, _ B: Int64, lengths: [Int64]? = nil,
        training: Int32 = 0
      ) -> recurrent_status { recurrent_network_forward_sequence(m, x, t, T, B, nil, lengths, nil, training, &y, &end) }
      for bad: Int32 in [2, -1, .max, .min] {
        fails(RECURRENT_BAD_VALUE, "training is out of range; expected 0 or 1, got \(bad)") {
          forward(network, x, nil, 2, 2, training: bad)
        }
      }
      for size: Int64 in [0, -1, .min, .max] {
        fails(RECURRENT_BAD_SHAPE) { forward(network, x, nil, size, 2) }
        fails(RECURRENT_BAD_SHAPE) { forward(network, x, nil, 2, size) }
        fails(RECURRENT_BAD_SHAPE) { forward(tokens, nil, [0, 0], size, 2) }
        fails(RECURRENT_BAD_SHAPE) { forward(tokens, nil, [0, 0], 2, size) }
      }
      fails(RECURRENT_BAD_SHAPE) { forward(network, x, nil, 1 << 32, 1 << 32) }
      fails(RECURRENT_NULL_ARGUMENT, "NULL") { forward(network, nil, nil, 2, 2) }
      fails(RECURRENT_BAD_VALUE, "given") { forward(network, x, [0, 0, 0, 0], 2, 2) }
      fails(RECURRENT_BAD_VALUE, "expected tokens") { forward(tokens, x, nil, 2, 2) }
      for bad: Int64 in [-1, 6, .max, .min] {
        for m in [network, tokens] {
          fails(RECURRENT_BAD_INDEX, "\(bad)") { forward(m, nil, [0, 1, 2, bad], 2, 2) }
        }
      }
      for bad: Int64 in [-1, 3, .max, .min] {
        fails(RECURRENT_BAD_INDEX, "\(bad)") { forward(network, x, nil, 2, 2, lengths: [1, bad]) }
      }
      x.withUnsafeBytes { bytes in
        guard let start = bytes.baseAddress else { return }
        fails(RECURRENT_BAD_VALUE, "x is not aligned") {
          recurrent_network_forward_sequence(network, start + 1, nil, 1, 1, nil, nil, nil, 0, &y, nil)
        }
        fails(RECURRENT_BAD_VALUE, "state is not aligned") {
          recurrent_network_forward_sequence(network, start, nil, 1, 1, start + 4, nil, nil, 0, &y, nil)
        }
      }
      #expect(y.allSatisfy { $0 == -7 } && end.allSatisfy { $0 == -7 })
      fails(RECURRENT_INVALIDATED, "forward") { recurrent_network_backward_sequence(network, y, nil, nil, nil) }
      fails(RECURRENT_NULL_ARGUMENT, "dy") { recurrent_network_backward_sequence(network, nil, nil, nil, nil) }
      var count: Int64 = -7
      for batchSize: Int64 in [0, -1, .min, .max] {
        fails(RECURRENT_BAD_SHAPE, "\(batchSize)") { recurrent_network_state_count(network, batchSize, &count) }
      }
      #expect(count == -7)
      ok(recurrent_network_free(network))
      ok(recurrent_network_free(tokens))
    }

    @Test func invalidTrainingSteps() {
      let network = ArgumentKind.network.handle(after: []), optimizer = ArgumentKind.optimizer.handle(after: [])
      let flat = make { recurrent_network_flat(network, $0) }, before = rows(flat),
        targets = [Double](repeating: 0, count: 20)
      var result = recurrent_step_result(loss: -7, gradient_norm: -7, ratio_clipped: -7)
      func train(
        _ classes: [Int64]?, _ values: [Double]?, T: Int64 = 2, B: Int64 = 2, learningRate: Double = 0.1,
        weightDecay: Double = 0, clip: Double = 5, memory: Int64 = 0
      ) -> recurrent_status {
        recurrent_network_train_step(
          network, optimizer, x, nil, classes, values, T, B, nil, nil, nil, learningRate, weightDecay, clip, memory,
          nil,
          &result)
      }
      for bad in [-1, .min] as [Int64] { fails(RECURRENT_BAD_VALUE, "memory") { train(nil, targets, memory: bad) } }
      for bad: Int64 in [3, -1, .min, .max] {
        fails(RECURRENT_BAD_INDEX, "lengths[1]") {
          recurrent_network_train_step(
            network, optimizer, x, nil, nil, targets, 2, 2, nil, [1, bad], nil, 0.1, 0, 5, 1 << 30, nil, &result)
        }
      }
      for bad in [Double.infinity, -1] {
        fails(RECURRENT_BAD_VALUE, "\(bad)") { train([0, 1, 2, 3], nil, learningRate: bad) }
      }
      for bad in [Double.nan, .infinity, -1] {
        fails(RECURRENT_BAD_VALUE, "\(bad)") { train([0, 1, 2, 3], nil, weightDecay: bad) }
      }
      for bad in [Double.nan, -1, 0] { fails(RECURRENT_BAD_VALUE, "\(bad)") { train(nil, targets, clip: bad) } }
      for size: Int64 in [0, -1, .min, .max] {
        fails(RECURRENT_BAD_SHAPE) { train([0], nil, T: size) }
        fails(RECURRENT_BAD_SHAPE) { train(nil, targets, B: size) }
      }
      for bad: Int64 in [5, -2, .max, .min] {
        fails(RECURRENT_BAD_INDEX, "\(bad)") { train([0, 1, 2, bad], nil) }
      }
      fails(RECURRENT_BAD_VALUE, "is empty") { train([-1, -1, -1, -1], nil) }
      fails(RECURRENT_NULL_ARGUMENT, "NULL") { train(nil, nil) }
      fails(RECURRENT_BAD_VALUE, "given") { train([0, 1, 2, 3], targets) }
      fails(RECURRENT_NOT_FINITE, "targets is not finite", "at [0, 0, 0]") {
        train(nil, [Double](repeating: .infinity, count: 20))
      }
      #expect(result.loss == -7 && result.gradient_norm == -7 && rows(flat) == before)
      #expect(rows(flat, gradients: true).allSatisfy { $0 == 0 })
      var count: Int64 = -1
      ok(recurrent_optimizer_name_count(optimizer, &count))
      #expect(count == 0)
      ok(recurrent_mat_free(flat))
      ok(recurrent_network_free(network))
      ok(recurrent_optimizer_free(optimizer))
    }

    @Test func invalidSteps() {
      let network = ArgumentKind.network.handle(after: []), tokens = ArgumentKind.tokenNetwork.handle(after: [])
      var state = [Double](repeating: 0.5, count: 12), y = [Double](repeating: -7, count: 6)
      for bad: Int64 in [-1, 6, .max, .min] {
        fails(RECURRENT_BAD_INDEX, "\(bad)") { recurrent_network_step(tokens, bad, nil, &state, &y) }
      }
      fails(RECURRENT_BAD_INDEX, "3") { recurrent_network_step(network, 3, nil, &state, &y) }
      #expect(state.allSatisfy { $0 == 0.5 } && y.allSatisfy { $0 == -7 })
      ok(recurrent_network_free(network))
      ok(recurrent_network_free(tokens))
    }

    @Test func numbersOfThreads() {
      for bad: Int64 in [0, -1, 257, .max, .min] {
        fails(RECURRENT_BAD_VALUE, "\(bad)", "256") { recurrent_set_num_threads(bad) }
      }
      // other tests set it too
      let before = recurrent_get_num_threads()
      #expect(before >= 1 && before <= 256)
      ok(recurrent_set_num_threads(2))
      ok(recurrent_set_num_threads(before))
    }
  }
}
