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
  ///   - x: the input, [I × B].
  ///   - h: the previous output, [H × B].
  ///   - c: the previous cell, [H × B].
  ///   - Wx: Wix, Wfx, Wox, Wcx stacked by rows, [4H × I].
  ///   - Wh: Wih, Wfh, Woh, Wch stacked by rows, [4H × H].
  ///   - b: bi, bf, bo, bc stacked by rows, [4H × 1].
  /// - Returns: h′ and c′, each [H × B].
  ///
  /// Parity: no peepholes, as in RecurrentJS. Reference: Graves, arXiv:1308.0850, section 2.1, has peepholes.
  public func lstm(
    _ x: Mat, _ h: Mat, _ c: Mat, Wx: Mat, Wh: Mat, b: Mat
  ) throws(RecurrentError) -> (h: Mat, c: Mat) {
    try require(
      c.n == h.n && c.d == h.d, .badShape, "c of lstm has the wrong shape; expected \(h.shape) as h, got \(c.shape)")
    try checkCell("lstm", gates: 4, x, h, Wx, Wh, b)
    let both = try recording { () throws(RecurrentError) in
      let mark = operands.count
      try appendOperand(x, "x")
      try appendOperand(h, "h")
      try appendOperand(c, "c")
      try appendOperand(Wx, "Wx")
      try appendOperand(Wh, "Wh")
      try appendOperand(b, "b", columns: h.d)
      return try appendNode(LSTMStep(), since: mark, n: 2 * h.n, d: h.d, scratch: 6 * h.count)
    }
    return (
      try both.view(row: 0, column: 0, n: h.n, d: h.d), try both.view(row: h.n, column: 0, n: h.n, d: h.d)
    )
  }
}

/// Operands x, h, c, Wx, Wh, b; the result is h′ above c′, the scratch holds the gates, then tanh c′ and dc.
private struct LSTMStep: GraphOperation {
  var name: String { "lstm" }

  func forward<T: Real>(_ args: Operands<T>) {
    let (H, B, y) = (args[2].rows, args[2].columns, args.y), rows = args.scratch(6 * H, B)
    preactivate(args[0], args[1], args[3], args[4], args[5], to: rows.rows(0, 4 * H))
    func block(_ k: Int) -> MatrixView<T> { rows.rows(k * H, H) }
    let operands = [block(0), block(1), block(2), block(3), args[2], y.rows(H, H), block(4)]
    run(.lstm, operands, to: y.rows(0, H))
  }

  // the gradients of the pre-activations replace the gates
  func backward<T: Real>(_ args: Operands<T>) {
    let (H, B, dy) = (args[2].rows, args[2].columns, args.dy), rows = args.scratch(6 * H, B)
    func block(_ k: Int) -> MatrixView<T> { rows.rows(k * H, H) }
    let gates = (0..<4).map(block)
    run(.lstmBackward, [dy.rows(0, H), dy.rows(H, H)] + gates + [args[2], block(4)] + gates, to: block(5))
    accumulate(block(5), times: 1, into: args.gradient(2))
    preactivateBackward(args, Wx: 3, Wh: 4, b: 5, dz: rows.rows(0, 4 * H))
  }

  private func run<T: Real>(_ operation: MicroOperation, _ operands: [MatrixView<T>], to y: MatrixView<T>) {
    func operand(_ m: MatrixView<T>) -> MicroOperand<T> { MicroOperand(m.p, step: 0, stride: m.columnStride) }
    var instruction = MicroInstruction(operation, rows: y.rows, to: operand(y)) { operand(operands[$0]) }
    T.runMicroProgram(&instruction, count: 1, step: 0, columns: 0..<y.columns, part: y.columns)
  }

  var backwardReads: BackwardReads { BackwardReads(0, 1, 2, 3, 4, result: true) }
}
