// The gradients of a scan's weights: one product per matrix over all time steps.

import Kernels

/// One product of the weights' gradients: destination += rows·sourceᵀ, summed over columns; and a second destination
/// of the same rows, or none.
private struct GradientProduct<Scalar: Real> {
  let rows: MatrixView<Scalar>
  let source: MatrixView<Scalar>, destination: MatrixView<Scalar>
  var second: (source: MatrixView<Scalar>, destination: MatrixView<Scalar>)?
}

extension ScanRun {
  /// Adds every weight's gradient, for this thread's rows.
  func weightGradients(
    _ packs: BackwardPacks<Scalar>, _ team: Team, _ thread: Int, inLoop: Bool, _ progress: borrowing Progress
  ) {
    if scan.oneHot {
      inputColumnGradients(team, thread)
    } else if let tokens = scan.tokens {
      // the input's sums run over the tokens of the table instead of the columns
      let mine = team.share(rows, thread)
      scatterColumns(
        z.rows(mine.lowerBound, mine.count), tokens, into: dTokenProducts.rows(mine.lowerBound, mine.count))
      team.barrier()
    }
    for i in 0..<4 {
      guard let product = plan.merged[i] else { continue }
      matrixGradients(product, team, thread, progress)
    }
    let dz = inputGradientSource, (one, two) = plan.inputRows
    biasGradient(dz.rows(one.z, one.count), db.rows(one.w, one.count), team, thread)
    if let two { biasGradient(dz.rows(two.z, two.count), db.rows(two.w, two.count), team, thread) }
    if scan.cell == .gru { biasGradient(z.rows(2 * H, H), dResetBias, team, thread) }
    if scan.wantsInput && !inLoop { allInputGradients(packs, team, thread, progress) }
  }

  /// dz as the input's sums read it: of every token of a table, or of every column.
  private var inputGradientSource: MatrixView<Scalar> { scan.hasTable ? dTokenProducts : z }

  /// The gradients of the rows of Wx and Wh in one product of the plan.
  private func matrixGradients(
    _ product: ScanPlan.Product, _ team: Team, _ thread: Int, _ progress: borrowing Progress
  ) {
    let (w, row, count) = (product.rows.w, product.rows.z, product.rows.count)
    var input: GradientProduct<Scalar>?, recurrent: GradientProduct<Scalar>?
    if product.readsInput && !scan.oneHot {
      input = GradientProduct(
        rows: inputGradientSource.rows(row, count), source: scan.hasTable ? table : x, destination: dWx.rows(w, count))
    }
    if let source = product.source {
      recurrent = GradientProduct(
        rows: z.rows(row, count), source: source == .output ? previousY : z.rows(2 * H, H),
        destination: dWh.rows(w, count))
    }
    // vectors share dz with the previous output: one pass over it for both
    if scan.tokens == nil, input != nil, let both = recurrent {
      input?.second = (both.source, both.destination)
      recurrent = nil
    }
    let panels = team.share(PanelLayout.contiguous(count, Scalar.self).panels, thread)
    if let input { add(input, panels, thread, progress) }
    if let recurrent { add(recurrent, panels, thread, progress) }
  }

  private func add(
    _ product: GradientProduct<Scalar>, _ panels: Range<Int>, _ thread: Int, _ progress: borrowing Progress
  ) {
    let scratch = gradientScratch(thread), none = MatrixView(scratch, rows: 0, columns: 0, columnStride: 0)
    let second = product.second ?? (none, none)
    progress.rankKUpdate(
      product.rows, product.source, into: product.destination, and: second.source, into: second.destination,
      panels: panels, scratch: scratch, thread)
  }

  /// db += Σ dz over the columns.
  private func biasGradient(_ dz: MatrixView<Scalar>, _ db: MatrixView<Scalar>, _ team: Team, _ thread: Int) {
    let mine = team.share(dz.rows, thread)
    if mine.isEmpty { return }
    let from = dz.rows(mine.lowerBound, mine.count), to = db.rows(mine.lowerBound, mine.count)
    accumulate(from, times: 1, into: MatrixView(to.p, rows: to.rows, columns: from.columns, columnStride: 0))
  }

  /// The input's gradients of all time steps, or of all tokens.
  private func allInputGradients(
    _ packs: BackwardPacks<Scalar>, _ team: Team, _ thread: Int, _ progress: borrowing Progress
  ) {
    let panels = team.share(packs.panelsI, thread)
    if scan.tokens == nil { return inputGradient(packs, panels, z, to: dx, progress, thread) }
    let from = panels.lowerBound * packs.units, count = min(I, panels.upperBound * packs.units) - from
    if count > 0 { fill(dTable.rows(from, count), with: 0) }
    inputGradient(packs, panels, dTokenProducts, to: dTable, progress, thread)
  }
}
