// Networks and optimizers with invalid arguments: a status each, and the value in the message.

import CRecurrent
import Foundation
import Testing

extension ABITests {
  @Suite struct BadNetworkValueTests {
    private let bad = [Double.nan, .infinity, -.infinity]

    @Test func networks() {
      let random = ArgumentKind.random.handle(after: []), network = ArgumentKind.network.handle(after: [])
      func create(
        _ settings: String, _ out: UnsafeMutablePointer<UInt64>
      ) -> recurrent_status {
        with(settings) { recurrent_network_create($0, $1, random, out) }
      }
      func sizes(
        _ input: Int64 = 3, _ hidden: [Int64] = [4], output: Int64 = 5, embedding: Int64 = 2
      ) -> String {
        "{\"cell\": \"lstm\", \"input_size\": \(input), \"hidden_sizes\": \(hidden), \"output_size\": \(output), "
          + "\"embedding\": \(embedding)}"
      }
      var before = [UInt64](repeating: 0, count: 11), after = before
      ok(recurrent_random_get_state(random, &before))
      for (settings, words) in [
        ("{}", "cell is missing"), (#"{"cell": "LSTM"}"#, "'LSTM'"), (#"{"cell": "lstm"}"#, "input_size is missing"),
        (#"{"cell": "lstm", "input_size": 3}"#, "hidden_sizes is missing"),
        (#"{"cell": "lstm", "input_size": 3, "hidden_sizes": [2], "dtype": "float16"}"#, "'float16'"),
        (#"{"cell": "lstm", "input_size": 3, "hidden_sizes": [2], "units": 4}"#, "units is not a setting"),
        (#"{"cell": "lstm", "input_size": 3, "hidden_sizes": [2], "dropout": 1}"#, "dropout is out of range"),
        (#"{"cell": "lstm", "input_size": 3.5, "hidden_sizes": [2]}"#, "input_size"),
        (#"{"cell": "lstm", "input_size": 3, "hidden_sizes": [2], "tied": 1}"#, "tied has the wrong type"),
        ("[]", "expected an object, got an array"),
      ] {
        fails(RECURRENT_BAD_VALUE, words) { create(settings, $0) }
      }
      fails(RECURRENT_BAD_VALUE, "byte") { create("{", $0) }
      fails(RECURRENT_BAD_VALUE) { create("", $0) }
      for size: Int64 in [0, -1, 1 << 40] {
        fails(RECURRENT_BAD_SHAPE) { create(sizes(size), $0) }
        fails(RECURRENT_BAD_SHAPE) { create(sizes(3, [4, size]), $0) }
        fails(RECURRENT_BAD_SHAPE) { create(sizes(output: size), $0) }
        fails(RECURRENT_BAD_SHAPE) { create(sizes(embedding: size), $0) }
      }
      fails(RECURRENT_BAD_SHAPE, "hidden_sizes is empty") { create(sizes(3, []), $0) }
      fails(RECURRENT_NULL_ARGUMENT, "settings") { recurrent_network_create(nil, 3, random, $0) }
      fails(RECURRENT_BAD_SHAPE, "-1") { recurrent_network_create([123], -1, random, $0) }
      fails(RECURRENT_BAD_VALUE, "UTF-8", "byte 1") { recurrent_network_create([123, -1], 2, random, $0) }
      ok(recurrent_random_get_state(random, &after))
      #expect(before == after)
      fails(RECURRENT_BAD_INDEX, "'Wnone'") { out in
        with("Wnone") { recurrent_network_parameter(network, $0, $1, out) }
      }
      fails(RECURRENT_BAD_INDEX) { recurrent_network_parameter(network, nil, 0, $0) }
      fails(RECURRENT_NULL_ARGUMENT, "name") { recurrent_network_parameter(network, nil, 4, $0) }
      fails(RECURRENT_BAD_SHAPE, "-1") { recurrent_network_parameter(network, [65], -1, $0) }
      fails(RECURRENT_BAD_VALUE, "UTF-8", "byte 1") { recurrent_network_parameter(network, [65, -1], 2, $0) }
      var name = [CChar](repeating: 7, count: 8), length: Int64 = -7
      for index: Int64 in [-1, 26, .max, .min] {
        fails(RECURRENT_BAD_INDEX, "\(index)", "expected 0 to 25") { _ in
          recurrent_network_parameter_name(network, index, &name, 8, &length)
        }
      }
      for capacity: Int64 in [3, 0, -1, .min] {
        fails(RECURRENT_SHORT_BUFFER, "\(capacity)", "at least 4 bytes") { _ in
          recurrent_network_parameter_name(network, 0, &name, capacity, &length)
        }
      }
      #expect(name.allSatisfy { $0 == 7 } && length == -7)
      forward(network)
      var text = [CChar](repeating: 7, count: 512)
      for capacity: Int64 in [40, 0, -1, .min] {
        fails(RECURRENT_SHORT_BUFFER, "\(capacity)") { _ in
          recurrent_network_describe(network, &text, capacity, &length)
        }
      }
      #expect(text.allSatisfy { $0 == 7 } && length == -7)
      ok(recurrent_random_free(random))
      ok(recurrent_network_free(network))
    }

    private func forward(_ network: UInt64) {
      let g = ArgumentKind.graph.handle(after: []), x = newMat(3, 2, [1, 2, 3, 4, 5, 6]),
        wrong = newMat(4, 2, [Double](repeating: 1, count: 8))
      let good = [newMat(4, 2, [Double](repeating: 1, count: 8)), newMat(2, 2, [1, 1, 1, 1])]
      var h: [UInt64] = [pattern, pattern], c = h
      fails(RECURRENT_BAD_SHAPE) {
        recurrent_network_forward(network, g, wrong, nil, nil, &h, &c, $0)
      }
      fails(RECURRENT_BAD_SHAPE) {
        recurrent_network_forward(network, g, x, [good[0], wrong], good, &h, &c, $0)
      }
      fails(RECURRENT_BAD_SHAPE) {
        recurrent_network_forward(network, g, x, good, [good[0], wrong], &h, &c, $0)
      }
      fails(RECURRENT_NULL_ARGUMENT) { recurrent_network_forward(network, g, x, good, nil, &h, &c, $0) }
      fails(RECURRENT_NULL_ARGUMENT) { recurrent_network_forward(network, g, x, nil, good, &h, &c, $0) }
      fails(RECURRENT_NULL_ARGUMENT) { recurrent_network_forward(network, g, x, [good[0], 0], good, &h, &c, $0) }
      #expect(h == [pattern, pattern] && c == h)
      var count: Int64 = -1
      ok(recurrent_graph_count(g, &count))
      #expect(count == 0)
      for handle in good + [x, wrong] { ok(recurrent_mat_free(handle)) }
      ok(recurrent_graph_free(g))
    }

    @Test func optimizers() {
      let optimizer = ArgumentKind.optimizer.handle(after: []), network = ArgumentKind.network.handle(after: []),
        m = newMat(2, 2, [1, 2, 3, 4])
      with(["w", "v"]) { names, lengths in
        ok(recurrent_optimizer_step(optimizer, names, lengths, [m], 1, 0, 0, 1, nil))
        let copy = newMat(2, 2, [1, 2, 3, 4])
        fails(RECURRENT_BAD_VALUE, "w is another Mat") { _ in
          recurrent_optimizer_step(optimizer, names, lengths, [copy], 1, 1, 0, 1, nil)
        }
        ok(recurrent_mat_free(copy))
        // NaN is the optimizer's own learning rate
        for x in [Double.infinity, -Double.infinity, -1] {
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in
            recurrent_optimizer_step(optimizer, names, lengths, [m], 1, x, 0, 1, nil)
          }
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in
            recurrent_optimizer_step_network(optimizer, network, x, 0, 1, nil)
          }
        }
        for x in bad + [-1] {
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in
            recurrent_optimizer_step(optimizer, names, lengths, [m], 1, 1, x, 1, nil)
          }
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_optimizer_step_network(optimizer, network, 1, x, 1, nil) }
        }
        // infinity stands for no clipping
        for x in [Double.nan, -Double.infinity, -1, 0] {
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in
            recurrent_optimizer_step(optimizer, names, lengths, [m], 1, 1, 0, x, nil)
          }
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in recurrent_optimizer_step_network(optimizer, network, 1, 0, x, nil) }
        }
        for count: Int64 in [-1, .min, .max] {
          fails(RECURRENT_BAD_SHAPE) { _ in
            recurrent_optimizer_step(optimizer, names, lengths, [m], count, 1, 0, 1, nil)
          }
        }
        fails(RECURRENT_NULL_ARGUMENT, "names") { _ in
          recurrent_optimizer_step(optimizer, nil, lengths, [m], 1, 1, 0, 1, nil)
        }
        fails(RECURRENT_NULL_ARGUMENT, "lengths") { _ in
          recurrent_optimizer_step(optimizer, names, nil, [m], 1, 1, 0, 1, nil)
        }
        fails(RECURRENT_NULL_ARGUMENT, "mats") { _ in
          recurrent_optimizer_step(optimizer, names, lengths, nil, 1, 1, 0, 1, nil)
        }
        fails(RECURRENT_NULL_ARGUMENT) { _ in
          recurrent_optimizer_step(optimizer, [nil], lengths, [m], 1, 1, 0, 1, nil)
        }
        fails(RECURRENT_BAD_SHAPE) { _ in recurrent_optimizer_step(optimizer, names, [-1], [m], 1, 1, 0, 1, nil) }
        fails(RECURRENT_BAD_VALUE, "twice") { _ in
          recurrent_optimizer_step(optimizer, [names[0], names[0]], lengths, [m, m], 2, 1, 0, 1, nil)
        }
        ArgumentKind.mat(3, 1).with { other in
          fails(RECURRENT_BAD_SHAPE, "w") { _ in
            recurrent_optimizer_step(optimizer, names, lengths, [other], 1, 1, 0, 1, nil)
          }
        }
        var dw: UnsafeMutableRawPointer?
        ok(recurrent_mat_dw(m, &dw))
        dw?.assumingMemoryBound(to: Double.self)[3] = .nan
        var stats = recurrent_step_result(loss: -7, gradient_norm: -7, ratio_clipped: -7)
        fails(RECURRENT_NOT_FINITE, "w", "nan at [1, 1]") { _ in
          recurrent_optimizer_step(optimizer, names, lengths, [m], 1, 1, 0, 1, &stats)
        }
        #expect(stats.loss == -7 && stats.ratio_clipped == -7 && stats.gradient_norm == -7)
      }
      #expect(rows(m) == [1, 2, 3, 4])
      fails(RECURRENT_BAD_INDEX, "'none'") { out in
        with("none") { recurrent_optimizer_state(optimizer, 0, $0, $1, out) }
      }
      var name = [CChar](repeating: 7, count: 8), length: Int64 = -7
      for index: Int64 in [-1, 1, .max] {
        fails(RECURRENT_BAD_INDEX, "\(index)") { _ in
          recurrent_optimizer_name(optimizer, index, &name, 8, &length)
        }
      }
      fails(RECURRENT_SHORT_BUFFER, "at least 1 bytes") { _ in
        recurrent_optimizer_name(optimizer, 0, &name, 0, &length)
      }
      #expect(name.allSatisfy { $0 == 7 } && length == -7)
      for index: Int64 in [-1, 1, .max] {
        fails(RECURRENT_BAD_INDEX, "\(index)", "expected 0 to 0") { out in
          with("w") { recurrent_optimizer_state(optimizer, index, $0, $1, out) }
        }
        fails(RECURRENT_BAD_INDEX, "\(index)") { _ in
          recurrent_optimizer_state_name(optimizer, index, &name, 8, &length)
        }
      }
      for capacity: Int64 in [40, 0, -1, .min] {
        fails(RECURRENT_SHORT_BUFFER, "\(capacity)") { _ in
          recurrent_optimizer_describe(optimizer, &name, capacity, &length)
        }
      }
      #expect(name.allSatisfy { $0 == 7 } && length == -7)
      for learningRate in [-0.1, .nan, .infinity, -.infinity] {
        fails(RECURRENT_BAD_VALUE, "learning_rate is") { _ in
          recurrent_optimizer_set_learning_rate(optimizer, learningRate)
        }
      }
      var learningRate = -7.0
      ok(recurrent_optimizer_get_learning_rate(optimizer, &learningRate))
      #expect(learningRate == 0.01)
      ok(recurrent_optimizer_free(optimizer))
      ok(recurrent_network_free(network))
      ok(recurrent_mat_free(m))
    }

    @Test func settingsOfOptimizers() {
      func create(_ text: String, _ out: UnsafeMutablePointer<UInt64>) -> recurrent_status {
        with(text) { recurrent_optimizer_create($0, $1, out) }
      }
      fails(RECURRENT_BAD_VALUE, "byte 1") { create("{", $0) }
      fails(RECURRENT_BAD_VALUE) { create("", $0) }
      fails(RECURRENT_BAD_VALUE, "an array") { create("[]", $0) }
      fails(RECURRENT_BAD_VALUE, "name is missing") { create("{}", $0) }
      for x in ["1", "-1", "1e300"] {
        fails(RECURRENT_BAD_VALUE, "decay_rate") { create("{\"name\": \"recurrentjs\", \"decay_rate\": \(x)}", $0) }
      }
      fails(RECURRENT_BAD_VALUE, "smooth_eps") { create(#"{"name": "recurrentjs", "smooth_eps": 0}"#, $0) }
      fails(RECURRENT_BAD_VALUE, "'lion'", "adamw") { create(#"{"name": "lion"}"#, $0) }
      fails(RECURRENT_BAD_VALUE, "betas[1]") { create(#"{"name": "adam", "betas": [0, 1]}"#, $0) }
      fails(RECURRENT_NULL_ARGUMENT, "settings") { recurrent_optimizer_create(nil, 9, $0) }
      fails(RECURRENT_BAD_SHAPE) { recurrent_optimizer_create([0], -1, $0) }
      fails(RECURRENT_BAD_VALUE, "UTF-8") { recurrent_optimizer_create([-1], 1, $0) }
    }
  }
}
