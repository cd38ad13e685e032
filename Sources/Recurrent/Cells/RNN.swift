// The plain recurrent layer, one tick at a time.

import Kernels

extension Graph {
  /// One tick of a plain recurrent layer: h′ = relu(Wx·x + Wh·h + b).
  ///
  /// - Parameters:
  ///   - x: the layer's input, [I × B].
  ///   - h: what the tick before left, [H × B].
  ///   - Wx: [H × I].
  ///   - Wh: [H × H].
  ///   - b: [H × 1].
  /// - Returns: h′, [H × B].
  ///
  /// Parity: RecurrentJS's RNN is ReLU; its slope is 1 where the pre-activation is above 0.
  public func rnn(_ x: Mat, _ h: Mat, Wx: Mat, Wh: Mat, b: Mat) throws(RecurrentError) -> Mat {
    try checkCell("rnn", gates: 1, x, h, Wx, Wh, b)
    return try recording { () throws(RecurrentError) in
      let mark = operands.count
      try adopt(x, "x")
      try adopt(h, "h")
      try adopt(Wx, "Wx")
      try adopt(Wh, "Wh")
      try adopt(b, "b", columns: h.d)
      return try emit(.rnn, since: mark, n: h.n, d: h.d, scratch: h.count)
    }
  }

  /// Checks that a cell's operands fit each other, gate rows stacked in Wx, Wh and b.
  func checkCell(
    _ name: String, gates: Int, _ x: Mat, _ h: Mat, _ Wx: Mat, _ Wh: Mat, _ b: Mat
  ) throws(RecurrentError) {
    let rows = gates * h.n
    try require(x.d == h.d, .badShape, "\(name): x is \(x.shape) and h is \(h.shape); expected equal columns")
    try require(
      Wx.n == rows && Wx.d == x.n, .badShape, "\(name): Wx is \(Wx.shape); expected \(rows) x \(x.n)")
    try require(
      Wh.n == rows && Wh.d == h.n, .badShape, "\(name): Wh is \(Wh.shape); expected \(rows) x \(h.n)")
    try require(b.n == rows && b.d == 1, .badShape, "\(name): b is \(b.shape); expected \(rows) x 1")
  }
}

enum RNN {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) {
    preactivate(x[0], x[1], x[2], x[3], x[4], to: x.y)
    apply(.relu, 0, x.y, to: x.y)
  }

  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    let dz = x.scratch(x.y.n, x.y.d)
    fill(dz, with: 0)
    // h′ > 0 exactly where the pre-activation was
    applyBackward(.relu, 0, x.y, x.y, dy: x.dy, dx: dz)
    preactivateBackward(x, Wx: 2, Wh: 3, b: 4, dz: dz)
  }
}

/// z = Wx·x + Wh·h + b.
@inline(__always)
func preactivate<T: Real>(
  _ x: MatrixView<T>, _ h: MatrixView<T>, _ Wx: MatrixView<T>, _ Wh: MatrixView<T>, _ b: MatrixView<T>, to z: MatrixView<T>
) {
  copy(b, to: z)
  gemm(Wx, x, to: z, accumulate: true)
  gemm(Wh, h, to: z, accumulate: true)
}

/// From dz to x (operand 0), h (operand 1) and the weights at the given places.
@inline(__always)
func preactivateBackward<T: Real>(_ x: Operands<T>, Wx: Int, Wh: Int, b: Int, dz: MatrixView<T>) {
  gemmBackwardWeights(dy: dz, x[0], dw: x.d(Wx))
  gemmBackwardWeights(dy: dz, x[1], dw: x.d(Wh))
  accumulate(dz, times: 1, into: x.d(b))
  gemmBackwardInput(x[Wx], dy: dz, dx: x.d(0))
  gemmBackwardInput(x[Wh], dy: dz, dx: x.d(1))
}
