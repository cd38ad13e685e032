// Matrices laid out for the tile: what is read together lies together.

/// Numbers that `pack` writes for a matrix of `rows` and sums of length `k`.
public func packedCount<T: Real>(_ rows: PanelLayout, k: Int, _: T.Type) -> Int { rows.panels * k * 4 * T.V.count }

/// Panels of w's rows: for each panel, for each column of w, four registers; 0 where there are no rows.
///
/// - Parameters:
///   - w: [n × k].
///   - rows: which rows stand together.
///   - p: receives `packedCount` numbers.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func pack<T: Real>(_ w: MatrixView<T>, _ rows: PanelLayout, panels: Range<Int>, to p: UnsafeMutablePointer<T>) {
  let lanes = T.V.count
  for panel in panels {
    var out = p + panel &* w.columns &* 4 &* lanes
    let (o0, o1, o2, o3) = (
      rows.offset(panel, 0), rows.offset(panel, 1), rows.offset(panel, 2), rows.offset(panel, 3)
    )
    let (n0, n1) = (rows.lanes(panel, 0, of: lanes), rows.lanes(panel, 1, of: lanes))
    let (n2, n3) = (rows.lanes(panel, 2, of: lanes), rows.lanes(panel, 3, of: lanes))
    var k = 0
    while k < w.columns {
      let column = UnsafePointer(w.columnPointer(k))
      T.V.load(column + o0, upTo: n0).store(out)
      T.V.load(column + o1, upTo: n1).store(out + lanes)
      T.V.load(column + o2, upTo: n2).store(out + 2 &* lanes)
      T.V.load(column + o3, upTo: n3).store(out + 3 &* lanes)
      out += 4 &* lanes
      k &+= 1
    }
  }
}

/// Panels of wᵀ's rows, which are w's columns: for each panel, for each row of w, the numbers of 4 registers' columns.
///
/// - Parameters:
///   - w: [k × n]; the packed matrix is [n × k], its rows plain.
///   - p: receives `packedCount` numbers.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func packTransposed<T: Real>(_ w: MatrixView<T>, panels: Range<Int>, to p: UnsafeMutablePointer<T>) {
  let lanes = T.V.count, width = 4 &* lanes
  for panel in panels {
    let out = p + panel &* w.rows &* width, first = panel &* width
    var k = 0
    while k &+ lanes <= w.rows {
      var j = 0
      while j < width {
        let columns = max(0, min(lanes, w.columns &- first &- j))
        T.V.turn(w.columnPointer(first &+ j) + k, from: w.columnStride, columns: columns, to: out + (k &* width &+ j), width)
        j &+= lanes
      }
      k &+= lanes
    }
    while k < w.rows {
      var j = 0
      while j < width {
        out[k &* width &+ j] = first &+ j < w.columns ? w.columnPointer(first &+ j)[k] : 0
        j &+= 1
      }
      k &+= 1
    }
  }
}

/// The length of the sum that `rankKUpdate` takes at a time.
private let outerBlock = 192
/// Panels that it packs together: what fits half of the second cache.
private let outerPanels = 16
/// Numbers left free after each of them: at a distance of whole pages they would all fall on the same few cache lines.
private let outerGap = 16

/// Numbers of scratch that `rankKUpdate` needs for `rows` rows and `columns` columns of results in all.
public func rankKUpdateScratch<T: Real>(rows: Int, columns: Int, _: T.Type) -> Int {
  (outerBlock * 4 * T.V.count + outerGap) * min(outerPanels, PanelLayout.contiguous(rows, T.self).panels)
    + ((columns + 2) / 3 + 2) * (3 * outerBlock + 1)
}

/// c += a·bᵀ and e += a·dᵀ, sums over columns: what weights gain from all the steps of a sequence at once.
///
/// - Parameters:
///   - a: [m × k].
///   - b: [n × k].
///   - c: [m × n].
///   - d: [p × k], or no rows.
///   - e: [m × p].
///   - panels: which panels of the results' plain rows to compute.
///   - scratch: `rankKUpdateScratch(rows: m, columns: n + p)` numbers.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func rankKUpdate<T: Real>(
  _ a: MatrixView<T>, _ b: MatrixView<T>, into c: MatrixView<T>, and d: MatrixView<T>, into e: MatrixView<T>, panels: Range<Int>,
  scratch: UnsafeMutablePointer<T>
) {
  let rows = PanelLayout.contiguous(a.rows, T.self), width = 4 &* T.V.count
  let packedA = scratch, packedB = scratch + (outerBlock &* width &+ outerGap) &* min(outerPanels, rows.panels)
  let packedD = packedB + (b.rows &+ 2) / 3 &* (3 &* outerBlock &+ 1)
  var from = 0
  while from < a.columns {
    let k = min(outerBlock, a.columns &- from)
    packThrees(MatrixView(b.columnPointer(from), rows: b.rows, columns: k, columnStride: b.columnStride), to: packedB)
    if d.rows > 0 { packThrees(MatrixView(d.columnPointer(from), rows: d.rows, columns: k, columnStride: d.columnStride), to: packedD) }
    var first = panels.lowerBound
    while first < panels.upperBound {
      let last = min(first &+ outerPanels, panels.upperBound)
      packAcross(MatrixView(a.columnPointer(from), rows: a.rows, columns: k, columnStride: a.columnStride), rows, panels: first..<last, to: packedA)
      for panel in first..<last {
        let packed = packedA + (panel &- first) &* (k &* width &+ outerGap)
        threes(packed, k, packedB, b.rows, into: c, panel)
        threes(packed, k, packedD, d.rows, into: e, panel)
      }
      first = last
    }
    from &+= k
  }
}

/// As `pack`, of plain rows, but column after column: a tall matrix is read as it lies.
@inline(__always)
private func packAcross<T: Real>(_ w: MatrixView<T>, _ rows: PanelLayout, panels: Range<Int>, to p: UnsafeMutablePointer<T>) {
  let lanes = T.V.count, width = 4 &* lanes, size = w.columns &* width &+ outerGap
  var k = 0
  while k < w.columns {
    let column = UnsafePointer(w.columnPointer(k))
    var out = p + k &* width
    for panel in panels {
      let at = column + panel &* width
      if panel &* width &+ width <= w.rows {
        T.V.load(at).store(out)
        T.V.load(at + lanes).store(out + lanes)
        T.V.load(at + 2 &* lanes).store(out + 2 &* lanes)
        T.V.load(at + 3 &* lanes).store(out + 3 &* lanes)
      } else {
        for s in 0..<4 {
          T.V.load(at + s &* lanes, upTo: rows.lanes(panel, s, of: lanes)).store(out + s &* lanes)
        }
      }
      out += size
    }
    k &+= 1
  }
}

/// `rankKUpdate` with one result.
@inline(__always)
public func rankKUpdate<T: Real>(
  _ a: MatrixView<T>, _ b: MatrixView<T>, into c: MatrixView<T>, panels: Range<Int>, scratch: UnsafeMutablePointer<T>
) {
  let nothing = MatrixView(b.p, rows: 0, columns: 0, columnStride: 0)
  rankKUpdate(a, b, into: c, and: nothing, into: nothing, panels: panels, scratch: scratch)
}

/// One panel of rows, all columns of c.
@inline(__always)
private func threes<T: Real>(
  _ packedA: UnsafePointer<T>, _ k: Int, _ packedB: UnsafePointer<T>, _ n: Int, into c: MatrixView<T>, _ panel: Int
) {
  let rows = PanelLayout.contiguous(c.rows, T.self), three = 3 &* k &+ 1
  var j = 0
  if rows.isStrip(panel, T.self) {
    let lanes = rows.lanes(panel, 0, of: T.V.count)
    while j &+ 6 <= n {
      let y = c.columnPointer(j) + rows.offset(panel, 0), b = packedB + j / 3 &* three
      var s = EdgeKernel(y, c.columnStride, lanes)
      s.add(packedA, k, b, b + three, along: 3, across: 1)
      s.store(y, c.columnStride, lanes)
      j &+= 6
    }
  }
  while j < n {
    let columns = min(3, n &- j), y = c.columnPointer(j)
    let term = Operand<T>(packedA, k: k, packedB + j / 3 &* three, rowStride: 3, columnStride: 1)
    var s = Accumulators(y, rows, panel)
    if columns == 3 {
      var t = Accumulators(y + c.columnStride, rows, panel), u = Accumulators(y + 2 &* c.columnStride, rows, panel)
      tile3(term, 0, 0, &s, &t, &u)
      t.store(y + c.columnStride, rows, panel)
      u.store(y + 2 &* c.columnStride, rows, panel)
    } else if columns == 2 {
      var t = Accumulators(y + c.columnStride, rows, panel)
      tile2(term, 0, 0, &s, &t)
      t.store(y + c.columnStride, rows, panel)
    } else {
      tile1(term, 0, 0, &s)
    }
    s.store(y, rows, panel)
    j &+= 3
  }
}

/// b's rows three by three: for each three, for each column, its three numbers; a number lies free between threes.
@inline(__always)
private func packThrees<T: Real>(_ b: MatrixView<T>, to p: UnsafeMutablePointer<T>) {
  var k = 0
  while k < b.columns {
    let column = b.columnPointer(k)
    var out = p + 3 &* k
    var j = 0
    // four are copied at once: the fourth is overwritten by the next column's first, or falls into the gap
    while j &+ 4 <= b.rows {
      out.update(from: column + j, count: 4)
      out += 3 &* b.columns &+ 1
      j &+= 3
    }
    while j < b.rows {
      var i = 0
      while i < 3 {
        out[i] = j &+ i < b.rows ? column[j &+ i] : 0
        i &+= 1
      }
      out += 3 &* b.columns &+ 1
      j &+= 3
    }
    k &+= 1
  }
}
