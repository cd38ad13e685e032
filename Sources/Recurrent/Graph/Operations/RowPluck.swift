// Rows of a matrix by index: the lookup of an embedding.

import Kernels

extension Graph {
  /// Records row `ix` of m as a column, [d × 1].
  public func rowPluck(_ m: Mat, _ ix: Int) throws(RecurrentError) -> Mat {
    try rowPluck(m, CollectionOfOne(ix))
  }

  // specialized: a generic function that another module calls takes 1,000 instructions an index

  /// Records the rows `rows` of m as the columns of a [d × rows.count] Mat.
  ///
  /// A row that occurs twice accumulates both gradients.
  ///
  /// - Throws: `.badIndex` for the first index outside 0..<m.n, `.badShape` if `rows` is empty.
  @_specialize(where C == [Int])
  @_specialize(where C == UnsafeBufferPointer<Int>)
  public func rowPluck<C: Collection<Int>>(_ m: Mat, _ rows: C) throws(RecurrentError) -> Mat {
    let count = rows.count
    try require(count > 0, .badShape, "rows is empty; expected at least 1 row index, got 0")
    return try recording { () throws(RecurrentError) in
      let mark = operands.count
      try appendOperand(m, "m")
      let indices = try copyIndices(rows, count: count, below: m.n, "rows")
      return try appendNode(RowPluck(rows: indices), since: mark, n: m.d, d: count)
    }
  }

  /// Records rows by indices that `copyIndices` has checked.
  func rowPluck(_ m: Mat, rows: UnsafeMutablePointer<Int32>, count: Int) throws(RecurrentError) -> Mat {
    try record(RowPluck(rows: rows), m, n: m.d, d: count)
  }
}

private struct RowPluck: GraphOperation {
  let rows: UnsafeMutablePointer<Int32>

  var name: String { "row_pluck" }

  func forward<T: Real>(_ args: Operands<T>) { gatherRows(args[0], rows: rows, to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) { scatterRows(dy: args.dy, rows: rows, dm: args.gradient(0)) }

  var backwardReads: BackwardReads { BackwardReads() }
}
