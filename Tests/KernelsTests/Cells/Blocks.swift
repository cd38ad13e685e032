// Blocks of rows for the tests of cells.

import Foundation
import Kernels

func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

/// Returns the elements of block `k` of `h` rows as doubles. They are copied, because the kernel overwrites them.
func block<T: Real>(_ m: StridedMatrix<T>, _ k: Int, _ h: Int) -> (Int, Int) -> Double {
  let copy = m.copy()
  return { Double(copy[k * h + $0, $1]) }
}

/// Returns the view of rows `row ..< row + n`.
func rows<T: Real>(_ m: StridedMatrix<T>, _ row: Int, _ n: Int) -> MatrixView<T> {
  MatrixView(m.view.p + row, rows: n, columns: m.d, columnStride: m.stride)
}
