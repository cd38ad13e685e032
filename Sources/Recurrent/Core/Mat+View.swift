// Parts of a Mat, with no numbers copied.

import Kernels

extension Mat {
  /// The matrix view of `n` rows and `d` columns that starts at (`row`, `column`).
  ///
  /// It shares numbers and gradients with this Mat, so what flows into its `dw` is already in this one's.
  ///
  /// - Throws: `.badIndex` if the matrix view is empty or reaches beyond this Mat, `.stale`.
  public func view(row: Int, column: Int, n: Int, d: Int) throws(RecurrentError) -> Mat {
    try checkFresh()
    try require(
      n > 0 && row >= 0 && row <= self.n && n <= self.n - row, .badIndex,
      "rows from \(row), \(n) of them, are not within 0..<\(self.n)")
    try require(
      d > 0 && column >= 0 && column <= self.d && d <= self.d - column, .badIndex,
      "columns from \(column), \(d) of them, are not within 0..<\(self.d)")
    let offset = (column * stride + row) * dtype.size
    return Mat(
      n, d, stride: stride, dtype, storage, w: wStart + offset, dw: dwStart + offset, node: node,
      generation: generation)
  }

  /// What a graph keeps of an operand: addresses and shape, without ownership.
  var block: Block { Block(w: wStart, dw: dwStart, n: n, d: d, stride: stride, node: node) }
}

/// A Mat's addresses and shape, without ownership or state. The graph's roots keep the memory alive.
struct Block {
  var w: UnsafeMutableRawPointer
  var dw: UnsafeMutableRawPointer
  var n: Int
  var d: Int
  /// 0 when one column stands for all of them.
  var stride: Int
  /// The graph's node whose result this is, or is part of; −1 for a Mat from outside.
  var node: Int

  @inline(__always) func w<T: Real>(_: T.Type) -> MatrixView<T> {
    MatrixView(w.assumingMemoryBound(to: T.self), rows: n, columns: d, columnStride: stride)
  }

  @inline(__always) func dw<T: Real>(_: T.Type) -> MatrixView<T> {
    MatrixView(dw.assumingMemoryBound(to: T.self), rows: n, columns: d, columnStride: stride)
  }

  /// The first `n` rows.
  @inline(__always) func top(_ n: Int) -> Block { Block(w: w, dw: dw, n: n, d: d, stride: stride, node: node) }
}
