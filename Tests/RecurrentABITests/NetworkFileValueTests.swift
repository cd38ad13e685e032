// Networks in files through the interface: valid calls, and invalid arguments with the value in the message.

import CRecurrent
import Foundation
import Testing

extension ABITests {
  @Suite struct NetworkFileValueTests {
    private let settings =
      #""cell": "gru", "input_size": 6, "embedding": 2, "hidden_sizes": [3, 2], "output_size": 6, "dropout": 0.5"#
    private let adam = #"{"name": "adam", "learning_rate": 0.1}"#

    private func train(_ network: UInt64, _ optimizer: UInt64, _ steps: Int) -> [Double] {
      (0..<steps).map { i in
        var result = recurrent_step_result()
        let tokens = (0..<6).map { Int64(($0 + i) % 6) }, targets = (0..<6).map { Int64(($0 * i) % 6) }
        ok(
          recurrent_network_train_step(
            network, optimizer, nil, tokens, targets, nil, 3, 2, nil, nil, nil, .nan, 0, 5, 0, nil, &result))
        return result.loss
      }
    }

    private func metadata(_ network: UInt64) -> String {
      described { recurrent_network_get_metadata(network, $0, $1, $2) }
    }

    @Test func resumesFromAFileAndFromMemory() {
      let network = newNetwork(settings), optimizer = newOptimizer(adam), before = recurrent_object_count()
      _ = train(network, optimizer, 3)
      with(#"{"author": "é"}"#) { ok(recurrent_network_set_metadata(network, $0, $1)) }
      with(scratchFile) { ok(recurrent_network_save(network, optimizer, 0, $0, $1, 1)) }
      var twins: [(UInt64, UInt64, UInt64)] = []
      var twin: UInt64 = 0, state: UInt64 = 0, random: UInt64 = 0
      with(scratchFile) { ok(recurrent_network_load($0, $1, &twin, &state, &random)) }
      twins.append((twin, state, random))
      withBytes({ recurrent_network_write(network, optimizer, 0, $0, $1, $2) }) {
        ok(recurrent_network_read($0, $1, &twin, &state, &random))
      }
      twins.append((twin, state, random))
      #expect(with(scratchFile) { p, n in described { recurrent_file_kind(p, n, $0, $1, $2) } } == "network")
      let losses = train(network, optimizer, 4)
      for (twin, state, random) in twins {
        var steps: Int64 = 0
        with("bd") { ok(recurrent_optimizer_steps(state, $0, $1, &steps)) }
        #expect(steps == 3 && metadata(twin) == #"{"author":"é"}"# && train(twin, state, 4) == losses)
        var word: UInt64 = 0
        ok(recurrent_random_words(random, &word, 1))
        ok(recurrent_network_free(twin))
        ok(recurrent_optimizer_free(state))
        ok(recurrent_random_free(random))
      }
      // without an optimizer, its output is 0
      with(scratchFile) { ok(recurrent_network_save(network, 0, 0, $0, $1, 1)) }
      state = 7
      with(scratchFile) { ok(recurrent_network_load($0, $1, &twin, &state, nil)) }
      #expect(state == 0 && recurrent_object_count() == before + 1)
      ok(recurrent_network_free(twin))
      ok(recurrent_network_free(network))
      ok(recurrent_optimizer_free(optimizer))
    }

    @Test func invalidFiles() {
      let network = newNetwork(settings)
      func load(_ path: String, _ out: UnsafeMutablePointer<UInt64>) -> recurrent_status {
        with(path) { recurrent_network_load($0, $1, out, nil, nil) }
      }
      for path in ["/nonexistent/model", "/"] {
        fails(RECURRENT_IO, "'\(path)'") { _ in with(path) { recurrent_network_save(network, 0, 0, $0, $1, 1) } }
        fails(RECURRENT_IO, "'\(path)'") { load(path, $0) }
      }
      fails(RECURRENT_BAD_VALUE, "path is empty") { load("", $0) }
      fails(RECURRENT_BAD_VALUE, "overwrite is out of range; expected 0 or 1, got 2") { _ in
        with(scratchFile) { recurrent_network_save(network, 0, 0, $0, $1, 2) }
      }
      ArgumentKind.text.with { text in
        fails(RECURRENT_BAD_VALUE, "weights_only is out of range; expected 0 or 1, got 2") { _ in
          with(scratchFile) { recurrent_text_model_save(text, $0, $1, 1, 2) }
        }
        with(scratchFile) { ok(recurrent_text_model_save(text, $0, $1, 1, 1)) }
      }
      fails(RECURRENT_BAD_FORMAT, "kind is wrong; expected network, got text_model, which TextModel.load reads") {
        load(scratchFile, $0)
      }
      fails(RECURRENT_BAD_FORMAT, "cannot load the bytes: the file is truncated") { out in
        with("short") { recurrent_network_read($0, $1, out, nil, nil) }
      }
      fails(RECURRENT_BAD_FORMAT, "cannot load the bytes: the file is truncated") { out in
        recurrent_network_read(nil, 0, out, nil, nil)
      }
      var bytes = [CChar](repeating: 7, count: 9), length: Int64 = 3
      fails(RECURRENT_SHORT_BUFFER, "bytes for bytes, got 9") { _ in
        recurrent_network_write(network, 0, 0, &bytes, 9, &length)
      }
      #expect(bytes == [CChar](repeating: 7, count: 9) && length == 3)
      for bad in ["[]", #"{"a": 1}"#, "{"] {
        fails(RECURRENT_BAD_VALUE, "metadata") { _ in with(bad) { recurrent_network_set_metadata(network, $0, $1) } }
      }
      #expect(metadata(network) == "{}")
      ok(recurrent_network_free(network))
    }
  }
}
