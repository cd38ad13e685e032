// Each section of recurrent.h used as it is meant to be.

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

    @Test func generators() {
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
      Ingredient.random.with { random in
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
      let y = make { recurrent_graph_mul(g, W, x, $0) }, z = make { recurrent_graph_square(g, y, $0) }
      let loss = make { recurrent_graph_sum(g, z, Int32(RECURRENT_ALL), $0) }
      var count: Int64 = 0
      ok(recurrent_graph_count(g, &count))
      #expect(count == 3)
      var name = [CChar](repeating: 0, count: 32), length: Int64 = 0
      var result = recurrent_place(), places = [recurrent_place](repeating: recurrent_place(), count: 4)
      ok(recurrent_graph_operation(g, 2, &name, 32, &length, &result, &places, 4, &count))
      #expect(name.prefix(Int(length)).elementsEqual("sum".utf8.map { CChar($0) }))
      #expect(result.operation == 2 && result.n == 1 && count == 1 && places[0].operation == 1)
      ok(recurrent_graph_operation(g, 0, &name, 32, &length, &result, &places, 4, &count))
      var info = recurrent_mat_info()
      ok(recurrent_mat_describe(W, &info))
      #expect(count == 2 && places[..<2].allSatisfy { $0.operation == -1 && $0.n == 2 } && places[0].d == info.d)
      ok(recurrent_graph_evaluate(g))
      #expect(rows(loss) == [2])
      ok(recurrent_graph_backward_from(g, loss))
      #expect(rows(W, gradients: true) == [-2, 2, -2, 2])
      #expect(rows(x, gradients: true) == [-8, -12])
      fails(RECURRENT_INVALIDATED, "twice") { recurrent_graph_backward(g) }
      ok(recurrent_graph_reset(g))
      fails(RECURRENT_INVALIDATED, "reset") { recurrent_graph_tanh(g, y, &count.asHandle) }
      let t = make { recurrent_graph_scale(g, x, 3, $0) }
      var dt: UnsafeMutableRawPointer?
      ok(recurrent_mat_dw(t, &dt))
      dt?.assumingMemoryBound(to: Double.self)[0] = 1
      ok(recurrent_graph_backward(g))
      #expect(rows(x, gradients: true) == [-5, -12])
      ok(recurrent_graph_free(g))
      fails(RECURRENT_INVALIDATED, "gone") { recurrent_mat_w(t, &dt) }
      for handle in [W, x, y, z, loss, t] { ok(recurrent_mat_free(handle)) }
    }

    @Test func choices() {
      let m = newMat(3, 1, [0, 0, 0]), p = make { recurrent_softmax(m, $0) }
      #expect(rows(p).allSatisfy { abs($0 - 1.0 / 3) < 1e-15 })
      var index: Int64 = -1
      ok(recurrent_argmax(0, [1 as Float, 5, 5], 3, &index))
      #expect(index == 1)
      ok(recurrent_argmax(1, [1.0, 5, 7], 3, &index))
      #expect(index == 2)
      Ingredient.random.with { random in
        ok(recurrent_sample(0, [0 as Float, 1, 0], 3, random, &index))
        #expect(index == 1)
        ok(recurrent_sample(1, [0.0, 0, 2], 3, random, &index))
        #expect(index == 2)
      }
      ok(recurrent_mat_free(m))
      ok(recurrent_mat_free(p))
    }

    @Test func models() {
      let random = Ingredient.random.handle(after: []), g = Ingredient.graph.handle(after: [])
      let model = make { recurrent_model_create(1, 1, 3, 0, [4, 2], 2, 5, random, $0) }
      var count: Int64 = 0, length: Int64 = 0
      ok(recurrent_model_parameter_count(model, &count))
      #expect(count == 26)
      var names: [String] = []
      for i in 0..<count {
        var name = [CChar](repeating: 0, count: 32)
        ok(recurrent_model_parameter_name(model, i, &name, 32, &length))
        names.append(String(decoding: name.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self))
      }
      #expect(names.first == "Wix0" && names.last == "bd")
      let flat = make { recurrent_model_flat(model, $0) }, total = rows(flat).count
      var sum = 0
      for name in names {
        let m = make { out in with(name) { recurrent_model_parameter(model, $0, $1, out) } }
        sum += rows(m).count
        ok(recurrent_mat_free(m))
      }
      #expect(sum == total)

      let x = newMat(3, 2, [1, 2, 3, 4, 5, 6])
      var h = [UInt64](repeating: 0, count: 2), c = h, o: UInt64 = 0
      ok(recurrent_model_forward(model, g, x, nil, nil, &h, &c, &o))
      var h2 = h, c2 = c, o2: UInt64 = 0
      ok(recurrent_model_forward(model, g, x, h, c, &h2, &c2, &o2))
      #expect(rows(o2).count == 10 && rows(h2[0]).count == 8 && rows(c2[1]).count == 4)
      #expect(rows(o2) != rows(o))
      let loss = make { recurrent_graph_cross_entropy(g, o2, [1, 4], 2, Int32(RECURRENT_MEAN), $0) }
      ok(recurrent_graph_backward_from(g, loss))
      let solver = Ingredient.solver.handle(after: []), before = rows(flat)
      var stats = recurrent_step()
      ok(recurrent_solver_step_model(solver, model, 0.01, 0, 5, &stats))
      #expect(stats.gradient_norm > 0 && stats.ratio_clipped == 0 && rows(flat) != before)
      for handle in h + c + h2 + c2 + [o, o2, x, flat, loss] { ok(recurrent_mat_free(handle)) }
      for (ingredient, handle) in [
        (Ingredient.random, random), (.graph, g), (.model, model), (.solver, solver),
      ] {
        ok(ingredient.free(handle))
      }
    }

    @Test func solvers() {
      let solver = make { recurrent_solver_create(0.5, 1e-4, $0) }, m = newMat(1, 2, [1, 1])
      #expect(
        settings(solver)
          == #"{"name":"recurrentjs","learning_rate":0.01,"decay_rate":0.5,"smooth_eps":0.0001,"clipping":"value"}"#)
      var dw: UnsafeMutableRawPointer?
      ok(recurrent_mat_dw(m, &dw))
      dw?.assumingMemoryBound(to: Double.self)[0] = 8
      var stats = recurrent_step()
      with(["wéight"]) { ok(recurrent_solver_step(solver, $0, $1, [m], 1, 0, 0, 5, &stats)) }
      #expect(stats.ratio_clipped == 0.5 && stats.gradient_norm == 8)
      var count: Int64 = 0, length: Int64 = 0
      ok(recurrent_solver_name_count(solver, &count))
      #expect(count == 1)
      var name = [CChar](repeating: 0, count: 7)
      ok(recurrent_solver_name(solver, 0, &name, 7, &length))
      #expect(length == 7 && String(decoding: name.map { UInt8(bitPattern: $0) }, as: UTF8.self) == "wéight")
      let cache = make { out in with("wéight") { recurrent_solver_slot(solver, 0, $0, $1, out) } }
      #expect(rows(cache) == [32, 0])
      // it is live
      ok(recurrent_mat_fill(cache, 0))
      ok(recurrent_solver_free(solver))
      #expect(rows(cache) == [0, 0])
      ok(recurrent_mat_free(cache))
      ok(recurrent_mat_free(m))
    }

    @Test func rules() {
      let solver = make { out in
        with(#"{"name": "adam", "clipping": "global_norm", "betas": [0.5, 0.75]}"#) {
          recurrent_solver_create_from($0, $1, out)
        }
      }
      let text = settings(solver)
      #expect(
        text
          == #"{"name":"adam","learning_rate":0.001,"betas":[0.5,0.75],"eps":1e-08,"weight_decay":0,"amsgrad":false,"#
          + #""clipping":"global_norm"}"#)
      // what it says makes another one
      let twin = make { out in with(text) { recurrent_solver_create_from($0, $1, out) } }
      #expect(settings(twin) == text)
      var count: Int64 = 0, length: Int64 = 0
      ok(recurrent_solver_slot_count(solver, &count))
      #expect(count == 2)
      var name = [CChar](repeating: 0, count: 16)
      ok(recurrent_solver_slot_name(solver, 1, &name, 16, &length))
      #expect(String(decoding: name[..<Int(length)].map { UInt8(bitPattern: $0) }, as: UTF8.self) == "exp_avg_sq")
      let m = newMat(1, 1, [1])
      var dw: UnsafeMutableRawPointer?
      ok(recurrent_mat_dw(m, &dw))
      dw?.assumingMemoryBound(to: Double.self)[0] = 8
      with(["m"]) { ok(recurrent_solver_step(solver, $0, $1, [m], 1, 0.125, 0, .infinity, nil)) }
      let slot = make { out in with("m") { recurrent_solver_slot(solver, 1, $0, $1, out) } }
      #expect(rows(slot) == [16])
      #expect(abs(rows(m)[0] - 0.875) < 1e-9)
      ok(recurrent_solver_set_learning_rate(solver, 0.25))
      #expect(settings(solver).contains(#""learning_rate":0.25"#))
      var rate = -7.0
      ok(recurrent_solver_get_learning_rate(solver, &rate))
      #expect(rate == 0.25)
      for mat in [m, slot] { ok(recurrent_mat_free(mat)) }
      for solver in [solver, twin] { ok(recurrent_solver_free(solver)) }
    }

    private func settings(_ solver: UInt64) -> String {
      var text = [CChar](repeating: 0, count: 512), length: Int64 = 0
      ok(recurrent_solver_describe(solver, &text, 512, &length))
      return String(decoding: text[..<Int(length)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    @Test func sentences() {
      let sm = Ingredient.sentences.handle(after: [])
      var tick = recurrent_tick(), cost = recurrent_cost()
      with("hello") {
        ok(recurrent_sentence_model_cost(sm, $0, $1, &cost))
        ok(recurrent_sentence_model_tick(sm, $0, $1, 0.01, 1e-6, 5, &tick))
      }
      #expect(tick.cost == cost.cost && tick.perplexity == cost.perplexity && tick.gradient_norm > 0)
      #expect(abs(cost.perplexity - exp(cost.cost / 6)) < 1e-12)
      for _ in 0..<300 { _ = with("hello") { recurrent_sentence_model_tick(sm, $0, $1, 0.01, 1e-6, 5, nil) } }
      var text = [CChar](repeating: 0, count: 80), length: Int64 = 0
      ok(recurrent_sentence_model_predict(sm, 1, 20, 0, &text, 80, &length))
      #expect(
        String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self) == "hello")

      var info = recurrent_sentence_model_info(), sizes: [Int64] = [0],
        letters = [UInt32](repeating: 0, count: 5)
      ok(recurrent_sentence_model_describe(sm, &info))
      #expect(
        info.cell == 1 && info.dtype == 1 && info.layers == 1 && info.letter_size == 3 && info.letters == 5)
      ok(recurrent_sentence_model_hidden_sizes(sm, &sizes, 1))
      ok(recurrent_sentence_model_letters(sm, &letters, 5))
      #expect(sizes == [4] && letters == "helop".unicodeScalars.map { $0.value })

      let twin = make { out in
        with(scratchFile) {
          ok(recurrent_sentence_model_save_recurrentjs(sm, $0, $1))
          return recurrent_sentence_model_load_recurrentjs($0, $1, 1, out)
        }
      }
      let networks = [sm, twin].map { sm in make { recurrent_sentence_model_network(sm, $0) } }
      let solvers = [sm, twin].map { sm in make { recurrent_sentence_model_solver(sm, $0) } }
      let flats = networks.map { network in make { recurrent_model_flat(network, $0) } }
      #expect(rows(flats[0]) == rows(flats[1]))
      var count: Int64 = 0
      ok(recurrent_solver_name_count(solvers[1], &count))
      #expect(count == 15)
      ok(recurrent_sentence_model_free(sm))
      // the parts live on
      #expect(rows(flats[0]) == rows(flats[1]))
      ok(recurrent_sentence_model_free(twin))
      for handle in networks { ok(recurrent_model_free(handle)) }
      for handle in solvers { ok(recurrent_solver_free(handle)) }
      for handle in flats { ok(recurrent_mat_free(handle)) }
    }
  }
}

extension Int64 {
  /// Somewhere to write a handle that must not come.
  fileprivate var asHandle: UInt64 {
    get { UInt64(bitPattern: self) }
    set { self = Int64(bitPattern: newValue) }
  }
}
