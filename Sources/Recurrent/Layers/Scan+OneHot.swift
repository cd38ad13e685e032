// One-hot tokens: the product of Wx with a one-hot column is a column of Wx.

import Kernels

extension ScanRun {
  /// Wx + b of some units, a column per token; with more tokens than columns, each time step's column in z.
  func inputColumns(_ units: Range<Int>) {
    guard let tokens = scan.tokens, !units.isEmpty else { return }
    forEachInputBlock { w, z in
      let Wx = Wx.rows(w + units.lowerBound, units.count), row = z + units.lowerBound
      let b = MatrixView(b.p + w + units.lowerBound, rows: units.count, columns: Wx.columns, columnStride: 0)
      if scan.lookupTokens != nil {
        apply(.add, Wx, b, to: tokenProducts.rows(row, units.count))
      } else {
        gatherColumns(Wx, tokens, adding: b, to: self.z.rows(row, units.count))
      }
    }
  }

  /// Adds dz to the columns of dWx that the tokens select, for this thread's units.
  func inputColumnGradients(_ team: Team, _ thread: Int) {
    guard let tokens = scan.tokens else { return }
    let mine = team.share(H, thread)
    if mine.isEmpty { return }
    forEachInputBlock { w, z in
      scatterColumns(
        self.z.rows(z + mine.lowerBound, mine.count), tokens, into: dWx.rows(w + mine.lowerBound, mine.count))
    }
  }

  /// Visits the blocks of H rows that read the input, with their first rows in Wx and z.
  private func forEachInputBlock(_ body: (_ w: Int, _ z: Int) -> Void) {
    func visit(_ rows: RowRange) {
      for k in stride(from: 0, to: rows.count, by: H) { body(rows.w + k, rows.z + k) }
    }
    visit(plan.inputRows.0)
    if let second = plan.inputRows.1 { visit(second) }
  }
}
