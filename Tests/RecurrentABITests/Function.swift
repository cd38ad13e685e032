// Every function of recurrent.h, with what it takes: the table that the tests walk.

import CRecurrent
import Testing

/// One function, and a call of it that succeeds.
struct Function: Sendable, CustomTestStringConvertible {
  let name: String
  /// The handles it takes, in the order in which `call` gets them.
  let takes: [Ingredient]
  /// Which of them may be 0.
  var optional: Set<Int> = []
  /// How many outputs must not be NULL; more may be written.
  var outputs = 0
  /// The object that the first outputs are handles of.
  var gives: [Ingredient] = []
  /// Outputs that are lists of two Mats' handles.
  var handleLists: [Int] = []
  let call: @Sendable ([UInt64], Outputs) -> recurrent_status

  var testDescription: String { name }

  init(
    _ name: String, _ takes: [Ingredient], optional: Set<Int> = [], outputs: Int = 0,
    gives: [Ingredient] = [],
    lists: [Int] = [], _ call: @escaping @Sendable ([UInt64], Outputs) -> recurrent_status
  ) {
    (self.name, self.takes, self.optional, self.gives, self.call) = (name, takes, optional, gives, call)
    handleLists = lists
    self.outputs = max(outputs, gives.count)
  }

  /// Frees what a successful call gave.
  func freeOutputs(_ outputs: Outputs) {
    for (i, ingredient) in gives.enumerated() { ok(ingredient.free(outputs.handle(i))) }
    for i in handleLists {
      for layer in 0..<2 { ok(recurrent_mat_free(outputs(i, UInt64.self)?[layer] ?? 0)) }
    }
  }

  /// Those that answer with a status and take what can be wrong.
  static let all =
    randoms + mats + graphs + operations + choices + models + sequences + solvers + sentenceModels + texts

  /// Those that cannot fail.
  static let infallible = [
    "abi_version", "version", "last_error", "last_errno", "object_count", "get_num_threads",
    // 0 is nothing to free; their own tests are in OwnershipTests
    "random_free", "mat_free", "graph_free", "model_free", "solver_free", "sentence_model_free",
    "text_model_free",
  ]

  private static let m = Ingredient.mat(2, 3)

  private static let randoms: [Function] = [
    Function("random_create", [], gives: [.random]) { recurrent_random_create(1, $1(0)) },
    Function("random_words", [.random], outputs: 1) { recurrent_random_words($0[0], $1(0), 3) },
    Function("random_uniform", [.random], outputs: 1) { recurrent_random_uniform($0[0], 0, 1, $1(0), 3) },
    Function("random_gaussian", [.random], outputs: 1) { recurrent_random_gaussian($0[0], 0, 1, $1(0), 3) },
    Function("random_get_state", [.random], outputs: 1) { recurrent_random_get_state($0[0], $1(0)) },
    Function("random_set_state", [.random]) { h, _ in
      recurrent_random_set_state(h[0], [UInt64](repeating: 3, count: 11))
    },
  ]

  private static let mats: [Function] = [
    Function("mat_create", [], gives: [m]) { recurrent_mat_create(0, 2, 3, $1(0)) },
    Function("mat_create_from", [], gives: [m]) { recurrent_mat_create_from(1, 1, 2, [1.0, 2], 2, $1(0)) },
    Function("mat_view", [m], gives: [m]) { recurrent_mat_view($0[0], 1, 1, 1, 2, $1(0)) },
    Function("mat_copy", [m], gives: [m]) { recurrent_mat_copy($0[0], $1(0)) },
    Function("mat_describe", [m], outputs: 1) { recurrent_mat_describe($0[0], $1(0)) },
    Function("mat_w", [m], outputs: 1) { recurrent_mat_w($0[0], $1(0)) },
    Function("mat_dw", [m], outputs: 1) { recurrent_mat_dw($0[0], $1(0)) },
    Function("mat_fill", [m]) { h, _ in recurrent_mat_fill(h[0], 2) },
    Function("mat_zero_gradient", [m]) { h, _ in recurrent_mat_zero_gradient(h[0]) },
    Function("mat_fill_uniform", [m, .random]) { h, _ in recurrent_mat_fill_uniform(h[0], 0, 1, h[1]) },
    Function("mat_fill_gaussian", [m, .random]) { h, _ in recurrent_mat_fill_gaussian(h[0], 0, 1, h[1]) },
  ]

  private static let graphs: [Function] = [
    Function("graph_create", [], gives: [.graph]) { recurrent_graph_create(1, $1(0)) },
    Function("graph_reset", [.graph]) { h, _ in recurrent_graph_reset(h[0]) },
    Function("graph_evaluate", [.graph]) { h, _ in recurrent_graph_evaluate(h[0]) },
    Function("graph_backward", [.graph]) { h, _ in recurrent_graph_backward(h[0]) },
    Function("graph_backward_from", [.graph, .loss]) { h, _ in recurrent_graph_backward_from(h[0], h[1]) },
    Function("graph_count", [.graph], outputs: 1) { recurrent_graph_count($0[0], $1(0)) },
    Function("graph_operation", [.usedGraph], outputs: 5) {
      recurrent_graph_operation($0[0], 0, $1(0), 32, $1(1), $1(2), $1(3), 1, $1(4))
    },
  ]

  private static let choices: [Function] = [
    Function("softmax", [m], gives: [m]) { recurrent_softmax($0[0], $1(0)) },
    Function("argmax", [], outputs: 1) { recurrent_argmax(1, [1.0, 3, 2], 3, $1(0)) },
    Function("probabilities", [], outputs: 1) {
      recurrent_probabilities(1, [1.0, 3, 2], 3, nil, [1], 1, $1(0, Double.self))
    },
    Function("sample", [.random], outputs: 1) { recurrent_sample(1, [0.25, 0.75], 2, $0[0], $1(0)) },
  ]

  private static let models: [Function] = [
    Function("model_create", [.random], gives: [.model]) {
      recurrent_model_create(1, 0, 3, 0, [4, 2], 2, 5, $0[0], $1(0))
    },
    Function("model_create_tied", [.random], gives: [.model]) {
      recurrent_model_create_tied(1, 0, 3, [4, 2], 2, $0[0], $1(0))
    },
    Function("model_set_dropout", [.model, .random]) { h, _ in recurrent_model_set_dropout(h[0], 0.5, h[1]) },
    Function("model_parameter", [.model], gives: [m]) { h, o in
      with("Wix0") { recurrent_model_parameter(h[0], $0, $1, o(0)) }
    },
    Function("model_parameter_count", [.model], outputs: 1) { recurrent_model_parameter_count($0[0], $1(0)) },
    Function("model_parameter_name", [.model], outputs: 2) {
      recurrent_model_parameter_name($0[0], 1, $1(0), 32, $1(1))
    },
    Function("model_flat", [.model], gives: [m]) { recurrent_model_flat($0[0], $1(0)) },
  ]

  private static let x = [Double](repeating: 0.5, count: 12), dy = [Double](repeating: 1, count: 20)

  private static let sequences: [Function] = [
    Function("model_state_count", [.model], outputs: 1) { recurrent_model_state_count($0[0], 2, $1(0)) },
    Function("model_forward_sequence", [.model], outputs: 1) {
      recurrent_model_forward_sequence($0[0], x, nil, 2, 2, nil, [2, 1], $1(0, Double.self), nil)
    },
    Function("model_backward_sequence", [.ranModel]) { h, _ in
      recurrent_model_backward_sequence(h[0], dy, nil, nil, nil)
    },
    Function("model_tap", [.ranModel], outputs: 1) { h, o in
      with("f0") { recurrent_model_tap(h[0], $0, $1, o(0, Double.self)) }
    },
    Function("model_train_step", [.model, .solver]) { h, _ in
      recurrent_model_train_step(h[0], h[1], x, nil, [0, 1, -1, 2], nil, 2, 2, nil, nil, 0.1, 0, 5, nil, nil)
    },
    Function("model_loss", [.model], outputs: 1) {
      recurrent_model_loss($0[0], x, nil, [0, 1, -1, 2], nil, 2, 2, nil, nil, nil, $1(0))
    },
    // the state is read too: the pattern stands for tiny numbers
    Function("model_tick", [.model], outputs: 1) {
      recurrent_model_tick($0[0], 0, x, $1(0, Double.self), nil)
    },
    Function("model_generate", [.tokenModel, .random], optional: [1], outputs: 2) {
      recurrent_model_generate($0[0], [1, 2], 2, 4, 1, $1(0, Double.self), $0[1], $1(1))
    },
    Function("model_sample", [.tokenModel, .random], optional: [1], outputs: 3) {
      recurrent_model_sample(
        $0[0], nil, nil, 0, [1, 2], 2, 4, -1, $1(0, Double.self), $0[1], $1(1), nil, $1(2))
    },
    Function("model_beam_search", [.tokenModel], outputs: 4) {
      recurrent_model_beam_search($0[0], [1, 2], 2, 4, 2, -1, nil, $1(0), $1(1), $1(2), $1(3))
    },
    Function("set_num_threads", []) { _, _ in recurrent_set_num_threads(recurrent_get_num_threads()) },
  ]

  private static let solvers: [Function] = [
    Function("solver_create", [], gives: [.solver]) { recurrent_solver_create(0.9, 1e-8, $1(0)) },
    Function("solver_step", [.solver, m, .mat(1, 2)]) { h, o in
      with(["a", "b"]) { recurrent_solver_step(h[0], $0, $1, [h[1], h[2]], 2, 0.1, 0, 5, nil) }
    },
    Function("solver_step_model", [.solver, .model]) { h, _ in
      recurrent_solver_step_model(h[0], h[1], 0.1, 0, 5, nil)
    },
    Function("solver_create_from", [], gives: [.solver]) { _, o in
      with(#"{"name": "adam", "amsgrad": true}"#) { recurrent_solver_create_from($0, $1, o(0)) }
    },
    Function("solver_describe", [.solver], outputs: 2) { recurrent_solver_describe($0[0], $1(0), 256, $1(1)) },
    Function("solver_get_learning_rate", [.solver], outputs: 1) { recurrent_solver_get_learning_rate($0[0], $1(0)) },
    Function("solver_set_learning_rate", [.solver]) { h, _ in recurrent_solver_set_learning_rate(h[0], 0.5) },
    Function("solver_name_count", [.steppedSolver], outputs: 1) { recurrent_solver_name_count($0[0], $1(0)) },
    Function("solver_name", [.steppedSolver], outputs: 2) { recurrent_solver_name($0[0], 0, $1(0), 32, $1(1)) },
    Function("solver_slot_count", [.solver], outputs: 1) { recurrent_solver_slot_count($0[0], $1(0)) },
    Function("solver_slot_name", [.solver], outputs: 2) { recurrent_solver_slot_name($0[0], 0, $1(0), 32, $1(1)) },
    Function("solver_slot", [.steppedSolver], gives: [m]) { h, o in
      with("w") { recurrent_solver_slot(h[0], 0, $0, $1, o(0)) }
    },
  ]

  private static let sentenceModels: [Function] = [
    Function("sentence_model_create", [.random], gives: [.sentences]) { h, o in
      with(["ab"]) { recurrent_sentence_model_create($0, $1, 1, 0, 0, [3], 1, 2, h[0], o(0)) }
    },
    Function("sentence_model_tick", [.sentences]) { h, _ in
      with("hello") { recurrent_sentence_model_tick(h[0], $0, $1, 0.01, 0, 5, nil) }
    },
    Function("sentence_model_cost", [.sentences], outputs: 1) { h, o in
      with("hello") { recurrent_sentence_model_cost(h[0], $0, $1, o(0)) }
    },
    Function("sentence_model_predict", [.sentences, .random], optional: [1], outputs: 2) {
      recurrent_sentence_model_predict($0[0], 1, 20, $0[1], $1(0), 80, $1(1))
    },
    Function("sentence_model_save_recurrentjs", [.sentences]) { h, _ in
      with(scratchFile) { recurrent_sentence_model_save_recurrentjs(h[0], $0, $1) }
    },
    Function("sentence_model_load_recurrentjs", [], gives: [.sentences]) { _, o in
      Ingredient.sentences.with { sm in
        with(scratchFile) { ok(recurrent_sentence_model_save_recurrentjs(sm, $0, $1)) }
      }
      return with(scratchFile) { recurrent_sentence_model_load_recurrentjs($0, $1, 0, o(0)) }
    },
    Function("sentence_model_describe", [.sentences], outputs: 1) {
      recurrent_sentence_model_describe($0[0], $1(0))
    },
    Function("sentence_model_hidden_sizes", [.sentences], outputs: 1) {
      recurrent_sentence_model_hidden_sizes($0[0], $1(0), 4)
    },
    Function("sentence_model_letters", [.sentences], outputs: 1) {
      recurrent_sentence_model_letters($0[0], $1(0), 9)
    },
    Function("sentence_model_network", [.sentences], gives: [.model]) {
      recurrent_sentence_model_network($0[0], $1(0))
    },
    Function("sentence_model_solver", [.sentences], gives: [.solver]) {
      recurrent_sentence_model_solver($0[0], $1(0))
    },
  ]
}
