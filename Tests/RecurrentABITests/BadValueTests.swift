// Invalid sizes, indices, settings and buffers: a status each, and the value in the message.

import CRecurrent
import Foundation
import Testing

extension ABITests {
  @Suite struct BadValueTests {
    private let bad = [Double.nan, .infinity, -.infinity]

    @Test func generators() {
      ArgumentKind.random.with { random in
        var before = [UInt64](repeating: 0, count: 11), after = before
        ok(recurrent_random_get_state(random, &before))
        var numbers = [-7.0, -7], words: [UInt64] = [7, 7]
        for count in [Int64.min, -1] {
          fails(RECURRENT_BAD_SHAPE, "\(count)") { _ in recurrent_random_words(random, &words, count) }
          fails(RECURRENT_BAD_SHAPE, "\(count)") { _ in
            recurrent_random_uniform(random, 0, 1, &numbers, count)
          }
          fails(RECURRENT_BAD_SHAPE, "\(count)") { _ in
            recurrent_random_gaussian(random, 0, 1, &numbers, count)
          }
        }
        fails(RECURRENT_BAD_SHAPE) { _ in recurrent_random_words(random, &words, .max) }
        fails(RECURRENT_NULL_ARGUMENT, "words") { _ in recurrent_random_words(random, nil, 1) }
        for x in bad {
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_random_uniform(random, x, 1, &numbers, 2) }
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_random_uniform(random, 0, x, &numbers, 2) }
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_random_gaussian(random, x, 1, &numbers, 2) }
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_random_gaussian(random, 0, x, &numbers, 2) }
        }
        fails(RECURRENT_BAD_VALUE) { _ in recurrent_random_uniform(random, -1e308, 1e308, &numbers, 2) }
        fails(RECURRENT_BAD_VALUE, "-1") { _ in recurrent_random_gaussian(random, 0, -1, &numbers, 2) }
        for used: UInt64 in [5, .max] {
          var state = before
          state[10] = used
          fails(RECURRENT_BAD_VALUE, "state[10]", "\(used)") { _ in recurrent_random_set_state(random, state)
          }
        }
        fails(RECURRENT_NULL_ARGUMENT, "state") { _ in recurrent_random_set_state(random, nil) }
        ok(recurrent_random_get_state(random, &after))
        #expect(numbers == [-7, -7] && words == [7, 7] && before == after)
      }
    }

    @Test func mats() {
      for (n, d): (Int64, Int64) in [
        (0, 1), (1, 0), (-1, 1), (.min, .min), (.max, .max), (1 << 31, 1), (1 << 32, 1 << 32), (65536, 32768),
      ] {
        fails(RECURRENT_BAD_SHAPE, "\(n)") { recurrent_mat_create(0, n, d, $0) }
        fails(RECURRENT_BAD_SHAPE, "\(n)") { recurrent_mat_create_from(0, n, d, [1.0], 1, $0) }
      }
      for dtype: Int32 in [-1, 2, .max, .min] {
        fails(RECURRENT_BAD_VALUE, "dtype", "\(dtype)") { recurrent_mat_create(dtype, 1, 1, $0) }
        fails(RECURRENT_BAD_VALUE, "dtype", "\(dtype)") {
          recurrent_mat_create_from(dtype, 1, 1, [1.0], 1, $0)
        }
      }
      for count: Int64 in [0, 3, 5, -4, 1 << 44, 1 << 47, .max, .min] {
        fails(RECURRENT_BAD_SHAPE, "got \(count)", count < 0 || count >= 1 << 47 ? "count" : "2 x 2") {
          recurrent_mat_create_from(1, 2, 2, [1.0, 2, 3, 4], count, $0)
        }
      }
      fails(RECURRENT_NULL_ARGUMENT, "w") { recurrent_mat_create_from(1, 2, 2, nil, 4, $0) }
      let m = newMat(2, 3, [1, 2, 3, 4, 5, 6])
      for (r, c, n, d): (Int64, Int64, Int64, Int64) in [
        (-1, 0, 1, 1), (0, -1, 1, 1), (2, 0, 1, 1), (0, 3, 1, 1), (0, 0, 3, 1), (0, 0, 1, 4), (0, 0, 0, 1),
        (0, 0, 1, 0),
        (1, 1, .max, 1), (1, 1, 1, .max), (.max, 0, 1, 1), (.min, 0, 1, 1), (0, .min, 1, 1),
        (0, 0, .min, .min),
      ] {
        fails(RECURRENT_BAD_INDEX) { recurrent_mat_view(m, r, c, n, d, $0) }
      }
      ArgumentKind.random.with { random in
        for x in bad {
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_mat_fill_uniform(m, x, 1, random) }
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_mat_fill_gaussian(m, x, 1, random) }
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_mat_fill_gaussian(m, 0, x, random) }
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_mat_fill(m, x) }
        }
      }
      #expect(rows(m) == [1, 2, 3, 4, 5, 6])
      ok(recurrent_mat_free(m))
    }

    @Test func operations() {
      let g = ArgumentKind.graph.handle(after: []), m = newMat(2, 3, [1, 2, 3, 4, 5, 6]),
        odd = newMat(5, 4, [Double](repeating: 1, count: 20))
      let one = newMat(2, 1, [1, 1]), random = ArgumentKind.random.handle(after: [])
      let narrow = make { recurrent_mat_create(0, 2, 3, $0) }
      // an empty graph has no dtype; an operation gives it one
      let y = make { recurrent_graph_unary(g, Int32(RECURRENT_TANH), m, 0, $0) }
      for f in [recurrent_graph_mul, recurrent_graph_dot] {
        fails(RECURRENT_BAD_SHAPE, "2 x 3", "5 x 4") { f(g, m, odd, $0) }
      }
      for f: Int32 in 0...11 {
        fails(RECURRENT_BAD_SHAPE, "2 x 3", "5 x 4") { recurrent_graph_binary(g, f, m, odd, $0) }
      }
      fails(RECURRENT_BAD_TYPE, "float32") { recurrent_graph_binary(g, 0, m, narrow, $0) }
      for operation: Int32 in [-1, 18, 256, .max, .min] {
        fails(RECURRENT_BAD_VALUE, "operation", "\(operation)") { recurrent_graph_unary(g, operation, m, 0, $0) }
      }
      for operation: Int32 in [-1, 12, 256, .max, .min] {
        fails(RECURRENT_BAD_VALUE, "operation", "\(operation)") { recurrent_graph_binary(g, operation, m, m, $0) }
      }
      for x in bad {
        fails(RECURRENT_BAD_VALUE, "\(x)") { recurrent_graph_unary(g, Int32(RECURRENT_LEAKY_RELU), m, x, $0) }
        fails(RECURRENT_BAD_VALUE, "\(x)") { recurrent_graph_unary(g, Int32(RECURRENT_SCALE), m, x, $0) }
        fails(RECURRENT_BAD_VALUE, "\(x)") { recurrent_graph_dropout(g, m, x, random, $0) }
        fails(RECURRENT_BAD_VALUE, "\(x)") { recurrent_graph_layer_norm(g, m, one, one, x, $0) }
      }
      for x in [-0.5, 1, 2] {
        fails(RECURRENT_BAD_VALUE, "\(x)") { recurrent_graph_dropout(g, m, x, random, $0) }
      }
      ArgumentKind.recordedStep.with { step in
        for scope: Int32 in [-1, 2, .min, .max] {
          fails(RECURRENT_BAD_VALUE, "scope is out of range", "\(scope)") {
            recurrent_step_dropout(step, value(of: step), 0.5, scope, $0)
          }
        }
      }
      for x in [0, -1.0] {
        fails(RECURRENT_BAD_VALUE, "\(x)") { recurrent_graph_layer_norm(g, m, one, one, x, $0) }
      }
      fails(RECURRENT_BAD_SHAPE, "gain") { recurrent_graph_layer_norm(g, m, odd, one, 1, $0) }
      for axis: Int32 in [-2, 2, .max, .min] {
        fails(RECURRENT_BAD_VALUE, "\(axis)") { recurrent_graph_sum(g, m, axis, $0) }
        fails(RECURRENT_BAD_VALUE, "\(axis)") { recurrent_graph_mean(g, m, axis, $0) }
        fails(RECURRENT_BAD_VALUE, "\(axis)") { recurrent_graph_squared_error(g, m, m, axis, $0) }
        fails(RECURRENT_BAD_VALUE, "\(axis)") { recurrent_graph_cross_entropy(g, m, [0, 0, 0], 3, axis, $0) }
      }
      for index: Int64 in [-1, 2, .max, .min] {
        fails(RECURRENT_BAD_INDEX, "\(index)", "0 to 1") {
          recurrent_graph_row_pluck(g, m, [0, index], 2, $0)
        }
        fails(RECURRENT_BAD_INDEX, "\(index)", "0 to 1") {
          recurrent_graph_cross_entropy(g, m, [0, index, 0], 3, 0, $0)
        }
      }
      fails(RECURRENT_BAD_SHAPE) { recurrent_graph_row_pluck(g, m, [0], 0, $0) }
      fails(RECURRENT_BAD_SHAPE, "-1") { recurrent_graph_row_pluck(g, m, [0], -1, $0) }
      fails(RECURRENT_BAD_SHAPE) { recurrent_graph_row_pluck(g, m, [0], .max, $0) }
      fails(RECURRENT_NULL_ARGUMENT, "rows") { recurrent_graph_row_pluck(g, m, nil, 1, $0) }
      fails(RECURRENT_BAD_SHAPE, "expected 3", "got 2") { recurrent_graph_cross_entropy(g, m, [0, 0], 2, 0, $0) }
      fails(RECURRENT_NULL_ARGUMENT, "targets") { recurrent_graph_cross_entropy(g, m, nil, 3, 0, $0) }
      for (start, count): (Int64, Int64) in [
        (-1, 1), (0, 0), (0, 9), (9, 1), (1, .max), (.max, 1), (.min, .min), (0, -1),
      ] {
        fails(RECURRENT_BAD_INDEX) { recurrent_graph_slice_rows(g, m, start, count, $0) }
        fails(RECURRENT_BAD_INDEX) { recurrent_graph_slice_columns(g, m, start, count, $0) }
      }
      for f in [recurrent_graph_concat_rows, recurrent_graph_concat_columns] {
        fails(RECURRENT_BAD_SHAPE) { f(g, [m, odd], 2, $0) }
        fails(RECURRENT_BAD_SHAPE) { f(g, [m], 0, $0) }
        fails(RECURRENT_BAD_SHAPE, "-1") { f(g, [m], -1, $0) }
        fails(RECURRENT_BAD_SHAPE) { f(g, [m], .max, $0) }
        fails(RECURRENT_NULL_ARGUMENT, "mats") { f(g, nil, 1, $0) }
        fails(RECURRENT_NULL_ARGUMENT) { f(g, [m, 0], 2, $0) }
        fails(RECURRENT_WRONG_KIND) { f(g, [m, g], 2, $0) }
      }
      fails(RECURRENT_BAD_SHAPE) { recurrent_graph_rnn(g, m, odd, m, m, m, $0) }
      fails(RECURRENT_BAD_SHAPE) { recurrent_graph_lstm(g, m, odd, m, m, m, m, $0, $0) }
      fails(RECURRENT_BAD_SHAPE, "2 x 3") { _ in recurrent_graph_backward_from(g, y) }
      fails(RECURRENT_BAD_VALUE, "loss is foreign") { _ in
        ArgumentKind.mat(1, 1).with { recurrent_graph_backward_from(g, $0) }
      }
      var count: Int64 = 0
      ok(recurrent_graph_count(g, &count))
      #expect(count == 1)
      var name = [CChar](repeating: 7, count: 8), length: Int64 = -7
      var result = recurrent_operand(operation: 7, n: 7, d: 7, w: nil), operands = [result, result]
      for (index, capacity, operandCapacity, status, words) in [
        (-1, 8, 2, RECURRENT_BAD_INDEX, "-1"), (1, 8, 2, RECURRENT_BAD_INDEX, "1"),
        (.max, 8, 2, RECURRENT_BAD_INDEX, "\(Int64.max)"), (.min, 8, 2, RECURRENT_BAD_INDEX, "\(Int64.min)"),
        (0, 2, 2, RECURRENT_SHORT_BUFFER, "got 2"), (0, .min, 2, RECURRENT_SHORT_BUFFER, "\(Int64.min)"),
        (0, 8, 0, RECURRENT_SHORT_BUFFER, "got 0"), (0, 8, .min, RECURRENT_SHORT_BUFFER, "\(Int64.min)"),
      ] as [(Int64, Int64, Int64, Int, String)] {
        fails(status, words) { _ in
          recurrent_graph_operation(g, index, &name, capacity, &length, &result, &operands, operandCapacity, &count)
        }
      }
      #expect(name.allSatisfy { $0 == 7 } && length == -7 && result.n == 7 && operands[0].n == 7 && count == 1)
      for handle in [m, odd, one, narrow, y] { ok(recurrent_mat_free(handle)) }
      ok(recurrent_graph_free(g))
      ok(recurrent_random_free(random))
    }

    @Test func sampling() {
      var index: Int64 = -7
      ArgumentKind.random.with { random in
        for dtype: Int32 in [-1, 2] {
          fails(RECURRENT_BAD_VALUE, "dtype") { _ in recurrent_argmax(dtype, [1.0], 1, &index) }
          fails(RECURRENT_BAD_VALUE, "dtype") { _ in recurrent_sample(dtype, [1.0], 1, random, &index) }
        }
        for count: Int64 in [0, -1, .min, .max] {
          fails(RECURRENT_BAD_SHAPE) { _ in recurrent_argmax(1, [1.0], count, &index) }
          fails(RECURRENT_BAD_SHAPE) { _ in recurrent_sample(1, [1.0], count, random, &index) }
        }
        fails(RECURRENT_NULL_ARGUMENT) { _ in recurrent_argmax(1, nil, 1, &index) }
        fails(RECURRENT_NULL_ARGUMENT) { _ in recurrent_sample(1, nil, 1, random, &index) }
        fails(RECURRENT_BAD_VALUE, "NaN") { _ in recurrent_argmax(1, [1.0, .nan], 2, &index) }
        for x in bad + [-1] {
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_sample(1, [1.0, x], 2, random, &index) }
        }
        fails(RECURRENT_BAD_VALUE, "weights") { _ in recurrent_sample(0, [0 as Float, 0], 2, random, &index) }
        // a buffer that begins in the middle of an element
        [0.0, 1, 2].withUnsafeBytes { bytes in
          guard let start = bytes.baseAddress else { return }
          fails(RECURRENT_BAD_VALUE, "aligned") { _ in recurrent_argmax(1, start + 1, 2, &index) }
          fails(RECURRENT_BAD_VALUE, "aligned") { _ in recurrent_sample(1, start + 4, 2, random, &index) }
        }
      }
      #expect(index == -7)
    }
  }
}
