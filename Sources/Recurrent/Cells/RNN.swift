// One time step of a plain recurrent layer, as a graph operation.

import Kernels

extension Graph {
  /// Records one time step of a plain recurrent layer: h′ = relu(Wx·x + Wh·h + b).
  ///
  /// - Parameters:
  ///   - x: the layer's input, [I × B].
  ///   - h: the previous output, [H × B].
  ///   - Wx: [H × I].
  ///   - Wh: [H × H].
  ///   - b: [H × 1].
  /// - Returns: h′, [H × B].
  ///
  /// Parity: RecurrentJS's RNN is ReLU; its derivative is 1 if the pre-activation is above 0 and 0 otherwise.
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

  /// Checks the shapes of a cell's operands, with gate rows stacked in Wx, Wh and b.
  func checkCell(
    _ name: String, gates: Int, _ x: Mat, _ h: Mat, _ Wx: Mat, _ Wh: Mat, _ b: Mat
  ) throws(RecurrentError) {
    let rows = gates * h.n
    try require(
      x.d == h.d, .badShape, "\(name): x has the wrong shape; expected \(h.d) columns as h, got \(x.shape)")
    for (operand, mat, columns) in [("Wx", Wx, x.n), ("Wh", Wh, h.n), ("b", b, 1)] {
      try require(
        mat.n == rows && mat.d == columns, .badShape,
        "\(name): \(operand) has the wrong shape; expected \(rows) x \(columns), got \(mat.shape)")
    }
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
    // h′ > 0 if and only if the pre-activation is
    applyBackward(.relu, 0, x.y, x.y, dy: x.dy, dx: dz)
    preactivateBackward(x, Wx: 2, Wh: 3, b: 4, dz: dz)
  }
}

/// z = Wx·x + Wh·h + b.
@inline(__always)
func preactivate<T: Real>(
  _ x: MatrixView<T>, _ h: MatrixView<T>, _ Wx: MatrixView<T>, _ Wh: MatrixView<T>, _ b: MatrixView<T>,
  to z: MatrixView<T>
) {
  copy(b, to: z)
  multiply(Wx, x, to: z, accumulate: true)
  multiply(Wh, h, to: z, accumulate: true)
}

/// Adds the gradients of x (operand 0), h (operand 1) and the weights at the given operand indices.
@inline(__always)
func preactivateBackward<T: Real>(_ x: Operands<T>, Wx: Int, Wh: Int, b: Int, dz: MatrixView<T>) {
  multiplyBackward(dy: dz, x[0], dw: x.d(Wx))
  multiplyBackward(dy: dz, x[1], dw: x.d(Wh))
  accumulate(dz, times: 1, into: x.d(b))
  multiplyBackward(x[Wx], dy: dz, dx: x.d(0))
  multiplyBackward(x[Wh], dy: dz, dx: x.d(1))
}
