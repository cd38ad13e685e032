// Bounds of the elements of a matrix, against plain loops.

import Kernels
import Testing

@Suite struct MagnitudeTests {
  private func check<T: Real>(_: T.Type, _ rows: Int, _ columns: Int, stride: Int) {
    var memory = (0..<stride * columns).map { T(Double(($0 * 37 + 11) % 101) - 50) }
    memory.withUnsafeMutableBufferPointer { buffer in
      guard let p = buffer.baseAddress else { return }
      let x = MatrixView<T>(p, rows: rows, columns: columns, columnStride: stride)
      // elements between columns do not count
      for j in 0..<columns { for i in rows..<stride { p[j * stride + i] = .nan } }
      let cells = (0..<columns).flatMap { j in (0..<rows).map { j * stride + $0 } }
      #expect(largestMagnitude(x) == cells.map { abs(p[$0]) }.max())
      #expect(largestOfSquares(x) < 0 || cells.allSatisfy { p[$0] >= 0 })
      for cell in cells { p[cell] = abs(p[cell]) }
      #expect(largestOfSquares(x) == cells.map { p[$0] }.max())
      for cell in [cells[0], cells[cells.count / 2], cells[cells.count - 1]] {
        let kept = p[cell]
        for (value, isBound) in [(T.nan, false), (.infinity, true), (-T.infinity, false), (-T(1) / 1024, false)] {
          p[cell] = value
          #expect(largestOfSquares(x) >= 0 ? isBound : !isBound)
          #expect(!(largestMagnitude(x) <= T.greatestFiniteMagnitude) == !value.isFinite)
        }
        p[cell] = kept
      }
    }
  }

  @Test func agreesWithLoops() {
    for rows in [1, 3, 7, 8, 9, 31, 64, 65, 130, 257] {
      for (columns, stride) in [(1, rows), (3, rows), (3, rows + 5)] {
        check(Float.self, rows, columns, stride: stride)
        check(Double.self, rows, columns, stride: stride)
      }
    }
  }
}
