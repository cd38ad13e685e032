// One time step of a plain recurrent layer, as a graph operation.

import Kernels

extension Graph {
  /// Records one time step of a plain recurrent layer: h′ = relu(Wx·x + Wh·h + b).
  ///
  /// - Parameters:
  ///   - x: the input, [I × B].
  ///   - h: the previous output, [H × B].
  ///   - Wx: [H × I].
  ///   - Wh: [H × H].
  ///   - b: [H × 1].
  /// - Returns: h′, [H × B].
  ///
  /// Parity: RecurrentJS's RNN uses ReLU; its derivative is 1 where the pre-activation is above 0.
  public func rnn(_ x: Mat, _ h: Mat, Wx: Mat, Wh: Mat, b: Mat) throws(RecurrentError) -> Mat {
    try checkCell("rnn", gates: 1, x, h, Wx, Wh, b)
    return try recording { () throws(RecurrentError) in
      let mark = operands.count
      try appendOperand(x, "x")
      try appendOperand(h, "h")
      try appendOperand(Wx, "Wx")
      try appendOperand(Wh, "Wh")
      try appendOperand(b, "b", columns: h.d)
      return try appendNode(RNNStep(), since: mark, n: h.n, d: h.d, scratch: h.count)
    }
  }

  /// Checks the shapes of a cell's operands, with the rows of all gates stacked in Wx, Wh and b.
  func checkCell(
    _ name: String, gates: Int, _ x: Mat, _ h: Mat, _ Wx: Mat, _ Wh: Mat, _ b: Mat
  ) throws(RecurrentError) {
    func check(_ argument: StaticString, _ m: Mat, _ n: Int, _ d: Int) throws(RecurrentError) {
      try require(
        m.n == n && m.d == d, .badShape,
        "\(argument) of \(name) has the wrong shape; expected \(n) x \(d), got \(m.shape)")
    }
    try check("x", x, x.n, h.d)
    try check("Wx", Wx, gates * h.n, x.n)
    try check("Wh", Wh, gates * h.n, h.n)
    try check("b", b, gates * h.n, 1)
  }
}

/// Operands x, h, Wx, Wh, b; the scratch receives dz.
private struct RNNStep: GraphOperation {
  var name: String { "rnn" }

  func forward<T: Real>(_ args: Operands<T>) {
    preactivate(args[0], args[1], args[2], args[3], args[4], to: args.y)
    apply(.relu, 0, args.y, to: args.y)
  }

  func backward<T: Real>(_ args: Operands<T>) {
    let dz = args.scratch(args.y.rows, args.y.columns)
    fill(dz, with: 0)
    // h′ > 0 exactly where the pre-activation is above 0
    applyBackward(.relu, 0, args.y, args.y, dy: args.dy, dx: dz)
    preactivateBackward(args, Wx: 2, Wh: 3, b: 4, dz: dz)
  }

  var backwardReads: BackwardReads { BackwardReads(0, 1, 2, 3, result: true) }
}

/// z = Wx·x + Wh·h + b.
@inline(__always)
func preactivate<T: Real>(
  _ x: MatrixView<T>, _ h: MatrixView<T>, _ Wx: MatrixView<T>, _ Wh: MatrixView<T>, _ b: MatrixView<T>,
  to z: MatrixView<T>
) {
  copy(b, to: z)
  gemm(Wx, x, to: z, accumulate: true)
  gemm(Wh, h, to: z, accumulate: true)
}

/// Adds to the gradients of x (operand 0), h (operand 1) and the weights (operands `Wx`, `Wh` and `b`), from dz.
@inline(__always)
func preactivateBackward<T: Real>(_ args: Operands<T>, Wx: Int, Wh: Int, b: Int, dz: MatrixView<T>) {
  gemmBackwardWeights(dy: dz, args[0], dw: args.gradient(Wx))
  gemmBackwardWeights(dy: dz, args[1], dw: args.gradient(Wh))
  accumulate(dz, times: 1, into: args.gradient(b))
  gemmBackwardInput(args[Wx], dy: dz, dx: args.gradient(0))
  gemmBackwardInput(args[Wh], dy: dz, dx: args.gradient(1))
}
