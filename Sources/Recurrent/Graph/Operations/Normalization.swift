// Softmax and layer normalization, column by column.

import Kernels

extension Graph {
  /// Records eˣ / Σ eˣ in each column; stable for scores of any size.
  public func softmax(_ m: Mat) throws(RecurrentError) -> Mat { try record(Softmax(), m, n: m.n, d: m.d) }

  /// Records ln softmax in each column, without forming the softmax.
  public func logSoftmax(_ m: Mat) throws(RecurrentError) -> Mat { try record(LogSoftmax(), m, n: m.n, d: m.d) }

  /// Records x̂: each column of m with mean 0 and variance 1.
  ///
  /// - Parameters:
  ///   - m: [n × d].
  ///   - epsilon: added to the variance, above 0.
  public func layerNorm(_ m: Mat, epsilon: Double = 1e-5) throws(RecurrentError) -> Mat {
    try require(epsilon, isPositive: "epsilon")
    try require(epsilon, "epsilon", fits: m.dtype)
    return try recording { () throws(RecurrentError) in
      let mark = operands.count
      try appendOperand(m, "m")
      return try appendNode(Normalize(epsilon: epsilon), since: mark, n: m.n, d: m.d, scratch: m.d)
    }
  }

  /// Records gain ⊙ x̂ + bias, where x̂ is each column of m with mean 0 and variance 1.
  ///
  /// - Parameters:
  ///   - m: [n × d].
  ///   - gain: [n × 1].
  ///   - bias: [n × 1].
  ///   - epsilon: added to the variance, above 0.
  ///
  /// Reference: Ba, Kiros and Hinton, arXiv:1607.06450.
  public func layerNorm(_ m: Mat, gain: Mat, bias: Mat, epsilon: Double = 1e-5) throws(RecurrentError) -> Mat {
    try require(epsilon, isPositive: "epsilon")
    try require(epsilon, "epsilon", fits: m.dtype)
    for (name, v) in [("gain", gain), ("bias", bias)] {
      try require(
        v.n == m.n && v.d == 1, .badShape, "\(name) has the wrong shape; expected \(m.n) x 1, got \(v.shape)")
    }
    return try recording { () throws(RecurrentError) in
      let mark = operands.count
      try appendOperand(m, "m")
      try appendOperand(gain, "gain")
      try appendOperand(bias, "bias")
      // x̂ [n × d], the scale of each column [1 × d], a column of work for backward [n × 1]
      return try appendNode(
        LayerNorm(epsilon: epsilon), since: mark, n: m.n, d: m.d, scratch: m.count + m.d + m.n)
    }
  }
}

private struct Softmax: GraphOperation {
  var name: String { "softmax" }

  func forward<T: Real>(_ args: Operands<T>) { Kernels.softmax(args[0], to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) { softmaxBackward(args.y, dp: args.dy, dx: args.gradient(0)) }

  var backwardReads: BackwardReads { BackwardReads(result: true) }

  var recordedOperation: RecordedOperation? { .softmax }
}

private struct LogSoftmax: GraphOperation {
  var name: String { "log_softmax" }

  func forward<T: Real>(_ args: Operands<T>) { Kernels.logSoftmax(args[0], to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) { logSoftmaxBackward(args.y, dy: args.dy, dx: args.gradient(0)) }

  var backwardReads: BackwardReads { BackwardReads(result: true) }
}

private struct Normalize: GraphOperation {
  let epsilon: Double

  var name: String { "layer_norm" }

  func forward<T: Real>(_ args: Operands<T>) {
    normalize(args[0], epsilon: T(epsilon), scale: args.scratch(1, args.y.columns), to: args.y)
  }

  func backward<T: Real>(_ args: Operands<T>) {
    normalizeBackward(args.y, scale: args.scratch(1, args.y.columns), dy: args.dy, dx: args.gradient(0))
  }

  var backwardReads: BackwardReads { BackwardReads(result: true) }

  var recordedOperation: RecordedOperation? { .layerNorm(epsilon) }
}

private struct LayerNorm: GraphOperation {
  let epsilon: Double

  var name: String { "layer_norm" }

  func forward<T: Real>(_ args: Operands<T>) {
    let (n, d) = (args.y.rows, args.y.columns)
    Kernels.layerNorm(
      args[0], gain: args[1], bias: args[2], epsilon: T(epsilon), normal: args.scratch(n, d),
      scale: args.scratch(1, d, at: n * d), to: args.y)
  }

  func backward<T: Real>(_ args: Operands<T>) {
    let (n, d) = (args.y.rows, args.y.columns)
    layerNormBackward(
      gain: args[1], normal: args.scratch(n, d), scale: args.scratch(1, d, at: n * d), dy: args.dy,
      dx: args.gradient(0), dgain: args.gradient(1), dbias: args.gradient(2), work: args.scratch(n, 1, at: n * d + d))
  }

  var backwardReads: BackwardReads { BackwardReads(1) }

  var recordedOperation: RecordedOperation? { .layerNorm(epsilon) }
}
