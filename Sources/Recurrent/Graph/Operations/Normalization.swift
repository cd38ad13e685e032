// Layer normalization: a column brought to a mean and a variance.

import Kernels

extension Graph {
  /// Each column brought to mean 0 and variance 1, then gain ⊙ x̂ + bias.
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
    for (name, v) in [("gain", gain), ("bias", bias)] {
      try require(
        v.n == m.n && v.d == 1, .badShape, "\(name) is \(v.shape); expected \(m.n) x 1, a column of m's height")
    }
    return try recording { () throws(RecurrentError) in
      let mark = operands.count
      try adopt(m, "m")
      try adopt(gain, "gain")
      try adopt(bias, "bias")
      // x̂, one scale per column, and a column of work for the backward pass
      return try emit(
        .layerNorm, since: mark, n: m.n, d: m.d, scalar: epsilon, scratch: m.count + m.d + m.n)
    }
  }
}

enum LayerNorm {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) {
    let (n, d) = (x.y.n, x.y.d)
    layerNorm(
      x[0], gain: x[1], bias: x[2], epsilon: x.scalar, normal: x.scratch(n, d), scale: x.scratch(1, d, at: n * d),
      to: x.y)
  }

  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    let (n, d) = (x.y.n, x.y.d)
    layerNormBackward(
      gain: x[1], normal: x.scratch(n, d), scale: x.scratch(1, d, at: n * d), dy: x.dy, dx: x.d(0), dgain: x.d(1),
      dbias: x.d(2), work: x.scratch(n, 1, at: n * d + d))
  }
}
