// The backward pass of a scan: the gradient of each step's pre-activations, last step first; then all weights.

import Kernels

/// The gradients of the output, carried from time step to time step in two buffers that alternate.
private struct Carry<Scalar: Real> {
  /// The whole gradient of this step's output.
  var current: MatrixView<Scalar>
  /// Becomes the gradient of the previous step's output.
  var next: MatrixView<Scalar>

  mutating func advance() { swap(&current, &next) }
}

extension ScanRun {
  func backward() {
    let packs = BackwardPacks(self)
    // from 12 columns on a step's input gradient is worth its own product, while dz is in the cache
    let inLoop = scan.tokens == nil && scan.wantsInput && B >= 12
    if scan.hasTable { fill(dTokenProducts, with: 0) }
    let progress = Progress(), work = stepWork
    ThreadPool.run(scan.threads) { thread, team in
      let panels = team.share(packs.panelsH, thread)
      let units = panels.lowerBound * packs.units..<min(H, panels.upperBound * packs.units)
      packs.pack(self, team, thread)
      var carry = Carry(current: carriedH.0, next: carriedH.1)
      seed(units, carry.current)
      team.barrier()
      for t in (0..<T).reversed() {
        // the gradient of the initial output is accumulated in place
        let next = t == 0 ? dInitialH : carry.next
        progress.count(work, step: T - t, thread)
        backward(t, units, carry.current, next, team, packs, panels)
        if progress.isLast(T - t) { return }
        if inLoop {
          inputGradient(packs, team.share(packs.panelsI, thread), z(t), to: dx(t), progress, thread)
        }
        carry.advance()
      }
      weightGradients(packs, team, thread, inLoop: inLoop, progress)
    }
    if scan.tokens != nil && scan.wantsInput { transposeBackward(dy: dTable, dx: dx) }
  }

  /// One time step, for some units.
  ///
  /// - Parameters:
  ///   - dh: the whole gradient of this step's output.
  ///   - next: becomes the gradient of the previous output.
  private func backward(
    _ t: Int, _ units: Range<Int>, _ dh: MatrixView<Scalar>, _ next: MatrixView<Scalar>, _ team: Team,
    _ packs: BackwardPacks<Scalar>, _ panels: Range<Int>
  ) {
    let z = z(t), from = units.lowerBound, count = units.count
    if count > 0 {
      // the previous output's own gradient; dInitialH holds it already
      if t > 0 { copy(dy(t - 1).rows(from, count), to: next.rows(from, count)) }
      gatesBackward(t, from, count, dh, next)
    }
    team.barrier()
    if scan.cell == .gruResetBefore {
      resetBackward(t, from, count, next, packs, panels)
      team.barrier()
    }
    Scalar.gemmPacked(
      packs.rowsH, panels: panels, .matrix(next.p, columnStride: next.columnStride),
      Operand(packs.Wh, k: packs.head, z.p, columnStride: z.columnStride),
      Operand(packs.WhTail, k: packs.tail, z.p + packs.head, columnStride: z.columnStride),
      columns: B, to: next.p, columnStride: next.columnStride)
    if t > 0 && scan.lengths != nil && count > 0 { maskPadding(t - 1, units, next) }
  }

  /// Replaces the gates of time step t by the gradients of their pre-activations, and adds to the gradients of the
  /// previous state what does not pass through a product.
  private func gatesBackward(
    _ t: Int, _ from: Int, _ count: Int, _ dh: MatrixView<Scalar>, _ next: MatrixView<Scalar>
  ) {
    let z = z(t).rows(from, count), dh = dh.rows(from, count), before = y(t - 1).rows(from, count)
    switch scan.cell {
    case .lstm:
      lstmGatesBackward(
        z, gate: H, c(t - 1).rows(from, count), newC: c(t).rows(from, count), dnewH: dh,
        dnewC: carriedC.rows(from, count), dc: (t == 0 ? dInitialC : carriedC).rows(from, count), accumulate: t == 0)
    case .rnnTanh, .rnnRelu:
      fill(z, with: 0)
      applyBackward(
        scan.cell == .rnnRelu ? .relu : .tanh, 0, y(t).rows(from, count), y(t).rows(from, count), dy: dh, dx: z)
    case .gru:
      gruGatesBackward(z, gate: H, before, dnewH: dh, dh: next.rows(from, count))
    case .gruResetBefore:
      gruUpdateBackward(z, gate: H, before, dnewH: dh, dh: next.rows(from, count))
    }
  }

  /// The first stage of a GRU that resets before the product: da = Wnhᵀ·dn, then the reset gate.
  private func resetBackward(
    _ t: Int, _ from: Int, _ count: Int, _ next: MatrixView<Scalar>, _ packs: BackwardPacks<Scalar>,
    _ panels: Range<Int>
  ) {
    let z = z(t), da = dResetOutput
    Scalar.gemmPacked(
      packs.rowsH, panels: panels, .zero, Operand(packs.WhReset, k: H, z.p + 3 * H, columnStride: z.columnStride),
      columns: B,
      to: da.p, columnStride: da.columnStride)
    if count > 0 {
      gruResetBackward(
        z.rows(from, count), y(t - 1).rows(from, count), da: da.rows(from, count), dh: next.rows(from, count))
    }
  }

  // MARK: Padding

  /// The gradients before the last step: its output's own, and the final state's.
  private func seed(_ units: Range<Int>, _ dh: MatrixView<Scalar>) {
    let (from, count) = (units.lowerBound, units.count)
    if count <= 0 { return }
    copy(dy(T - 1).rows(from, count), to: dh.rows(from, count))
    fill(carriedC.rows(from, count), with: 0)
    maskPadding(T - 1, units, dh)
    // a sequence of length 0 passes the final state's gradient to the initial state
    for j in 0..<B where length(j) == 0 {
      accumulate(dFinalH.column(j).rows(from, count), times: 1, into: dInitialH.column(j).rows(from, count))
      if scan.cell.hasCell {
        accumulate(dFinalC.column(j).rows(from, count), times: 1, into: dInitialC.column(j).rows(from, count))
      }
    }
  }

  /// Adds the final state's gradient at a sequence's last valid step, and zeroes the gradients of padding.
  private func maskPadding(_ t: Int, _ units: Range<Int>, _ dh: MatrixView<Scalar>) {
    let (from, count) = (units.lowerBound, units.count), dc = carriedC
    for j in 0..<B {
      if t == length(j) - 1 {
        accumulate(dFinalH.column(j).rows(from, count), times: 1, into: dh.column(j).rows(from, count))
        if scan.cell.hasCell {
          accumulate(dFinalC.column(j).rows(from, count), times: 1, into: dc.column(j).rows(from, count))
        }
      } else if t >= length(j) {
        fill(dh.column(j).rows(from, count), with: 0)
        fill(dc.column(j).rows(from, count), with: 0)
      }
    }
  }

  // MARK: Input

  /// dx += Wxᵀ·dz.
  func inputGradient(
    _ packs: BackwardPacks<Scalar>, _ panels: Range<Int>, _ dz: MatrixView<Scalar>, to dx: MatrixView<Scalar>,
    _ progress: borrowing Progress, _ thread: Int
  ) {
    let (one, two) = plan.inputRows
    progress.inBlocks(of: dx.columns, 48, work: rows * I, thread) { from, columns in
      let to = dx.p + from * dx.columnStride, dz = dz.p + from * dz.columnStride
      let first = Operand(packs.Wx, k: one.count, dz + one.z, columnStride: rows)
      let second = two.map { Operand(packs.Wx2, k: $0.count, dz + $0.z, columnStride: rows) } ?? .none(packs.Wx)
      Scalar.gemmPacked(
        packs.rowsI, panels: panels, .matrix(to, columnStride: dx.columnStride), first, second, columns: columns,
        to: to,
        columnStride: dx.columnStride)
    }
  }
}

/// Transposed weights, packed as the backward pass reads them.
struct BackwardPacks<Scalar: Real> {
  let rowsH: PanelLayout, rowsI: PanelLayout
  /// The rows of Wx that read the input, in one or two ranges.
  let Wx: UnsafeMutablePointer<Scalar>, Wx2: UnsafeMutablePointer<Scalar>
  /// The rows of Wh that read the previous output, and the rows that read the reset output.
  let Wh: UnsafeMutablePointer<Scalar>, WhReset: UnsafeMutablePointer<Scalar>
  /// The long sum of a single column is split into two operands: the rows of Wh in the first and in the second.
  let head: Int, tail: Int, WhTail: UnsafeMutablePointer<Scalar>

  var panelsH: Int { rowsH.panels }
  var panelsI: Int { rowsI.panels }
  var units: Int { rowsH.unitsPerPanel }

  init(_ run: ScanRun<Scalar>) {
    rowsH = .contiguous(run.H, Scalar.self)
    rowsI = .contiguous(run.I, Scalar.self)
    var next = run.packs
    func allocate(_ rows: PanelLayout, _ k: Int) -> UnsafeMutablePointer<Scalar> {
      defer { next += packedCount(rows, k: k, Scalar.self) }
      return next
    }
    tail = run.B == 1 ? run.plan.outputRows.count / 2 : 0
    head = run.plan.outputRows.count - tail
    Wh = allocate(rowsH, head)
    WhTail = allocate(rowsH, tail)
    WhReset = run.scan.cell == .gruResetBefore ? allocate(rowsH, run.H) : next
    let (one, two) = run.plan.inputRows
    Wx = allocate(rowsI, one.count)
    if let two { Wx2 = allocate(rowsI, two.count) } else { Wx2 = next }
  }

  func pack(_ run: ScanRun<Scalar>, _ team: Team, _ thread: Int) {
    let rows = run.plan.outputRows
    packTransposed(run.Wh.rows(rows.w, head), panels: team.share(panelsH, thread), to: Wh)
    packTransposed(run.Wh.rows(rows.w + head, tail), panels: team.share(panelsH, thread), to: WhTail)
    if run.scan.cell == .gruResetBefore {
      packTransposed(run.Wh.rows(2 * run.H, run.H), panels: team.share(panelsH, thread), to: WhReset)
    }
    if !run.scan.wantsInput { return }
    let (one, two) = run.plan.inputRows, mine = team.share(panelsI, thread)
    packTransposed(run.Wx.rows(one.w, one.count), panels: mine, to: Wx)
    if let two { packTransposed(run.Wx.rows(two.w, two.count), panels: mine, to: Wx2) }
  }
}
