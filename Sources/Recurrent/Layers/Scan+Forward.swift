// A sequence, forward: weights packed once, then step after step, each thread its own units.

import Kernels

/// The longest sum that is taken in one go: beyond it two panels no longer fit the near cache together.
private let fused = 640

/// Packed weights as the forward pass reads them: one product for all gates, or one for each.
private struct ForwardPacks<T: Real> {
  /// Where each product's rows lie in z; its panels of Wx and Wh.
  struct Product {
    let rows: PanelLayout
    /// The first row in z, and in Wx, Wh and b.
    let z: Int, w: Int
    let Wx: UnsafeMutablePointer<T>?, Wh: UnsafeMutablePointer<T>?
  }
  /// At most four, in the order of z's blocks.
  let products: InlineArray<4, Product?>
  /// Units of a panel and panels of H.
  let units: Int, panels: Int

  init(_ run: ScanRun<T>) {
    let H = run.H
    let rows: PanelLayout = run.s.cell == .lstm ? .interleavedGates(H, T.self) : .contiguous(H, T.self)
    var at = run.packs
    func place(_ k: Int) -> UnsafeMutablePointer<T> {
      defer { at += packedCount(rows, k: k, T.self) }
      return at
    }
    switch run.s.cell {
    case .gru:
      // r, z from both; a from h; n from x
      products = [
        Product(rows: rows, z: 0, w: 0, Wx: place(run.I), Wh: place(H)),
        Product(rows: rows, z: H, w: H, Wx: place(run.I), Wh: place(H)),
        Product(rows: rows, z: 2 * H, w: 2 * H, Wx: nil, Wh: place(H)),
        Product(rows: rows, z: 3 * H, w: 2 * H, Wx: place(run.I), Wh: nil),
      ]
    case .gruBefore:
      products = [
        Product(rows: rows, z: 0, w: 0, Wx: place(run.I), Wh: place(H)),
        Product(rows: rows, z: H, w: H, Wx: place(run.I), Wh: place(H)),
        nil,
        Product(rows: rows, z: 3 * H, w: 2 * H, Wx: place(run.I), Wh: place(H)),
      ]
    default:
      products = [Product(rows: rows, z: 0, w: 0, Wx: place(run.I), Wh: place(H)), nil, nil, nil]
    }
    units = rows.unitsPerPanel
    panels = rows.panels
  }
}

extension ScanRun {
  func forward() {
    let packs = ForwardPacks(self)
    if s.tokens != nil && !s.oneHot { transpose(x[0], to: table) }
    copy(x[1], to: y(-1))
    if s.cell.hasCell { copy(x[2], to: c(-1)) }
    ThreadPool.run(s.threads) { thread, team in
      let mine = team.share(packs.panels, thread)
      for i in 0..<4 {
        guard let product = packs.products[i] else { continue }
        let (all, one) = (product.w, s.cell == .lstm ? 4 * H : H)
        if let p = product.Wx, !s.oneHot { pack(Wx.rows(all, one), product.rows, panels: mine, to: p) }
        if let p = product.Wh { pack(Wh.rows(all, one), product.rows, panels: mine, to: p) }
      }
      // each thread reads only the panels that it packed itself
      if s.oneHot {
        inputColumns(mine.lowerBound * packs.units..<min(H, mine.upperBound * packs.units))
      } else if s.tokens != nil {
        inputProduct(packs, mine, table, to: product)
      } else if s.hoisted {
        inputProduct(packs, mine, x[0], to: z)
      }
      for t in 0..<T_ {
        forward(t, packs, mine, team)
        team.barrier()
      }
    }
    finish()
  }

  /// z = Wx·x + b for many columns at once.
  private func inputProduct(_ packs: ForwardPacks<T>, _ panels: Range<Int>, _ x: MatrixView<T>, to z: MatrixView<T>) {
    for i in 0..<4 {
      guard let product = packs.products[i], let Wx = product.Wx else { continue }
      // a few columns at a time, which stay in the near cache while the panels pass
      var from = 0
      while from < z.d {
        let columns = min(48, z.d - from)
        T.gemmPacked(
          product.rows, panels: panels, .broadcastColumn(b.p + product.w),
          Operand(Wx, k: I, x.p + from * x.stride, columnStride: x.stride), columns: columns,
          to: z.p + from * z.stride + product.z, columnStride: z.stride)
        from += columns
      }
    }
  }

  /// One step, for the units of some panels.
  private func forward(_ t: Int, _ packs: ForwardPacks<T>, _ panels: Range<Int>, _ team: Team) {
    // panel by panel, gates while their tile is hot; a single column takes all panels at once, two by two
    let stride = B == 1 ? max(1, panels.count) : 1
    for first in Swift.stride(from: panels.lowerBound, to: panels.upperBound, by: stride) {
      let some = first..<first + stride
      let from = first * packs.units, count = min(H, some.upperBound * packs.units) - from
      switch s.cell {
      case .lstm:
        product(packs, 0, t, some, to: z(t))
        lstmGates(
          z(t).rows(from, count), gate: H, c(t - 1).rows(from, count), newH: y(t).rows(from, count),
          newC: c(t).rows(from, count))
      case .rnn, .rnnTanh:
        let y = y(t)
        product(packs, 0, t, some, to: y)
        apply(s.cell == .rnn ? .relu : .tanh, 0, y.rows(from, count), to: y.rows(from, count))
      case .gru:
        for i in 0..<4 { product(packs, i, t, some, to: z(t)) }
        gruGates(z(t).rows(from, count), gate: H, y(t - 1).rows(from, count), newH: y(t).rows(from, count))
      case .gruBefore:
        for i in 0..<2 { product(packs, i, t, some, to: z(t)) }
        gruReset(z(t).rows(from, count), gate: H, y(t - 1).rows(from, count))
      }
    }
    if s.cell == .gruBefore {
      team.barrier()
      product(packs, 3, t, panels, to: z(t))
      let from = panels.lowerBound * packs.units, count = min(H, panels.upperBound * packs.units) - from
      if count > 0 {
        gruUpdate(z(t).rows(from, count), gate: H, y(t - 1).rows(from, count), newH: y(t).rows(from, count))
      }
    }
    if s.lengths != nil { pad(t, packs, panels) }
  }

  /// One product of a step: from what the input has left in z, from the tokens' columns, or with the input's term.
  private func product(_ packs: ForwardPacks<T>, _ i: Int, _ t: Int, _ panels: Range<Int>, to out: MatrixView<T>) {
    guard let p = packs.products[i] else { return }
    let before = y(t - 1), z = z(t)
    // a GRU that resets before multiplies n's weights with r ⊙ h, which lies in block a
    let isReset = s.cell == .gruBefore && p.z == 3 * H
    let source = isReset ? z.rows(2 * H, H) : before
    let start: InitialValue<T>
    if p.Wx == nil {
      start = .broadcastColumn(resetBias.p)
    } else if let tokens = s.looked {
      start = .gather(product.p + p.z, columnStride: product.stride, indices: tokens + t * B)
    } else if s.hoisted {
      start = .matrix(z.p + p.z, columnStride: z.stride)
    } else {
      start = .broadcastColumn(b.p + p.w)
    }
    let to = out.p + p.z
    let input = input(t)
    let inputTerm = p.Wx.flatMap { s.tokens == nil && !s.hoisted ? Operand($0, k: I, input.p, columnStride: input.stride) : nil }
    let outputTerm = p.Wh.map { Operand($0, k: H, source.p, columnStride: source.stride) }
    if let inputTerm, let outputTerm {
      if I + H <= fused {
        T.gemmPacked(p.rows, panels: panels, start, inputTerm, outputTerm, columns: B, to: to, columnStride: out.stride)
      } else {
        T.gemmPacked(p.rows, panels: panels, start, inputTerm, columns: B, to: to, columnStride: out.stride)
        T.gemmPacked(
          p.rows, panels: panels, .matrix(to, columnStride: out.stride), outputTerm, columns: B, to: to, columnStride: out.stride)
      }
    } else if let inputTerm {
      T.gemmPacked(p.rows, panels: panels, start, inputTerm, columns: B, to: to, columnStride: out.stride)
    } else if let outputTerm {
      T.gemmPacked(p.rows, panels: panels, start, outputTerm, columns: B, to: to, columnStride: out.stride)
    } else if let tokens = s.looked {
      // n of a GRU, all of it from the tokens
      for j in 0..<B {
        let from = product.p + p.z + Int(tokens[t * B + j]) * product.stride
        let first = panels.lowerBound * p.rows.unitsPerPanel
        let count = min(H, panels.upperBound * p.rows.unitsPerPanel) - first
        copy(
          MatrixView(from + first, rows: count, columns: 1, columnStride: count),
          to: MatrixView(to + first + j * out.stride, rows: count, columns: 1, columnStride: count))
      }
    }
  }

  /// Beyond a sequence's end the output is 0 and the cell stays.
  private func pad(_ t: Int, _ packs: ForwardPacks<T>, _ panels: Range<Int>) {
    let from = panels.lowerBound * packs.units, count = min(H, panels.upperBound * packs.units) - from
    if count <= 0 { return }
    for j in 0..<B where t >= length(j) {
      fill(y(t).column(j).rows(from, count), with: 0)
      if s.cell.hasCell { copy(c(t - 1).column(j).rows(from, count), to: c(t).column(j).rows(from, count)) }
    }
  }

  /// The state after each sequence's last step.
  private func finish() {
    for j in 0..<B {
      copy(y(length(j) - 1).column(j), to: finalH(x.y).column(j))
      if s.cell.hasCell { copy(c(length(j) - 1).column(j), to: finalC(x.y).column(j)) }
    }
  }
}
