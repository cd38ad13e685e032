// The rank-k update C += A·Bᵀ: gradients of weights, summed over all steps and sequences of a batch.
//
// The loops and blocks are those of GotoBLAS and BLIS:
//
//     for each block of KC columns of A and B
//       pack B into micro-panels of NR rows           packedB: ceil(n / NR) × (NR · KC + 1) elements
//       for each block of MC panels of A
//         pack them                                   packedA: MC × (MR · KC + panelPadding) elements
//         for each panel, for each micro-panel        the micro-kernel: MR × NR sums over KC
//
// MR is 4 vectors. A second product with the same A, E += A·Dᵀ, shares its packing.
//
// Reference: Goto and van de Geijn, ACM TOMS 34 (2008); Van Zee and van de Geijn, BLIS, ACM TOMS 41 (2015).

/// The number of columns of A and B in a block: the length of one sum.
private let KC = 192
/// Columns that a caller may compute one after another, with the same bits: a multiple of it ends whole blocks.
public let rankKUpdateBlock = KC
/// The number of panels of A in a block: they fill half of the second-level cache.
private let MC = 16
/// The number of rows of B in a micro-panel: the columns of the micro-kernel.
private let NR = 3
/// Elements between packed panels. Without them panels would be a multiple of 4096 bytes apart and compete for the
/// same cache sets.
private let panelPadding = 16

/// Returns the number of micro-panels for `n` rows of B.
@inline(__always) private func microPanels(_ n: Int) -> Int { (n &+ NR &- 1) / NR }

/// Returns the elements from one micro-panel to the next, for sums of length `k`. One element of padding lets
/// `packB3` copy four elements at a time.
@inline(__always) private func microPanelStride(_ k: Int) -> Int { NR &* k &+ 1 }

/// Returns the elements from one packed panel of A to the next, for sums of length `k`.
@inline(__always) private func panelStride<T: Real>(_ k: Int, _: T.Type) -> Int {
  k &* 4 &* T.V.count &+ panelPadding
}

/// Returns the number of elements of scratch that `rankKUpdate` needs for results of `rows` rows and `columns` columns
/// in total.
public func rankKUpdateScratch<T: Real>(rows: Int, columns: Int, _: T.Type) -> Int {
  // b and d may each end with an incomplete micro-panel
  panelStride(KC, T.self) * min(MC, PanelLayout.contiguous(rows, T.self).panels)
    + (microPanels(columns) + 2) * microPanelStride(KC)
}

/// c += a·bᵀ and e += a·dᵀ.
///
/// - Parameters:
///   - a: [m × k].
///   - b: [n × k].
///   - c: [m × n].
///   - d: [p × k]; p may be 0.
///   - e: [m × p].
///   - panels: the panels of rows of c and e to compute, in the contiguous layout.
///   - scratch: `rankKUpdateScratch(rows: m, columns: n + p)` elements.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func rankKUpdate<T: Real>(
  _ a: MatrixView<T>, _ b: MatrixView<T>, into c: MatrixView<T>, and d: MatrixView<T>, into e: MatrixView<T>,
  panels: Range<Int>, scratch: UnsafeMutablePointer<T>
) {
  let layout = PanelLayout.contiguous(a.rows, T.self)
  let packedA = scratch, packedB = scratch + panelStride(KC, T.self) &* min(MC, layout.panels)
  let packedD = packedB + microPanels(b.rows) &* microPanelStride(KC)
  var from = 0
  while from < a.columns {
    let k = min(KC, a.columns &- from)
    packB3(MatrixView(b.columnPointer(from), rows: b.rows, columns: k, columnStride: b.columnStride), to: packedB)
    if d.rows > 0 {
      packB3(MatrixView(d.columnPointer(from), rows: d.rows, columns: k, columnStride: d.columnStride), to: packedD)
    }
    let block = MatrixView(a.columnPointer(from), rows: a.rows, columns: k, columnStride: a.columnStride)
    var first = panels.lowerBound
    while first < panels.upperBound {
      let last = min(first &+ MC, panels.upperBound)
      packColumnMajor(block, layout, panels: first..<last, to: packedA)
      for panel in first..<last {
        let packed = packedA + (panel &- first) &* panelStride(k, T.self)
        updatePanel(packed, k, packedB, b.rows, into: c, panel)
        updatePanel(packed, k, packedD, d.rows, into: e, panel)
      }
      first = last
    }
    from &+= k
  }
}

/// c += a·bᵀ. The parameters are those of the function with two results.
@inline(__always)
public func rankKUpdate<T: Real>(
  _ a: MatrixView<T>, _ b: MatrixView<T>, into c: MatrixView<T>, panels: Range<Int>, scratch: UnsafeMutablePointer<T>
) {
  let empty = MatrixView(b.p, rows: 0, columns: 0, columnStride: 0)
  rankKUpdate(a, b, into: c, and: empty, into: empty, panels: panels, scratch: scratch)
}

/// Packs panels of w as `pack` does, but one column after another, so that a tall matrix is read contiguously.
@inline(__always)
private func packColumnMajor<T: Real>(
  _ w: MatrixView<T>, _ layout: PanelLayout, panels: Range<Int>, to p: UnsafeMutablePointer<T>
) {
  let lanes = T.V.count, width = 4 &* lanes, stride = panelStride(w.columns, T.self)
  var k = 0
  while k < w.columns {
    let column = UnsafePointer(w.columnPointer(k))
    var out = p + k &* width
    for panel in panels {
      let from = column + panel &* width
      if panel &* width &+ width <= w.rows {
        T.V.load(from).store(out)
        T.V.load(from + lanes).store(out + lanes)
        T.V.load(from + 2 &* lanes).store(out + 2 &* lanes)
        T.V.load(from + 3 &* lanes).store(out + 3 &* lanes)
      } else {
        for s in 0..<4 {
          T.V.loadPartial(from + s &* lanes, count: layout.lanes(panel, s, of: lanes)).store(out + s &* lanes)
        }
      }
      out += stride
    }
    k &+= 1
  }
}

/// Packs the rows of b into micro-panels of three: for each column of b, its three elements.
@inline(__always)
private func packB3<T: Real>(_ b: MatrixView<T>, to p: UnsafeMutablePointer<T>) {
  let stride = microPanelStride(b.columns)
  var k = 0
  while k < b.columns {
    let column = b.columnPointer(k)
    var out = p + NR &* k
    var j = 0
    // four elements per copy: the next column's first element overwrites the fourth, or it is padding
    while j &+ 4 <= b.rows {
      out.update(from: column + j, count: 4)
      out += stride
      j &+= NR
    }
    while j < b.rows {
      var i = 0
      while i < NR {
        out[i] = j &+ i < b.rows ? column[j &+ i] : 0
        i &+= 1
      }
      out += stride
      j &+= NR
    }
    k &+= 1
  }
}

/// Adds one packed panel of A times n packed rows of B to the panel's rows of c.
@inline(__always)
private func updatePanel<T: Real>(
  _ packedA: UnsafePointer<T>, _ k: Int, _ packedB: UnsafePointer<T>, _ n: Int, into c: MatrixView<T>, _ panel: Int
) {
  let layout = PanelLayout.contiguous(c.rows, T.self), stride = microPanelStride(k)
  var j = 0
  if layout.isEdge(panel, T.self) {
    let lanes = layout.lanes(panel, 0, of: T.V.count)
    while j &+ 6 <= n {
      let y = c.columnPointer(j) + layout.offset(panel, 0), b = packedB + j / NR &* stride
      var s = EdgeKernel(y, c.columnStride, lanes)
      s.add(packedA, k, b, b + stride, rowStride: NR, columnStride: 1)
      s.store(y, c.columnStride, lanes)
      j &+= 6
    }
  }
  while j < n {
    let columns = min(NR, n &- j), y = c.columnPointer(j)
    let operand = Operand<T>(packedA, k: k, packedB + j / NR &* stride, rowStride: NR, columnStride: 1)
    var s = Accumulators(y, layout, panel)
    if columns == 3 {
      var t = Accumulators(y + c.columnStride, layout, panel)
      var u = Accumulators(y + 2 &* c.columnStride, layout, panel)
      microKernel4x3(operand, 0, 0, &s, &t, &u)
      t.store(y + c.columnStride, layout, panel)
      u.store(y + 2 &* c.columnStride, layout, panel)
    } else if columns == 2 {
      var t = Accumulators(y + c.columnStride, layout, panel)
      microKernel4x2(operand, 0, 0, &s, &t)
      t.store(y + c.columnStride, layout, panel)
    } else {
      microKernel4x1(operand, 0, 0, &s)
    }
    s.store(y, layout, panel)
    j &+= NR
  }
}
