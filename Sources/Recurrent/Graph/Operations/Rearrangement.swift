// Elements in another order: rows or columns by index, another shape, stacks; and a copy without a gradient.

import Kernels

extension Graph {
  /// Records the rows or the columns of m at `indices`, as PyTorch's `index_select`.
  ///
  /// - Parameters:
  ///   - m: [n × d].
  ///   - indices: at least one; a row or column that occurs twice accumulates both gradients.
  ///   - axis: `.rows` or `.columns`.
  /// - Throws: `.badIndex` for the first index out of range, `.badShape` without indices, `.badValue` for `.all`.
  @_specialize(where C == [Int])
  @_specialize(where C == UnsafeBufferPointer<Int>)
  public func indexSelect<C: Collection<Int>>(
    _ m: Mat, _ indices: C, over axis: Axis
  ) throws(RecurrentError) -> Mat {
    try require(axis != .all, .badValue, "axis is -1 (all); expected 0 (rows) or 1 (columns), got -1")
    let count = indices.count
    try require(count > 0, .badShape, "indices is empty; expected at least 1 index, got 0")
    return try recording { () throws(RecurrentError) in
      let mark = operands.count
      try appendOperand(m, "m")
      let copied = try copyIndices(indices, count: count, below: axis == .rows ? m.n : m.d, "indices")
      return axis == .rows
        ? try appendNode(SelectRows(rows: copied), since: mark, n: count, d: m.d)
        : try appendNode(SelectColumns(columns: copied), since: mark, n: m.n, d: count)
    }
  }

  /// Records the elements of m, row by row, as a matrix of n rows and d columns: NumPy's `reshape`.
  ///
  /// - Parameters:
  ///   - m: the elements.
  ///   - n: rows; −1 for the number that fits.
  ///   - d: columns; −1 for the number that fits.
  /// - Throws: `.badShape` unless n·d is the number of elements.
  public func reshape(_ m: Mat, _ n: Int, _ d: Int) throws(RecurrentError) -> Mat {
    let rows = n == -1 && d > 0 ? m.count / d : n, columns = d == -1 && n > 0 ? m.count / n : d
    let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
    try require(
      rows > 0 && columns > 0 && !overflow && count == m.count, .badShape,
      "shape does not fit; expected \(m.count) elements as in m (\(m.shape)), got \(n) x \(d)")
    return try record(Reshape(), m, n: rows, d: columns)
  }

  /// Records the columns, or the rows, of T Mats of one shape in turn: NumPy's `stack` with the new axis after
  /// `axis`, which both make one.
  ///
  /// - Parameters:
  ///   - mats: [n × d] each, at least one.
  ///   - axis: `.columns` gives [n × d·T], where column j·T + t is column j of mats[t]; `.rows` gives [n·T × d], where row
  ///     i·T + t is row i of mats[t].
  /// - Throws: `.badShape` unless the shapes are equal, `.badValue` for `.all`.
  public func stack(_ mats: [Mat], over axis: Axis) throws(RecurrentError) -> Mat {
    try require(axis != .all, .badValue, "axis is -1 (all); expected 0 (rows) or 1 (columns), got -1")
    guard let first = mats.first else {
      throw RecurrentError(.badShape, "mats is empty; expected at least one Mat, got 0")
    }
    for (t, m) in mats.enumerated() where m.n != first.n || m.d != first.d {
      throw RecurrentError(
        .badShape, "mats[\(t)] has the wrong shape; expected \(first.shape) as mats[0], got \(m.shape)")
    }
    let (lines, overflow) = (axis == .rows ? first.n : first.d).multipliedReportingOverflow(by: mats.count)
    try require(
      !overflow, .badShape,
      "mats is too large; expected at most \(Mat.maxCount) elements in total, got \(mats.count) Mats")
    return try recording { () throws(RecurrentError) in
      let mark = operands.count
      for m in mats { try appendOperand(m, "mats") }
      return axis == .rows
        ? try appendNode(StackRows(), since: mark, n: lines, d: first.d)
        : try appendNode(StackColumns(), since: mark, n: first.n, d: lines)
    }
  }

  /// Records the values of m as a constant: no gradient flows to m.
  public func detach(_ m: Mat) throws(RecurrentError) -> Mat { try record(Detach(), m, n: m.n, d: m.d) }
}

private struct SelectRows: GraphOperation {
  let rows: UnsafeMutablePointer<Int32>

  var name: String { "index_select" }

  func forward<T: Real>(_ args: Operands<T>) { selectRows(args[0], rows: rows, to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) { selectRowsBackward(dy: args.dy, rows: rows, dm: args.gradient(0)) }

  var backwardReads: BackwardReads { BackwardReads() }
}

private struct SelectColumns: GraphOperation {
  let columns: UnsafeMutablePointer<Int32>

  var name: String { "index_select" }

  func forward<T: Real>(_ args: Operands<T>) { gatherColumns(args[0], columns, to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) { scatterColumns(args.dy, columns, into: args.gradient(0)) }

  var backwardReads: BackwardReads { BackwardReads() }
}

private struct Reshape: GraphOperation {
  var name: String { "reshape" }

  func forward<T: Real>(_ args: Operands<T>) { Kernels.reshape(args[0], to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) { reshapeBackward(dy: args.dy, dx: args.gradient(0)) }

  var backwardReads: BackwardReads { BackwardReads() }
}

private struct StackColumns: GraphOperation {
  var name: String { "stack" }

  func forward<T: Real>(_ args: Operands<T>) {
    for t in 0..<args.count { copy(args[t], to: part(t, of: args.y, args.count)) }
  }

  func backward<T: Real>(_ args: Operands<T>) {
    for t in 0..<args.count { accumulate(part(t, of: args.dy, args.count), times: 1, into: args.gradient(t)) }
  }

  /// The columns of one Mat: every `count`-th, from `t` on.
  private func part<T: Real>(_ t: Int, of y: MatrixView<T>, _ count: Int) -> MatrixView<T> {
    MatrixView(
      y.p + t * y.columnStride, rows: y.rows, columns: y.columns / count, columnStride: count * y.columnStride)
  }

  var backwardReads: BackwardReads { BackwardReads() }
}

private struct StackRows: GraphOperation {
  var name: String { "stack" }

  func forward<T: Real>(_ args: Operands<T>) {
    for t in 0..<args.count { placeRows(args[t], first: t, step: args.count, to: args.y) }
  }

  func backward<T: Real>(_ args: Operands<T>) {
    for t in 0..<args.count { placeRowsBackward(dy: args.dy, first: t, step: args.count, dx: args.gradient(t)) }
  }

  var backwardReads: BackwardReads { BackwardReads() }
}

private struct Detach: GraphOperation {
  var name: String { "detach" }

  func forward<T: Real>(_ args: Operands<T>) { copy(args[0], to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) {}

  var backwardReads: BackwardReads { BackwardReads() }

  func passesGradient(to operand: Int) -> Bool { false }
}
