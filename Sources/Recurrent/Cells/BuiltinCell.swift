// The built-in recurrent cells: names, gates and parameter names.

import Kernels

/// A built-in recurrent cell.
enum BuiltinCell: Sendable, CaseIterable {
  /// h′ = tanh(Wx·x + Wh·h + b).
  case rnnTanh
  /// h′ = relu(Wx·x + Wh·h + b), RecurrentJS's.
  case rnnRelu
  /// Long short-term memory.
  case lstm
  /// Gated recurrent unit that resets after the recurrent product, as PyTorch and cuDNN.
  case gru
  /// Gated recurrent unit that resets before the recurrent product, as Cho et al., arXiv:1406.1078.
  case gruResetBefore

  /// The name in settings, files and every interface.
  var name: String {
    switch self {
    case .rnnTanh: "rnn_tanh"
    case .rnnRelu: "rnn_relu"
    case .lstm: "lstm"
    case .gru: "gru"
    case .gruResetBefore: "gru_reset_before"
    }
  }

  /// The gates' letters, in the order of their rows and of RecurrentJS's parameters.
  var gates: [String] {
    switch self {
    case .rnnTanh, .rnnRelu: ["h"]
    case .lstm: ["i", "f", "o", "c"]
    case .gru, .gruResetBefore: ["r", "z", "n"]
    }
  }

  /// The parameter names of layer `k`, a number or one with the suffix of the reverse direction, gate by gate.
  func names(layer k: String) -> [(Wx: String, Wh: String, b: String)] {
    switch self {
    case .rnnTanh, .rnnRelu: [("Wxh\(k)", "Whh\(k)", "bhh\(k)")]
    default: gates.map { ("W\($0)x\(k)", "W\($0)h\(k)", "b\($0)\(k)") }
    }
  }

  /// The candidate's second bias, inside the reset of a `.gru`; nil for the others.
  func resetBias(layer k: String) -> String? { self == .gru ? "bnh\(k)" : nil }

  /// The names of the states; the first is the output.
  var states: [String] { self == .lstm ? ["h", "c"] : ["h"] }

  /// The equations of a time step.
  func step(_ options: CellOptions = CellOptions()) -> Cell.Step {
    switch self {
    case .rnnTanh: .rnn(.tanh, options)
    case .rnnRelu: .rnn(.relu, options)
    case .lstm: .lstm(options)
    case .gru: .gru(options)
    case .gruResetBefore: .gruResetBefore(options)
    }
  }
}
