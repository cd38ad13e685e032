// Operations that rearrange elements: transpose, concatenation and slices.

import Kernels

extension Graph {
  /// Records mᵀ: [n × d] becomes [d × n].
  public func transpose(_ m: Mat) throws(RecurrentError) -> Mat { try record(Transpose(), m, n: m.d, d: m.n) }

  /// Records the concatenation of Mats with the same number of columns, first on top.
  public func concatRows(_ mats: [Mat]) throws(RecurrentError) -> Mat {
    guard let d = mats.first?.d else { throw emptyList }
    for (i, m) in mats.enumerated() where m.d != d {
      throw RecurrentError(
        .badShape, "mats[\(i)] has the wrong shape; expected \(d) columns as mats[0], got \(m.shape)")
    }
    return try concat(ConcatRows(), mats, n: try total(mats) { $0.n }, d: d)
  }

  /// Records the concatenation of Mats with the same number of rows, first on the left.
  public func concatColumns(_ mats: [Mat]) throws(RecurrentError) -> Mat {
    guard let n = mats.first?.n else { throw emptyList }
    for (i, m) in mats.enumerated() where m.n != n {
      throw RecurrentError(.badShape, "mats[\(i)] has the wrong shape; expected \(n) rows as mats[0], got \(m.shape)")
    }
    return try concat(ConcatColumns(), mats, n: n, d: try total(mats) { $0.d })
  }

  /// Rows `start ..< start + count`, a view.
  ///
  /// Policy: slices are views, as in NumPy: they share `w` and `dw` with `m`, and record nothing.
  public func sliceRows(_ m: Mat, _ start: Int, _ count: Int) throws(RecurrentError) -> Mat {
    try m.view(row: start, column: 0, n: count, d: m.d)
  }

  /// Columns `start ..< start + count`, a view like that of `sliceRows`.
  public func sliceColumns(_ m: Mat, _ start: Int, _ count: Int) throws(RecurrentError) -> Mat {
    try m.view(row: 0, column: start, n: m.n, d: count)
  }

  private func concat(
    _ operation: some GraphOperation, _ mats: [Mat], n: Int, d: Int
  ) throws(RecurrentError) -> Mat {
    try recording { () throws(RecurrentError) in
      let mark = operands.count
      for m in mats { try appendOperand(m, "mats") }
      return try appendNode(operation, since: mark, n: n, d: d)
    }
  }

  private func total(_ mats: [Mat], _ size: (Mat) -> Int) throws(RecurrentError) -> Int {
    var total = 0
    for m in mats {
      // each size is below 2³¹: the check comes before the sum can overflow
      total += size(m)
      try require(
        total <= Mat.maxCount, .badShape,
        "mats is too large; expected at most \(Mat.maxCount) rows or columns in total, got \(total) or more")
    }
    return total
  }

  private var emptyList: RecurrentError {
    RecurrentError(.badShape, "mats is empty; expected at least one Mat, got 0")
  }
}

private struct Transpose: GraphOperation {
  var name: String { "transpose" }

  func forward<T: Real>(_ args: Operands<T>) { Kernels.transpose(args[0], to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) { transposeBackward(dy: args.dy, dx: args.gradient(0)) }

  var backwardReads: BackwardReads { BackwardReads() }
}

private struct ConcatRows: GraphOperation {
  var name: String { "concat_rows" }

  func forward<T: Real>(_ args: Operands<T>) {
    var row = 0
    for i in 0..<args.count {
      copy(args[i], to: args.y.rows(row, args[i].rows))
      row += args[i].rows
    }
  }

  func backward<T: Real>(_ args: Operands<T>) {
    var row = 0
    for i in 0..<args.count {
      let dx = args.gradient(i)
      accumulate(args.dy.rows(row, dx.rows), times: 1, into: dx)
      row += dx.rows
    }
  }

  var backwardReads: BackwardReads { BackwardReads() }

  var recordedOperation: RecordedOperation? { .concatRows }
}

private struct ConcatColumns: GraphOperation {
  var name: String { "concat_columns" }

  func forward<T: Real>(_ args: Operands<T>) {
    var column = 0
    for i in 0..<args.count {
      copy(args[i], to: args.y.columns(column, args[i].columns))
      column += args[i].columns
    }
  }

  func backward<T: Real>(_ args: Operands<T>) {
    var column = 0
    for i in 0..<args.count {
      let dx = args.gradient(i)
      accumulate(args.dy.columns(column, dx.columns), times: 1, into: dx)
      column += dx.columns
    }
  }

  var backwardReads: BackwardReads { BackwardReads() }
}
