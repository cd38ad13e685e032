// The forward pass of a scan: weights packed once, then step after step, each thread its own units.

import Kernels

/// The longest sum of one fused product: beyond 640 elements two panels no longer fit the first-level cache together.
private let longestFusedSum = 640

/// The products of a step with their packed weights.
private struct ForwardPacks<Scalar: Real> {
  /// One product and its packed rows of Wx and Wh.
  struct PackedProduct {
    let rows: RowRange, source: ScanPlan.RecurrentSource?
    let Wx: UnsafeMutablePointer<Scalar>?, Wh: UnsafeMutablePointer<Scalar>?
  }

  /// At most four, in the order of z's blocks.
  let products: InlineArray<4, PackedProduct?>
  /// The panels of every product.
  let layout: PanelLayout
  var panels: Int { layout.panels }

  init(_ run: ScanRun<Scalar>) {
    let H = run.H
    let layout: PanelLayout = run.scan.cell == .lstm ? .interleavedGates(H, Scalar.self) : .contiguous(H, Scalar.self)
    var next = run.packs
    func allocate(_ k: Int) -> UnsafeMutablePointer<Scalar> {
      defer { next += packedCount(layout, k: k, Scalar.self) }
      return next
    }
    var products = InlineArray<4, PackedProduct?>(repeating: nil)
    for i in 0..<4 {
      guard let product = run.plan.products[i] else { continue }
      let Wx = product.readsInput ? allocate(run.I) : nil
      let Wh = product.source != nil ? allocate(H) : nil
      products[i] = PackedProduct(rows: product.rows, source: product.source, Wx: Wx, Wh: Wh)
    }
    self.products = products
    self.layout = layout
  }

  /// Units of some panels.
  func units(_ panels: Range<Int>, of H: Int) -> (first: Int, count: Int) {
    let first = panels.lowerBound * layout.unitsPerPanel
    return (first, min(H, panels.upperBound * layout.unitsPerPanel) - first)
  }
}

/// One product as the arguments of the kernel: an initial value plus at most two operands.
private struct ProductCall<Scalar: Real> {
  let initial: InitialValue<Scalar>
  let input: Operand<Scalar>?, recurrent: Operand<Scalar>?
  let result: UnsafeMutablePointer<Scalar>, stride: Int
}

extension ScanRun {
  func forward() {
    let packs = ForwardPacks(self)
    if scan.hasTable { transpose(x, to: table) }
    copy(initialH, to: y(-1))
    if scan.cell.hasCell { copy(initialC, to: c(-1)) }
    let progress = Progress(), work = stepWork
    ThreadPool.run(scan.threads) { thread, team in
      let mine = team.share(packs.panels, thread)
      // each thread reads only the panels that it packed itself: no barrier before the first step
      packWeights(packs, mine)
      precomputeInput(packs, mine, progress, thread)
      for t in 0..<T {
        forward(t, packs, mine, team)
        progress.count(work, step: t, thread)
        team.barrier()
        if progress.isLast(t) { break }
      }
    }
    copyFinalState()
  }

  private func packWeights(_ packs: ForwardPacks<Scalar>, _ panels: Range<Int>) {
    for i in 0..<4 {
      guard let product = packs.products[i] else { continue }
      let (first, count) = (product.rows.w, product.rows.count)
      if let p = product.Wx, !scan.oneHot { pack(Wx.rows(first, count), packs.layout, panels: panels, to: p) }
      if let p = product.Wh { pack(Wh.rows(first, count), packs.layout, panels: panels, to: p) }
    }
  }

  /// The input's products that are computed before the first step: of every token, or of every column.
  private func precomputeInput(
    _ packs: ForwardPacks<Scalar>, _ panels: Range<Int>, _ progress: borrowing Progress, _ thread: Int
  ) {
    if scan.oneHot {
      let (first, count) = packs.units(panels, of: H)
      inputColumns(first..<max(first, first + count))
    } else if scan.hasTable {
      inputProduct(packs, panels, table, to: tokenProducts, progress, thread)
    } else if scan.inputIsPrecomputed {
      inputProduct(packs, panels, x, to: z, progress, thread)
    }
  }

  /// z = Wx·x + b for many columns.
  private func inputProduct(
    _ packs: ForwardPacks<Scalar>, _ panels: Range<Int>, _ x: MatrixView<Scalar>, to z: MatrixView<Scalar>,
    _ progress: borrowing Progress, _ thread: Int
  ) {
    for i in 0..<4 {
      guard let product = packs.products[i], let Wx = product.Wx else { continue }
      // 48 columns at a time stay in the first-level cache while the panels pass
      progress.inBlocks(of: z.columns, 48, work: product.rows.count * I, thread) { from, columns in
        Scalar.gemmPacked(
          packs.layout, panels: panels, .broadcastColumn(b.p + product.rows.w),
          Operand(Wx, k: I, x.p + from * x.columnStride, columnStride: x.columnStride), columns: columns,
          to: z.p + from * z.columnStride + product.rows.z, columnStride: z.columnStride)
      }
    }
  }

  /// One time step, for the units of some panels.
  private func forward(_ t: Int, _ packs: ForwardPacks<Scalar>, _ panels: Range<Int>, _ team: Team) {
    // panel by panel, so that the gates find their rows in the cache; a single column takes all panels in one call,
    // which computes them two by two
    let stride = B == 1 ? max(1, panels.count) : 1
    for first in Swift.stride(from: panels.lowerBound, to: panels.upperBound, by: stride) {
      let some = first..<first + stride
      let (from, count) = packs.units(some, of: H)
      firstStage(t, packs, some, from, count)
    }
    if scan.cell == .gruResetBefore {
      // the second stage reads r ⊙ h of all units
      team.barrier()
      product(packs, 3, t, panels, to: z(t))
      let (from, count) = packs.units(panels, of: H)
      if count > 0 {
        gruUpdate(z(t).rows(from, count), gate: H, y(t - 1).rows(from, count), newH: y(t).rows(from, count))
      }
    }
    if scan.lengths != nil { maskPadding(t, packs, panels) }
  }

  /// The products of some panels and the gates of their units; all of the step but a second stage.
  private func firstStage(
    _ t: Int, _ packs: ForwardPacks<Scalar>, _ panels: Range<Int>, _ from: Int, _ count: Int
  ) {
    switch scan.cell {
    case .lstm:
      product(packs, 0, t, panels, to: z(t))
      lstmGates(
        z(t).rows(from, count), gate: H, c(t - 1).rows(from, count), newH: y(t).rows(from, count),
        newC: c(t).rows(from, count))
    case .rnnTanh, .rnnRelu:
      let y = y(t)
      product(packs, 0, t, panels, to: y)
      apply(scan.cell == .rnnRelu ? .relu : .tanh, 0, y.rows(from, count), to: y.rows(from, count))
    case .gru:
      for i in 0..<4 { product(packs, i, t, panels, to: z(t)) }
      gruGates(z(t).rows(from, count), gate: H, y(t - 1).rows(from, count), newH: y(t).rows(from, count))
    case .gruResetBefore:
      for i in 0..<2 { product(packs, i, t, panels, to: z(t)) }
      gruReset(z(t).rows(from, count), gate: H, y(t - 1).rows(from, count))
    }
  }

  // MARK: Products

  /// One product of time step t, for some panels.
  private func product(
    _ packs: ForwardPacks<Scalar>, _ i: Int, _ t: Int, _ panels: Range<Int>, to result: MatrixView<Scalar>
  ) {
    guard let product = packs.products[i] else { return }
    let call = call(product, t, to: result), layout = packs.layout
    switch (call.input, call.recurrent) {
    case (let input?, let recurrent?) where I + H <= longestFusedSum:
      Scalar.gemmPacked(
        layout, panels: panels, call.initial, input, recurrent, columns: B, to: call.result, columnStride: call.stride)
    case (let input?, let recurrent?):
      Scalar.gemmPacked(
        layout, panels: panels, call.initial, input, columns: B, to: call.result, columnStride: call.stride)
      Scalar.gemmPacked(
        layout, panels: panels, .matrix(call.result, columnStride: call.stride), recurrent, columns: B, to: call.result,
        columnStride: call.stride)
    case (let operand?, nil), (nil, let operand?):
      Scalar.gemmPacked(
        layout, panels: panels, call.initial, operand, columns: B, to: call.result, columnStride: call.stride)
    case (nil, nil):
      copyTokenProducts(product, t, packs.units(panels, of: H), to: result)
    }
  }

  private func call(
    _ product: ForwardPacks<Scalar>.PackedProduct, _ t: Int, to result: MatrixView<Scalar>
  ) -> ProductCall<Scalar> {
    let source = product.source == .resetOutput ? z(t).rows(2 * H, H) : y(t - 1)
    // tokens and precomputed inputs are part of the initial value
    let hasInput = scan.tokens == nil && !scan.inputIsPrecomputed
    let x = x(t)
    return ProductCall(
      initial: initialValue(product, t),
      input: hasInput ? product.Wx.map { Operand($0, k: I, x.p, columnStride: x.columnStride) } : nil,
      recurrent: product.Wh.map { Operand($0, k: H, source.p, columnStride: source.columnStride) },
      result: result.p + product.rows.z, stride: result.columnStride)
  }

  private func initialValue(_ product: ForwardPacks<Scalar>.PackedProduct, _ t: Int) -> InitialValue<Scalar> {
    if product.Wx == nil { return .broadcastColumn(resetBias.p) }
    if let tokens = scan.lookupTokens {
      return .gather(
        tokenProducts.p + product.rows.z, columnStride: tokenProducts.columnStride, indices: tokens + t * B)
    }
    let z = z(t)
    return scan.inputIsPrecomputed
      ? .matrix(z.p + product.rows.z, columnStride: z.columnStride) : .broadcastColumn(b.p + product.rows.w)
  }

  /// A product without operands: the candidate n of a GRU. Precomputed columns are in place, token products are copied.
  private func copyTokenProducts(
    _ product: ForwardPacks<Scalar>.PackedProduct, _ t: Int, _ units: (first: Int, count: Int),
    to result: MatrixView<Scalar>
  ) {
    guard let tokens = scan.lookupTokens else { return }
    let row = product.rows.z + units.first
    for j in 0..<B {
      copy(
        tokenProducts.columns(Int(tokens[t * B + j]), 1).rows(row, units.count),
        to: result.columns(j, 1).rows(row, units.count))
    }
  }

  // MARK: Padding

  /// Sets the outputs of padding columns to 0 and carries their cells.
  private func maskPadding(_ t: Int, _ packs: ForwardPacks<Scalar>, _ panels: Range<Int>) {
    let (from, count) = packs.units(panels, of: H)
    if count <= 0 { return }
    for j in 0..<B where t >= length(j) {
      fill(y(t).column(j).rows(from, count), with: 0)
      if scan.cell.hasCell { copy(c(t - 1).column(j).rows(from, count), to: c(t).column(j).rows(from, count)) }
    }
  }

  /// Copies the state after each sequence's last valid step.
  private func copyFinalState() {
    for j in 0..<B {
      copy(y(length(j) - 1).column(j), to: finalH.column(j))
      if scan.cell.hasCell { copy(c(length(j) - 1).column(j), to: finalC.column(j)) }
    }
  }
}
