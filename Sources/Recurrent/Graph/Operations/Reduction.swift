// Sums, means and the inner product.

import Kernels

/// The axis of a reduction.
public enum Axis: Int32, Sendable {
  /// All elements: the result is [1 × 1].
  case all = -1
  /// The rows of each column: [1 × d], NumPy's `axis=0`.
  case rows = 0
  /// The columns of each row: [n × 1], NumPy's `axis=1`.
  case columns = 1
}

/// How terms are combined: sum or mean.
public enum Reduction: Int32, Sendable {
  /// The mean.
  case mean = 0
  /// The sum.
  case sum = 1

  /// The factor of each of `count` terms.
  func factor(_ count: Int) -> Double { self == .mean ? 1 / Double(count) : 1 }
}

extension Graph {
  /// Records Σ m over `axis`.
  public func sum(_ m: Mat, over axis: Axis = .all) throws(RecurrentError) -> Mat { try reduce(m, axis, .sum) }

  /// Records the mean of m over `axis`.
  public func mean(_ m: Mat, over axis: Axis = .all) throws(RecurrentError) -> Mat { try reduce(m, axis, .mean) }

  /// Records Σ a ⊙ b, [1 × 1].
  public func dot(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat {
    try require(
      a.n == b.n && a.d == b.d, .badShape,
      "a and b of dot have incompatible shapes; expected equal shapes, got \(a.shape) and \(b.shape)")
    return try record(Dot(), a, b, n: 1, d: 1)
  }

  private func reduce(_ m: Mat, _ axis: Axis, _ reduction: Reduction) throws(RecurrentError) -> Mat {
    switch axis {
    case .all: try record(ReduceAll(reduction: reduction, count: m.count), m, n: 1, d: 1)
    case .rows: try record(ReduceRows(reduction: reduction), m, n: 1, d: m.d)
    case .columns: try record(ReduceColumns(reduction: reduction), m, n: m.n, d: 1)
    }
  }
}

extension Reduction {
  fileprivate var name: String { self == .mean ? "mean" : "sum" }
}

private struct ReduceAll: GraphOperation {
  let reduction: Reduction
  /// Elements of the operand.
  let count: Int

  var name: String { reduction.name }

  func forward<T: Real>(_ args: Operands<T>) { args.y.p[0] = T(reduction.factor(count)) * Kernels.sum(args[0]) }

  // all elements have one derivative: a row of it, broadcast over the columns
  func backward<T: Real>(_ args: Operands<T>) {
    let dx = args.gradient(0)
    sumRowsBackward(
      dy: MatrixView(args.dy.p, rows: 1, columns: dx.columns, columnStride: 0), times: T(reduction.factor(count)),
      dx: dx)
  }

  var backwardReads: BackwardReads { BackwardReads() }
}

private struct ReduceRows: GraphOperation {
  let reduction: Reduction

  var name: String { reduction.name }

  func forward<T: Real>(_ args: Operands<T>) {
    sumRows(args[0], times: T(reduction.factor(args[0].rows)), to: args.y)
  }

  func backward<T: Real>(_ args: Operands<T>) {
    sumRowsBackward(dy: args.dy, times: T(reduction.factor(args[0].rows)), dx: args.gradient(0))
  }

  var backwardReads: BackwardReads { BackwardReads() }

  var recordedOperation: RecordedOperation? { .reduceRows(reduction) }
}

private struct ReduceColumns: GraphOperation {
  let reduction: Reduction

  var name: String { reduction.name }

  func forward<T: Real>(_ args: Operands<T>) {
    sumColumns(args[0], times: T(reduction.factor(args[0].columns)), to: args.y)
  }

  func backward<T: Real>(_ args: Operands<T>) {
    let dx = args.gradient(0)
    accumulate(
      MatrixView(args.dy.p, rows: dx.rows, columns: dx.columns, columnStride: 0),
      times: T(reduction.factor(dx.columns)), into: dx)
  }

  var backwardReads: BackwardReads { BackwardReads() }
}

private struct Dot: GraphOperation {
  var name: String { "dot" }

  func forward<T: Real>(_ args: Operands<T>) { args.y.p[0] = Kernels.dot(args[0], args[1]) }

  func backward<T: Real>(_ args: Operands<T>) {
    accumulate(args[1], times: args.dy.p[0], into: args.gradient(0))
    accumulate(args[0], times: args.dy.p[0], into: args.gradient(1))
  }

  var backwardReads: BackwardReads { BackwardReads(0, 1) }
}
