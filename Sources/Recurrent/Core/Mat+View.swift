// Views of a part of a Mat.

import Kernels

extension Mat {
  /// The view of `n` rows and `d` columns that starts at (`row`, `column`).
  ///
  /// It shares values and gradients with this Mat: a gradient accumulated in the view is part of this Mat's.
  ///
  /// - Throws: `.badIndex` if the view is empty or exceeds this Mat, `.invalidated`.
  public func view(row: Int, column: Int, n: Int, d: Int) throws(RecurrentError) -> Mat {
    try checkValid()
    try require(
      n > 0 && row >= 0 && row <= self.n && n <= self.n - row, .badIndex,
      "rows are out of range; expected a part of 0..<\(self.n), got rows from \(row), \(n) of them")
    try require(
      d > 0 && column >= 0 && column <= self.d && d <= self.d - column, .badIndex,
      "columns are out of range; expected a part of 0..<\(self.d), got columns from \(column), \(d) of them")
    let offset = (column * stride + row) * dtype.size
    return Mat(
      n, d, stride: stride, dtype, storage, w: wStart + offset, dw: dwStart + offset, node: node,
      generation: generation)
  }

  /// The matrix of n·d elements that follow element `offset` of a contiguous result.
  func part(_ offset: Int, _ n: Int, _ d: Int) -> Mat {
    let bytes = offset * dtype.size
    return Mat(
      n, d, stride: n, dtype, storage, w: wStart + bytes, dw: dwStart + bytes, node: node, generation: generation)
  }

  /// Addresses and shape, without ownership.
  var operandRef: OperandRef { OperandRef(w: wStart, dw: dwStart, n: n, d: d, stride: stride, node: node) }
}
