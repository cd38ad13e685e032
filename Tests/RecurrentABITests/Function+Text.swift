// The text models' functions, for the table.

import CRecurrent
import Testing

extension Function {
  private static let hello: [Int64] = [0, 1, 2, 2], tokens: [Int64] = [1, 0, 2, 3]

  static let texts: [Function] = [
    Function("text_model_create", [.random], gives: [.text]) { h, o in
      with("hello") { recurrent_text_model_create($0, $1, 0, 3, 0, [3], 1, 0, 0, 0, h[0], o(0)) }
    },
    Function("text_model_describe", [.text], outputs: 1) { recurrent_text_model_describe($0[0], $1(0)) },
    Function("text_model_hidden_sizes", [.text], outputs: 1) {
      recurrent_text_model_hidden_sizes($0[0], $1(0), 4)
    },
    Function("text_model_letters", [.text], outputs: 1) { recurrent_text_model_letters($0[0], $1(0), 9) },
    Function("text_model_network", [.text], gives: [.model]) { recurrent_text_model_network($0[0], $1(0)) },
    Function("text_model_solver", [.text], gives: [.solver]) { recurrent_text_model_solver($0[0], $1(0)) },
    Function("text_model_set_solver", [.text, .solver]) { h, _ in recurrent_text_model_set_solver(h[0], h[1]) },
    Function("text_model_notes", [.text], outputs: 2) {
      recurrent_text_model_notes($0[0], $1(0), 32, $1(1))
    },
    Function("text_model_set_notes", [.text]) { h, _ in
      with("notes") { recurrent_text_model_set_notes(h[0], $0, $1) }
    },
    Function("text_model_encode", [.text], outputs: 2) { h, o in
      with("hello") { recurrent_text_model_encode(h[0], $0, $1, 0, 0, o(0), 5, o(1)) }
    },
    Function("text_model_decode", [.text], outputs: 2) {
      recurrent_text_model_decode($0[0], hello, 4, $1(0), 16, $1(1))
    },
    Function("text_model_train_step", [.text]) { h, _ in
      recurrent_text_model_train_step(h[0], hello, tokens, 2, 2, 0.1, 0, 5, nil)
    },
    Function("text_model_reset_state", [.text]) { h, _ in recurrent_text_model_reset_state(h[0]) },
    Function("text_model_evaluate", [.text], outputs: 1) {
      recurrent_text_model_evaluate($0[0], hello, 4, 2, $1(0))
    },
    Function("text_model_sample", [.text, .random], optional: [1], outputs: 2) { h, o in
      with("he") { prime, length in
        with(["lol"]) { recurrent_text_model_sample(h[0], prime, length, 20, nil, $0, $1, 1, h[1], o(0), 80, o(1)) }
      }
    },
    Function("text_model_save", [.text]) { h, _ in
      with(scratchFile) { recurrent_text_model_save(h[0], $0, $1) }
    },
    Function("text_model_load", [], gives: [.text]) { _, o in
      Ingredient.text.with { text in with(scratchFile) { ok(recurrent_text_model_save(text, $0, $1)) } }
      return with(scratchFile) { recurrent_text_model_load($0, $1, o(0)) }
    },
  ]
}
