// The functions of generators and text models, as entries of the table.

import CRecurrent
import Testing

extension Function {
  private static let hello: [Int64] = [0, 1, 2, 2], tokens: [Int64] = [1, 0, 2, 3]

  static let generators: [Function] = [
    Function("generator_create", [.tokenNetwork, .random], optional: [1], gives: [.generator]) { h, o in
      with(#"{"temperature": 0.5, "max_tokens": 9, "end": 3}"#) {
        recurrent_generator_create(h[0], $0, $1, [1, 2], 2, [5], 1, nil, h[1], o(0))
      }
    },
    Function("generator_create_text", [.text, .random], optional: [1], gives: [.generator]) { h, o in
      with("he") { prompt, length in
        with(#"{"max_tokens": 9, "stop": ["lol"], "errors": "replace", "replacement": "e"}"#) {
          recurrent_generator_create_text(h[0], $0, $1, prompt, length, h[1], o(0))
        }
      }
    },
    Function("generator_next", [.generator], outputs: 2) { recurrent_generator_next($0[0], 4, $1(0), nil, $1(1)) },
    Function("generator_next_text", [.textGenerator], outputs: 3) {
      recurrent_generator_next_text($0[0], 4, $1(0), 512, $1(1), $1(2))
    },
    Function("generator_next_characters", [.textGenerator], outputs: 3) {
      recurrent_generator_next_characters($0[0], 4, $1(0), 512, $1(1), $1(2))
    },
    Function("generators_next", [.generator], outputs: 2) {
      recurrent_generators_next([$0[0]], 1, 4, $1(0), nil, $1(1))
    },
    Function("generators_next_text", [.textGenerator], outputs: 3) {
      recurrent_generators_next_text([$0[0]], 1, 4, $1(0), 512, $1(1), $1(2))
    },
    Function("generator_state", [.generator], outputs: 1) { recurrent_generator_state($0[0], $1(0, Double.self)) },
  ]

  static let texts: [Function] = [
    Function("text_model_create", [.random], gives: [.text]) { h, o in
      with(["hello", "help"]) { texts, lengths in
        with(#"{"hidden_sizes": [3]}"#) { recurrent_text_model_create($0, $1, texts, lengths, 2, h[0], o(0)) }
      }
    },
    Function("text_model_describe", [.text], outputs: 2) { recurrent_text_model_describe($0[0], $1(0), 512, $1(1)) },
    Function("text_model_get_info", [.text], outputs: 1) { recurrent_text_model_get_info($0[0], $1(0)) },
    Function("text_model_vocabulary", [.text], outputs: 1) { recurrent_text_model_vocabulary($0[0], $1(0), 9) },
    Function("text_model_tokenizer", [.text], outputs: 2) { recurrent_text_model_tokenizer($0[0], $1(0), 32, $1(1)) },
    Function("text_model_network", [.text], gives: [.network]) { recurrent_text_model_network($0[0], $1(0)) },
    Function("text_model_optimizer", [.text], gives: [.optimizer]) { recurrent_text_model_optimizer($0[0], $1(0)) },
    Function("text_model_set_optimizer", [.text, .optimizer]) { h, _ in
      recurrent_text_model_set_optimizer(h[0], h[1])
    },
    Function("text_model_get_metadata", [.text], outputs: 2) { h, o in
      with("key") { recurrent_text_model_get_metadata(h[0], $0, $1, o(0), 32, o(1)) }
    },
    Function("text_model_set_metadata", [.text]) { h, _ in
      with("key") { key, length in
        with("text") { recurrent_text_model_set_metadata(h[0], key, length, $0, $1) }
      }
    },
    Function("text_model_encode", [.text], outputs: 2) { h, o in
      with("hello") { recurrent_text_model_encode(h[0], $0, $1, 0, 0, o(0), 5, o(1)) }
    },
    Function("text_model_decode", [.text], outputs: 2) {
      recurrent_text_model_decode($0[0], hello, 4, $1(0), 16, $1(1))
    },
    Function("text_model_train_step", [.text]) { h, _ in
      recurrent_text_model_train_step(h[0], hello, tokens, 2, 2, nil, 1, 1, 0.1, 0, 5, nil)
    },
    Function("text_model_reset_state", [.text]) { h, _ in recurrent_text_model_reset_state(h[0]) },
    Function("text_model_get_state", [.text], outputs: 1) { h, o in
      _ = recurrent_text_model_train_step(h[0], hello, tokens, 2, 2, nil, 0, 0, 0.1, 0, 5, nil)
      return recurrent_text_model_get_state(h[0], o(0, Double.self))
    },
    Function("text_model_set_state", [.text]) { h, _ in recurrent_text_model_set_state(h[0], nil, 0, 3) },
    Function("text_model_random", [.text], gives: [.random]) { recurrent_text_model_random($0[0], $1(0)) },
    // all three are inputs too: the pattern stands for tiny numbers in the state, and for a step out of range
    Function("text_model_evaluate", [.text], outputs: 1) { h, o in
      var step: Int64 = 0, nats = 0.0
      return recurrent_text_model_evaluate(h[0], hello, nil, 4, 2, 9, o(0, Double.self), &step, &nats)
    },
    Function("text_model_save", [.text]) { h, _ in
      with(scratchFile) { recurrent_text_model_save(h[0], $0, $1, 1, 0) }
    },
    Function("text_model_load", [], gives: [.text]) { _, o in
      ArgumentKind.text.with { text in with(scratchFile) { ok(recurrent_text_model_save(text, $0, $1, 1, 0)) } }
      return with(scratchFile) { recurrent_text_model_load($0, $1, o(0)) }
    },
    Function("text_model_write", [.text], outputs: 2) { h, o in
      // NULL with capacity 0 is valid; a small buffer stays as it is
      o(0, CChar.self) == nil || o(1, Int64.self) == nil
        ? recurrent_text_model_write(h[0], 0, o(0), 1 << 20, o(1))
        : withFile(o) { recurrent_text_model_write(h[0], 0, $0, $1, $2) }
    },
    Function("text_model_read", [], gives: [.text]) { _, o in
      ArgumentKind.text.with { text in
        withBytes({ recurrent_text_model_write(text, 0, $0, $1, $2) }) { recurrent_text_model_read($0, $1, o(0)) }
      }
    },
  ]

  static let files: [Function] = [
    Function("network_save", [.network, .optimizer, .random], optional: [1, 2]) { h, _ in
      with(scratchFile) { recurrent_network_save(h[0], h[1], h[2], $0, $1, 1) }
    },
    Function("network_load", [], gives: [.network]) { _, o in
      ArgumentKind.network.with { n in with(scratchFile) { ok(recurrent_network_save(n, 0, 0, $0, $1, 1)) } }
      return with(scratchFile) { recurrent_network_load($0, $1, o(0), nil, nil) }
    },
    Function("network_write", [.network, .optimizer, .random], optional: [1, 2], outputs: 2) { h, o in
      o(0, CChar.self) == nil || o(1, Int64.self) == nil
        ? recurrent_network_write(h[0], h[1], h[2], o(0), 1 << 20, o(1))
        : withFile(o) { recurrent_network_write(h[0], h[1], h[2], $0, $1, $2) }
    },
    Function("network_read", [], gives: [.network]) { _, o in
      ArgumentKind.network.with { network in
        withBytes({ recurrent_network_write(network, 0, 0, $0, $1, $2) }) {
          recurrent_network_read($0, $1, o(0), nil, nil)
        }
      }
    },
    Function("network_get_metadata", [.network], outputs: 2) {
      recurrent_network_get_metadata($0[0], $1(0), 512, $1(1))
    },
    Function("network_set_metadata", [.network]) { h, _ in
      with(#"{"key": "text"}"#) { recurrent_network_set_metadata(h[0], $0, $1) }
    },
    Function("file_kind", [], outputs: 2) { _, o in
      ArgumentKind.network.with { n in with(scratchFile) { ok(recurrent_network_save(n, 0, 0, $0, $1, 1)) } }
      return with(scratchFile) { recurrent_file_kind($0, $1, o(0), 512, o(1)) }
    },
  ]

  static let sentences: [Function] = [
    Function("sentence_model_create", [.random], gives: [.sentences]) { h, o in
      with(["ab"]) { recurrent_sentence_model_create(nil, 0, $0, $1, 1, h[0], o(0)) }
    },
    Function("sentence_model_tick", [.sentences]) { h, _ in
      with("hello") { recurrent_sentence_model_tick(h[0], $0, $1, 0.01, 0, 5, nil, nil) }
    },
    Function("sentence_model_cost", [.sentences], outputs: 1) { h, o in
      with("hello") { recurrent_sentence_model_cost(h[0], $0, $1, o(0), nil) }
    },
    Function("sentence_model_save", [.sentences]) { h, _ in
      with(scratchFile) { recurrent_sentence_model_save(h[0], $0, $1, 1) }
    },
    Function("sentence_model_load", [], gives: [.sentences]) { _, o in
      ArgumentKind.sentences.with { sm in
        with(scratchFile) { ok(recurrent_sentence_model_save(sm, $0, $1, 1)) }
      }
      return with(scratchFile) { recurrent_sentence_model_load($0, $1, 0, o(0)) }
    },
  ]
}

/// Writes a file to memory of its length, the length to the second output, and the first bytes to the first.
private func withFile(
  _ outputs: Outputs,
  _ write: (UnsafeMutablePointer<CChar>?, Int64, UnsafeMutablePointer<Int64>?) -> recurrent_status
) -> recurrent_status {
  var length: Int64 = 0
  let status = write(nil, 0, &length)
  if status != 0 { return status }
  var bytes = [CChar](repeating: 0, count: Int(length))
  let written = write(&bytes, length, outputs(1))
  if written == 0 { outputs(0, CChar.self)?.update(from: bytes, count: 64) }
  return written
}

/// Calls `body` with the bytes that a function writes.
func withBytes<R>(
  _ write: (UnsafeMutablePointer<CChar>?, Int64, UnsafeMutablePointer<Int64>?) -> recurrent_status,
  _ body: (UnsafePointer<CChar>?, Int64) -> R
) -> R {
  var length: Int64 = 0
  ok(write(nil, 0, &length))
  var bytes = [CChar](repeating: 0, count: Int(length))
  ok(write(&bytes, length, &length))
  return bytes.withUnsafeBufferPointer { body($0.baseAddress, length) }
}
