// Rows that are broadcast: an element-wise kernel runs over blocks of rows of one column, where a single row of an operand
// is a block of equal elements in the first-level cache.

/// Some rows of one column of a result, and memory for the operands that are single rows.
struct RowBlock<T: Real> {
  /// Rows of a block: 4 operands take 8 KB in double precision.
  static var size: Int { 256 }

  private let column: Int, first: Int, count: Int, rows: Int
  private let work: UnsafeMutablePointer<T>

  fileprivate init(
    column: Int, first: Int, count: Int, rows: Int, work: UnsafeMutablePointer<T>
  ) {
    (self.column, self.first, self.count, self.rows, self.work) = (column, first, count, rows, work)
  }

  /// The block of a matrix that has all rows.
  @inline(__always) func part(_ m: MatrixView<T>) -> MatrixView<T> {
    MatrixView(m.columnPointer(column) + first, rows: count, columns: 1, columnStride: count)
  }

  /// The block of an operand: a part of it, or its single row in memory `slot`.
  @inline(__always) func values(_ m: MatrixView<T>, _ slot: Int) -> MatrixView<T> {
    if m.rows == rows { return part(m) }
    return filled(slot, with: m.columnPointer(column)[0])
  }

  /// Calls `body` with the blocks of two gradients, which it adds to; adds the sum of the block of a single row to the row.
  @inline(__always) func withGradients(
    _ a: MatrixView<T>, _ slotA: Int, _ b: MatrixView<T>, _ slotB: Int,
    _ body: (_ a: MatrixView<T>, _ b: MatrixView<T>) -> Void
  ) {
    let blockA = gradient(a, slotA), blockB = gradient(b, slotB)
    body(blockA, blockB)
    if a.rows != rows { a.columnPointer(column)[0] += sumOfElements(blockA) }
    if b.rows != rows { b.columnPointer(column)[0] += sumOfElements(blockB) }
  }

  @inline(__always) private func gradient(_ m: MatrixView<T>, _ slot: Int) -> MatrixView<T> {
    if m.rows == rows { return part(m) }
    return filled(slot, with: 0)
  }

  @inline(__always) private func filled(_ slot: Int, with value: T) -> MatrixView<T> {
    let block = MatrixView(work + slot &* Self.size, rows: count, columns: 1, columnStride: count), values = T.V(value)
    map(block, to: block) { _ in values }
    return block
  }
}

/// Calls `body` for blocks of rows of each column of a result. There is memory for five operands.
@inline(__always)
func forEachRowBlock<T: Real>(_ y: MatrixView<T>, _ body: (RowBlock<T>) -> Void) {
  let size = RowBlock<T>.size
  withUnsafeTemporaryAllocation(of: T.self, capacity: 5 &* size) { memory in
    guard let work = memory.baseAddress else { return }
    var j = 0
    while j < y.columns {
      var i = 0
      while i < y.rows {
        body(RowBlock(column: j, first: i, count: min(size, y.rows &- i), rows: y.rows, work: work))
        i &+= size
      }
      j &+= 1
    }
  }
}
