// The long short-term memory layer, one tick at a time.

import Kernels

extension Graph {
  /// One tick of an LSTM layer.
  ///
  ///     i = σ(Wix·x + Wih·h + bi)                      what to write
  ///     f = σ(Wfx·x + Wfh·h + bf)                      what to keep
  ///     o = σ(Wox·x + Woh·h + bo)                      what to show
  ///     c′ = f ⊙ c + i ⊙ tanh(Wcx·x + Wch·h + bc)
  ///     h′ = o ⊙ tanh(c′)
  ///
  /// - Parameters:
  ///   - x: the layer's input, [I × B].
  ///   - h: output of the tick before, [H × B].
  ///   - c: cell of the tick before, [H × B].
  ///   - Wx: Wix, Wfx, Wox, Wcx one below the other, [4H × I].
  ///   - Wh: Wih, Wfh, Woh, Wch likewise, [4H × H].
  ///   - b: bi, bf, bo, bc likewise, [4H × 1].
  /// - Returns: h′ and c′, each [H × B].
  ///
  /// Parity: no peepholes, as RecurrentJS. Reference: Graves, arXiv:1308.0850, section 2.1, has them.
  public func lstm(
    _ x: Mat, _ h: Mat, _ c: Mat, Wx: Mat, Wh: Mat, b: Mat
  ) throws(RecurrentError) -> (h: Mat, c: Mat) {
    try require(
      c.n == h.n && c.d == h.d, .badShape, "lstm: c is \(c.shape) and h is \(h.shape); expected one shape")
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
    lstmGates(gates.prefix(rows: h), gate: h, x[2], newH: x.y.prefix(rows: h), newC: bottom(x.y, h))
  }

  // the gates become dz in place
  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    let (h, B) = (x[2].n, x[2].d)
    let gates = x.scratch(4 * h, B)
    lstmGatesBackward(
      gates.prefix(rows: h), gate: h, x[2], newC: bottom(x.y, h), dnewH: x.dy.prefix(rows: h), dnewC: bottom(x.dy, h), dc: x.d(2),
      accumulate: true)
    preactivateBackward(x, Wx: 3, Wh: 4, b: 5, dz: gates)
  }

  /// The result holds h′ above c′.
  @inline(__always) private static func bottom<T: Real>(_ y: MatrixView<T>, _ h: Int) -> MatrixView<T> {
    MatrixView(y.p + h, rows: h, columns: y.d, columnStride: y.stride)
  }
}
