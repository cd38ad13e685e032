// The forward pass of a program: weights packed once, then step after step.

import Kernels

/// The longest sum of one fused product: beyond 640 elements two panels no longer fit the first-level cache together.
private let longestFusedSum = 640

extension ProgramRun {
  func forward() {
    for k in plan.states.indices { copy(initial(k), to: state(k, after: -1)) }
    if scan.lengths != nil && plan.inputs > 0 && scan.tokens == nil { copyInput() }
    gatherWeights()
    gatherBiases()
    let progress = Progress(), work = stepWork, part = part
    ThreadPool.run(scan.threads) { thread, team in
      // each thread reads only the panels that it packed itself
      packWeights(team, thread)
      precomputeInput(team, thread, progress)
      let code = forwardCode(team, thread)
      let mine = team.share(B, thread)
      team.barrier()
      for t in 0..<T {
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
    if plan.layout.tapeRows > 0 { fill(tape.columns(t * B + j, 1), with: 0) }
  }

  private func rows(_ s: Int) -> PanelLayout { .contiguous(plan.stacks[s].rows, Scalar.self) }

  private func pack(_ s: Int, _ q: Int) -> UnsafeMutablePointer<Scalar> { scratch(1, 1, workspace.packs[s][q]).p }

  private func packWeights(_ team: Team, _ thread: Int) {
    for (s, products) in plan.products.enumerated() {
      let panels = team.share(rows(s).panels, thread)
      for q in products.indices { Kernels.pack(weights(s, q), rows(s), panels: panels, to: pack(s, q)) }
    }
  }

  /// The values that a stack's sums begin with.
  private func initialValue(_ s: Int) -> InitialValue<Scalar> { hasBias(s) ? .broadcastColumn(bias(s).p) : .zero }

  /// z = Wx·x + b for all columns, of the stacks whose input products are precomputed.
  private func precomputeInput(_ team: Team, _ thread: Int, _ progress: borrowing Progress) {
    for (s, products) in plan.products.enumerated() where scan.isInputPrecomputed(products) {
      let z = tape.rows(plan.layout.stackRows[s], plan.stacks[s].rows), panels = team.share(rows(s).panels, thread)
      var isFirst = true
      for q in products.indices where products[q].isInput {
        if let tokens = scan.tokens {
          gatherInput(s, q, tokens, panels, to: z, isFirst: isFirst)
          isFirst = false
          continue
        }
        let x = x.rows(products[q].place.row, products[q].columns)
        // 48 columns at a time stay in the first-level cache while the panels pass
        progress.inBlocks(of: T * B, 48, work: z.rows * x.rows, thread) { from, columns in
          let to = z.p + from * z.columnStride
          Scalar.gemmPacked(
            rows(s), panels: panels, isFirst ? initialValue(s) : .matrix(to, columnStride: z.columnStride),
            Operand(pack(s, q), k: x.rows, x.p + from * x.columnStride, columnStride: x.columnStride),
            columns: columns, to: to, columnStride: z.columnStride)
        }
        isFirst = false
      }
    }
  }

  /// The columns of the weights that one-hot tokens select, plus the bias or what z has, for the rows of some panels.
  private func gatherInput(
    _ s: Int, _ q: Int, _ tokens: UnsafeMutablePointer<Int32>, _ panels: Range<Int>, to z: MatrixView<Scalar>,
    isFirst: Bool
  ) {
    let layout = rows(s), first = panels.lowerBound * layout.unitsPerPanel
    let count = min(z.rows, panels.upperBound * layout.unitsPerPanel) - first
    if count <= 0 { return }
    // without a bias it is zeros
    let bias = MatrixView(bias(s).p + first, rows: count, columns: T * B, columnStride: 0)
    let to = z.rows(first, count)
    gatherColumns(weights(s, q).rows(first, count), tokens, adding: isFirst ? bias : to, to: to)
  }

  private func forwardCode(_ team: Team, _ thread: Int) -> LocatedCode<Scalar> {
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
    let remaining = plan.products[s].indices.filter { !isPrecomputed || !plan.products[s][$0].isInput }
    let result = locate(Place(region: .tape, row: plan.layout.stackRows[s]), thread, 0)
    let panels = team.share(rows(s).panels, thread)
    var next = 0
    while next < remaining.count {
      let q = remaining[next], product = plan.products[s][q]
      var second: Int?
      if next + 1 < remaining.count,
        product.columns + plan.products[s][remaining[next + 1]].columns <= longestFusedSum
      {
        second = remaining[next + 1]
      }
      let operand = locate(product.place, thread, 0)
      let other = second.map { locate(plan.products[s][$0].place, thread, 0) } ?? operand
      let isContinued = next > 0 || isPrecomputed
      let located = LocatedProduct(
        layout: rows(s), panels: panels, result: result,
        initial: isContinued ? .matrix : hasBias(s) ? .column : .zero,
        initialPlace: isContinued ? result : Located(p: bias(s).p, step: 0, stride: 0),
        first: pack(s, q), k: product.columns, operand: operand,
        second: second.map { pack(s, $0) } ?? pack(s, q), k2: second.map { plan.products[s][$0].columns } ?? 0,
        operand2: other)
      if next == 0 { code.append(located) } else { code.extend(with: located) }
      next += second == nil ? 1 : 2
    }
  }
}
