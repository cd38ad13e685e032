// One time step of a long short-term memory layer, as a graph operation.

import Kernels

extension Graph {
  /// Records one time step of an LSTM layer.
  ///
  ///     i = σ(Wix·x + Wih·h + bi)                      input gate
  ///     f = σ(Wfx·x + Wfh·h + bf)                      forget gate
  ///     o = σ(Wox·x + Woh·h + bo)                      output gate
  ///     c′ = f ⊙ c + i ⊙ tanh(Wcx·x + Wch·h + bc)
  ///     h′ = o ⊙ tanh(c′)
  ///
  /// - Parameters:
  ///   - x: the layer's input, [I × B].
  ///   - h: the previous output, [H × B].
  ///   - c: the previous cell, [H × B].
  ///   - Wx: Wix, Wfx, Wox, Wcx one below the other, [4H × I].
  ///   - Wh: Wih, Wfh, Woh, Wch, one below the other, [4H × H].
  ///   - b: bi, bf, bo, bc, one below the other, [4H × 1].
  /// - Returns: h′ and c′, each [H × B].
  ///
  /// Parity: no peepholes, as RecurrentJS. Reference: Graves, arXiv:1308.0850, section 2.1, has them.
  public func lstm(
    _ x: Mat, _ h: Mat, _ c: Mat, Wx: Mat, Wh: Mat, b: Mat
  ) throws(RecurrentError) -> (h: Mat, c: Mat) {
    try require(
      c.n == h.n && c.d == h.d, .badShape, "lstm: c has the wrong shape; expected \(h.shape), got \(c.shape)")
    try checkCell("lstm", gates: 4, x, h, Wx, Wh, b)
    let both = try recording { () throws(RecurrentError) in
      let mark = operands.count
      try adopt(x, "x")
      try adopt(h, "h")
      try adopt(c, "c")
      try adopt(Wx, "Wx")
      try adopt(Wh, "Wh")
      try adopt(b, "b", columns: h.d)
      return try emit(.lstm, since: mark, n: 2 * h.n, d: h.d, scratch: 4 * h.count)
    }
    return (
      try both.view(row: 0, column: 0, n: h.n, d: h.d), try both.view(row: h.n, column: 0, n: h.n, d: h.d)
    )
  }
}

enum LSTM {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) {
    let (h, B) = (x[2].n, x[2].d)
    let gates = x.scratch(4 * h, B)
    preactivate(x[0], x[1], x[3], x[4], x[5], to: gates)
    lstmGates(gates.top(h), gate: h, x[2], newH: x.y.top(h), newC: bottom(x.y, h))
  }

  // the gates are replaced by dz
  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    let (h, B) = (x[2].n, x[2].d)
    let gates = x.scratch(4 * h, B)
    lstmGatesBackward(
      gates.top(h), gate: h, x[2], newC: bottom(x.y, h), dnewH: x.dy.top(h), dnewC: bottom(x.dy, h), dc: x.d(2),
      accumulate: true)
    preactivateBackward(x, Wx: 3, Wh: 4, b: 5, dz: gates)
  }

  /// The result holds h′ above c′.
  @inline(__always) private static func bottom<T: Real>(_ y: MatrixView<T>, _ h: Int) -> MatrixView<T> {
    MatrixView(y.p + h, n: h, d: y.d, stride: y.stride)
  }
}
