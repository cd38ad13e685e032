// Elements chosen by a condition, and elements limited to an interval.

import Kernels

extension Graph {
  /// Records a where the condition is not 0, and b elsewhere; NaN is not 0. No gradient flows to the condition.
  ///
  /// Rows, columns and [1 × 1] are broadcast, see `binary`.
  ///
  /// - Throws: `.badShape` unless the numbers of rows are equal or 1, and those of columns.
  public func `where`(_ condition: Mat, _ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat {
    let n = Swift.max(condition.n, a.n, b.n), d = Swift.max(condition.d, a.d, b.d)
    for m in [condition, a, b] where (m.n != n && m.n != 1) || (m.d != d && m.d != 1) {
      throw RecurrentError(
        .badShape,
        "condition, a and b of where have incompatible shapes; expected equal numbers of rows and of columns, or 1, got "
          + "\(condition.shape), \(a.shape) and \(b.shape)")
    }
    return try recording { () throws(RecurrentError) in
      let mark = operands.count
      try appendOperand(condition, "condition", columns: d)
      try appendOperand(a, "a", columns: d)
      try appendOperand(b, "b", columns: d)
      return try appendNode(Where(), since: mark, n: n, d: d)
    }
  }

  /// Records the elements of m limited to `low ... high`. The derivative is 1 from `low` to `high`, both included, as in
  /// PyTorch, and 0 outside.
  ///
  /// - Parameters:
  ///   - m: the elements.
  ///   - low: −∞ for none.
  ///   - high: ∞ for none; at least `low`.
  /// - Throws: `.badValue` for NaN, or `low` above `high`.
  public func clip(_ m: Mat, low: Double = -.infinity, high: Double = .infinity) throws(RecurrentError) -> Mat {
    try require(!low.isNaN, .badValue, "low is not a number; expected a number or -inf, got nan")
    try require(!high.isNaN, .badValue, "high is not a number; expected a number or inf, got nan")
    try require(low <= high, .badValue, "low is above high; expected at most \(high), got \(low)")
    if low.isFinite { try require(low, "low", fits: m.dtype) }
    if high.isFinite { try require(high, "high", fits: m.dtype) }
    return try record(Clip(low: low, high: high), m, n: m.n, d: m.d)
  }
}

private struct Where: GraphOperation {
  var name: String { "where" }

  func forward<T: Real>(_ args: Operands<T>) { choose(args[0], args[1], args[2], to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) {
    chooseBackward(args[0], dy: args.dy, da: args.gradient(1), db: args.gradient(2))
  }

  var backwardReads: BackwardReads { BackwardReads(0) }

  func passesGradient(to operand: Int) -> Bool { operand > 0 }
}

private struct Clip: GraphOperation {
  let low: Double
  let high: Double

  var name: String { "clip" }

  func forward<T: Real>(_ args: Operands<T>) { Kernels.clip(args[0], low: T(low), high: T(high), to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) {
    clipBackward(args[0], low: T(low), high: T(high), dy: args.dy, dx: args.gradient(0))
  }

  var backwardReads: BackwardReads { BackwardReads(0) }
}
