// The graph's operations and the network's time step, as entries of the table.

import CRecurrent

extension Function {
  private typealias Unary = @convention(c) (UInt64, UInt64, UnsafeMutablePointer<UInt64>?) -> recurrent_status
  private typealias Binary =
    @convention(c) (UInt64, UInt64, UInt64, UnsafeMutablePointer<UInt64>?) -> recurrent_status

  private static func unary(_ name: String, _ f: @escaping Unary) -> Function {
    Function("graph_\(name)", [.graph, .mat(2, 3)], gives: [.mat(2, 3)]) { f($0[0], $0[1], $1(0)) }
  }

  private static func binary(_ name: String, _ f: @escaping Binary, _ b: ArgumentKind = .mat(2, 3)) -> Function {
    Function("graph_\(name)", [.graph, .mat(2, 3), b], gives: [.mat(2, 3)]) { f($0[0], $0[1], $0[2], $1(0)) }
  }

  static let operations: [Function] =
    [
      unary("transpose", recurrent_graph_transpose), unary("softmax", recurrent_graph_softmax),
      unary("log_softmax", recurrent_graph_log_softmax), unary("detach", recurrent_graph_detach),
      binary("mul", recurrent_graph_mul, .mat(3, 4)),
      binary("dot", recurrent_graph_dot),
    ] + withSettings + ofSeveral + steps

  private static let withSettings: [Function] = [
    Function("graph_unary", [.graph, .mat(2, 3)], gives: [.mat(2, 3)]) {
      recurrent_graph_unary($0[0], 3, $0[1], 0.1, $1(0))
    },
    Function("graph_binary", [.graph, .mat(2, 3), .mat(2, 1)], gives: [.mat(2, 3)]) {
      recurrent_graph_binary($0[0], 3, $0[1], $0[2], $1(0))
    },
    Function("graph_sum", [.graph, .mat(2, 3)], gives: [.mat(1, 3)]) {
      recurrent_graph_sum($0[0], $0[1], 0, $1(0))
    },
    Function("graph_mean", [.graph, .mat(2, 3)], gives: [.mat(2, 1)]) {
      recurrent_graph_mean($0[0], $0[1], 1, $1(0))
    },
    Function("graph_max", [.graph, .mat(2, 3)], gives: [.mat(1, 3)]) { recurrent_graph_max($0[0], $0[1], 0, $1(0)) },
    Function("graph_min", [.graph, .mat(2, 3)], gives: [.mat(2, 1)]) { recurrent_graph_min($0[0], $0[1], 1, $1(0)) },
    Function("graph_norm", [.graph, .mat(2, 3)], gives: [.mat(1, 1)]) {
      recurrent_graph_norm($0[0], $0[1], -1, $1(0))
    },
    Function("graph_logsumexp", [.graph, .mat(2, 3)], gives: [.mat(2, 1)]) {
      recurrent_graph_logsumexp($0[0], $0[1], 1, $1(0))
    },
    Function("graph_cumsum", [.graph, .mat(2, 3)], gives: [.mat(2, 3)]) {
      recurrent_graph_cumsum($0[0], $0[1], 1, $1(0))
    },
    Function("graph_clip", [.graph, .mat(2, 3)], gives: [.mat(2, 3)]) {
      recurrent_graph_clip($0[0], $0[1], -1, 1, $1(0))
    },
    Function("graph_reshape", [.graph, .mat(2, 3)], gives: [.mat(3, 2)]) {
      recurrent_graph_reshape($0[0], $0[1], 3, -1, $1(0))
    },
    Function("graph_index_select", [.graph, .mat(2, 3)], gives: [.mat(2, 2)]) {
      recurrent_graph_index_select($0[0], $0[1], [2, 0], 2, 1, $1(0))
    },
    Function("graph_slice_rows", [.graph, .mat(2, 3)], gives: [.mat(1, 3)]) {
      recurrent_graph_slice_rows($0[0], $0[1], 1, 1, $1(0))
    },
    Function("graph_slice_columns", [.graph, .mat(2, 3)], gives: [.mat(2, 2)]) {
      recurrent_graph_slice_columns($0[0], $0[1], 1, 2, $1(0))
    },
    Function("graph_reverse_sequence", [.graph, .mat(2, 3)], gives: [.mat(2, 3)]) {
      recurrent_graph_reverse_sequence($0[0], $0[1], 3, [2], 1, $1(0))
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
    Function("graph_stack", [.graph, .mat(2, 3), .mat(2, 3)], gives: [.mat(4, 3)]) {
      recurrent_graph_stack($0[0], [$0[1], $0[2]], 2, 0, $1(0))
    },
    Function("graph_bmm", [.graph, .mat(2, 6), .mat(2, 3)], gives: [.mat(2, 3)]) {
      recurrent_graph_bmm($0[0], $0[1], $0[2], 3, 0, $1(0))
    },
    Function("graph_where", [.graph, .mat(2, 3), .mat(1, 3), .mat(2, 1)], gives: [.mat(2, 3)]) {
      recurrent_graph_where($0[0], $0[1], $0[2], $0[3], $1(0))
    },
    Function("graph_squared_error", [.graph, .mat(2, 3), .mat(2, 3)], gives: [.mat(1, 1)]) {
      recurrent_graph_squared_error($0[0], $0[1], $0[2], 1, $1(0))
    },
    Function("graph_layer_norm", [.graph, .mat(2, 3), .mat(2, 1), .mat(2, 1)], gives: [.mat(2, 3)]) {
      recurrent_graph_layer_norm($0[0], $0[1], $0[2], $0[3], 1e-5, $1(0))
    },
  ]

  private static let steps: [Function] = [
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
    Function("network_forward", [.rnnNetwork, .graph, .mat(3, 2), .mat(4, 2)], gives: [.mat(5, 2), .mat(4, 2)]) {
      recurrent_network_forward($0[0], $0[1], $0[2], [$0[3]], nil, $1(1), nil, $1(0))
    },
    Function(
      "network_forward", [.network, .graph, .mat(3, 2), .mat(4, 2), .mat(2, 2), .mat(4, 2), .mat(2, 2)],
      outputs: 3,
      gives: [.mat(5, 2)], lists: [1, 2]
    ) { recurrent_network_forward($0[0], $0[1], $0[2], [$0[3], $0[4]], [$0[5], $0[6]], $1(1), $1(2), $1(0)) },
  ]
}
