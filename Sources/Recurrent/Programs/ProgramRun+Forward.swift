// The forward pass of a program: weights packed once, then step after step.

import Kernels

extension ProgramRun {
  func forward() {
    for k in plan.states.indices { copy(initial(k), to: state(k, after: -1)) }
    if scan.hasTable { transpose(operands[0], to: table) }
    if scan.lengths != nil && plan.inputs > 0 && scan.tokens == nil { copyInput() }
    gatherWeights()
    gatherBiases()
    let progress = Progress(), work = stepWork, part = part
    ThreadPool.run(scan.threads) { thread, team in
      // each thread reads only the panels that it packed itself
      packWeights(team, thread)
      precomputeInput(nil, team, thread, progress)
      let code = forwardCode(team, thread)
      let mine = team.share(B, thread)
      team.barrier()
      for t in 0..<T {
        if scan.resets != nil {
          for j in mine { setStates(before: t, j) }
          team.barrier()
        }
        code.run(t, columns: B, mine: mine, part: part, team)
        if scan.lengths != nil {
          for j in mine where t >= length(j) { mask(t, j) }
        }
        progress.count(work, step: t, thread)
        team.barrier()
        if progress.isLast(t) { break }
      }
    }
    for k in plan.states.indices {
      for j in 0..<B { copy(state(k, after: length(j) - 1).column(j), to: final(k).column(j)) }
    }
  }

  /// Copies x with zeros in the padding.
  private func copyInput() {
    let x = x
    for t in 0..<T {
      for j in 0..<B {
        let to = x.columns(t * B + j, 1)
        if t < length(j) { copy(operands[0].columns(t * B + j, 1), to: to) } else { fill(to, with: 0) }
      }
    }
  }

  /// Sets a column of padding: its output is 0, its other states stay, nothing of it reaches a gradient.
  private func mask(_ t: Int, _ j: Int) {
    fill(state(0, after: t).columns(j, 1), with: 0)
    for k in 1..<max(1, plan.states.count) {
      copy(state(k, after: t - 1).columns(j, 1), to: state(k, after: t).columns(j, 1))
    }
    clear(sums, t * B + j..<t * B + j + 1)
    clear(tape, t * B + j..<t * B + j + 1)
  }

  private func rows(_ s: Int) -> PanelLayout { .contiguous(plan.stacks[s].rows, Scalar.self) }

  private func pack(_ s: Int, _ q: Int) -> UnsafeMutablePointer<Scalar> { scratch(1, 1, workspace.packs[s][q]).p }

  func packWeights(_ team: Team, _ thread: Int) {
    for (s, products) in plan.products.enumerated() {
      let panels = team.share(rows(s).panels, thread)
      for q in products.indices { Kernels.pack(weights(s, q), rows(s), panels: panels, to: pack(s, q)) }
    }
  }

  /// The values that a stack's sums begin with.
  private func initialValue(_ s: Int) -> InitialValue<Scalar> { hasBias(s) ? .broadcastColumn(bias(s).p) : .zero }

  /// The input's products that are computed before the first step, for the rows of this thread.
  ///
  /// - Parameter columns: those of a vector input that are computed; nil for all.
  func precomputeInput(
    _ columns: Range<Int>?, _ team: Team, _ thread: Int, _ progress: borrowing Progress
  ) {
    let columns = columns ?? 0..<T * B
    for (s, products) in plan.products.enumerated() where scan.isInputPrecomputed(products) {
      let z = z(s), panels = team.share(rows(s).panels, thread)
      let first = panels.lowerBound * rows(s).unitsPerPanel
      let mine = first..<max(first, min(z.rows, panels.upperBound * rows(s).unitsPerPanel))
      guard let tokens = scan.tokens else {
        multiplyInput(
          s, panels, x.columns(columns.lowerBound, columns.count),
          to: z.columns(columns.lowerBound, columns.count), thread, progress)
        continue
      }
      if mine.isEmpty { continue }
      if !scan.looksUp {
        selectInput(s, mine, to: z) { W, initial, to in gatherColumns(W, tokens, adding: initial, to: to) }
        continue
      }
      let all = tokenProducts(s)
      if scan.isOneHot {
        selectInput(s, mine, to: all) { W, initial, to in apply(.add, W, initial, to: to) }
      } else {
        multiplyInput(s, panels, table, to: all, thread, progress)
      }
    }
  }

  /// to = Σ Wx·x + b for many columns.
  private func multiplyInput(
    _ s: Int, _ panels: Range<Int>, _ x: MatrixView<Scalar>, to z: MatrixView<Scalar>, _ thread: Int,
    _ progress: borrowing Progress
  ) {
    var isFirst = true
    for (q, product) in plan.products[s].enumerated() where product.isInput {
      let x = x.rows(product.place.row, product.columns)
      // 48 columns at a time stay in the first-level cache while the panels pass
      progress.inBlocks(of: z.columns, 48, work: z.rows * x.rows, thread) { from, columns in
        let to = z.p + from * z.columnStride
        Scalar.gemmPacked(
          rows(s), panels: panels, isFirst ? initialValue(s) : .matrix(to, columnStride: z.columnStride),
          Operand(pack(s, q), k: x.rows, x.p + from * x.columnStride, columnStride: x.columnStride),
          columns: columns, to: to, columnStride: z.columnStride)
      }
      isFirst = false
    }
  }

  /// to = Σ columns of Wx + b for one-hot tokens, for some rows.
  private func selectInput(
    _ s: Int, _ mine: Range<Int>, to: MatrixView<Scalar>,
    _ select: (_ W: MatrixView<Scalar>, _ initial: MatrixView<Scalar>, _ to: MatrixView<Scalar>) -> Void
  ) {
    let to = to.rows(mine.lowerBound, mine.count)
    // zeros without a bias
    var initial = MatrixView(bias(s).p + mine.lowerBound, rows: mine.count, columns: to.columns, columnStride: 0)
    for (q, product) in plan.products[s].enumerated() where product.isInput {
      select(weights(s, q).rows(mine.lowerBound, mine.count), initial, to)
      initial = to
    }
  }

  func forwardCode(_ team: Team, _ thread: Int) -> LocatedCode<Scalar> {
    var code = code(thread)
    for instruction in plan.forward {
      switch instruction {
      case .stack(let s): append(stack: s, to: &code, team, thread)
      case .segment(let segment): append(segment, to: &code, thread)
      case .transposed: break
      }
    }
    return code
  }

  /// Appends the products of a stack, two at a time.
  private func append(stack s: Int, to code: inout LocatedCode<Scalar>, _ team: Team, _ thread: Int) {
    let isPrecomputed = scan.isInputPrecomputed(plan.products[s])
    let products = plan.products[s]
    func next(after q: Int) -> Int? { nextProduct(of: s, after: q, withoutInput: isPrecomputed) }
    let result = locate(plan.layout.stackPlaces[s], thread, 0)
    let panels = team.share(rows(s).panels, thread)
    var current = next(after: -1), isFirst = true
    if current == nil && scan.looksUp(products) {
      // nothing but the input: the sums are those of the tokens
      let table = Located(p: tokenProducts(s).p, step: 0, stride: tokenProducts(s).columnStride)
      code.append(
        LocatedProduct(
          layout: rows(s), panels: panels, result: result, initial: .gather, initialPlace: table, tokens: scan.tokens,
          first: pack(s, 0), k: 0, operand: result, second: pack(s, 0), k2: 0, operand2: result, keepsOrder: false))
    }
    while let q = current {
      let product = products[q]
      var second = next(after: q)
      if let other = second, product.columns + products[other].columns > longestFusedSum { second = nil }
      let operand = locate(product.place, thread, 0)
      let other = second.map { locate(products[$0].place, thread, 0) } ?? operand
      let isContinued = !isFirst || isPrecomputed, looksUp = isFirst && scan.looksUp(products)
      let located = LocatedProduct(
        layout: rows(s), panels: panels, result: result,
        initial: looksUp ? .gather : isContinued ? .matrix : hasBias(s) ? .column : .zero,
        initialPlace: looksUp
          ? Located(p: tokenProducts(s).p, step: 0, stride: tokenProducts(s).columnStride)
          : isContinued ? result : Located(p: bias(s).p, step: 0, stride: 0),
        tokens: scan.tokens,
        first: pack(s, q), k: product.columns, operand: operand,
        second: second.map { pack(s, $0) } ?? pack(s, q), k2: second.map { products[$0].columns } ?? 0,
        operand2: other, keepsOrder: scan.levels != nil)
      if isFirst { code.append(located) } else { code.extend(with: located) }
      (current, isFirst) = (next(after: second ?? q), false)
    }
  }
}
