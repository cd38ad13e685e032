// Every function of recurrent.h with its arguments: the table that the tests iterate over.

import CRecurrent
import Testing

/// One function, and a call of it that succeeds.
struct Function: Sendable, CustomTestStringConvertible {
  let name: String
  /// The handles it takes, in the order in which `call` gets them.
  let takes: [ArgumentKind]
  /// Which of them may be 0.
  var optional: Set<Int> = []
  /// How many outputs must not be NULL; more may be written.
  var outputs = 0
  /// The object that the first outputs are handles of.
  var gives: [ArgumentKind] = []
  /// Outputs that are arrays of two handles of Mats.
  var handleLists: [Int] = []
  let call: @Sendable ([UInt64], Outputs) -> recurrent_status

  var testDescription: String { name }

  init(
    _ name: String, _ takes: [ArgumentKind], optional: Set<Int> = [], outputs: Int = 0,
    gives: [ArgumentKind] = [],
    lists: [Int] = [], _ call: @escaping @Sendable ([UInt64], Outputs) -> recurrent_status
  ) {
    (self.name, self.takes, self.optional, self.gives, self.call) = (name, takes, optional, gives, call)
    handleLists = lists
    self.outputs = max(outputs, gives.count)
  }

  /// Frees the objects that a successful call returned.
  func freeOutputs(_ outputs: Outputs) {
    for (i, kind) in gives.enumerated() { ok(kind.free(outputs.handle(i))) }
    for i in handleLists {
      for layer in 0..<2 { ok(recurrent_mat_free(outputs(i, UInt64.self)?[layer] ?? 0)) }
    }
  }

  /// The functions that can fail.
  static let all =
    randoms + mats + graphs + operations + programs + sampling + networks + sequences + generators + optimizers + texts
    + files + sentences

  /// The functions that cannot fail.
  static let infallible = [
    "abi_version", "version", "last_error", "last_errno", "object_count", "get_num_threads",
    // NULL is valid for the first; InterruptTests has their tests
    "set_interrupt_check", "is_interrupt_check", "python_set_interrupt_check", "python_raise",
    // 0 is valid for these; OwnershipTests has their tests
    "random_free", "mat_free", "graph_free", "network_free", "optimizer_free", "text_model_free", "generator_free",
    "pin_free", "step_free", "program_free",
  ]

  private static let m = ArgumentKind.mat(2, 3)

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
    Function("mat_pin_w", [m], outputs: 2, gives: [.pin]) { recurrent_mat_pin_w($0[0], $1(1), $1(0)) },
    Function("mat_pin_dw", [m], outputs: 2, gives: [.pin]) { recurrent_mat_pin_dw($0[0], $1(1), $1(0)) },
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
    Function("graph_backward_done", [.graph], outputs: 1) { recurrent_graph_backward_done($0[0], $1(0)) },
    Function("graph_count", [.graph], outputs: 1) { recurrent_graph_count($0[0], $1(0)) },
    Function("graph_operation", [.usedGraph], outputs: 5) {
      recurrent_graph_operation($0[0], 0, $1(0), 32, $1(1), $1(2), $1(3), 1, $1(4))
    },
    Function("graph_operand", [.usedGraph], gives: [m]) { recurrent_graph_operand($0[0], 0, -1, $1(0)) },
  ]

  private static let programs: [Function] = [
    Function("step_create", [], gives: [.step, .graph, m, m, m]) { _, o in
      with(#"{"inputs": 2, "states": [2], "parameters": [{"name": "W", "n": 2, "d": 2}]}"#) {
        recurrent_step_create($0, $1, o(0), o(1), o(2), o(3), 1, o(4), 1)
      }
    },
    Function("step_finish", [.recordedStep], gives: [.program]) { h, o in
      recurrent_step_finish(h[0], [value(of: h[0])], 1, o(0))
    },
    Function("program_create", [], gives: [.program]) { _, o in
      with(#"{"inputs": 0, "states": [2], "operations": [["tanh", ["s0", 0, 2]]], "next": [["v0", 0, 2]]}"#) {
        recurrent_program_create($0, $1, o(0))
      }
    },
    Function("program_describe", [.program], outputs: 2) { recurrent_program_describe($0[0], $1(0), 512, $1(1)) },
    Function(
      "graph_scan", [.graph, .program, .mat(2, 6), .mat(2, 2), .mat(2, 2)], gives: [.mat(2, 6), .mat(2, 2)]
    ) { h, o in
      recurrent_graph_scan(h[0], h[1], h[2], [h[3]], 1, [h[4]], 1, 3, [3, 1], 2, 0, o(0), o(1))
    },
    Function("step_dropout", [.recordedStep], gives: [.mat(2, 7)]) { h, o in
      recurrent_step_dropout(h[0], value(of: h[0]), 0.5, 1, o(0))
    },
    Function("step_name", [.recordedStep]) { h, _ in recurrent_step_name(h[0], value(of: h[0]), "n", 1) },
    Function("step_attend", [.recordedStep], gives: [.mat(2, 7)]) { h, o in
      recurrent_step_attend(h[0], value(of: h[0]), value(of: h[0]), value(of: h[0]), o(0))
    },
    Function("step_zoneout", [.recordedStep], gives: [.mat(2, 7)]) { h, o in
      recurrent_step_zoneout(h[0], value(of: h[0]), value(of: h[0]), 0.5, o(0))
    },
    Function("graph_forest", [.graph, .program, .mat(2, 3), .mat(2, 2), .mat(2, 2)], gives: [.mat(2, 5)]) { h, o in
      recurrent_graph_forest(h[0], h[1], h[2], [0, 2, -1], 3, [h[3]], 1, [h[4]], 1, o(0))
    },
    Function(
      "graph_apply", [.graph, .program, .mat(2, 3), .mat(2, 3), .mat(2, 2)], optional: [3],
      gives: [.mat(2, 3)]
    ) { h, o in
      recurrent_graph_apply(h[0], h[1], h[2], [h[3]], 1, [h[4]], 1, o(0))
    },
  ]

  private static let sampling: [Function] = [
    Function("softmax", [m], gives: [m]) { recurrent_softmax($0[0], $1(0)) },
    Function("argmax", [], outputs: 1) { recurrent_argmax(1, [1.0, 3, 2], 3, $1(0)) },
    Function("probabilities", [], outputs: 1) {
      recurrent_probabilities(1, [1.0, 3, 2], 3, nil, 0, [1], 1, $1(0, Double.self))
    },
    Function("sample", [.random], outputs: 1) { recurrent_sample(1, [0.25, 0.75], 2, $0[0], $1(0)) },
    Function("set_num_threads", []) { _, _ in recurrent_set_num_threads(recurrent_get_num_threads()) },
  ]

  private static let networks: [Function] = [
    Function("network_create", [.random], gives: [.network]) { h, o in
      with(#"{"cell": "lstm", "input_size": 3, "hidden_sizes": [4, 2]}"#) {
        recurrent_network_create($0, $1, h[0], o(0))
      }
    },
    Function("network_describe", [.network], outputs: 2) { recurrent_network_describe($0[0], $1(0), 512, $1(1)) },
    Function("network_program", [.network], gives: [.program]) { recurrent_network_program($0[0], 0, $1(0)) },
    Function("network_set_dropout", [.network, .random]) { h, _ in recurrent_network_set_dropout(h[0], 0.5, h[1]) },
    Function("network_initialize", [.network, .random]) { h, _ in
      with(#"{"recurrent": "orthogonal", "chrono": 9}"#) { recurrent_network_initialize(h[0], $0, $1, h[1]) }
    },
    Function("network_parameter", [.network], gives: [m]) { h, o in
      with("Wix0") { recurrent_network_parameter(h[0], $0, $1, o(0)) }
    },
    Function("network_parameter_count", [.network], outputs: 1) { recurrent_network_parameter_count($0[0], $1(0)) },
    Function("network_parameter_name", [.network], outputs: 2) {
      recurrent_network_parameter_name($0[0], 1, $1(0), 32, $1(1))
    },
    Function("network_flat", [.network], gives: [m]) { recurrent_network_flat($0[0], $1(0)) },
  ]

  private static let x = [Double](repeating: 0.5, count: 12), dy = [Double](repeating: 1, count: 20)

  private static let sequences: [Function] = [
    Function("network_state_count", [.network], outputs: 1) { recurrent_network_state_count($0[0], 2, $1(0)) },
    Function("network_initial_state", [.network], outputs: 1) {
      recurrent_network_initial_state($0[0], 2, $1(0, Double.self))
    },
    Function("network_forward_sequence", [.network], outputs: 1) {
      recurrent_network_forward_sequence($0[0], x, nil, 2, 2, nil, [2, 1], [0, 1, 1, 0], 1, $1(0, Double.self), nil)
    },
    Function("network_infer_sequence", [.network], outputs: 1) {
      recurrent_network_infer_sequence($0[0], x, nil, 2, 2, nil, [2, 1], [0, 1, 1, 0], $1(0, Double.self), nil)
    },
    Function("network_backward_sequence", [.ranNetwork]) { h, _ in
      recurrent_network_backward_sequence(h[0], dy, nil, nil, nil)
    },
    Function("network_activation", [.ranNetwork], outputs: 1) { h, o in
      with("f0") { recurrent_network_activation(h[0], $0, $1, o(0, Double.self)) }
    },
    Function("network_train_step", [.network, .optimizer]) { h, _ in
      recurrent_network_train_step(h[0], h[1], x, nil, [0, 1, -1, 2], nil, 2, 2, nil, nil, nil, 0.1, 0, 5, 0, nil, nil)
    },
    Function("network_loss", [.network], outputs: 1) {
      recurrent_network_loss($0[0], x, nil, [0, 1, -1, 2], nil, 2, 2, nil, nil, nil, nil, $1(0))
    },
    Function("network_gradient", [.network], outputs: 1) {
      recurrent_network_gradient($0[0], x, nil, [0, 1, -1, 2], nil, 2, 2, nil, nil, nil, nil, $1(0))
    },
    // the state is an input too: the pattern stands for tiny numbers
    Function("network_step", [.network], outputs: 1) { recurrent_network_step($0[0], 0, x, $1(0, Double.self), nil) },
    Function("network_beam_search", [.tokenNetwork], outputs: 4) {
      recurrent_network_beam_search($0[0], [1, 2], 2, 4, 2, -1, nil, $1(0), $1(1), $1(2), $1(3))
    },
  ]

  private static let optimizers: [Function] = [
    Function("optimizer_create", [], gives: [.optimizer]) { _, o in
      with(#"{"name": "adam", "amsgrad": true}"#) { recurrent_optimizer_create($0, $1, o(0)) }
    },
    Function("optimizer_step", [.optimizer, m, .mat(1, 2)]) { h, o in
      with(["a", "b"]) { recurrent_optimizer_step(h[0], $0, $1, [h[1], h[2]], 2, 0.1, 0, 5, nil) }
    },
    Function("optimizer_step_network", [.optimizer, .network]) { h, _ in
      recurrent_optimizer_step_network(h[0], h[1], 0.1, 0, 5, nil)
    },
    Function("optimizer_describe", [.optimizer], outputs: 2) { recurrent_optimizer_describe($0[0], $1(0), 512, $1(1)) },
    Function("optimizer_get_learning_rate", [.optimizer], outputs: 1) {
      recurrent_optimizer_get_learning_rate($0[0], $1(0))
    },
    Function("optimizer_set_learning_rate", [.optimizer]) { h, _ in recurrent_optimizer_set_learning_rate(h[0], 0.5) },
    Function("optimizer_name_count", [.steppedOptimizer], outputs: 1) { recurrent_optimizer_name_count($0[0], $1(0)) },
    Function("optimizer_name", [.steppedOptimizer], outputs: 2) {
      recurrent_optimizer_name($0[0], 0, $1(0), 32, $1(1))
    },
    Function("optimizer_state_count", [.optimizer], outputs: 1) { recurrent_optimizer_state_count($0[0], $1(0)) },
    Function("optimizer_state_name", [.optimizer], outputs: 2) {
      recurrent_optimizer_state_name($0[0], 0, $1(0), 32, $1(1))
    },
    Function("optimizer_steps", [.steppedOptimizer], outputs: 1) { h, o in
      with("w") { recurrent_optimizer_steps(h[0], $0, $1, o(0)) }
    },
    Function("optimizer_load_state", [.optimizer, m]) { h, _ in
      with(["w"]) { names, lengths in
        with(#"{"name": "recurrentjs"}"#) {
          recurrent_optimizer_load_state(h[0], $0, $1, names, lengths, [3], [h[1]], 1)
        }
      }
    },
    Function("optimizer_state", [.steppedOptimizer], gives: [m]) { h, o in
      with("w") { recurrent_optimizer_state(h[0], 0, $0, $1, o(0)) }
    },
  ]
}
