// One-hot tokens: Wx times a column with a single 1 is a column of Wx, so the product is a look-up.

import Kernels

extension ScanRun {
  /// For some units: Wx + b, a column for each token; or where tokens are more than steps, each step's column in z.
  func inputColumns(_ units: Range<Int>) {
    guard let tokens = s.tokens, !units.isEmpty else { return }
    eachBlock { row, z in
      let Wx = Wx.rows(row + units.lowerBound, units.count), at = z + units.lowerBound
      let b = MatrixView(b.p + row + units.lowerBound, rows: units.count, columns: Wx.d, columnStride: 0)
      if s.looked != nil {
        apply(.add, Wx, b, to: product.rows(at, units.count))
      } else {
        gatherColumns(Wx, tokens, adding: b, to: self.z.rows(at, units.count))
      }
    }
  }

  /// Column `token` of dWx += dz, this thread's rows of it.
  func inputColumnGradients(_ team: Team, _ thread: Int) {
    guard let tokens = s.tokens else { return }
    let mine = team.share(H, thread)
    if mine.isEmpty { return }
    eachBlock { row, z in
      scatterColumns(
        self.z.rows(z + mine.lowerBound, mine.count), tokens, into: x.d(3).rows(row + mine.lowerBound, mine.count))
    }
  }

  /// Visits the gates that read the input: their first row in Wx and in z.
  private func eachBlock(_ body: (_ row: Int, _ z: Int) -> Void) {
    let (one, two) = inputParts
    for part in [one, two ?? RowRange(row: 0, count: 0, z: 0)] {
      for at in stride(from: 0, to: part.count, by: H) { body(part.row + at, part.z + at) }
    }
  }
}
