// The graph's operations and the model's tick, as entries of the table.

import CRecurrent

extension Function {
  private typealias Unary = @convention(c) (UInt64, UInt64, UnsafeMutablePointer<UInt64>?) -> recurrent_status
  private typealias Binary =
    @convention(c) (UInt64, UInt64, UInt64, UnsafeMutablePointer<UInt64>?) -> recurrent_status

  private static func unary(_ name: String, _ f: @escaping Unary) -> Function {
    Function("graph_\(name)", [.graph, .mat(2, 3)], gives: [.mat(2, 3)]) { f($0[0], $0[1], $1(0)) }
  }

  private static func binary(_ name: String, _ f: @escaping Binary, _ b: Ingredient = .mat(2, 3)) -> Function {
    Function("graph_\(name)", [.graph, .mat(2, 3), b], gives: [.mat(2, 3)]) { f($0[0], $0[1], $0[2], $1(0)) }
  }

  static let operations: [Function] =
    [
      unary("tanh", recurrent_graph_tanh), unary("sigmoid", recurrent_graph_sigmoid),
      unary("relu", recurrent_graph_relu),
      unary("gelu", recurrent_graph_gelu), unary("silu", recurrent_graph_silu),
      unary("softplus", recurrent_graph_softplus), unary("neg", recurrent_graph_neg),
      unary("exp", recurrent_graph_exp),
      unary("log", recurrent_graph_log), unary("sqrt", recurrent_graph_sqrt),
      unary("square", recurrent_graph_square),
      unary("abs", recurrent_graph_abs), unary("transpose", recurrent_graph_transpose),
      unary("softmax", recurrent_graph_softmax), unary("log_softmax", recurrent_graph_log_softmax),
      binary("add", recurrent_graph_add), binary("sub", recurrent_graph_sub),
      binary("eltmul", recurrent_graph_eltmul),
      binary("div", recurrent_graph_div), binary("mul", recurrent_graph_mul, .mat(3, 4)),
      binary("dot", recurrent_graph_dot),
    ] + withSettings + ofSeveral + ticks

  private static let withSettings: [Function] = [
    Function("graph_leaky_relu", [.graph, .mat(2, 3)], gives: [.mat(2, 3)]) {
      recurrent_graph_leaky_relu($0[0], $0[1], 0.1, $1(0))
    },
    Function("graph_scale", [.graph, .mat(2, 3)], gives: [.mat(2, 3)]) {
      recurrent_graph_scale($0[0], $0[1], 2, $1(0))
    },
    Function("graph_sum", [.graph, .mat(2, 3)], gives: [.mat(1, 3)]) {
      recurrent_graph_sum($0[0], $0[1], 0, $1(0))
    },
    Function("graph_mean", [.graph, .mat(2, 3)], gives: [.mat(2, 1)]) {
      recurrent_graph_mean($0[0], $0[1], 1, $1(0))
    },
    Function("graph_slice_rows", [.graph, .mat(2, 3)], gives: [.mat(1, 3)]) {
      recurrent_graph_slice_rows($0[0], $0[1], 1, 1, $1(0))
    },
    Function("graph_slice_columns", [.graph, .mat(2, 3)], gives: [.mat(2, 2)]) {
      recurrent_graph_slice_columns($0[0], $0[1], 1, 2, $1(0))
    },
    Function("graph_row_pluck", [.graph, .mat(2, 3)], gives: [.mat(3, 2)]) {
      recurrent_graph_row_pluck($0[0], $0[1], [1, 0], 2, $1(0))
    },
    Function("graph_cross_entropy", [.graph, .mat(2, 3)], gives: [.mat(1, 1)]) {
      recurrent_graph_cross_entropy($0[0], $0[1], [1, 0, 1], 3, 0, $1(0))
    },
    Function("graph_dropout", [.graph, .mat(2, 3), .random], gives: [.mat(2, 3)]) {
      recurrent_graph_dropout($0[0], $0[1], 0.5, $0[2], $1(0))
    },
  ]

  private static let ofSeveral: [Function] = [
    Function("graph_concat_rows", [.graph, .mat(2, 3), .mat(1, 3)], gives: [.mat(3, 3)]) {
      recurrent_graph_concat_rows($0[0], [$0[1], $0[2]], 2, $1(0))
    },
    Function("graph_concat_columns", [.graph, .mat(2, 3), .mat(2, 1)], gives: [.mat(2, 4)]) {
      recurrent_graph_concat_columns($0[0], [$0[1], $0[2]], 2, $1(0))
    },
    Function("graph_squared_error", [.graph, .mat(2, 3), .mat(2, 3)], gives: [.mat(1, 1)]) {
      recurrent_graph_squared_error($0[0], $0[1], $0[2], 1, $1(0))
    },
    Function("graph_layer_norm", [.graph, .mat(2, 3), .mat(2, 1), .mat(2, 1)], gives: [.mat(2, 3)]) {
      recurrent_graph_layer_norm($0[0], $0[1], $0[2], $0[3], 1e-5, $1(0))
    },
  ]

  private static let ticks: [Function] = [
    Function(
      "graph_rnn", [.graph, .mat(3, 2), .mat(4, 2), .mat(4, 3), .mat(4, 4), .mat(4, 1)], gives: [.mat(4, 2)]
    ) {
      recurrent_graph_rnn($0[0], $0[1], $0[2], $0[3], $0[4], $0[5], $1(0))
    },
    Function(
      "graph_lstm", [.graph, .mat(3, 2), .mat(4, 2), .mat(4, 2), .mat(16, 3), .mat(16, 4), .mat(16, 1)],
      gives: [.mat(4, 2), .mat(4, 2)]
    ) { recurrent_graph_lstm($0[0], $0[1], $0[2], $0[3], $0[4], $0[5], $0[6], $1(0), $1(1)) },
    // one layer's state: every handle of it can be wrong
    Function("model_forward", [.rnnModel, .graph, .mat(3, 2), .mat(4, 2)], gives: [.mat(5, 2), .mat(4, 2)]) {
      recurrent_model_forward($0[0], $0[1], $0[2], [$0[3]], nil, $1(1), nil, $1(0))
    },
    Function(
      "model_forward", [.model, .graph, .mat(3, 2), .mat(4, 2), .mat(2, 2), .mat(4, 2), .mat(2, 2)],
      outputs: 3,
      gives: [.mat(5, 2)], lists: [1, 2]
    ) { recurrent_model_forward($0[0], $0[1], $0[2], [$0[3], $0[4]], [$0[5], $0[6]], $1(1), $1(2), $1(0)) },
  ]
}
