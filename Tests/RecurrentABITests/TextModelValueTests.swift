// Text models across the interface: what they do, and what they refuse with its value in the message.

import CRecurrent
import Foundation
import Testing

extension ABITests {
  @Suite struct TextModelValueTests {
    private func info(_ model: UInt64) -> recurrent_text_model_info {
      var info = recurrent_text_model_info()
      ok(recurrent_text_model_describe(model, &info))
      return info
    }

    private func train(_ model: UInt64, _ steps: Int) -> [Double] {
      (0..<steps).map { i in
        var result = recurrent_train_result()
        let tokens = (0..<6).map { Int64(($0 + i) % 4) }, targets = (0..<6).map { Int64(($0 * i) % 4) }
        ok(recurrent_text_model_train_step(model, tokens, targets, 3, 2, 0.01, 0, 5, &result))
        return result.loss
      }
    }

    private func sample(_ model: UInt64, seed: UInt64?) -> String {
      var text = [CChar](repeating: 0, count: 400), length: Int64 = 0
      let random = seed.map { seed in make { recurrent_random_create(seed, $0) } } ?? 0
      with("hel") {
        ok(recurrent_text_model_sample(model, $0, $1, 100, nil, nil, nil, 0, random, &text, 400, &length))
      }
      ok(recurrent_random_free(random))
      return String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    @Test func goesOnWhereItWasSaved() {
      let model = Ingredient.text.handle(after: [])
      _ = train(model, 3)
      with("é notes") { ok(recurrent_text_model_set_notes(model, $0, $1)) }
      with(scratchFile) { ok(recurrent_text_model_save(model, $0, $1)) }
      let twin = with(scratchFile) { p, n in make { recurrent_text_model_load(p, n, $0) } }
      #expect(info(twin).step == 3 && info(twin).streams == 2 && info(twin).notes_length == 8)
      #expect(info(twin).dropout == 0.25 && info(twin).embedding == 3 && info(twin).letters == 4)
      #expect(train(model, 5) == train(twin, 5))
      #expect(sample(model, seed: 3) == sample(twin, seed: 3) && sample(model, seed: nil) == sample(twin, seed: nil))
      #expect(sample(model, seed: 3) != sample(model, seed: 4))
      var notes = [CChar](repeating: 7, count: 8), length: Int64 = -7
      fails(RECURRENT_SHORT_BUFFER, "8 bytes") { _ in recurrent_text_model_notes(twin, &notes, 7, &length) }
      #expect(notes.allSatisfy { $0 == 7 } && length == -7)
      ok(recurrent_text_model_notes(twin, &notes, 8, &length))
      #expect(String(decoding: notes.map { UInt8(bitPattern: $0) }, as: UTF8.self) == "é notes" && length == 8)
      // the streams are two: three are for another beginning
      let three = [Int64](repeating: 0, count: 3)
      fails(RECURRENT_BAD_SHAPE, "3 streams", "of 2") { _ in
        recurrent_text_model_train_step(twin, three, three, 1, 3, 0.1, 0, 5, nil)
      }
      ok(recurrent_text_model_reset_state(twin))
      ok(recurrent_text_model_train_step(twin, three, three, 1, 3, 0.1, 0, 5, nil))
      ok(recurrent_text_model_free(model))
      ok(recurrent_text_model_free(twin))
    }

    @Test func whatItIsMadeOf() {
      let model = Ingredient.text.handle(after: []), bytes = newText("", 1)
      var sizes: [Int64] = [0, 0], letters = [UInt32](repeating: 0, count: 256)
      ok(recurrent_text_model_hidden_sizes(model, &sizes, 2))
      ok(recurrent_text_model_letters(model, &letters, 4))
      #expect(sizes == [4, 2] && letters.prefix(4).elementsEqual("ehlo".unicodeScalars.map { $0.value }))
      ok(recurrent_text_model_letters(bytes, &letters, 256))
      #expect(letters == (0..<256).map { $0 })
      fails(RECURRENT_SHORT_BUFFER, "255", "256") { _ in recurrent_text_model_letters(bytes, &letters, 255) }
      fails(RECURRENT_SHORT_BUFFER, "1", "2") { _ in recurrent_text_model_hidden_sizes(model, &sizes, 1) }
      // a solver is there after it was set, and is the same object
      fails(RECURRENT_INVALIDATED, "solver") { recurrent_text_model_solver(bytes, $0) }
      fails(RECURRENT_INVALIDATED, "solver") { _ in
        recurrent_text_model_train_step(bytes, [1], [2], 1, 1, 0.1, 0, 5, nil)
      }
      let solver = make { recurrent_text_model_solver(model, $0) }
      _ = train(model, 1)
      var count: Int64 = 0
      ok(recurrent_solver_name_count(solver, &count))
      #expect(count > 10)
      for (ingredient, handle) in [(Ingredient.text, model), (.text, bytes), (.solver, solver)] {
        ok(ingredient.free(handle))
      }
    }

    @Test func creating() {
      let random = Ingredient.random.handle(after: [])
      func create(
        _ text: String = "ab", alphabet: Int32 = 0, cell: Int32 = 1, dtype: Int32 = 1, sizes: [Int64] = [4],
        layers: Int64 = 1, embedding: Int64 = 0, tied: Int32 = 0, dropout: Double = 0,
        _ out: UnsafeMutablePointer<UInt64>
      ) -> recurrent_status {
        with(text) {
          recurrent_text_model_create(
            $0, $1, alphabet, cell, dtype, sizes, layers, embedding, tied, dropout, random, out)
        }
      }
      var before = [UInt64](repeating: 0, count: 11), after = before
      ok(recurrent_random_get_state(random, &before))
      fails(RECURRENT_BAD_VALUE, "empty") { create("", $0) }
      for code: Int32 in [-1, 2, .max] {
        fails(RECURRENT_BAD_VALUE, "alphabet is \(code)") { create(alphabet: code, $0) }
        fails(RECURRENT_BAD_VALUE, "tied is \(code)") { create(tied: code, $0) }
        fails(RECURRENT_BAD_VALUE, "dtype is \(code)") { create(dtype: code, $0) }
      }
      fails(RECURRENT_BAD_VALUE, "cell is 9") { create(cell: 9, $0) }
      for size: Int64 in [0, -1, .min, .max] {
        fails(RECURRENT_BAD_SHAPE) { create(sizes: [size], $0) }
        fails(RECURRENT_BAD_SHAPE) { create(layers: size, $0) }
        if size != 0 { fails(RECURRENT_BAD_SHAPE) { create(embedding: size, $0) } }
      }
      fails(RECURRENT_BAD_SHAPE, "tied", "4") { create(embedding: 3, tied: 1, $0) }
      fails(RECURRENT_BAD_SHAPE, "tied") { create(tied: 1, $0) }
      for rate in [-0.1, 1, 1.5, .nan, .infinity] {
        fails(RECURRENT_BAD_VALUE, "\(rate)") { create(dropout: rate, $0) }
      }
      fails(RECURRENT_NULL_ARGUMENT, "text") {
        recurrent_text_model_create(nil, 2, 0, 1, 0, [4], 1, 0, 0, 0, random, $0)
      }
      fails(RECURRENT_BAD_VALUE, "UTF-8", "byte 1") {
        recurrent_text_model_create([97, -61], 2, 0, 1, 0, [4], 1, 0, 0, 0, random, $0)
      }
      ok(recurrent_random_get_state(random, &after))
      #expect(before == after)
      let tied = make { create(embedding: 4, tied: 1, $0) }
      #expect(info(tied).tied == 1)
      ok(recurrent_text_model_free(tied))
      ok(recurrent_random_free(random))
    }

    @Test func tokens() {
      let model = Ingredient.text.handle(after: []), bytes = newText("", 1)
      var tokens = [Int64](repeating: -7, count: 4), count: Int64 = -7
      func encode(
        _ model: UInt64, _ text: [CChar], _ unknown: Int32 = 0, _ replacement: UInt32 = 0, capacity: Int64 = 4
      )
        -> recurrent_status
      {
        recurrent_text_model_encode(model, text, Int64(text.count), unknown, replacement, &tokens, capacity, &count)
      }
      fails(RECURRENT_BAD_VALUE, "'x' (U+0078)", "position 2") { _ in encode(model, [104, 101, 120]) }
      fails(RECURRENT_BAD_VALUE, "UTF-8", "byte 1") { _ in encode(model, [104, -1]) }
      fails(RECURRENT_BAD_VALUE, "unknown is 3") { _ in encode(model, [104], 3) }
      fails(RECURRENT_BAD_VALUE, "55296") { _ in encode(model, [104], 2, 0xD800) }
      fails(RECURRENT_BAD_VALUE, "'x'") { _ in encode(model, [104], 2, 0x78) }
      for capacity: Int64 in [2, 0, -1, .min] {
        fails(RECURRENT_SHORT_BUFFER, "\(capacity)", "3") { _ in encode(model, [104, 101, 108], capacity: capacity) }
      }
      #expect(tokens.allSatisfy { $0 == -7 } && count == -7)
      ok(encode(model, [104, 120, 101], 1))
      #expect(tokens == [1, 0, -7, -7] && count == 2)
      ok(encode(model, [104, 120, 101], 2, 0x6F))
      #expect(tokens == [1, 3, 0, -7] && count == 3)
      ok(encode(bytes, [-1, 0, 97]))
      #expect(tokens == [255, 0, 97, -7])

      var text = [CChar](repeating: 7, count: 8), length: Int64 = -7
      fails(RECURRENT_BAD_INDEX, "token 1 is 4", "0..<4") { _ in
        recurrent_text_model_decode(model, [0, 4], 2, &text, 8, &length)
      }
      fails(RECURRENT_SHORT_BUFFER, "7", "8 bytes") { _ in
        recurrent_text_model_decode(model, [0, 1], 2, &text, 7, &length)
      }
      #expect(text.allSatisfy { $0 == 7 } && length == -7)
      ok(recurrent_text_model_decode(bytes, [0xC3, 0xA9], 2, &text, 8, &length))
      #expect(text.prefix(2) == [-61, -87] && length == 2)

      var nats = -7.0
      fails(RECURRENT_BAD_SHAPE, "1 tokens") { _ in recurrent_text_model_evaluate(model, [0], 1, 1, &nats) }
      fails(RECURRENT_BAD_SHAPE, "columns is 0") { _ in recurrent_text_model_evaluate(model, [0, 1], 2, 0, &nats) }
      fails(RECURRENT_BAD_INDEX, "4") { _ in recurrent_text_model_evaluate(model, [0, 4], 2, 1, &nats) }
      fails(RECURRENT_BAD_INDEX, "4") { _ in recurrent_text_model_evaluate(model, [4, 0], 2, .max, &nats) }
      fails(RECURRENT_BAD_INDEX, "token 1 is -1") { _ in recurrent_text_model_evaluate(model, [0, -1], 2, 1, &nats) }
      #expect(nats == -7)
      for (ingredient, handle) in [(Ingredient.text, model), (.text, bytes)] { ok(ingredient.free(handle)) }
    }

    @Test func training() {
      let model = Ingredient.text.handle(after: [])
      var result = recurrent_train_result(loss: -7, ratio_clipped: -7, gradient_norm: -7)
      let good: [Int64] = [0, 1, 2, 3]
      func step(
        _ tokens: [Int64]? = nil, _ targets: [Int64]? = nil, T: Int64 = 2, B: Int64 = 2, rate: Double = 0.1,
        regc: Double = 0, clip: Double = 5
      ) -> recurrent_status {
        recurrent_text_model_train_step(model, tokens ?? good, targets ?? good, T, B, rate, regc, clip, &result)
      }
      for size: Int64 in [0, -1, .min, .max] {
        fails(RECURRENT_BAD_SHAPE) { _ in step(T: size) }
        fails(RECURRENT_BAD_SHAPE) { _ in step(B: size) }
      }
      fails(RECURRENT_BAD_INDEX, "4") { _ in step([0, 1, 2, 4]) }
      fails(RECURRENT_BAD_INDEX, "-1") { _ in step([0, -1, 2, 0]) }
      fails(RECURRENT_BAD_INDEX, "-2") { _ in step(nil, [0, -2, 2, 0]) }
      fails(RECURRENT_BAD_VALUE, "targets is empty") { _ in step(nil, [-1, -1, -1, -1]) }
      for x in [Double.nan, -1, .infinity] {
        fails(RECURRENT_BAD_VALUE, "\(x)") { _ in step(rate: x) }
        fails(RECURRENT_BAD_VALUE, "\(x)") { _ in step(regc: x) }
        if x != .infinity { fails(RECURRENT_BAD_VALUE, "\(x)") { _ in step(clip: x) } }
      }
      fails(RECURRENT_NULL_ARGUMENT, "tokens") { _ in
        recurrent_text_model_train_step(model, nil, good, 2, 2, 0.1, 0, 5, &result)
      }
      fails(RECURRENT_NULL_ARGUMENT, "targets") { _ in
        recurrent_text_model_train_step(model, good, nil, 2, 2, 0.1, 0, 5, &result)
      }
      #expect(result.loss == -7 && info(model).step == 0 && info(model).streams == 0)
      ok(step())
      #expect(result.loss > 0 && info(model).step == 1)
      ok(recurrent_text_model_free(model))
    }

    @Test func writing() {
      let model = Ingredient.text.handle(after: []), random = Ingredient.random.handle(after: [])
      var text = [CChar](repeating: 7, count: 80), length: Int64 = -7
      var before = [UInt64](repeating: 0, count: 11), after = before
      ok(recurrent_random_get_state(random, &before))
      func write(
        _ prime: String = "he", count: Int64 = 20, sampler: recurrent_sampler? = nil, stops: [String] = [],
        capacity: Int64 = 80
      ) -> recurrent_status {
        with(prime) { p, n in
          with(stops) { stops, lengths in
            var settings = sampler ?? recurrent_sampler()
            return withUnsafePointer(to: &settings) {
              recurrent_text_model_sample(
                model, p, n, count, sampler == nil ? nil : $0, stops, lengths, Int64(stops.count), random, &text,
                capacity, &length)
            }
          }
        }
      }
      fails(RECURRENT_BAD_VALUE, "'x'", "position 0") { _ in write("x") }
      fails(RECURRENT_BAD_VALUE, "stop 1 is empty") { _ in write(stops: ["a", ""]) }
      for count: Int64 in [-1, .min, .max] { fails(RECURRENT_BAD_VALUE, "\(count)") { _ in write(count: count) } }
      for capacity: Int64 in [79, 0, -1] {
        fails(RECURRENT_SHORT_BUFFER, "\(capacity)", "80") { _ in write(capacity: capacity) }
      }
      let usual = recurrent_sampler(
        temperature: 1, top_k: 0, top_p: 1, min_p: 0, repetition_penalty: 1, repetition_window: 64)
      for x in [Double.nan, 0, -1, .infinity] {
        var bad = usual
        bad.temperature = x
        fails(RECURRENT_BAD_VALUE, "temperature", "got \(x)") { _ in write(sampler: bad) }
      }
      for x in [Double.nan, 0, -1, 1.5] {
        var bad = usual
        bad.top_p = x
        fails(RECURRENT_BAD_VALUE, "top_p is \(x)") { _ in write(sampler: bad) }
      }
      ok(recurrent_random_get_state(random, &after))
      #expect(text.allSatisfy { $0 == 7 } && length == -7 && before == after)
      ok(write("", sampler: usual))
      #expect(length == 20)
      ok(write(count: 0))
      #expect(length == 0)
      ok(write(stops: ["h", "e", "l", "o"]))
      #expect(length == 0)
      ok(recurrent_text_model_free(model))
      ok(recurrent_random_free(random))
    }

    @Test func files() {
      let model = Ingredient.text.handle(after: [])
      for path in ["/nonexistent/model", "/"] {
        fails(RECURRENT_IO, "'\(path)'") { _ in with(path) { recurrent_text_model_save(model, $0, $1) } }
        fails(RECURRENT_IO, "'\(path)'") { out in with(path) { recurrent_text_model_load($0, $1, out) } }
        #expect(recurrent_last_errno() == (path == "/" ? EISDIR : ENOENT))
      }
      for path in ["", "a\0b"] {
        fails(RECURRENT_BAD_VALUE, "path") { _ in with(path) { recurrent_text_model_save(model, $0, $1) } }
        fails(RECURRENT_BAD_VALUE, "path") { out in with(path) { recurrent_text_model_load($0, $1, out) } }
      }
      #expect(throws: Never.self) {
        try "{\"hidden_sizes\":[]}".write(toFile: scratchFile, atomically: true, encoding: .utf8)
      }
      fails(RECURRENT_BAD_FORMAT, "JSON", "RecurrentJS") { out in
        with(scratchFile) { recurrent_text_model_load($0, $1, out) }
      }
      let network = make { recurrent_text_model_network(model, $0) }
      let bd = with("bd") { p, n in make { recurrent_model_parameter(network, p, n, $0) } }
      var w: UnsafeMutableRawPointer?
      ok(recurrent_mat_w(bd, &w))
      w?.assumingMemoryBound(to: Double.self)[1] = .nan
      fails(RECURRENT_NOT_FINITE, "bd is nan at [1, 0]") { _ in
        with(scratchFile) { recurrent_text_model_save(model, $0, $1) }
      }
      for (ingredient, handle) in [(Ingredient.text, model), (.model, network), (.mat(1, 1), bd)] {
        ok(ingredient.free(handle))
      }
    }
  }
}
