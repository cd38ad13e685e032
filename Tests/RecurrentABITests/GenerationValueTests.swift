// Generators, samplers, searches, tied decoders and dropout through the interface, valid and invalid.

import CRecurrent
import Testing

extension ABITests {
  @Suite struct GenerationValueTests {
    private func tied() -> UInt64 {
      newNetwork(
        #""cell": "lstm", "input_size": 6, "embedding": 3, "hidden_sizes": [4, 3], "output_size": 6, "tied": true"#)
    }

    @Test func tiedDecodersHaveNoMatrix() {
      let network = tied()
      var count: Int64 = 0
      ok(recurrent_network_parameter_count(network, &count))
      // Wil, twelve for each layer, bd
      #expect(count == 26)
      fails(RECURRENT_BAD_INDEX, "'Whd'") { out in with("Whd") { recurrent_network_parameter(network, $0, $1, out) } }
      ok(recurrent_network_free(network))
    }

    @Test func trainingDrawsDropoutMasks() {
      let random = ArgumentKind.random.handle(after: []), network = tied()
      let optimizer = ArgumentKind.optimizer.handle(after: [])
      var before = [UInt64](repeating: 0, count: 11), after = before
      func train() -> recurrent_status {
        recurrent_network_train_step(
          network, optimizer, nil, [0, 1, 2, 3], [1, 2, 3, 4], nil, 2, 2, nil, nil, nil, 0.01, 0, 5, 0, nil, nil)
      }
      for bad in [1, -0.1, Double.nan, .infinity] {
        fails(RECURRENT_BAD_VALUE, "dropout is", "\(bad)") { recurrent_network_set_dropout(network, bad, random) }
      }
      fails(RECURRENT_NULL_ARGUMENT, "random") { recurrent_network_set_dropout(network, 0.5, 0) }
      ok(recurrent_random_get_state(random, &before))
      ok(train())
      ok(recurrent_random_get_state(random, &after))
      #expect(before == after)

      ok(recurrent_network_set_dropout(network, 0.5, random))
      // a training step uses the generator
      held(random) { fails(RECURRENT_BUSY) { train() } }
      ok(train())
      ok(recurrent_random_get_state(random, &after))
      #expect(before != after)
      // the network keeps it
      ok(recurrent_random_free(random))
      ok(train())
      ok(recurrent_network_set_dropout(network, 0, 0))
      ok(train())
      ok(recurrent_network_free(network))
      ok(recurrent_optimizer_free(optimizer))
    }

    // MARK: Sampling

    @Test func probabilities() {
      var p = [Double](repeating: -7, count: 4)
      func compute(
        _ settings: String?, history: [Int64] = [], dtype: Int32 = 1, scores: [Double]? = [1, 2, 2, 0], count: Int64 = 4
      ) -> recurrent_status {
        guard let settings else {
          return recurrent_probabilities(dtype, scores, count, nil, 0, history, Int64(history.count), &p)
        }
        return with(settings) {
          recurrent_probabilities(dtype, scores, count, $0, $1, history, Int64(history.count), &p)
        }
      }
      for (settings, words) in [
        (#"{"temperature": -1}"#, "temperature is out of range"), (#"{"top_k": 0}"#, "top_k is out of range"),
        (#"{"top_p": 0}"#, "top_p is out of range"), (#"{"top_p": 1.5}"#, "got 1.5"),
        (#"{"min_p": 2}"#, "min_p is out of range"),
        (#"{"repetition_penalty": 0}"#, "repetition_penalty is out of range"),
        (#"{"repetition_window": -1}"#, "repetition_window is out of range"),
        (#"{"top_k": "3"}"#, "top_k has the wrong type"),
        (#"{"max_tokens": 3}"#, "max_tokens is not a setting of the sampler"), ("[]", "expected an object"),
      ] {
        fails(RECURRENT_BAD_VALUE, words) { compute(settings) }
      }
      fails(RECURRENT_BAD_VALUE, "byte") { compute("{") }
      fails(RECURRENT_BAD_INDEX, "history[0] is out of range; expected 0 to 3, got 4") { compute(nil, history: [4]) }
      fails(RECURRENT_NOT_FINITE, "not finite") { compute(nil, scores: [.nan, 0, 0, 0]) }
      fails(RECURRENT_BAD_VALUE, "dtype") { compute(nil, dtype: 2) }
      fails(RECURRENT_NULL_ARGUMENT, "scores") { compute(nil, scores: nil) }
      for count: Int64 in [0, -1, .min, .max] { fails(RECURRENT_BAD_SHAPE) { compute(nil, count: count) } }
      #expect(p == [-7, -7, -7, -7])
      ok(compute(#"{"top_k": 2}"#))
      #expect(p == [0, 0.5, 0.5, 0])
      ok(compute(#"{"temperature": 0, "repetition_penalty": 2}"#, history: [1]))
      #expect(p == [0, 0, 1, 0])
      ok(compute(nil, scores: [0, 0, 0, 0]))
      #expect(p == [0.25, 0.25, 0.25, 0.25])
    }

    // MARK: Generators of tokens

    private func create(
      _ network: UInt64, settings: String = "{}", prompt: [Int64]? = [1, 2], length: Int64? = nil,
      history: [Int64] = [], state: [Double]? = nil, random: UInt64 = 0, _ out: UnsafeMutablePointer<UInt64>
    ) -> recurrent_status {
      with(settings) {
        recurrent_generator_create(
          network, $0, $1, prompt, length ?? Int64(prompt?.count ?? 0), history, Int64(history.count), state, random,
          out)
      }
    }

    @Test func partsMakeTheWhole() {
      let network = ArgumentKind.tokenNetwork.handle(after: []), settings = #"{"repetition_penalty": 1.5}"#
      func generate(_ parts: [Int64]) -> ([Int64], [Double], [Double]) {
        let random = make { recurrent_random_create(3, $0) }
        let generator = make { create(network, settings: settings, random: random, $0) }
        var tokens: [Int64] = [], logProbabilities: [Double] = [], state = [Double](repeating: 0, count: 3)
        for part in parts {
          var some = [Int64](repeating: -7, count: Int(part) + 1), values = [Double](repeating: 7, count: Int(part) + 1)
          var count: Int64 = -7
          ok(recurrent_generator_next(generator, part, &some, &values, &count))
          #expect(count == part && some.last == -7 && values.last == 7)
          tokens += some.dropLast()
          logProbabilities += values.dropLast()
        }
        ok(recurrent_generator_state(generator, &state))
        ok(recurrent_generator_free(generator))
        ok(recurrent_random_free(random))
        return (tokens, logProbabilities, state)
      }
      let whole = generate([20]), parts = generate([1, 0, 7, 12])
      #expect(whole == parts && whole.1.allSatisfy { $0 < 0 } && whole.2.contains { $0 != 0 })
      // a generator from the state and the history of another one
      let random = make { recurrent_random_create(3, $0) }
      let first = make { create(network, settings: settings, random: random, $0) }
      var tokens = [Int64](repeating: -7, count: 20), count: Int64 = 0, state = [Double](repeating: 0, count: 3)
      ok(recurrent_generator_next(first, 8, &tokens, nil, &count))
      ok(recurrent_generator_state(first, &state))
      let second = make {
        create(
          network, settings: settings, prompt: [tokens[7]], history: [1, 2] + tokens[..<7], state: state,
          random: random, $0)
      }
      var rest = [Int64](repeating: -7, count: 12)
      ok(recurrent_generator_next(second, 12, &rest, nil, &count))
      #expect(tokens[..<8] + rest == whole.0[...])
      for handle in [first, second] { ok(recurrent_generator_free(handle)) }
      ok(recurrent_random_free(random))
      ok(recurrent_network_free(network))
    }

    @Test func endsAndLimits() {
      let network = ArgumentKind.tokenNetwork.handle(after: [])
      let greedy = make { create(network, $0) }
      var tokens = [Int64](repeating: -7, count: 6), count: Int64 = -7
      ok(recurrent_generator_next(greedy, 6, &tokens, nil, &count))
      let limited = make { create(network, settings: #"{"max_tokens": 4}"#, $0) }
      var some = [Int64](repeating: -7, count: 6)
      ok(recurrent_generator_next(limited, 3, &some, nil, &count))
      #expect(count == 3)
      ok(recurrent_generator_next(limited, 3, &some, nil, &count))
      #expect(count == 1 && some[0] == tokens[3])
      ok(recurrent_generator_next(limited, 0, nil, nil, &count))
      #expect(count == 0)
      let ended = make { create(network, settings: "{\"end\": \(tokens[0])}", $0) }
      ok(recurrent_generator_next(ended, 3, &some, nil, &count))
      #expect(count == 0)
      for handle in [greedy, limited, ended] { ok(recurrent_generator_free(handle)) }
      ok(recurrent_network_free(network))
    }

    @Test func invalidGenerators() {
      let network = ArgumentKind.tokenNetwork.handle(after: []), odd = ArgumentKind.network.handle(after: [])
      for (settings, words) in [
        (#"{"temperature": -1}"#, "temperature is out of range"),
        (#"{"max_tokens": -1}"#, "max_tokens is out of range"),
        (#"{"max_tokens": 1e300}"#, "max_tokens"), (#"{"max_tokens": "9"}"#, "max_tokens has the wrong type"),
        (#"{"stop": ["a"]}"#, "stop"), (#"{"stop": "a"}"#, "stop"), (#"{"replacement": "a"}"#, "replacement"),
        (#"{"errors": "ignore"}"#, "errors"), (#"{"seed": 1}"#, "seed is not a setting of the generator"),
        ("[]", "expected an object"),
      ] {
        fails(RECURRENT_BAD_VALUE, words) { create(network, settings: settings, $0) }
      }
      fails(RECURRENT_BAD_VALUE, "byte") { create(network, settings: "{", $0) }
      for end in [-1, 6, 1 << 40] {
        fails(RECURRENT_BAD_INDEX, "end is out of range; expected 0 to 5, got \(end)") {
          create(network, settings: "{\"end\": \(end)}", $0)
        }
      }
      for token: Int64 in [-1, 6, .max, .min] {
        fails(RECURRENT_BAD_INDEX, "prompt[1]", "\(token)") { create(network, prompt: [0, token], $0) }
        fails(RECURRENT_BAD_INDEX, "history[0]", "\(token)") { create(network, history: [token], $0) }
      }
      fails(RECURRENT_BAD_SHAPE, "prompt is empty") { create(network, prompt: [], $0) }
      fails(RECURRENT_NULL_ARGUMENT, "prompt") { create(network, prompt: nil, length: 1, $0) }
      for length: Int64 in [-1, .min, .max] { fails(RECURRENT_BAD_SHAPE) { create(network, length: length, $0) } }
      fails(RECURRENT_BAD_VALUE, "expected 3 outputs, got 5") { create(odd, $0) }
      fails(RECURRENT_NULL_ARGUMENT, "settings") {
        recurrent_generator_create(network, nil, 3, [1], 1, nil, 0, nil, 0, $0)
      }

      let generator = make { create(network, $0) }
      var tokens = [Int64](repeating: -7, count: 3), count: Int64 = -7, text = [CChar](repeating: 7, count: 512)
      var length: Int64 = -7, hasEnded: Int32 = -7
      for n: Int64 in [-1, .min, .max] {
        fails(RECURRENT_BAD_SHAPE, "\(n)") { recurrent_generator_next(generator, n, &tokens, nil, &count) }
      }
      fails(RECURRENT_BAD_VALUE, "max_tokens is out of range") {
        recurrent_generator_next(generator, 1 << 40, &tokens, nil, &count)
      }
      fails(RECURRENT_NULL_ARGUMENT, "tokens") { recurrent_generator_next(generator, 3, nil, nil, &count) }
      fails(RECURRENT_BAD_VALUE, "expected a generator of text, got one of tokens") {
        recurrent_generator_next_text(generator, 3, &text, 512, &length, &hasEnded)
      }
      #expect(tokens == [-7, -7, -7] && count == -7 && text.allSatisfy { $0 == 7 } && length == -7 && hasEnded == -7)
      for handle in [network, odd] { ok(recurrent_network_free(handle)) }
      ok(recurrent_generator_free(generator))
    }

    // MARK: Generators of text

    @Test func textInParts() {
      let model = newText(["hello help"])
      func generate(_ settings: String, _ parts: Int64...) -> String {
        let generator = make { newGenerator(model, settings, prompt: "he", $0) }
        defer { ok(recurrent_generator_free(generator)) }
        return parts.map { nextText(generator, $0) }.joined()
      }
      let whole = generate("{}", 30)
      #expect(whole.unicodeScalars.count == 30 && whole == generate("{}", 1, 0, 9, 20))
      #expect(generate(#"{"max_tokens": 7}"#, 5, 5, 5) == String(whole.prefix(7)))
      let stop = String(whole.dropFirst(10).prefix(2))
      let expected = whole.range(of: stop).map { String(whole[..<$0.lowerBound]) } ?? whole
      #expect(generate("{\"stop\": [\"x\", \"\(stop)\"]}", 30) == expected)
      #expect(generate("{\"stop\": [\"\(stop)\"]}", 3, 3, 24) == expected)
      // tokens of the same sequence
      let generator = make { newGenerator(model, "{}", prompt: "he", $0) }
      var tokens = [Int64](repeating: -7, count: 30), count: Int64 = 0, text = [CChar](repeating: 0, count: 120)
      ok(recurrent_generator_next(generator, 30, &tokens, nil, &count))
      ok(recurrent_text_model_decode(model, tokens, 30, &text, 120, &count))
      #expect(string(text, count) == whole)
      ok(recurrent_generator_free(generator))
      ok(recurrent_text_model_free(model))
    }

    /// Bytes are written as they are, valid UTF-8 or not.
    @Test func bytesInParts() {
      let model = newText([], "bytes"), settings = #"{"max_tokens": 60, "temperature": 3}"#
      let generator = make { newGenerator(model, settings, $0) }, twin = make { newGenerator(model, settings, $0) }
      var tokens = [Int64](repeating: -7, count: 60), count: Int64 = 0, bytes: [UInt8] = []
      ok(recurrent_generator_next(twin, 60, &tokens, nil, &count))
      for part: Int64 in [1, 9, 50] {
        var text = [CChar](repeating: 0, count: 512), length: Int64 = 0, hasEnded: Int32 = 0
        ok(recurrent_generator_next_text(generator, part, &text, 512, &length, &hasEnded))
        bytes += text.prefix(Int(length)).map { UInt8(bitPattern: $0) }
      }
      #expect(bytes == tokens.map { UInt8($0) } && String(validating: bytes, as: UTF8.self) == nil)
      for handle in [generator, twin] { ok(recurrent_generator_free(handle)) }
      ok(recurrent_text_model_free(model))
    }

    /// Bytes of a "bytes" tokenizer as whole characters, whatever the calls.
    @Test func charactersInParts() {
      let model = newText([], "bytes")
      for seed in 0..<20 as Range<UInt64> {
        let settings = #"{"max_tokens": 60, "temperature": 3, "stop": ["zz"]}"#
        let generator = make { newGenerator(model, settings, seed: seed, $0) }
        let twin = make { newGenerator(model, settings, seed: seed, $0) }
        var text = [CChar](repeating: 0, count: 512), length: Int64 = 0, hasEnded: Int32 = 0, parts = ""
        ok(recurrent_generator_next_text(twin, 60, &text, 512, &length, &hasEnded))
        let bytes = text.prefix(Int(length)).map { UInt8(bitPattern: $0) }
        hasEnded = 0
        while hasEnded == 0 {
          ok(recurrent_generator_next_characters(generator, 1, &text, 512, &length, &hasEnded))
          let part = text.prefix(Int(length)).map { UInt8(bitPattern: $0) }
          #expect(String(validating: part, as: UTF8.self) != nil)
          parts += String(decoding: part, as: UTF8.self)
        }
        // at the end an incomplete character is omitted
        let whole = Array(String(decoding: bytes, as: UTF8.self).unicodeScalars), found = Array(parts.unicodeScalars)
        #expect(found == whole || (found == Array(whole.dropLast()) && whole.last == "\u{FFFD}"))
        for handle in [generator, twin] { ok(recurrent_generator_free(handle)) }
      }
      let generator = make { newGenerator(model, #"{"max_tokens": 9}"#, $0) }
      var text = [CChar](repeating: 7, count: 512), length: Int64 = -7, hasEnded: Int32 = -7
      fails(RECURRENT_SHORT_BUFFER) { _ in
        recurrent_generator_next_characters(generator, 100, &text, 300, &length, &hasEnded)
      }
      #expect(text.allSatisfy { $0 == 7 } && length == -7 && hasEnded == -7)
      ok(recurrent_generator_free(generator))
      ok(recurrent_text_model_free(model))
    }

    @Test func theEndIsReported() {
      let model = newText(["hello help"])
      let generator = make { newGenerator(model, #"{"max_tokens": 5}"#, $0) }
      var text = [CChar](repeating: 0, count: 512), length: Int64 = -7, hasEnded: Int32 = -7
      for (count, expected, isEnd) in [(3, 3, 0), (3, 2, 1), (3, 0, 1)] as [(Int64, Int64, Int32)] {
        ok(recurrent_generator_next_text(generator, count, &text, 512, &length, &hasEnded))
        #expect(length == expected && hasEnded == isEnd)
      }
      ok(recurrent_generator_free(generator))
      // the boundary ends a sentence
      let sentences = ArgumentKind.sentences.handle(after: [])
      for _ in 0..<400 { _ = with("hello") { recurrent_sentence_model_tick(sentences, $0, $1, 0.01, 0, 5, nil, nil) } }
      let sentence = make { newGenerator(sentences, "{}", seed: nil, $0) }
      ok(recurrent_generator_next_text(sentence, 50, &text, 512, &length, &hasEnded))
      #expect(string(text, length) == "hello" && hasEnded == 1)
      ok(recurrent_generator_free(sentence))
      for handle in [model, sentences] { ok(recurrent_text_model_free(handle)) }
    }

    @Test func invalidGeneratorsOfText() {
      let model = ArgumentKind.text.handle(after: [])
      for (settings, words) in [
        (#"{"temperature": -1}"#, "temperature is out of range"), (#"{"stop": ["a", ""]}"#, "stop[1] is empty"),
        (#"{"errors": "skip"}"#, "errors is unknown; expected one of strict, ignore, replace, got 'skip'"),
        (#"{"errors": "replace"}"#, "replacement"), (#"{"errors": "replace", "replacement": "hh"}"#, "replacement"),
        (#"{"errors": "replace", "replacement": ""}"#, "replacement"),
        (#"{"errors": "replace", "replacement": "x"}"#, "replacement"),
        (#"{"errors": "replace", "replacement": 3}"#, "replacement has the wrong type"),
      ] {
        fails(RECURRENT_BAD_VALUE, words) { newGenerator(model, settings, prompt: "he", $0) }
      }
      fails(RECURRENT_BAD_VALUE, "[1]", "'x' (U+0078)") { newGenerator(model, "{}", prompt: "hx", $0) }
      fails(RECURRENT_BAD_VALUE, "UTF-8", "byte 1") {
        recurrent_generator_create_text(model, nil, 0, [104, -61], 2, 0, $0)
      }
      fails(RECURRENT_NULL_ARGUMENT, "prompt") { recurrent_generator_create_text(model, nil, 0, nil, 2, 0, $0) }
      fails(RECURRENT_BAD_SHAPE, "-1") { recurrent_generator_create_text(model, nil, 0, [104], -1, 0, $0) }
      for (settings, prompt) in [
        (#"{"errors": "ignore"}"#, "hxe"), (#"{"errors": "replace", "replacement": "e"}"#, "hx"),
      ] {
        let generator = make { newGenerator(model, settings, prompt: prompt, $0) }
        let twin = make { newGenerator(model, "{}", prompt: "he", $0) }
        #expect(nextText(generator, 20) == nextText(twin, 20))
        for handle in [generator, twin] { ok(recurrent_generator_free(handle)) }
      }

      let generator = make { newGenerator(model, #"{"stop": ["hello"]}"#, prompt: "he", $0) }
      let twin = make { newGenerator(model, #"{"stop": ["hello"]}"#, prompt: "he", $0) }
      var text = [CChar](repeating: 7, count: 600), length: Int64 = -7, hasEnded: Int32 = -7
      for capacity: Int64 in [20, 0, -1, .min] {
        fails(RECURRENT_SHORT_BUFFER, "\(capacity)") {
          recurrent_generator_next_text(generator, 20, &text, capacity, &length, &hasEnded)
        }
      }
      for n: Int64 in [-1, .min] {
        fails(RECURRENT_BAD_SHAPE, "\(n)") {
          recurrent_generator_next_text(generator, n, &text, 600, &length, &hasEnded)
        }
      }
      fails(RECURRENT_SHORT_BUFFER) {
        recurrent_generator_next_text(generator, 1 << 46, &text, 600, &length, &hasEnded)
      }
      for n: Int64 in [1 << 47, .max] {
        fails(RECURRENT_BAD_SHAPE, "max_tokens is too large", "\(n)") {
          recurrent_generator_next_text(generator, n, &text, 600, &length, &hasEnded)
        }
        fails(RECURRENT_BAD_SHAPE, "capacity is too large", "\(n)") {
          recurrent_generator_next_text(generator, 20, &text, n, &length, &hasEnded)
        }
      }
      fails(RECURRENT_BAD_VALUE, "max_tokens is out of range") {
        recurrent_generator_next_text(generator, 1 << 30, &text, 1 << 40, &length, &hasEnded)
      }
      #expect(text.allSatisfy { $0 == 7 } && length == -7 && hasEnded == -7)
      // the failed calls have drawn nothing
      #expect(nextText(generator, 20) == nextText(twin, 20))
      for handle in [generator, twin] { ok(recurrent_generator_free(handle)) }
      ok(recurrent_text_model_free(model))
    }

    // MARK: Searches and activations

    @Test func searches() {
      let network = ArgumentKind.tokenNetwork.handle(after: [])
      var tokens = [Int64](repeating: -7, count: 6), lengths = [Int64](repeating: -7, count: 3)
      var values = [Double](repeating: 7, count: 3), found: Int64 = -7
      func search(_ prompt: [Int64] = [1], _ maxTokens: Int64 = 2, _ beams: Int64 = 3, end: Int64 = -1)
        -> recurrent_status
      {
        recurrent_network_beam_search(
          network, prompt, Int64(prompt.count), maxTokens, beams, end, nil, &tokens, &lengths, &values, &found)
      }
      for beams: Int64 in [0, -1, 4097, .min] {
        fails(RECURRENT_BAD_VALUE, "beams is out of range", "\(beams)") { search([1], 2, beams) }
      }
      fails(RECURRENT_BAD_SHAPE) { search([1], 2, .max) }
      fails(RECURRENT_BAD_SHAPE, "-1") { search([1], -1) }
      fails(RECURRENT_BAD_SHAPE, "prompt is empty") { search([]) }
      fails(RECURRENT_BAD_INDEX, "prompt[0]", "6") { search([6]) }
      for end: Int64 in [-2, 6, .min, .max] {
        fails(RECURRENT_BAD_INDEX, "end is out of range", "\(end)") { search(end: end) }
      }
      #expect(found == -7 && tokens.allSatisfy { $0 == -7 } && lengths.allSatisfy { $0 == -7 })
      ok(search(end: 4))
      #expect(found == 3 && values[0] >= values[1] && values[1] >= values[2] && values[0] < 0)
      for i in 0..<3 {
        let text = tokens[i * 2..<i * 2 + 2]
        #expect(text.filter { $0 >= 0 }.count == lengths[i] && !text.contains(4) && !text.contains(-7))
      }
      ok(recurrent_network_free(network))
    }

    @Test func activations() {
      let network = ArgumentKind.ranNetwork.handle(after: [])
      var values = [Double](repeating: 7, count: 16)
      fails(RECURRENT_BAD_INDEX, "'r0'", "h0", "f1") { _ in
        with("r0") { recurrent_network_activation(network, $0, $1, &values) }
      }
      #expect(values.allSatisfy { $0 == 7 })
      with("f0") { ok(recurrent_network_activation(network, $0, $1, &values)) }
      #expect(values.allSatisfy { $0 > 0 && $0 < 1 })
      ok(recurrent_network_backward_sequence(network, [Double](repeating: 1, count: 20), nil, nil, nil))
      fails(RECURRENT_INVALIDATED) { _ in with("f0") { recurrent_network_activation(network, $0, $1, &values) } }
      ok(recurrent_network_free(network))
    }
  }
}
