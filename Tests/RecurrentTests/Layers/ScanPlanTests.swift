// The products of a cell's time step: they cover every row of the weights and of z once.

import Testing

@testable import Recurrent

@Suite struct ScanPlanTests {
  private func list(_ products: InlineArray<4, ScanPlan.Product?>) -> [ScanPlan.Product] {
    (0..<4).compactMap { products[$0] }
  }

  private func rows(_ ranges: [RowRange], _ first: (RowRange) -> Int) -> [Int] {
    ranges.flatMap { Array(first($0)..<first($0) + $0.count) }.sorted()
  }

  @Test(arguments: BuiltinCell.allCases) func everyRowOnce(_ cell: BuiltinCell) {
    let H = 5, plan = ScanPlan(cell, H: H), gateRows = Array(0..<cell.gates.count * H)
    for products in [list(plan.products), list(plan.merged)] {
      #expect(rows(products.filter { $0.readsInput }.map { $0.rows }) { $0.w } == gateRows)
      #expect(rows(products.filter { $0.source != nil }.map { $0.rows }) { $0.w } == gateRows)
      // block a of z holds a product only if a `.gru` computes it from h
      let blocks = cell == .gruResetBefore ? [0, 1, 3] : Array(0..<cell.blocks)
      #expect(rows(products.map { $0.rows }) { $0.z } == blocks.flatMap { Array($0 * H..<($0 + 1) * H) })
    }
    let inputs = [plan.inputRows.0] + (plan.inputRows.1.map { [$0] } ?? [])
    #expect(rows(inputs) { $0.w } == gateRows)
    #expect(
      rows(inputs) { $0.z } == rows(list(plan.products).filter { $0.readsInput }.map { $0.rows }) { $0.z })
    #expect(
      rows([plan.outputRows]) { $0.z }
        == rows(list(plan.products).filter { $0.source == .output }.map { $0.rows }) { $0.z })
  }
}
