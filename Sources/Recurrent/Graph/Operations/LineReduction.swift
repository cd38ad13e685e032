// Reductions of lines, all elements, columns or rows: largest and smallest element, Euclidean norm, logarithm of a sum of
// exponentials; and cumulative sums along them.

import Kernels

extension Graph {
  /// Records the largest element over `axis`; NaN if one is NaN.
  ///
  /// Elements that are equally large have equal shares of the gradient, as in PyTorch's `amax`.
  public func max(_ m: Mat, over axis: Axis = .all) throws(RecurrentError) -> Mat { try reduce(.max, m, axis) }

  /// Records the smallest element over `axis`, with the rules of `max`.
  public func min(_ m: Mat, over axis: Axis = .all) throws(RecurrentError) -> Mat { try reduce(.min, m, axis) }

  /// Records the Euclidean norm √Σm² over `axis`, without overflow of the squares; its gradient is 0 at 0.
  public func norm(_ m: Mat, over axis: Axis = .all) throws(RecurrentError) -> Mat { try reduce(.norm, m, axis) }

  /// Records ln Σeᵐ over `axis`; finite for all finite elements.
  public func logsumexp(_ m: Mat, over axis: Axis = .all) throws(RecurrentError) -> Mat {
    try reduce(.logsumexp, m, axis)
  }

  /// Records the cumulative sum along `axis`, of m's shape: element i of a line is the sum of its elements 0 ... i.
  ///
  /// - Parameters:
  ///   - m: the terms.
  ///   - axis: `.rows` adds down each column, `.columns` along each row.
  /// - Throws: `.badValue` for `.all`.
  public func cumsum(_ m: Mat, over axis: Axis) throws(RecurrentError) -> Mat {
    switch axis {
    case .all: throw RecurrentError(.badValue, "axis is -1 (all); expected 0 (rows) or 1 (columns), got -1")
    case .rows: try record(CumulativeSumRows(), m, n: m.n, d: m.d)
    case .columns: try record(CumulativeSumColumns(), m, n: m.n, d: m.d)
    }
  }

  private func reduce(_ function: ColumnReduction, _ m: Mat, _ axis: Axis) throws(RecurrentError) -> Mat {
    switch axis {
    case .all:
      // a view whose columns lie apart is copied
      let isOneColumn = m.stride == m.n || m.d == 1
      return try record(
        ReduceLines(function: function, lines: isOneColumn ? .all : .copiedAll), m, n: 1, d: 1,
        scratch: isOneColumn ? 0 : 2 * m.count)
    case .rows: return try record(ReduceLines(function: function, lines: .columns), m, n: 1, d: m.d)
    case .columns:
      return try record(ReduceLines(function: function, lines: .rows), m, n: m.n, d: 1, scratch: 2 * m.count)
    }
  }
}

/// The lines are columns of a matrix: the operand, the operand as one column, or in the scratch a copy of all elements or
/// the transpose, with their gradient after it.
private struct ReduceLines: GraphOperation {
  enum Lines: UInt8 { case all, copiedAll, columns, rows }

  let function: ColumnReduction
  let lines: Lines

  var name: String { "\(function)" }

  func forward<T: Real>(_ args: Operands<T>) {
    let x = args[0]
    switch lines {
    case .all, .columns: break
    case .copiedAll: copy(x, to: args.scratch(x.rows, x.columns))
    case .rows: Kernels.transpose(x, to: args.scratch(x.columns, x.rows))
    }
    reduceColumns(function, values(args), to: row(args.y))
  }

  func backward<T: Real>(_ args: Operands<T>) {
    let x = args[0], dx = args.gradient(0)
    switch lines {
    case .all, .columns: reduce(args, into: lines == .all ? single(dx) : dx)
    case .copiedAll:
      let gradient = args.scratch(x.rows, x.columns, at: x.rows * x.columns)
      fill(gradient, with: 0)
      reduce(args, into: single(gradient))
      accumulate(gradient, times: 1, into: dx)
    case .rows:
      let gradient = args.scratch(x.columns, x.rows, at: x.rows * x.columns)
      fill(gradient, with: 0)
      reduce(args, into: gradient)
      transposeBackward(dy: gradient, dx: dx)
    }
  }

  private func reduce<T: Real>(_ args: Operands<T>, into dx: MatrixView<T>) {
    reduceColumnsBackward(function, values(args), row(args.y), dy: row(args.dy), dx: dx)
  }

  private func values<T: Real>(_ args: Operands<T>) -> MatrixView<T> {
    let x = args[0]
    return switch lines {
    case .all: single(x)
    case .copiedAll: single(args.scratch(x.rows, x.columns))
    case .columns: x
    case .rows: args.scratch(x.columns, x.rows)
    }
  }

  /// All elements as one column.
  private func single<T: Real>(_ m: MatrixView<T>) -> MatrixView<T> {
    MatrixView(m.p, rows: m.rows * m.columns, columns: 1, columnStride: m.rows * m.columns)
  }

  /// The results as a row.
  private func row<T: Real>(_ m: MatrixView<T>) -> MatrixView<T> {
    MatrixView(m.p, rows: 1, columns: m.rows * m.columns, columnStride: 1)
  }

  var backwardReads: BackwardReads {
    lines == .all || lines == .columns ? BackwardReads(0, result: true) : BackwardReads(result: true)
  }
}

private struct CumulativeSumRows: GraphOperation {
  var name: String { "cumsum" }

  func forward<T: Real>(_ args: Operands<T>) { cumulativeSumRows(args[0], to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) { cumulativeSumRowsBackward(dy: args.dy, dx: args.gradient(0)) }

  var backwardReads: BackwardReads { BackwardReads() }
}

private struct CumulativeSumColumns: GraphOperation {
  var name: String { "cumsum" }

  func forward<T: Real>(_ args: Operands<T>) { cumulativeSumColumns(args[0], to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) { cumulativeSumColumnsBackward(dy: args.dy, dx: args.gradient(0)) }

  var backwardReads: BackwardReads { BackwardReads() }
}
