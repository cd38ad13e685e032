// Text models through the interface: valid calls, and invalid arguments with the value in the message.

import CRecurrent
import Foundation
import Testing

extension ABITests {
  @Suite struct TextModelValueTests {
    private func info(_ model: UInt64) -> recurrent_text_model_info {
      var info = recurrent_text_model_info()
      ok(recurrent_text_model_get_info(model, &info))
      return info
    }

    private func train(_ model: UInt64, _ steps: Int) -> [Double] {
      (0..<steps).map { i in
        var result = recurrent_step_result()
        let tokens = (0..<6).map { Int64(($0 + i) % 4) }, targets = (0..<6).map { Int64(($0 * i) % 4) }
        ok(recurrent_text_model_train_step(model, tokens, targets, 3, 2, nil, 0, 0, 0.01, 0, 5, &result))
        return result.loss
      }
    }

    private func generate(_ model: UInt64, seed: UInt64?) -> String {
      let generator = make { newGenerator(model, "{}", prompt: "hel", seed: seed, $0) }
      defer { ok(recurrent_generator_free(generator)) }
      return nextText(generator, 100)
    }

    private func metadata(_ model: UInt64, _ key: String) -> String {
      with(key) { key, length in
        described { recurrent_text_model_get_metadata(model, key, length, $0, $1, $2) }
      }
    }

    private func set(_ model: UInt64, _ key: String, _ text: String) {
      with(key) { key, length in
        with(text) { ok(recurrent_text_model_set_metadata(model, key, length, $0, $1)) }
      }
    }

    @Test func resumesFromAFile() {
      let model = ArgumentKind.text.handle(after: [])
      _ = train(model, 3)
      set(model, "author", "é author")
      set(model, "", "x")
      set(model, "removed", "y")
      set(model, "removed", "")
      with(scratchFile) { ok(recurrent_text_model_save(model, $0, $1, 1, 0)) }
      let twin = with(scratchFile) { p, n in make { recurrent_text_model_load(p, n, $0) } }
      #expect(info(twin).step == 3 && info(twin).batch_size == 2 && info(twin).vocabulary_size == 4)
      #expect(
        described { recurrent_text_model_describe(twin, $0, $1, $2) }
          == described { recurrent_text_model_describe(model, $0, $1, $2) })
      #expect(train(model, 5) == train(twin, 5))
      #expect(
        generate(model, seed: 3) == generate(twin, seed: 3) && generate(model, seed: nil) == generate(twin, seed: nil))
      #expect(generate(model, seed: 3) != generate(model, seed: 4))
      #expect(metadata(twin, "author") == "é author" && metadata(twin, "") == "x" && metadata(twin, "removed") == "")
      // three sequences need another state
      let three = [Int64](repeating: 0, count: 3)
      fails(RECURRENT_BAD_SHAPE, "B differs from the carried state; expected 2", "got 3") { _ in
        recurrent_text_model_train_step(twin, three, three, 1, 3, nil, 0, 0, 0.1, 0, 5, nil)
      }
      ok(recurrent_text_model_reset_state(twin))
      #expect(info(twin).batch_size == 0)
      ok(recurrent_text_model_train_step(twin, three, three, 1, 3, nil, 0, 0, 0.1, 0, 5, nil))
      ok(recurrent_text_model_free(model))
      ok(recurrent_text_model_free(twin))
    }

    /// Two steps in one call each, and the same two steps in parts: gradient, optimizer, state.
    @Test func stepsInParts() {
      func newModel() -> UInt64 {
        let random = make { recurrent_random_create(5, $0) }
        defer { ok(recurrent_random_free(random)) }
        let model = with(["hello"]) { texts, lengths in
          with(#"{"hidden_sizes": [3, 2], "dropout": 0.5, "dtype": "float64"}"#) { p, n in
            make { recurrent_text_model_create(p, n, texts, lengths, 1, random, $0) }
          }
        }
        let optimizer = newOptimizer(#"{"name": "adam"}"#)
        ok(recurrent_text_model_set_optimizer(model, optimizer))
        ok(recurrent_optimizer_free(optimizer))
        return model
      }
      func weights(_ model: UInt64) -> [Double] {
        let network = make { recurrent_text_model_network(model, $0) }
        let flat = make { recurrent_network_flat(network, $0) }
        defer { for status in [recurrent_network_free(network), recurrent_mat_free(flat)] { ok(status) } }
        return rows(flat)
      }
      let whole = newModel(), parts = newModel(), tokens: [Int64] = [0, 1, 2, 3], targets: [Int64] = [1, 2, -1, 0]
      let network = make { recurrent_text_model_network(parts, $0) }
      let optimizer = make { recurrent_text_model_optimizer(parts, $0) }
      let random = make { recurrent_text_model_random(parts, $0) }
      var state = [Double](repeating: 7, count: 20), copy = state, loss = 0.0, result = recurrent_step_result()
      fails(RECURRENT_INVALIDATED, "the carried state is absent") { _ in recurrent_text_model_get_state(parts, &state) }
      for step: Int64 in 1...2 {
        ok(recurrent_text_model_train_step(whole, tokens, targets, 2, 2, nil, 0, 0, 0.1, 0, 0.1, &result))
        ok(
          recurrent_network_gradient(
            network, nil, tokens, targets, nil, 2, 2, step == 1 ? nil : state, nil, nil, &state, &loss))
        ok(recurrent_optimizer_step_network(optimizer, network, 0.1, 0, 0.1, nil))
        ok(recurrent_text_model_set_state(parts, state, 2, step))
        #expect(loss == result.loss && info(parts).step == step && info(parts).batch_size == 2)
      }
      ok(recurrent_text_model_get_state(whole, &copy))
      #expect(copy == state && weights(parts) == weights(whole))
      // masks: both generators have drawn the same
      var (one, other) = ([UInt64](repeating: 0, count: 11), [UInt64](repeating: 0, count: 11))
      let twin = make { recurrent_text_model_random(whole, $0) }
      ok(recurrent_random_get_state(random, &one))
      ok(recurrent_random_get_state(twin, &other))
      #expect(one == other && one != [UInt64](repeating: 0, count: 11))
      fails(RECURRENT_BAD_SHAPE, "batch_size is out of range; expected 0 without a state, got 2") { _ in
        recurrent_text_model_set_state(parts, nil, 2, 0)
      }
      fails(RECURRENT_BAD_VALUE, "step is out of range; expected 0 to", "got -1") { _ in
        recurrent_text_model_set_state(parts, state, 2, -1)
      }
      #expect(info(parts).step == 2 && info(parts).batch_size == 2)
      ok(recurrent_text_model_set_state(parts, nil, 0, 9))
      #expect(info(parts).step == 9 && info(parts).batch_size == 0)
      for handle in [whole, parts] { ok(recurrent_text_model_free(handle)) }
      for handle in [random, twin] { ok(recurrent_random_free(handle)) }
      ok(recurrent_network_free(network))
      ok(recurrent_optimizer_free(optimizer))
    }

    @Test func metadataByKey() {
      let model = ArgumentKind.text.handle(after: [])
      var text = [CChar](repeating: 7, count: 9), length: Int64 = -7
      func get(_ capacity: Int64, key: [CChar]? = [107], _ keyLength: Int64 = 1) -> recurrent_status {
        recurrent_text_model_get_metadata(model, key, keyLength, &text, capacity, &length)
      }
      ok(get(9))
      #expect(length == 0)
      set(model, "k", "12345678")
      length = -7
      fails(RECURRENT_SHORT_BUFFER, "at least 8 bytes", "got 7") { _ in get(7) }
      for capacity: Int64 in [0, -1, .min] { fails(RECURRENT_SHORT_BUFFER) { _ in get(capacity) } }
      fails(RECURRENT_BAD_VALUE, "UTF-8") { _ in get(9, key: [-1]) }
      fails(RECURRENT_NULL_ARGUMENT, "key") { _ in get(9, key: nil) }
      fails(RECURRENT_BAD_SHAPE, "-1") { _ in get(9, -1) }
      fails(RECURRENT_BAD_VALUE, "UTF-8") { _ in recurrent_text_model_set_metadata(model, [107], 1, [-61], 1) }
      fails(RECURRENT_NULL_ARGUMENT, "text") { _ in recurrent_text_model_set_metadata(model, [107], 1, nil, 1) }
      #expect(text.allSatisfy { $0 == 7 } && length == -7 && metadata(model, "k") == "12345678")
      // the length alone
      ok(recurrent_text_model_get_metadata(model, [107], 1, nil, 0, &length))
      #expect(length == 8)
      fails(RECURRENT_NULL_ARGUMENT, "text") { _ in recurrent_text_model_get_metadata(model, [107], 1, nil, 8, &length)
      }
      ok(recurrent_text_model_free(model))
    }

    @Test func parts() {
      let model = ArgumentKind.text.handle(after: []), bytes = newText([], "bytes")
      let sentences = newText(["b9", " ", "9a"], "sentences")
      var vocabulary = [UInt32](repeating: 7, count: 256)
      ok(recurrent_text_model_vocabulary(model, &vocabulary, 4))
      #expect(vocabulary.prefix(4).elementsEqual("ehlo".unicodeScalars.map { $0.value }) && vocabulary[4] == 7)
      ok(recurrent_text_model_vocabulary(sentences, &vocabulary, 256))
      #expect(vocabulary.prefix(4).elementsEqual([0, 57, 98, 97]) && info(sentences).vocabulary_size == 4)
      ok(recurrent_text_model_vocabulary(bytes, &vocabulary, 256))
      #expect(vocabulary == (0..<256).map { $0 })
      fails(RECURRENT_SHORT_BUFFER, "256", "255") { _ in recurrent_text_model_vocabulary(bytes, &vocabulary, 255) }
      // an optimizer is shared after it was set
      fails(RECURRENT_INVALIDATED, "optimizer") { recurrent_text_model_optimizer(bytes, $0) }
      fails(RECURRENT_INVALIDATED, "optimizer") { _ in
        recurrent_text_model_train_step(bytes, [1], [2], 1, 1, nil, 0, 0, 0.1, 0, 5, nil)
      }
      let optimizer = make { recurrent_text_model_optimizer(model, $0) }
      _ = train(model, 1)
      var count: Int64 = 0
      ok(recurrent_optimizer_name_count(optimizer, &count))
      #expect(count > 10)
      for handle in [model, bytes, sentences] { ok(recurrent_text_model_free(handle)) }
      ok(recurrent_optimizer_free(optimizer))
    }

    @Test func creation() {
      let random = ArgumentKind.random.handle(after: [])
      func create(
        _ settings: String, texts: [String] = ["ab"], count: Int64? = nil, _ out: UnsafeMutablePointer<UInt64>
      ) -> recurrent_status {
        with(texts) { texts, lengths in
          with(settings) {
            recurrent_text_model_create($0, $1, texts, lengths, count ?? Int64(lengths.count), random, out)
          }
        }
      }
      var before = [UInt64](repeating: 0, count: 11), after = before
      ok(recurrent_random_get_state(random, &before))
      fails(RECURRENT_BAD_VALUE, "text is empty") { create("{}", texts: [], $0) }
      fails(RECURRENT_BAD_VALUE, "text is empty") { create("{}", texts: [""], $0) }
      fails(RECURRENT_BAD_VALUE, "text is empty") { create(#"{"tokenizer": "sentences"}"#, texts: [" \n"], $0) }
      for (settings, words) in [
        (#"{"tokenizer": "letters"}"#, "'letters'"), (#"{"tokenizer": "words"}"#, "vocabulary_size is missing"),
        (#"{"cell": "rnn"}"#, "'rnn'"),
        (#"{"dtype": 3}"#, "dtype has the wrong type"),
        (#"{"tied": 1}"#, "tied has the wrong type"), (#"{"hidden_sizes": 4}"#, "hidden_sizes has the wrong type"),
        (#"{"letters": 4}"#, "letters is not a setting of the text model"), ("[]", "expected an object"),
        (#"{"dropout": -0.1}"#, "-0.1"), (#"{"dropout": 1}"#, "dropout is out of range"),
      ] {
        fails(RECURRENT_BAD_VALUE, words) { create(settings, $0) }
      }
      for json in ["{", "", "nul"] { fails(RECURRENT_BAD_VALUE) { create(json, $0) } }
      for size in [0, -1, 1 << 40] as [Int64] {
        fails(RECURRENT_BAD_SHAPE) { create("{\"hidden_sizes\": [\(size)]}", $0) }
        fails(RECURRENT_BAD_SHAPE) { create("{\"embedding\": \(size)}", $0) }
      }
      fails(RECURRENT_BAD_SHAPE, "hidden_sizes is empty") { create(#"{"hidden_sizes": []}"#, $0) }
      fails(RECURRENT_BAD_SHAPE, "tied", "128") { create(#"{"embedding": 3, "tied": true}"#, $0) }
      fails(RECURRENT_BAD_SHAPE, "tied") { create(#"{"tied": true}"#, $0) }
      for count: Int64 in [-1, .min, .max] { fails(RECURRENT_BAD_SHAPE) { create("{}", count: count, $0) } }
      fails(RECURRENT_NULL_ARGUMENT, "texts") { recurrent_text_model_create(nil, 0, nil, [1], 1, random, $0) }
      fails(RECURRENT_NULL_ARGUMENT, "lengths") { recurrent_text_model_create(nil, 0, [nil], nil, 1, random, $0) }
      for count: Int64 in [1, 2] {
        fails(RECURRENT_NULL_ARGUMENT, "texts") {
          recurrent_text_model_create(nil, 0, [nil, nil], [1, 1], count, random, $0)
        }
      }
      [97, -61].withUnsafeBufferPointer { (bad: UnsafeBufferPointer<CChar>) in
        for count: Int64 in [1, 2] {
          fails(RECURRENT_BAD_VALUE, "UTF-8", "byte 1") {
            recurrent_text_model_create(nil, 0, [bad.baseAddress, bad.baseAddress], [2, 2], count, random, $0)
          }
        }
      }
      ok(recurrent_random_get_state(random, &after))
      #expect(before == after)
      let settings =
        #"{"tokenizer":"characters","cell":"gru","hidden_sizes":[4],"embedding":4,"tied":true,"dropout":0.5,"#
        + #""forget_bias":1,"learned_initial_state":true,"dtype":"float64"}"#
      let tied = make { create(settings, texts: ["b", "ac"], $0) }
      #expect(described { recurrent_text_model_describe(tied, $0, $1, $2) } == settings)
      #expect(info(tied).vocabulary_size == 3)
      ok(recurrent_text_model_free(tied))
      ok(recurrent_random_free(random))
    }

    @Test func tokens() {
      let model = ArgumentKind.text.handle(after: []), bytes = newText([], "bytes")
      var tokens = [Int64](repeating: -7, count: 4), count: Int64 = -7
      func encode(
        _ model: UInt64, _ text: [CChar], _ errors: Int32 = 0, _ replacement: UInt32 = 0, capacity: Int64 = 4
      )
        -> recurrent_status
      {
        recurrent_text_model_encode(model, text, Int64(text.count), errors, replacement, &tokens, capacity, &count)
      }
      fails(RECURRENT_BAD_VALUE, "text[2]", "'x' (U+0078)") { _ in encode(model, [104, 101, 120]) }
      fails(RECURRENT_BAD_VALUE, "UTF-8", "byte 1") { _ in encode(model, [104, -1]) }
      fails(RECURRENT_BAD_VALUE, "errors is out of range", "got 3") { _ in encode(model, [104], 3) }
      fails(RECURRENT_BAD_VALUE, "55296") { _ in encode(model, [104], 2, 0xD800) }
      fails(RECURRENT_BAD_VALUE, "'x'") { _ in encode(model, [104], 2, 0x78) }
      for capacity: Int64 in [2, 0, -1, .min] {
        fails(RECURRENT_SHORT_BUFFER, "\(capacity)", "3") { _ in encode(model, [104, 101, 108], capacity: capacity) }
      }
      #expect(tokens.allSatisfy { $0 == -7 } && count == -7)
      ok(encode(model, [104, 120, 101], 1))
      #expect(tokens == [1, 0, -7, -7] && count == 2)
      // a buffer that is smaller than the text, and holds its tokens
      tokens = [-7, -7, -7, -7]
      ok(encode(model, [104, 120, 101], 1, capacity: 2))
      #expect(tokens == [1, 0, -7, -7] && count == 2)
      ok(encode(model, [104, 120, 101], 2, 0x6F))
      #expect(tokens == [1, 3, 0, -7] && count == 3)
      ok(encode(bytes, [-1, 0, 97]))
      #expect(tokens == [255, 0, 97, -7])

      var text = [CChar](repeating: 7, count: 8), length: Int64 = -7
      fails(RECURRENT_BAD_INDEX, "tokens[1] is out of range; expected 0 to 3, got 4") { _ in
        recurrent_text_model_decode(model, [0, 4], 2, &text, 8, &length)
      }
      fails(RECURRENT_SHORT_BUFFER, "got 7") { _ in
        recurrent_text_model_decode(model, [0, 1], 2, &text, 7, &length)
      }
      #expect(text.allSatisfy { $0 == 7 } && length == -7)
      ok(recurrent_text_model_decode(bytes, [0xC3, 0xA9], 2, &text, 8, &length))
      #expect(text.prefix(2) == [-61, -87] && length == 2)
      // bytes that are not UTF-8, and an incomplete character, as they are
      ok(recurrent_text_model_decode(bytes, [0xFF, 0xC3], 2, &text, 8, &length))
      #expect(text.prefix(2) == [-1, -61] && length == 2)

      for handle in [model, bytes] { ok(recurrent_text_model_free(handle)) }
    }

    @Test func evaluation() {
      let model = ArgumentKind.text.handle(after: [])
      let tokens = (0..<600).map { Int64($0 * $0 % 7 % 4) }
      func evaluate(_ batchSize: Int64, maxSteps: Int64) -> (nats: Double, calls: Int) {
        let length = (599 + batchSize - 1) / batchSize
        var state = [Double](repeating: 0, count: 12 * Int(batchSize)), step: Int64 = 0, nats = 0.0, calls = 0
        while step < length && calls < 1000 {
          ok(recurrent_text_model_evaluate(model, tokens, nil, 600, batchSize, maxSteps, &state, &step, &nats))
          calls += 1
        }
        #expect(step == length)
        return (nats / 599, calls)
      }
      for batchSize: Int64 in [1, 5] {
        let whole = evaluate(batchSize, maxSteps: .max)
        #expect(whole.calls == 1 && abs(whole.nats - log(4)) < 0.1)
        for maxSteps: Int64 in [1, 100, 256] { #expect(evaluate(batchSize, maxSteps: maxSteps).nats == whole.nats) }
      }
      #expect(evaluate(1, maxSteps: 1).calls == 3)

      var state = [Double](repeating: 0, count: 24), step: Int64 = 0, nats = -7.0
      func call(
        _ tokens: [Int64]?, _ batchSize: Int64 = 1, resets: [Int64]? = nil, maxSteps: Int64 = 9, count: Int64? = nil
      ) -> recurrent_status {
        recurrent_text_model_evaluate(
          model, tokens, resets, count ?? Int64(tokens?.count ?? 0), batchSize, maxSteps, &state, &step, &nats)
      }
      fails(RECURRENT_BAD_SHAPE, "tokens is too short; expected at least 2, got 1") { _ in call([0]) }
      for size: Int64 in [0, -1, .min] {
        fails(RECURRENT_BAD_SHAPE, "batch_size is out of range", "\(size)") { _ in call([0, 1], size) }
        fails(RECURRENT_BAD_VALUE, "max_steps is out of range", "\(size)") { _ in call([0, 1], maxSteps: size) }
      }
      fails(RECURRENT_BAD_INDEX, "tokens[1]", "4") { _ in call([0, 4]) }
      fails(RECURRENT_BAD_INDEX, "tokens[0]", "4") { _ in call([4, 0], .max) }
      fails(RECURRENT_BAD_INDEX, "tokens[1]", "-1") { _ in call([0, -1]) }
      fails(RECURRENT_BAD_INDEX, "resets[1] is out of range; expected 0 to 1, got 2") { _ in
        call([0, 1], resets: [0, 2])
      }
      fails(RECURRENT_BAD_INDEX, "resets[0]", "-1") { _ in call([0, 1], resets: [-1, 0]) }
      fails(RECURRENT_NULL_ARGUMENT, "tokens") { _ in call(nil, count: 2) }
      for count: Int64 in [-1, .min, .max] { fails(RECURRENT_BAD_SHAPE) { _ in call([0, 1], count: count) } }
      fails(RECURRENT_NULL_ARGUMENT, "state") { _ in
        recurrent_text_model_evaluate(model, [0, 1], nil, 2, 1, 9, nil, &step, &nats)
      }
      fails(RECURRENT_NULL_ARGUMENT, "step") { _ in
        recurrent_text_model_evaluate(model, [0, 1], nil, 2, 1, 9, &state, nil, &nats)
      }
      fails(RECURRENT_NULL_ARGUMENT, "nats") { _ in
        recurrent_text_model_evaluate(model, [0, 1], nil, 2, 1, 9, &state, &step, nil)
      }
      #expect(step == 0 && nats == -7 && state.allSatisfy { $0 == 0 })
      for bad: Int64 in [-1, 2, .min, .max] {
        step = bad
        fails(RECURRENT_BAD_VALUE, "step is out of range; expected 0 to 1, got \(bad)") { _ in call([0, 1]) }
        #expect(step == bad && nats == -7)
      }
      ok(recurrent_text_model_free(model))
    }

    @Test func training() {
      let model = ArgumentKind.text.handle(after: [])
      var result = recurrent_step_result(loss: -7, gradient_norm: -7, ratio_clipped: -7)
      let good: [Int64] = [0, 1, 2, 3]
      func step(
        _ tokens: [Int64]? = nil, _ targets: [Int64]? = nil, T: Int64 = 2, B: Int64 = 2, learningRate: Double = 0.1,
        weightDecay: Double = 0, clip: Double = 5, resets: [Int64]? = nil, bpttLength: Int64 = 0, overlap: Int64 = 0
      ) -> recurrent_status {
        recurrent_text_model_train_step(
          model, tokens ?? good, targets ?? good, T, B, resets, bpttLength, overlap, learningRate, weightDecay, clip,
          &result)
      }
      for size: Int64 in [0, -1, .min, .max] {
        fails(RECURRENT_BAD_SHAPE) { _ in step(T: size) }
        fails(RECURRENT_BAD_SHAPE) { _ in step(B: size) }
      }
      for size: Int64 in [-1, 3, .min, .max] {
        fails(RECURRENT_BAD_SHAPE, "bptt_length is out of range; expected 1 to 2") { _ in step(bpttLength: size) }
        fails(RECURRENT_BAD_SHAPE, "overlap is out of range; expected 0 to 2") { _ in step(overlap: size) }
      }
      fails(RECURRENT_BAD_SHAPE, "overlap is out of range; expected 0 to 1") { _ in step(bpttLength: 1, overlap: 2) }
      fails(RECURRENT_BAD_INDEX, "4") { _ in step([0, 1, 2, 4]) }
      fails(RECURRENT_BAD_INDEX, "resets", "2") { _ in step(resets: [0, 0, 2, 0]) }
      fails(RECURRENT_BAD_INDEX, "-1") { _ in step([0, -1, 2, 0]) }
      fails(RECURRENT_BAD_INDEX, "-2") { _ in step(nil, [0, -2, 2, 0]) }
      fails(RECURRENT_BAD_VALUE, "targets is empty") { _ in step(nil, [-1, -1, -1, -1]) }
      for x in [Double.nan, -1, .infinity] {
        if !x.isNaN { fails(RECURRENT_BAD_VALUE, "\(x)") { _ in step(learningRate: x) } }
        fails(RECURRENT_BAD_VALUE, "\(x)") { _ in step(weightDecay: x) }
        if x != .infinity { fails(RECURRENT_BAD_VALUE, "\(x)") { _ in step(clip: x) } }
      }
      fails(RECURRENT_NULL_ARGUMENT, "tokens") { _ in
        recurrent_text_model_train_step(model, nil, good, 2, 2, nil, 0, 0, 0.1, 0, 5, &result)
      }
      fails(RECURRENT_NULL_ARGUMENT, "targets") { _ in
        recurrent_text_model_train_step(model, good, nil, 2, 2, nil, 0, 0, 0.1, 0, 5, &result)
      }
      #expect(result.loss == -7 && info(model).step == 0 && info(model).batch_size == 0)
      ok(step())
      #expect(result.loss > 0 && info(model).step == 1)
      ok(recurrent_text_model_free(model))
    }

    @Test func files() {
      let model = ArgumentKind.text.handle(after: [])
      for path in ["/nonexistent/model", "/"] {
        fails(RECURRENT_IO, "'\(path)'") { _ in with(path) { recurrent_text_model_save(model, $0, $1, 1, 0) } }
        fails(RECURRENT_IO, "'\(path)'") { out in with(path) { recurrent_text_model_load($0, $1, out) } }
        #expect(recurrent_last_errno() == (path == "/" ? EISDIR : ENOENT))
      }
      for path in ["", "a\0b"] {
        fails(RECURRENT_BAD_VALUE, "path") { _ in with(path) { recurrent_text_model_save(model, $0, $1, 1, 0) } }
        fails(RECURRENT_BAD_VALUE, "path") { out in with(path) { recurrent_text_model_load($0, $1, out) } }
      }
      let name = (scratchFile + "-").utf8.map { CChar(bitPattern: $0) } + [-1, 0x7f], count = Int64(name.count)
      var loaded: recurrent_text_model = 0
      ok(recurrent_text_model_save(model, name, count, 1, 0))
      ok(recurrent_text_model_load(name, count, &loaded))
      #expect(info(loaded).step == info(model).step && unlink(name + [0]) == 0)
      ok(recurrent_text_model_free(loaded))
      fails(RECURRENT_IO, "-\\xff\u{7f}': No such file") { recurrent_text_model_load(name, count, $0) }
      with(scratchFile) { p, n in
        ok(recurrent_text_model_save(model, p, n, 1, 0))
        fails(RECURRENT_IO, "path exists; expected a new file, or overwrite, got '\(scratchFile)'") { _ in
          recurrent_text_model_save(model, p, n, 0, 0)
        }
        #expect(recurrent_last_errno() == EEXIST)
      }
      #expect(throws: Never.self) {
        try "{\"hidden_sizes\":[]}".write(toFile: scratchFile, atomically: true, encoding: .utf8)
      }
      fails(RECURRENT_BAD_FORMAT, "'\(scratchFile)'") { out in
        with(scratchFile) { recurrent_text_model_load($0, $1, out) }
      }
      let network = make { recurrent_text_model_network(model, $0) }
      let bd = with("bd") { p, n in make { recurrent_network_parameter(network, p, n, $0) } }
      var w: UnsafeMutableRawPointer?
      ok(recurrent_mat_w(bd, &w))
      w?.assumingMemoryBound(to: Double.self)[1] = .nan
      fails(RECURRENT_NOT_FINITE, "bd is not finite", "nan at [1, 0]") { _ in
        with(scratchFile) { recurrent_text_model_save(model, $0, $1, 1, 0) }
      }
      for (kind, handle) in [(ArgumentKind.text, model), (.network, network), (.mat(1, 1), bd)] {
        ok(kind.free(handle))
      }
    }

    // MARK: Sentences

    @Test func invalidSentences() {
      let random = ArgumentKind.random.handle(after: []), sm = ArgumentKind.sentences.handle(after: [])
      func create(
        _ texts: [String], settings: String = "{}", count: Int64? = nil, _ out: UnsafeMutablePointer<UInt64>
      ) -> recurrent_status {
        with(texts) { texts, lengths in
          with(settings) {
            recurrent_sentence_model_create($0, $1, texts, lengths, count ?? Int64(lengths.count), random, out)
          }
        }
      }
      fails(RECURRENT_BAD_VALUE, "text is empty") { create([], $0) }
      fails(RECURRENT_BAD_VALUE, "text is empty") { create(["", " \n"], $0) }
      fails(RECURRENT_BAD_SHAPE, "-1") { create(["a"], count: -1, $0) }
      fails(RECURRENT_BAD_VALUE, "'rnn'") { create(["a"], settings: #"{"cell": "rnn"}"#, $0) }
      fails(RECURRENT_BAD_VALUE, "tokenizer") { create(["a"], settings: #"{"tokenizer": "bytes"}"#, $0) }
      for size: Int64 in [0, -1, 1 << 40] {
        fails(RECURRENT_BAD_SHAPE) { create(["a"], settings: "{\"hidden_sizes\": [\(size)]}", $0) }
        fails(RECURRENT_BAD_SHAPE) { create(["a"], settings: "{\"embedding\": \(size)}", $0) }
      }
      fails(RECURRENT_NULL_ARGUMENT, "sentences") { recurrent_sentence_model_create(nil, 0, nil, [1], 1, random, $0) }
      fails(RECURRENT_NULL_ARGUMENT, "sentences") { recurrent_sentence_model_create(nil, 0, [nil], [1], 1, random, $0) }

      var result = recurrent_step_result(loss: -7, gradient_norm: -7, ratio_clipped: -7), cost = -7.0, perplexity = -7.0
      func tick(
        _ p: UnsafePointer<CChar>?, _ n: Int64, learningRate: Double = 0.01, regc: Double = 0, clipval: Double = 5
      ) -> recurrent_status {
        recurrent_sentence_model_tick(sm, p, n, learningRate, regc, clipval, &perplexity, &result)
      }
      for (text, word) in [("", "sentence"), ("hex", "'x' (U+0078)")] {
        with(text) { p, n in
          fails(RECURRENT_BAD_VALUE, word) { _ in tick(p, n) }
          fails(RECURRENT_BAD_VALUE, word) { _ in recurrent_sentence_model_cost(sm, p, n, &cost, &perplexity) }
        }
      }
      fails(RECURRENT_NULL_ARGUMENT, "sentence") { _ in tick(nil, 1) }
      fails(RECURRENT_BAD_SHAPE, "-5") { _ in recurrent_sentence_model_cost(sm, [104], -5, &cost, nil) }
      fails(RECURRENT_BAD_VALUE, "UTF-8", "byte 2") { _ in
        recurrent_sentence_model_cost(sm, [104, 101, -61], 3, &cost, nil)
      }
      with("hello") { p, n in
        for x in [Double.nan, .infinity, -Double.infinity, -1] {
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in tick(p, n, learningRate: x) }
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in tick(p, n, regc: x) }
        }
        for x in [Double.nan, -Double.infinity, -1, 0] {
          fails(RECURRENT_BAD_VALUE, "\(x)") { _ in tick(p, n, clipval: x) }
        }
      }
      #expect(result.loss == -7 && result.gradient_norm == -7 && cost == -7 && perplexity == -7)
      // text models with another tokenizer
      ArgumentKind.text.with { text in
        with("hello") { p, n in
          let words = "model has the wrong tokenizer; expected sentences, got characters"
          fails(RECURRENT_BAD_VALUE, words) { _ in recurrent_sentence_model_tick(text, p, n, 0.01, 0, 5, nil, &result) }
          fails(RECURRENT_BAD_VALUE, words) { _ in recurrent_sentence_model_cost(text, p, n, &cost, nil) }
        }
        fails(RECURRENT_BAD_VALUE, "expected sentences") { _ in
          with(scratchFile) { recurrent_sentence_model_save(text, $0, $1, 1) }
        }
      }
      sentenceFiles(sm)
      ok(recurrent_random_free(random))
      ok(recurrent_text_model_free(sm))
    }

    private func sentenceFiles(_ sm: UInt64) {
      for path in ["/nonexistent/model.json", "/"] {
        fails(RECURRENT_IO, "'\(path)'") { _ in with(path) { recurrent_sentence_model_save(sm, $0, $1, 1) } }
        #expect(recurrent_last_errno() != 0)
        fails(RECURRENT_IO, "'\(path)'") { out in with(path) { recurrent_sentence_model_load($0, $1, 0, out) } }
        #expect(recurrent_last_errno() == (path == "/" ? EISDIR : ENOENT))
      }
      for path in ["", "a\0b"] {
        fails(RECURRENT_BAD_VALUE, "path") { _ in with(path) { recurrent_sentence_model_save(sm, $0, $1, 1) } }
        fails(RECURRENT_BAD_VALUE, "path") { out in with(path) { recurrent_sentence_model_load($0, $1, 0, out) } }
        #expect(recurrent_last_errno() == 0)
      }
      fails(RECURRENT_NULL_ARGUMENT, "path") { recurrent_sentence_model_load(nil, 3, 0, $0) }
      fails(RECURRENT_NULL_ARGUMENT, "path") { _ in recurrent_sentence_model_save(sm, nil, 3, 1) }
      with(scratchFile) { p, n in
        ok(recurrent_sentence_model_save(sm, p, n, 1))
        fails(RECURRENT_IO, "path exists") { _ in recurrent_sentence_model_save(sm, p, n, 0) }
        #expect(recurrent_last_errno() == EEXIST)
        for dtype: Int32 in [-1, 2] {
          fails(RECURRENT_BAD_VALUE, "dtype") { recurrent_sentence_model_load(p, n, dtype, $0) }
        }
        #expect(throws: Never.self) {
          try "{\"generator\":".write(toFile: scratchFile, atomically: true, encoding: .utf8)
        }
        fails(RECURRENT_BAD_FORMAT, "byte 13") { recurrent_sentence_model_load(p, n, 0, $0) }
      }
    }
  }
}
