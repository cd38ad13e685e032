// Each section of recurrent.h in valid use.

import CRecurrent
import Foundation
import Testing

extension ABITests {
  @Suite struct HappyPathTests {
    @Test func versions() {
      #expect(recurrent_abi_version() == Int32(RECURRENT_ABI_VERSION))
      #expect(String(cString: recurrent_version()).wholeMatch(of: /\d+\.\d+\.\d+/) != nil)
      #expect(recurrent_last_error() != nil)
    }

    @Test func randoms() {
      let a = make { recurrent_random_create(5, $0) }, b = make { recurrent_random_create(0, $0) }
      var words = [UInt64](repeating: 0, count: 7), again = words, state = [UInt64](repeating: 0, count: 11)
      ok(recurrent_random_words(a, &words, 3))
      ok(recurrent_random_get_state(a, &state))
      #expect(state[0] == 5 && state[1] == 0 && state[10] == 3)
      ok(recurrent_random_set_state(b, state))
      ok(recurrent_random_words(a, &words, 7))
      ok(recurrent_random_words(b, &again, 7))
      #expect(words == again && Set(words).count == 7)
      ok(recurrent_random_words(a, nil, 0))
      var numbers = [Double](repeating: 0, count: 100)
      ok(recurrent_random_uniform(a, 2, 3, &numbers, 100))
      #expect(numbers.allSatisfy { $0 >= 2 && $0 < 3 })
      ok(recurrent_random_gaussian(a, 10, 0, &numbers, 100))
      #expect(numbers.allSatisfy { $0 == 10 })
      ok(recurrent_random_free(a))
      ok(recurrent_random_free(b))
    }

    @Test func mats() {
      let m = newMat(2, 3, [1, 2, 3, 4, 5, 6]), v = make { recurrent_mat_view(m, 0, 1, 2, 2, $0) }
      var info = recurrent_mat_info()
      ok(recurrent_mat_describe(v, &info))
      #expect(info.n == 2 && info.d == 2 && info.stride == 2 && info.dtype == 1)
      #expect(rows(v) == [2, 3, 5, 6])
      let c = make { recurrent_mat_copy(v, $0) }
      ok(recurrent_mat_fill(v, 9))
      #expect(rows(m) == [1, 9, 9, 4, 9, 9])
      #expect(rows(c) == [2, 3, 5, 6])
      var w: UnsafeMutableRawPointer?
      var dw: UnsafeMutableRawPointer?
      ok(recurrent_mat_w(m, &w))
      ok(recurrent_mat_dw(m, &dw))
      #expect(w != dw && UInt(bitPattern: w) % 64 == 0 && UInt(bitPattern: dw) % 64 == 0)
      dw?.assumingMemoryBound(to: Double.self)[5] = 3
      #expect(rows(v, gradients: true) == [0, 0, 0, 3])
      ok(recurrent_mat_zero_gradient(v))
      #expect(rows(m, gradients: true) == [0, 0, 0, 0, 0, 0])
      ArgumentKind.random.with { random in
        ok(recurrent_mat_fill_uniform(m, -1, 1, random))
        #expect(rows(m).allSatisfy { $0 >= -1 && $0 < 1 })
        ok(recurrent_mat_fill_gaussian(m, 4, 0, random))
        #expect(rows(m).allSatisfy { $0 == 4 })
      }
      for handle in [m, v, c] { ok(recurrent_mat_free(handle)) }
    }

    @Test func graphs() {
      let g = make { recurrent_graph_create(1, $0) }, W = newMat(2, 2, [1, 2, 3, 4]),
        x = newMat(2, 1, [1, -1])
      let y = make { recurrent_graph_mul(g, W, x, $0) },
        z = make { recurrent_graph_unary(g, Int32(RECURRENT_SQUARE), y, 0, $0) }
      let loss = make { recurrent_graph_sum(g, z, Int32(RECURRENT_ALL), $0) }
      var count: Int64 = 0
      ok(recurrent_graph_count(g, &count))
      #expect(count == 3)
      var name = [CChar](repeating: 0, count: 32), length: Int64 = 0
      var result = recurrent_operand(), operands = [recurrent_operand](repeating: recurrent_operand(), count: 4)
      ok(recurrent_graph_operation(g, 2, &name, 32, &length, &result, &operands, 4, &count))
      #expect(name.prefix(Int(length)).elementsEqual("sum".utf8.map { CChar($0) }))
      #expect(result.operation == 2 && result.n == 1 && count == 1 && operands[0].operation == 1)
      ok(recurrent_graph_operation(g, 0, &name, 32, &length, &result, &operands, 4, &count))
      var info = recurrent_mat_info()
      ok(recurrent_mat_describe(W, &info))
      #expect(count == 2 && operands[..<2].allSatisfy { $0.operation == -1 && $0.n == 2 } && operands[0].d == info.d)
      ok(recurrent_graph_evaluate(g))
      #expect(rows(loss) == [2])
      ok(recurrent_graph_backward_from(g, loss))
      #expect(rows(W, gradients: true) == [-2, 2, -2, 2])
      #expect(rows(x, gradients: true) == [-8, -12])
      // views share values and gradients
      for (index, operand, values, gradients) in [
        (0, -1, [-1, -1], [-2, -2]), (0, 1, [1, -1], [-8, -12]), (2, -1, [2], [1]), (1, 0, [-1, -1], [-2, -2]),
      ] as [(Int64, Int64, [Double], [Double])] {
        let view = make { recurrent_graph_operand(g, index, operand, $0) }
        #expect(rows(view) == values && rows(view, gradients: true) == gradients)
        ok(recurrent_mat_free(view))
      }
      fails(RECURRENT_BAD_INDEX, "operand") { recurrent_graph_operand(g, 0, 2, &count.asHandle) }
      fails(RECURRENT_BAD_INDEX, "operand") { recurrent_graph_operand(g, 0, .min, &count.asHandle) }
      fails(RECURRENT_BAD_INDEX, "index") { recurrent_graph_operand(g, 3, -1, &count.asHandle) }
      let shared = make { recurrent_graph_operand(g, 1, -1, $0) }
      fails(RECURRENT_INVALIDATED) { recurrent_graph_backward(g) }
      ok(recurrent_graph_reset(g))
      var gone: UnsafeMutableRawPointer?
      fails(RECURRENT_INVALIDATED) { recurrent_mat_w(shared, &gone) }
      ok(recurrent_mat_free(shared))
      fails(RECURRENT_INVALIDATED) { recurrent_graph_unary(g, 0, y, 0, &count.asHandle) }
      let t = make { recurrent_graph_unary(g, Int32(RECURRENT_SCALE), x, 3, $0) }
      var dt: UnsafeMutableRawPointer?
      ok(recurrent_mat_dw(t, &dt))
      dt?.assumingMemoryBound(to: Double.self)[0] = 1
      ok(recurrent_graph_backward(g))
      #expect(rows(x, gradients: true) == [-5, -12])
      ok(recurrent_graph_free(g))
      fails(RECURRENT_INVALIDATED) { recurrent_mat_w(t, &dt) }
      for handle in [W, x, y, z, loss, t] { ok(recurrent_mat_free(handle)) }
    }

    @Test func sampling() {
      let m = newMat(3, 1, [0, 0, 0]), p = make { recurrent_softmax(m, $0) }
      #expect(rows(p).allSatisfy { abs($0 - 1.0 / 3) < 1e-15 })
      var index: Int64 = -1
      ok(recurrent_argmax(0, [1 as Float, 5, 5], 3, &index))
      #expect(index == 1)
      ok(recurrent_argmax(1, [1.0, 5, 7], 3, &index))
      #expect(index == 2)
      ArgumentKind.random.with { random in
        ok(recurrent_sample(0, [0 as Float, 1, 0], 3, random, &index))
        #expect(index == 1)
        ok(recurrent_sample(1, [0.0, 0, 2], 3, random, &index))
        #expect(index == 2)
      }
      ok(recurrent_mat_free(m))
      ok(recurrent_mat_free(p))
      var narrow: [Float] = [0, 0], wide: [Double] = [0, 0]
      with("{}") { settings, length in
        ok(recurrent_probabilities(0, [3 as Float, 3], 2, settings, length, nil, 0, &narrow))
        ok(recurrent_probabilities(1, [3.0, 3], 2, settings, length, nil, 0, &wide))
      }
      #expect(narrow == [0.5, 0.5] && wide == [0.5, 0.5])
    }

    @Test func networks() {
      let random = ArgumentKind.random.handle(after: []), g = ArgumentKind.graph.handle(after: [])
      let settings =
        #"{"cell":"lstm","input_size":3,"hidden_sizes":[4,2],"output_size":5,"embedding":null,"tied":false,"#
        + #""dropout":0,"forget_bias":1,"dtype":"float64"}"#
      let model = make { out in with(settings) { recurrent_network_create($0, $1, random, out) } }
      #expect(described { recurrent_network_describe(model, $0, $1, $2) } == settings)
      let bias = make { out in with("bf1") { recurrent_network_parameter(model, $0, $1, out) } }
      #expect(rows(bias) == [1, 1])
      ok(recurrent_mat_free(bias))
      var count: Int64 = 0, length: Int64 = 0
      ok(recurrent_network_parameter_count(model, &count))
      #expect(count == 26)
      var names: [String] = []
      for i in 0..<count {
        var name = [CChar](repeating: 0, count: 32)
        ok(recurrent_network_parameter_name(model, i, &name, 32, &length))
        names.append(String(decoding: name.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self))
      }
      #expect(names.first == "Wix0" && names.last == "bd")
      let flat = make { recurrent_network_flat(model, $0) }, total = rows(flat).count
      var sum = 0
      for name in names {
        let m = make { out in with(name) { recurrent_network_parameter(model, $0, $1, out) } }
        sum += rows(m).count
        ok(recurrent_mat_free(m))
      }
      #expect(sum == total)

      let x = newMat(3, 2, [1, 2, 3, 4, 5, 6])
      var h = [UInt64](repeating: 0, count: 2), c = h, o: UInt64 = 0
      ok(recurrent_network_forward(model, g, x, nil, nil, &h, &c, &o))
      var h2 = h, c2 = c, o2: UInt64 = 0
      ok(recurrent_network_forward(model, g, x, h, c, &h2, &c2, &o2))
      #expect(rows(o2).count == 10 && rows(h2[0]).count == 8 && rows(c2[1]).count == 4)
      #expect(rows(o2) != rows(o))
      let loss = make { recurrent_graph_cross_entropy(g, o2, [1, 4], 2, Int32(RECURRENT_MEAN), $0) }
      ok(recurrent_graph_backward_from(g, loss))
      let optimizer = ArgumentKind.optimizer.handle(after: []), before = rows(flat)
      var stats = recurrent_step_result()
      ok(recurrent_optimizer_step_network(optimizer, model, 0.01, 0, 5, &stats))
      #expect(stats.gradient_norm > 0 && stats.ratio_clipped == 0 && rows(flat) != before)
      for handle in h + c + h2 + c2 + [o, o2, x, flat, loss] { ok(recurrent_mat_free(handle)) }
      for (kind, handle) in [
        (ArgumentKind.random, random), (.graph, g), (.network, model), (.optimizer, optimizer),
      ] {
        ok(kind.free(handle))
      }
    }

    @Test func optimizers() {
      let optimizer = newOptimizer(#"{"name": "recurrentjs", "decay_rate": 0.5, "smooth_eps": 0.0001}"#),
        m = newMat(1, 2, [1, 1])
      #expect(
        settings(optimizer)
          == #"{"name":"recurrentjs","learning_rate":0.01,"decay_rate":0.5,"smooth_eps":0.0001,"clipping":"value"}"#)
      var dw: UnsafeMutableRawPointer?
      ok(recurrent_mat_dw(m, &dw))
      dw?.assumingMemoryBound(to: Double.self)[0] = 8
      var stats = recurrent_step_result()
      with(["wéight"]) { ok(recurrent_optimizer_step(optimizer, $0, $1, [m], 1, 0, 0, 5, &stats)) }
      #expect(stats.ratio_clipped == 0.5 && stats.gradient_norm == 8)
      var count: Int64 = 0, length: Int64 = 0
      ok(recurrent_optimizer_name_count(optimizer, &count))
      #expect(count == 1)
      var name = [CChar](repeating: 0, count: 7)
      ok(recurrent_optimizer_name(optimizer, 0, &name, 7, &length))
      #expect(length == 7 && String(decoding: name.map { UInt8(bitPattern: $0) }, as: UTF8.self) == "wéight")
      let cache = make { out in with("wéight") { recurrent_optimizer_state(optimizer, 0, $0, $1, out) } }
      #expect(rows(cache) == [32, 0])
      // the Mat is live
      ok(recurrent_mat_fill(cache, 0))
      ok(recurrent_optimizer_free(optimizer))
      #expect(rows(cache) == [0, 0])
      ok(recurrent_mat_free(cache))
      ok(recurrent_mat_free(m))
    }

    @Test func settingsOfOptimizers() {
      let optimizer = newOptimizer(#"{"name": "adam", "clipping": "global_norm", "betas": [0.5, 0.75]}"#)
      let text = settings(optimizer)
      #expect(
        text
          == #"{"name":"adam","learning_rate":0.001,"betas":[0.5,0.75],"eps":1e-08,"weight_decay":0,"amsgrad":false,"#
          + #""clipping":"global_norm"}"#)
      // the description creates an equal optimizer
      let twin = newOptimizer(text)
      #expect(settings(twin) == text)
      var count: Int64 = 0, length: Int64 = 0
      ok(recurrent_optimizer_state_count(optimizer, &count))
      #expect(count == 2)
      var name = [CChar](repeating: 0, count: 16)
      ok(recurrent_optimizer_state_name(optimizer, 1, &name, 16, &length))
      #expect(String(decoding: name[..<Int(length)].map { UInt8(bitPattern: $0) }, as: UTF8.self) == "exp_avg_sq")
      let m = newMat(1, 1, [1])
      var dw: UnsafeMutableRawPointer?
      ok(recurrent_mat_dw(m, &dw))
      dw?.assumingMemoryBound(to: Double.self)[0] = 8
      with(["m"]) { ok(recurrent_optimizer_step(optimizer, $0, $1, [m], 1, 0.125, 0, .infinity, nil)) }
      let state = make { out in with("m") { recurrent_optimizer_state(optimizer, 1, $0, $1, out) } }
      #expect(rows(state) == [16])
      #expect(abs(rows(m)[0] - 0.875) < 1e-9)
      ok(recurrent_optimizer_set_learning_rate(optimizer, 0.25))
      #expect(settings(optimizer).contains(#""learning_rate":0.25"#))
      var learningRate = -7.0
      ok(recurrent_optimizer_get_learning_rate(optimizer, &learningRate))
      #expect(learningRate == 0.25)
      for mat in [m, state] { ok(recurrent_mat_free(mat)) }
      for optimizer in [optimizer, twin] { ok(recurrent_optimizer_free(optimizer)) }
    }

    private func settings(_ optimizer: UInt64) -> String {
      described { recurrent_optimizer_describe(optimizer, $0, $1, $2) }
    }

    @Test func sentences() {
      let sm = ArgumentKind.sentences.handle(after: [])
      var result = recurrent_step_result(), perplexity = 0.0, cost = 0.0, ticked = 0.0
      with("hello") {
        ok(recurrent_sentence_model_cost(sm, $0, $1, &cost, &perplexity))
        ok(recurrent_sentence_model_tick(sm, $0, $1, 0.01, 1e-6, 5, &ticked, &result))
      }
      #expect(result.loss == cost && ticked == perplexity && result.gradient_norm > 0)
      #expect(abs(perplexity - exp(cost / 6)) < 1e-12)
      for _ in 0..<300 { _ = with("hello") { recurrent_sentence_model_tick(sm, $0, $1, 0.01, 1e-6, 5, nil, nil) } }
      let generator = make { newGenerator(sm, #"{"max_tokens": 20}"#, seed: nil, $0) }
      #expect(nextText(generator, 20) == "hello")
      ok(recurrent_generator_free(generator))

      var info = recurrent_text_model_info(), vocabulary = [UInt32](repeating: 7, count: 6)
      ok(recurrent_text_model_get_info(sm, &info))
      #expect(info.vocabulary_size == 6 && info.step == 301 && info.batch_size == 0)
      #expect(
        described { recurrent_text_model_describe(sm, $0, $1, $2) }
          == #"{"tokenizer":"sentences","cell":"lstm","hidden_sizes":[4],"embedding":3,"tied":false,"dropout":0,"#
          + #""forget_bias":0,"dtype":"float64"}"#)
      ok(recurrent_text_model_vocabulary(sm, &vocabulary, 6))
      #expect(vocabulary == [0] + "helop".unicodeScalars.map { $0.value })

      let twin = make { out in
        with(scratchFile) {
          ok(recurrent_sentence_model_save(sm, $0, $1, 1))
          return recurrent_sentence_model_load($0, $1, 1, out)
        }
      }
      let networks = [sm, twin].map { sm in make { recurrent_text_model_network(sm, $0) } }
      let optimizers = [sm, twin].map { sm in make { recurrent_text_model_optimizer(sm, $0) } }
      let flats = networks.map { network in make { recurrent_network_flat(network, $0) } }
      #expect(rows(flats[0]) == rows(flats[1]))
      var count: Int64 = 0
      ok(recurrent_optimizer_name_count(optimizers[1], &count))
      #expect(count == 15)
      ok(recurrent_text_model_free(sm))
      // the parts outlive the model
      #expect(rows(flats[0]) == rows(flats[1]))
      ok(recurrent_text_model_free(twin))
      for handle in networks { ok(recurrent_network_free(handle)) }
      for handle in optimizers { ok(recurrent_optimizer_free(handle)) }
      for handle in flats { ok(recurrent_mat_free(handle)) }
    }
  }
}

extension Int64 {
  /// Memory for a handle that is not written.
  fileprivate var asHandle: UInt64 {
    get { UInt64(bitPattern: self) }
    set { self = Int64(bitPattern: newValue) }
  }
}
