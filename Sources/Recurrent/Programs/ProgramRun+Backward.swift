// The backward pass of a program: the gradients of each step, last step first; then those of all weights.

import Kernels

extension ProgramRun {
  func backward() {
    gatherWeights()
    if scan.resets != nil { clearOutputGradient() }
    let progress = Progress(), work = 2 * stepWork, part = part
    ThreadPool.run(scan.threads) { thread, team in
      let mine = team.share(B, thread)
      packTransposed(team, thread)
      // carried gradients alternate between two buffers
      let even = backwardCode(team, thread, version: 0), odd = backwardCode(team, thread, version: 1)
      for j in mine { seed(T - 1, j, version: 0) }
      if scan.resets != nil { for j in mine { clearStartGradients(j) } }
      team.barrier()
      for t in (0..<T).reversed() {
        let version = (T - 1 - t) & 1
        progress.count(work, step: T - t, thread)
        (version == 0 ? even : odd).run(t, columns: B, mine: mine, part: part, team)
        if scan.resets != nil {
          for j in mine { cutGradients(before: t, j, version: 1 - version) }
          team.barrier()
        }
        if scan.lengths != nil {
          for j in mine {
            if t >= length(j) { clearGradients(t * B + j..<t * B + j + 1) }
            if t > 0 { seed(t - 1, j, version: 1 - version) }
          }
          team.barrier()
        }
        if progress.isLast(T - t) { return }
      }
      for j in mine { finish(j, version: T & 1) }
      weightGradients(team, thread, progress)
      if scan.resets != nil { addStartGradients(team, thread) }
      if scan.wantsInput { inputGradients(nil, team, thread, progress) }
    }
    if scan.hasTable && scan.wantsInput { transposeBackward(dy: tableGradient, dx: operands.gradient(0)) }
  }

  /// Sets the carried gradients of a column before time step t, where the sequence ends there or has ended before.
  private func seed(_ t: Int, _ j: Int, version: Int) {
    let end = length(j) - 1
    if t < end { return }
    // what padding added may be anything
    clear(parameterGradients, j..<j + 1)
    if t == end || t == T - 1 {
      for k in plan.attended { for s in 0..<T { clear(pastGradient(k), s * B + j..<s * B + j + 1) } }
    }
    for k in plan.states.indices {
      let to = carry(k, version).columns(j, 1)
      if t > end { fill(to, with: 0) } else { copy(dFinal(k).columns(j, 1), to: to) }
      if t == end && k == 0 { accumulate(dy(t).columns(j, 1), times: 1, into: to) }
    }
  }

  /// Adds the gradient of a column's initial states.
  private func finish(_ j: Int, version: Int) {
    if length(j) == 0 { clear(parameterGradients, j..<j + 1) }
    for k in plan.states.indices {
      let from = length(j) == 0 ? dFinal(k) : carry(k, version)
      accumulate(from.columns(j, 1), times: 1, into: dInitial(k).columns(j, 1))
    }
  }

  // MARK: Transposed weights

  func packTransposed(_ team: Team, _ thread: Int) {
    func pack(_ w: MatrixView<Scalar>, _ offset: Int) {
      let rows = PanelLayout.contiguous(w.columns, Scalar.self)
      Kernels.packTransposed(w, panels: team.share(rows.panels, thread), to: scratch(1, 1, offset).p)
    }
    var next = 0
    for case .transposed(let value, _, _, _) in plan.backward {
      for piece in workspace.transposedPacks[next] {
        let (q, column) = place(of: piece.term)
        let w = weights(piece.term.stack, q).columns(column, plan.values[value].rows)
        pack(w.rows(piece.row, piece.rows), piece.offset)
      }
      next += 1
    }
    for (s, q, offset) in workspace.inputPacks { pack(weights(s, q), offset) }
  }

  /// The product of a stack, and the first column of its weights, that multiply an operand.
  private func place(of term: TransposedTerm) -> (product: Int, column: Int) {
    for (q, product) in plan.products[term.stack].enumerated() {
      if let column = product.column(of: term.operand) { return (q, column) }
    }
    return (0, 0)
  }

  // MARK: Instructions

  func backwardCode(_ team: Team, _ thread: Int, version: Int) -> LocatedCode<Scalar> {
    var code = code(thread, version: version), next = 0
    for instruction in plan.backward {
      switch instruction {
      case .stack: break
      case .segment(let segment): append(segment, to: &code, thread, version)
      case .transposed(let value, _, let result, let initial):
        append(
          plan.values[value].rows, workspace.transposedPacks[next], locate(result, thread, version),
          initial.map { locate($0, thread, version) }, to: &code, team, thread, version)
        next += 1
      }
    }
    return code
  }

  /// Appends Σ Wᵀ·dz of all pieces, two at a time.
  private func append(
    _ count: Int, _ pieces: [TransposedPiece], _ result: Located<Scalar>, _ initial: Located<Scalar>?,
    to code: inout LocatedCode<Scalar>, _ team: Team, _ thread: Int, _ version: Int
  ) {
    let rows = PanelLayout.contiguous(count, Scalar.self)
    let panels = team.share(rows.panels, thread)
    func dz(_ piece: TransposedPiece) -> Located<Scalar> {
      let place = plan.layout.stackGradients[piece.term.stack]
      return locate(Place(region: place.region, row: place.row + piece.row), thread, version)
    }
    var next = 0
    while next < pieces.count {
      let first = pieces[next]
      var second = next + 1 < pieces.count ? pieces[next + 1] : nil
      if let other = second, first.rows + other.rows > longestFusedSum && B > 1 { second = nil }
      let located = LocatedProduct(
        layout: rows, panels: panels, result: result, initial: next > 0 || initial != nil ? .matrix : .zero,
        initialPlace: next > 0 ? result : initial ?? result, tokens: nil, first: scratch(1, 1, first.offset).p,
        k: first.rows, operand: dz(first), second: scratch(1, 1, (second ?? first).offset).p, k2: second?.rows ?? 0,
        operand2: dz(second ?? first),
        keepsOrder: scan.levels != nil)
      if next == 0 { code.append(located) } else { code.extend(with: located) }
      next += second == nil ? 1 : 2
    }
  }

  // MARK: After the loop

  /// Adds the gradients of all parameters. Several parts of a step may add to the same rows: a barrier lies between them.
  func weightGradients(_ team: Team, _ thread: Int, _ progress: borrowing Progress) {
    // the gathered weights are packed by now; their memory receives their gradients
    team.barrier()
    for s in plan.stacks.indices {
      if scan.hasTable { sumByTokens(s, team, thread) }
      stackGradients(s, team, thread, progress)
      let source = readsTable(s) ? tokenGradients(s) : dz(s)
      for bias in plan.biases[s] {
        addColumns(
          source.rows(bias.row, bias.rows),
          to: dParameter(bias.parameter.parameter).rows(bias.parameter.row, bias.rows), team, thread)
      }
    }
    for gradient in plan.gradients.parameters {
      addColumns(columns(of: gradient), to: dParameter(of: gradient), team, thread)
    }
  }

  /// The gradient of a parameter in element-wise operations: a column for each sequence.
  func columns(of gradient: ParameterGradient) -> MatrixView<Scalar> {
    let row = plan.layout.places[gradient.after].map(\.row) ?? 0
    return parameterGradients.rows(row, plan.values[gradient.after].rows)
  }

  func dParameter(of gradient: ParameterGradient) -> MatrixView<Scalar> {
    dParameter(gradient.rows.parameter).rows(gradient.rows.row, plan.values[gradient.after].rows)
  }

  /// Whether a stack's sums read a table of tokens.
  private func readsTable(_ s: Int) -> Bool { scan.hasTable && plan.products[s].contains { $0.isInput } }

  /// Adds up the gradients of a stack's sums for each token: the input's gradients follow from them.
  private func sumByTokens(_ s: Int, _ team: Team, _ thread: Int) {
    guard readsTable(s), let tokens = scan.tokens else { return }
    let mine = team.share(plan.stacks[s].rows, thread), sums = tokenGradients(s).rows(mine.lowerBound, mine.count)
    if !mine.isEmpty {
      fill(sums, with: 0)
      scatterColumns(dz(s).rows(mine.lowerBound, mine.count), tokens, into: sums)
    }
    team.barrier()
  }

  /// Adds dz·operandᵀ to the gradients of a stack's weights.
  private func stackGradients(_ s: Int, _ team: Team, _ thread: Int, _ progress: borrowing Progress) {
    let products = plan.products[s], rows = PanelLayout.contiguous(plan.stacks[s].rows, Scalar.self)
    let panels = team.share(rows.panels, thread)
    let first = panels.lowerBound * rows.unitsPerPanel
    let end = min(plan.stacks[s].rows, panels.upperBound * rows.unitsPerPanel)
    func destination(_ q: Int) -> MatrixView<Scalar> {
      if let whole = products[q].whole { return gradientView(whole) }
      let gathered = gathered(s, q)
      if end > first { fill(gathered.rows(first, end - first), with: 0) }
      return gathered
    }
    if let tokens = scan.tokens {
      for q in products.indices where products[q].isInput {
        if scan.isOneHot {
          let to = destination(q)
          if end > first { scatterColumns(dz(s).rows(first, end - first), tokens, into: to.rows(first, end - first)) }
        } else {
          let to = destination(q), none = MatrixView(to.p, rows: 0, columns: 0, columnStride: 0)
          progress.rankKUpdate(
            tokenGradients(s), table.rows(products[q].place.row, products[q].columns), into: to, and: none, into: none,
            panels: panels, scratch: outer(thread), thread)
        }
      }
    }
    func next(after q: Int) -> Int? { nextProduct(of: s, after: q, withoutInput: scan.tokens != nil) }
    var current = next(after: -1)
    while let q = current {
      let other = next(after: q)
      let source = allSteps(products[q].place, rows: products[q].columns), to = destination(q)
      if let other, products[q].whole?.parameter != products[other].whole?.parameter {
        // two products share a pass over dz
        progress.rankKUpdate(
          dz(s), source, into: to, and: allSteps(products[other].place, rows: products[other].columns),
          into: destination(other), panels: panels, scratch: outer(thread), thread)
        current = next(after: other)
      } else {
        let none = MatrixView(to.p, rows: 0, columns: 0, columnStride: 0)
        progress.rankKUpdate(
          dz(s), source, into: to, and: none, into: none, panels: panels, scratch: outer(thread), thread)
        current = other
      }
      team.barrier()
    }
    for q in products.indices where products[q].whole == nil { addGathered(s, q, team, thread) }
    team.barrier()
  }

  /// Adds gathered gradients to those of the parameters, for this thread's columns of each parameter.
  private func addGathered(_ s: Int, _ q: Int, _ team: Team, _ thread: Int) {
    let from = gathered(s, q)
    forEachPart(s, q) { part, row, column in
      let mine = team.share(dParameter(part.parameter).columns, thread)
        .clamped(to: part.column..<part.column + part.columns)
      if mine.isEmpty { return }
      accumulate(
        from.rows(row, part.rows).columns(column + mine.lowerBound - part.column, mine.count), times: 1,
        into: dParameter(part.parameter).rows(part.row, part.rows).columns(mine.lowerBound, mine.count))
    }
  }

  /// to += Σ columns of m, for this thread's rows.
  func addColumns(_ m: MatrixView<Scalar>, to: MatrixView<Scalar>, _ team: Team, _ thread: Int) {
    let mine = team.share(m.rows, thread)
    if !mine.isEmpty {
      let sum = to.rows(mine.lowerBound, mine.count)
      accumulate(
        m.rows(mine.lowerBound, mine.count), times: 1,
        into: MatrixView(sum.p, rows: sum.rows, columns: m.columns, columnStride: 0))
    }
    team.barrier()
  }

  /// dx += Wxᵀ·dz, and the gradients of x in element-wise operations.
  ///
  /// - Parameter columns: those of a vector input that are computed; nil for all.
  func inputGradients(
    _ columns: Range<Int>?, _ team: Team, _ thread: Int, _ progress: borrowing Progress
  ) {
    let columns = columns ?? 0..<(scan.hasTable ? scan.V : T * B)
    let dx = dx.columns(columns.lowerBound, columns.count)
    if scan.hasTable || scan.levels != nil {
      let mine = team.share(dx.rows, thread)
      if !mine.isEmpty { fill(dx.rows(mine.lowerBound, mine.count), with: 0) }
    }
    // rows of x may belong to several products: each is done before the next
    for (s, q, offset) in workspace.inputPacks {
      let product = plan.products[s][q], rows = PanelLayout.contiguous(product.columns, Scalar.self)
      let panels = team.share(rows.panels, thread)
      let dz = (scan.hasTable ? tokenGradients(s) : dz(s)).columns(columns.lowerBound, columns.count)
      let to = dx.rows(product.place.row, product.columns)
      team.barrier()
      progress.inBlocks(of: dx.columns, 48, work: dz.rows * to.rows, thread) { from, columns in
        let to = to.p + from * to.columnStride
        Scalar.gemmPacked(
          rows, panels: panels, .matrix(to, columnStride: dx.columnStride),
          Operand(scratch(1, 1, offset).p, k: dz.rows, dz.p + from * dz.columnStride, columnStride: dz.columnStride),
          columns: columns,
          to: to, columnStride: dx.columnStride)
      }
    }
    if scan.hasTable { return }
    team.barrier()
    let mine = team.share(columns.count, thread)
    if mine.isEmpty { return }
    for piece in plan.gradients.inputs {
      guard let place = plan.layout.places[piece.value] else { continue }
      let count = plan.values[piece.value].rows
      accumulate(
        allSteps(place, rows: count).columns(columns.lowerBound + mine.lowerBound, mine.count), times: 1,
        into: dx.rows(piece.row, count).columns(mine.lowerBound, mine.count))
    }
  }
}
