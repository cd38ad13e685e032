// A sequence, backward: the gradient of each step's pre-activations, last step first; then all weights at once.

import Kernels

extension ScanRun {
  func backward() {
    let packs = BackwardPacks(self)
    let dh = carried(plan.dh), dhNext = carried(plan.dhNext), dc = carried(plan.dc)
    let inLoop = s.tokens == nil && s.wantsInput && B >= 12
    if s.tokens != nil && !s.oneHot { fill(x.scratch(rows, V, at: plan.dProduct), with: 0) }
    ThreadPool.run(s.threads) { thread, team in
      let panels = team.share(packs.panelsH, thread)
      let units = panels.lowerBound * packs.units..<min(H, panels.upperBound * packs.units)
      packs.pack(self, team, thread)
      seed(units, dh, dc)
      team.barrier()
      var (dh, dhNext) = (dh, dhNext)
      for t in (0..<T_).reversed() {
        step(t, units, dh, dc, t == 0 ? x.d(1) : dhNext, team, packs, panels)
        if inLoop {
          inputGradient(packs, team.share(packs.panelsI, thread), z(t), to: dInput(t))
        }
        swap(&dh, &dhNext)
      }
      weightGradients(packs, team, thread, inLoop: inLoop)
    }
    if s.tokens != nil && s.wantsInput {
      transposeBackward(dy: x.scratch(I, V, at: plan.dTable), dx: x.d(0))
    }
  }

  /// One step: `dh` is the whole gradient of this step's output; `next` becomes that of the output before.
  private func step(
    _ t: Int, _ units: Range<Int>, _ dh: MatrixView<T>, _ dc: MatrixView<T>, _ next: MatrixView<T>, _ team: Team,
    _ packs: BackwardPacks<T>, _ panels: Range<Int>
  ) {
    let z = z(t), from = units.lowerBound, count = units.count
    let hasUnits = count > 0
    // what the output before gets besides the product; at the first step it is the start's own gradient
    if hasUnits && t > 0 { copy(dy(t - 1).rows(from, count), to: next.rows(from, count)) }
    if hasUnits {
      let mine = z.rows(from, count), dhMine = dh.rows(from, count), before = y(t - 1).rows(from, count)
      switch s.cell {
      case .lstm:
        lstmGatesBackward(
          mine, gate: H, c(t - 1).rows(from, count), newC: c(t).rows(from, count), dnewH: dhMine,
          dnewC: dc.rows(from, count), dc: (t == 0 ? x.d(2) : dc).rows(from, count), accumulate: t == 0)
      case .rnn, .rnnTanh:
        fill(mine, with: 0)
        applyBackward(
          s.cell == .rnn ? .relu : .tanh, 0, y(t).rows(from, count), y(t).rows(from, count), dy: dhMine, dx: mine)
      case .gru:
        gruGatesBackward(mine, gate: H, before, dnewH: dhMine, dh: next.rows(from, count))
      case .gruBefore:
        gruUpdateBackward(mine, gate: H, before, dnewH: dhMine, dh: next.rows(from, count))
      }
    }
    team.barrier()
    if s.cell == .gruBefore {
      let da = carried(plan.da)
      T.gemmPacked(
        packs.rowsH, panels: panels, .zero, Operand(packs.WhReset, k: H, z.p + 3 * H, columnStride: z.stride), columns: B,
        to: da.p, columnStride: da.stride)
      if hasUnits {
        gruResetBackward(
          z.rows(from, count), y(t - 1).rows(from, count), da: da.rows(from, count), dh: next.rows(from, count))
      }
      team.barrier()
    }
    T.gemmPacked(
      packs.rowsH, panels: panels, .matrix(next.p, columnStride: next.stride),
      Operand(packs.Wh, k: packs.head, z.p, columnStride: z.stride),
      Operand(packs.WhTail, k: packs.tail, z.p + packs.head, columnStride: z.stride),
      columns: B, to: next.p, columnStride: next.stride)
    if t > 0 && s.lengths != nil && hasUnits { unpad(t - 1, units, next, dc) }
  }

  /// The gradients that the last step starts from: its output's own, and the final state's.
  private func seed(_ units: Range<Int>, _ dh: MatrixView<T>, _ dc: MatrixView<T>) {
    let (from, count) = (units.lowerBound, units.count)
    if count <= 0 { return }
    copy(dy(T_ - 1).rows(from, count), to: dh.rows(from, count))
    fill(dc.rows(from, count), with: 0)
    unpad(T_ - 1, units, dh, dc)
    // a sequence of no steps hands the final state's gradient straight to the start's
    for j in 0..<B where length(j) == 0 {
      accumulate(finalH(x.dy).column(j).rows(from, count), times: 1, into: x.d(1).column(j).rows(from, count))
      if s.cell.hasCell {
        accumulate(finalC(x.dy).column(j).rows(from, count), times: 1, into: x.d(2).column(j).rows(from, count))
      }
    }
  }

  /// At a sequence's last step the final state's gradient comes in; beyond it there is none.
  private func unpad(_ t: Int, _ units: Range<Int>, _ dh: MatrixView<T>, _ dc: MatrixView<T>) {
    let (from, count) = (units.lowerBound, units.count)
    for j in 0..<B {
      if t == length(j) - 1 {
        accumulate(finalH(x.dy).column(j).rows(from, count), times: 1, into: dh.column(j).rows(from, count))
        if s.cell.hasCell {
          accumulate(finalC(x.dy).column(j).rows(from, count), times: 1, into: dc.column(j).rows(from, count))
        }
      } else if t >= length(j) {
        fill(dh.column(j).rows(from, count), with: 0)
        fill(dc.column(j).rows(from, count), with: 0)
      }
    }
  }

  /// dx += Wxᵀ·dz.
  private func inputGradient(_ packs: BackwardPacks<T>, _ panels: Range<Int>, _ dz: MatrixView<T>, to dx: MatrixView<T>) {
    var from = 0
    while from < dx.d {
      let columns = min(48, dx.d - from)
      let to = dx.p + from * dx.stride, dz = dz.p + from * dz.stride
      let (one, two) = inputParts
      let first = Operand(packs.Wx, k: one.count, dz + one.z, columnStride: rows)
      let second = two.map { Operand(packs.Wx2, k: $0.count, dz + $0.z, columnStride: rows) } ?? .none(packs.Wx)
      T.gemmPacked(
        packs.rowsI, panels: panels, .matrix(to, columnStride: dx.stride), first, second, columns: columns, to: to,
        columnStride: dx.stride)
      from += columns
    }
  }

  /// Every weight's sum over all steps: one product for each matrix, both at once where they share dz.
  private func weightGradients(_ packs: BackwardPacks<T>, _ team: Team, _ thread: Int, inLoop: Bool) {
    // the input's sum runs over the steps, or for tokens over the table's rows
    var (dz, input) = (z, x[0])
    if s.oneHot {
      inputColumnGradients(team, thread)
    } else if let tokens = s.tokens {
      (dz, input) = (x.scratch(rows, V, at: plan.dProduct), table)
      let mine = team.share(rows, thread)
      scatterColumns(z.rows(mine.lowerBound, mine.count), tokens, into: dz.rows(mine.lowerBound, mine.count))
      team.barrier()
    }
    let scratch = x.scratch(1, 1, at: plan.outer + thread * plan.outerSize).p
    let none = MatrixView(scratch, rows: 0, columns: 0, columnStride: 0)
    func grow(_ z: Int, _ w: Int, _ count: Int, input isInput: Bool, from before: MatrixView<T>?) {
      let panels = team.share(PanelLayout.contiguous(count, T.self).panels, thread)
      let (dWx, dWh) = (x.d(3).rows(isInput ? w : 0, count), x.d(4).rows(before == nil ? 0 : w, count))
      if isInput && !s.oneHot && (s.tokens != nil || before == nil) {
        rankKUpdate(dz.rows(z, count), input, into: dWx, and: none, into: none, panels: panels, scratch: scratch)
      }
      if let before, s.tokens != nil || !isInput {
        rankKUpdate(self.z.rows(z, count), before, into: dWh, and: none, into: none, panels: panels, scratch: scratch)
      } else if let before {
        rankKUpdate(self.z.rows(z, count), input, into: dWx, and: before, into: dWh, panels: panels, scratch: scratch)
      }
    }
    switch s.cell {
    case .gru:
      grow(0, 0, 2 * H, input: true, from: before)
      grow(2 * H, 2 * H, H, input: false, from: before)
      grow(3 * H, 2 * H, H, input: true, from: nil)
    case .gruBefore:
      grow(0, 0, 2 * H, input: true, from: before)
      grow(3 * H, 2 * H, H, input: true, from: z.rows(2 * H, H))
    default: grow(0, 0, rows, input: true, from: before)
    }
    let (one, two) = inputParts
    biasGradient(dz.rows(one.z, one.count), x.d(5).rows(one.row, one.count), team, thread)
    if let two { biasGradient(dz.rows(two.z, two.count), x.d(5).rows(two.row, two.count), team, thread) }
    if s.cell == .gru { biasGradient(z.rows(2 * H, H), x.d(6), team, thread) }

    if s.wantsInput && !inLoop {
      let panels = team.share(packs.panelsI, thread)
      if s.tokens != nil {
        let dTable = x.scratch(I, V, at: plan.dTable)
        let from = panels.lowerBound * packs.units, count = min(I, panels.upperBound * packs.units) - from
        if count > 0 { fill(dTable.rows(from, count), with: 0) }
        inputGradient(packs, panels, dz, to: dTable)
      } else {
        inputGradient(packs, panels, dz, to: x.d(0))
      }
    }
  }

  /// db += Σ dz over the columns.
  private func biasGradient(_ dz: MatrixView<T>, _ db: MatrixView<T>, _ team: Team, _ thread: Int) {
    let mine = team.share(dz.n, thread)
    if mine.isEmpty { return }
    let from = dz.rows(mine.lowerBound, mine.count), to = db.rows(mine.lowerBound, mine.count)
    accumulate(from, times: 1, into: MatrixView(to.p, rows: to.n, columns: from.d, columnStride: 0))
  }

  private func carried(_ at: Int) -> MatrixView<T> { x.scratch(H, B, at: at) }
}

/// Transposed weights, packed as the backward pass reads them.
private struct BackwardPacks<T: Real> {
  let rowsH: PanelLayout, rowsI: PanelLayout
  /// For the parts of the input's rows; for the output's; and for the reset ones.
  let Wx: UnsafeMutablePointer<T>, Wx2: UnsafeMutablePointer<T>
  let Wh: UnsafeMutablePointer<T>, WhReset: UnsafeMutablePointer<T>
  /// A single column's long sum is taken as two terms: how many of Wh's rows are in the first, and the second.
  let head: Int, tail: Int, WhTail: UnsafeMutablePointer<T>

  var panelsH: Int { rowsH.panels }
  var panelsI: Int { rowsI.panels }
  var units: Int { rowsH.unitsPerPanel }

  init(_ run: ScanRun<T>) {
    rowsH = .contiguous(run.H, T.self)
    rowsI = .contiguous(run.I, T.self)
    var at = run.packs
    func place(_ rows: PanelLayout, _ k: Int) -> UnsafeMutablePointer<T> {
      defer { at += packedCount(rows, k: k, T.self) }
      return at
    }
    tail = run.B == 1 ? run.outputPart.count / 2 : 0
    head = run.outputPart.count - tail
    Wh = place(rowsH, head)
    WhTail = place(rowsH, tail)
    WhReset = run.s.cell == .gruBefore ? place(rowsH, run.H) : at
    let (one, two) = run.inputParts
    Wx = place(rowsI, one.count)
    if let two { Wx2 = place(rowsI, two.count) } else { Wx2 = at }
  }

  func pack(_ run: ScanRun<T>, _ team: Team, _ thread: Int) {
    let part = run.outputPart
    packTransposed(run.Wh.rows(part.row, head), panels: team.share(panelsH, thread), to: Wh)
    packTransposed(run.Wh.rows(part.row + head, tail), panels: team.share(panelsH, thread), to: WhTail)
    if run.s.cell == .gruBefore {
      packTransposed(run.Wh.rows(2 * run.H, run.H), panels: team.share(panelsH, thread), to: WhReset)
    }
    if !run.s.wantsInput { return }
    let (one, two) = run.inputParts, mine = team.share(panelsI, thread)
    packTransposed(run.Wx.rows(one.row, one.count), panels: mine, to: Wx)
    if let two { packTransposed(run.Wx.rows(two.row, two.count), panels: mine, to: Wx2) }
  }
}
