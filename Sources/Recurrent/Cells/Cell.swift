// The kinds of recurrent layer: their gates, their names, and how their rows lie.

import Kernels

/// The kinds of recurrent layer.
public enum Cell: Int32, Sendable, CaseIterable, CustomStringConvertible {
  /// Plain, with ReLU, as RecurrentJS has it.
  case rnn = 0
  /// Long short-term memory.
  case lstm = 1
  /// Plain, with tanh.
  case rnnTanh = 2
  /// Gated recurrent unit that resets after the product, as PyTorch and cuDNN.
  case gru = 3
  /// Gated recurrent unit that resets before the product, as the original paper.
  case gruBefore = 4

  /// RecurrentJS's word for it, or the field's.
  public var description: String {
    switch self {
    case .rnn: "rnn"
    case .lstm: "lstm"
    case .rnnTanh: "rnn_tanh"
    case .gru: "gru"
    case .gruBefore: "gru_before"
    }
  }

  /// The gates' letters, in the order of their rows and of RecurrentJS's parameters.
  var gates: [String] {
    switch self {
    case .rnn, .rnnTanh: ["h"]
    case .lstm: ["i", "f", "o", "c"]
    case .gru, .gruBefore: ["r", "z", "n"]
    }
  }

  /// A layer's parameter names, gate by gate.
  func names(layer k: Int) -> [(Wx: String, Wh: String, b: String)] {
    switch self {
    case .rnn, .rnnTanh: [("Wxh\(k)", "Whh\(k)", "bhh\(k)")]
    default: gates.map { ("W\($0)x\(k)", "W\($0)h\(k)", "b\($0)\(k)") }
    }
  }

  /// The candidate's second bias, inside the reset: only a GRU that resets after the product has one.
  func resetBias(layer k: Int) -> String? { self == .gru ? "bnh\(k)" : nil }

  /// Whether a tick carries a cell beside the output.
  public var hasCell: Bool { self == .lstm }

  /// Blocks of H rows that a step computes: an LSTM's four gates; a GRU's r, z, a = Wnh·h and n.
  var blocks: Int {
    switch self {
    case .rnn, .rnnTanh: 1
    default: 4
    }
  }
}
