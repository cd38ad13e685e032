// The tile: four registers of rows by up to three columns, the shape that fills sixteen vector registers exactly.
//
// Twelve sums, three broadcast numbers, one register of weights. Every product of the sequence engine is made of
// this tile over packed panels. Each column's sum runs over its index in ascending order whatever the tile, so its
// bits depend neither on the tile's width nor on the thread that computes it; only where there is a single column and
// there are two terms, each is summed for itself.

// Kernels that take whole terms by value are methods of the number types: a generic function would build their
// run-time types at every call, which a small network would feel.

extension Float {
  /// See `Real.gemmPacked`.
  @inline(never)
  public static func gemmPacked(
    _ rows: PanelLayout, panels: Range<Int>, _ start: InitialValue<Float>, _ first: Operand<Float>, _ second: Operand<Float>, columns: Int,
    to y: UnsafeMutablePointer<Float>, columnStride: Int
  ) {
    product(rows, panels: panels, start, first, second, columns: columns, to: y, columnStride: columnStride)
  }
}

extension Double {
  /// See `Real.gemmPacked`.
  @inline(never)
  public static func gemmPacked(
    _ rows: PanelLayout, panels: Range<Int>, _ start: InitialValue<Double>, _ first: Operand<Double>, _ second: Operand<Double>,
    columns: Int, to y: UnsafeMutablePointer<Double>, columnStride: Int
  ) {
    product(rows, panels: panels, start, first, second, columns: columns, to: y, columnStride: columnStride)
  }
}

extension Real {
  /// `gemmPacked` with one term.
  @inline(__always)
  public static func gemmPacked(
    _ rows: PanelLayout, panels: Range<Int>, _ start: InitialValue<Self>, _ term: Operand<Self>, columns: Int,
    to y: UnsafeMutablePointer<Self>, columnStride: Int
  ) {
    gemmPacked(rows, panels: panels, start, term, .none(term.panels), columns: columns, to: y, columnStride: columnStride)
  }
}

@inline(__always)
private func product<T: Real>(
  _ rows: PanelLayout, panels: Range<Int>, _ start: InitialValue<T>, _ first: Operand<T>, _ second: Operand<T>, columns: Int,
  to y: UnsafeMutablePointer<T>, columnStride stride: Int
) {
  var p = panels.lowerBound
  if columns == 1 {
    // one column alone would wait for its own sums: two panels at a time do not, and neither do two terms
    while second.k == 0 && p &+ 2 <= panels.upperBound {
      var c = Accumulators(start.columnPointer(0), rows, p), d = Accumulators(start.columnPointer(0), rows, p &+ 1)
      let x = first.columnPointer(0)
      tilePair(first.panel(p), first.panel(p &+ 1), first.k, x, x, first.rowStride, first.rowStride, shared: true, &c, &d)
      c.store(y, rows, p)
      d.store(y, rows, p &+ 1)
      p &+= 2
    }
    while second.k > 0 && p < panels.upperBound {
      var c = Accumulators(start.columnPointer(0), rows, p), d = Accumulators<T>(nil, rows, p)
      let k = min(first.k, second.k)
      tilePair(
        first.panel(p), second.panel(p), k, first.columnPointer(0), second.columnPointer(0), first.rowStride, second.rowStride, shared: false,
        &c, &d)
      tile1(first, p, 0, &c, after: k)
      tile1(second, p, 0, &d, after: k)
      Accumulators(c.a + d.a, c.b + d.b, c.c + d.c, c.d + d.d).store(y, rows, p)
      p &+= 1
    }
  }
  while p < panels.upperBound {
    var j = 0
    if start.isEven && rows.isStrip(p, T.self) {
      let lanes = rows.lanes(p, 0, of: T.V.count)
      while j &+ 6 <= columns {
        let to = y + (j &* stride &+ rows.offset(p, 0))
        var s = EdgeKernel(start.columnPointer(j).map { $0 + rows.offset(p, 0) }, start.stride, lanes)
        s.add(first.panel(p), first.k, first.columnPointer(j), first.columnPointer(j &+ 3), along: first.rowStride, across: first.columnStride)
        s.add(
          second.panel(p), second.k, second.columnPointer(j), second.columnPointer(j &+ 3), along: second.rowStride,
          across: second.columnStride)
        s.store(to, stride, lanes)
        j &+= 6
      }
    }
    // four columns left are two and two: one alone is half as fast
    while columns &- j >= 3 && columns &- j != 4 {
      var c = Accumulators(start.columnPointer(j), rows, p), d = Accumulators(start.columnPointer(j &+ 1), rows, p)
      var e = Accumulators(start.columnPointer(j &+ 2), rows, p)
      tile3(first, p, j, &c, &d, &e)
      tile3(second, p, j, &c, &d, &e)
      c.store(y + j &* stride, rows, p)
      d.store(y + (j &+ 1) &* stride, rows, p)
      e.store(y + (j &+ 2) &* stride, rows, p)
      j &+= 3
    }
    while columns &- j >= 2 {
      var c = Accumulators(start.columnPointer(j), rows, p), d = Accumulators(start.columnPointer(j &+ 1), rows, p)
      tile2(first, p, j, &c, &d)
      tile2(second, p, j, &c, &d)
      c.store(y + j &* stride, rows, p)
      d.store(y + (j &+ 1) &* stride, rows, p)
      j &+= 2
    }
    if j < columns {
      var c = Accumulators(start.columnPointer(j), rows, p)
      tile1(first, p, j, &c)
      tile1(second, p, j, &c)
      c.store(y + j &* stride, rows, p)
    }
    p &+= 1
  }
}

/// One column of a tile: four registers.
struct Accumulators<T: Real> {
  var a: T.V, b: T.V, c: T.V, d: T.V

  @inline(__always) init(_ a: T.V, _ b: T.V, _ c: T.V, _ d: T.V) { (self.a, self.b, self.c, self.d) = (a, b, c, d) }

  /// Panel p's rows of a column, 0 where there are none; all 0 without a column.
  @inline(__always) init(_ column: UnsafePointer<T>?, _ rows: PanelLayout, _ p: Int) {
    guard let column else {
      (a, b, c, d) = (0.0, 0.0, 0.0, 0.0)
      return
    }
    let n = T.V.count
    if rows.lanes(p, 3, of: n) == n {
      a = .load(column + rows.offset(p, 0))
      b = .load(column + rows.offset(p, 1))
      c = .load(column + rows.offset(p, 2))
      d = .load(column + rows.offset(p, 3))
    } else {
      a = .load(column + rows.offset(p, 0), upTo: rows.lanes(p, 0, of: n))
      b = .load(column + rows.offset(p, 1), upTo: rows.lanes(p, 1, of: n))
      c = .load(column + rows.offset(p, 2), upTo: rows.lanes(p, 2, of: n))
      d = .load(column + rows.offset(p, 3), upTo: rows.lanes(p, 3, of: n))
    }
  }

  @inline(__always) func store(_ column: UnsafeMutablePointer<T>, _ rows: PanelLayout, _ p: Int) {
    let n = T.V.count
    if rows.lanes(p, 3, of: n) == n {
      a.store(column + rows.offset(p, 0))
      b.store(column + rows.offset(p, 1))
      c.store(column + rows.offset(p, 2))
      d.store(column + rows.offset(p, 3))
    } else {
      a.store(column + rows.offset(p, 0), upTo: rows.lanes(p, 0, of: n))
      b.store(column + rows.offset(p, 1), upTo: rows.lanes(p, 1, of: n))
      c.store(column + rows.offset(p, 2), upTo: rows.lanes(p, 2, of: n))
      d.store(column + rows.offset(p, 3), upTo: rows.lanes(p, 3, of: n))
    }
  }
}

extension Vector {
  /// The first `k` numbers, from none to all.
  @inline(__always) static func load(_ p: UnsafePointer<Scalar>, upTo k: Int) -> Self {
    k == count ? load(p) : load(p, first: k)
  }

  @inline(__always) func store(_ p: UnsafeMutablePointer<Scalar>, upTo k: Int) {
    if k == Self.count { store(p) } else { store(p, first: k) }
  }
}

@inline(__always)
func tile3<T: Real>(
  _ term: Operand<T>, _ panel: Int, _ j: Int, _ c: inout Accumulators<T>, _ d: inout Accumulators<T>, _ e: inout Accumulators<T>
) {
  let lanes = T.V.count, along = term.rowStride
  var (s0, s1, s2, s3) = (c.a, c.b, c.c, c.d)
  var (t0, t1, t2, t3) = (d.a, d.b, d.c, d.d)
  var (u0, u1, u2, u3) = (e.a, e.b, e.c, e.d)
  var p = term.panel(panel), x = term.columnPointer(j), y = term.columnPointer(j &+ 1), z = term.columnPointer(j &+ 2)
  var i = term.k
  while i > 0 {
    let bx = T.V(x[0]), by = T.V(y[0]), bz = T.V(z[0])
    let w0 = T.V.load(p)
    s0 = T.V.fma(w0, bx, s0)
    t0 = T.V.fma(w0, by, t0)
    u0 = T.V.fma(w0, bz, u0)
    let w1 = T.V.load(p + lanes)
    s1 = T.V.fma(w1, bx, s1)
    t1 = T.V.fma(w1, by, t1)
    u1 = T.V.fma(w1, bz, u1)
    let w2 = T.V.load(p + 2 &* lanes)
    s2 = T.V.fma(w2, bx, s2)
    t2 = T.V.fma(w2, by, t2)
    u2 = T.V.fma(w2, bz, u2)
    let w3 = T.V.load(p + 3 &* lanes)
    s3 = T.V.fma(w3, bx, s3)
    t3 = T.V.fma(w3, by, t3)
    u3 = T.V.fma(w3, bz, u3)
    p += 4 &* lanes
    x += along
    y += along
    z += along
    i &-= 1
  }
  c = Accumulators(s0, s1, s2, s3)
  d = Accumulators(t0, t1, t2, t3)
  e = Accumulators(u0, u1, u2, u3)
}

@inline(__always)
func tile2<T: Real>(_ term: Operand<T>, _ panel: Int, _ j: Int, _ c: inout Accumulators<T>, _ d: inout Accumulators<T>) {
  let lanes = T.V.count, along = term.rowStride
  var (s0, s1, s2, s3) = (c.a, c.b, c.c, c.d)
  var (t0, t1, t2, t3) = (d.a, d.b, d.c, d.d)
  var p = term.panel(panel), x = term.columnPointer(j), y = term.columnPointer(j &+ 1)
  var i = term.k
  while i > 0 {
    let bx = T.V(x[0]), by = T.V(y[0])
    let w0 = T.V.load(p), w1 = T.V.load(p + lanes)
    s0 = T.V.fma(w0, bx, s0)
    t0 = T.V.fma(w0, by, t0)
    s1 = T.V.fma(w1, bx, s1)
    t1 = T.V.fma(w1, by, t1)
    let w2 = T.V.load(p + 2 &* lanes), w3 = T.V.load(p + 3 &* lanes)
    s2 = T.V.fma(w2, bx, s2)
    t2 = T.V.fma(w2, by, t2)
    s3 = T.V.fma(w3, bx, s3)
    t3 = T.V.fma(w3, by, t3)
    p += 4 &* lanes
    x += along
    y += along
    i &-= 1
  }
  c = Accumulators(s0, s1, s2, s3)
  d = Accumulators(t0, t1, t2, t3)
}

@inline(__always)
func tile1<T: Real>(_ term: Operand<T>, _ panel: Int, _ j: Int, _ c: inout Accumulators<T>, after done: Int = 0) {
  let lanes = T.V.count
  var (s0, s1, s2, s3) = (c.a, c.b, c.c, c.d)
  var p = term.panel(panel) + done &* 4 &* lanes, x = term.columnPointer(j) + done &* term.rowStride
  var i = term.k &- done
  while i > 0 {
    let bx = T.V(x[0])
    s0 = T.V.fma(T.V.load(p), bx, s0)
    s1 = T.V.fma(T.V.load(p + lanes), bx, s1)
    s2 = T.V.fma(T.V.load(p + 2 &* lanes), bx, s2)
    s3 = T.V.fma(T.V.load(p + 3 &* lanes), bx, s3)
    p += 4 &* lanes
    x += term.rowStride
    i &-= 1
  }
  c = Accumulators(s0, s1, s2, s3)
}

/// One column of two panels, or a column of each of two terms; `shared` where x and y are the same.
@inline(__always)
private func tilePair<T: Real>(
  _ p: UnsafePointer<T>, _ q: UnsafePointer<T>, _ k: Int, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>,
  _ alongX: Int, _ alongY: Int, shared: Bool, _ c: inout Accumulators<T>, _ d: inout Accumulators<T>
) {
  let lanes = T.V.count
  var (s0, s1, s2, s3) = (c.a, c.b, c.c, c.d)
  var (t0, t1, t2, t3) = (d.a, d.b, d.c, d.d)
  var p = p, q = q, x = x, y = y, i = k
  while i > 0 {
    let bx = T.V(x[0]), by = shared ? bx : T.V(y[0])
    s0 = T.V.fma(T.V.load(p), bx, s0)
    s1 = T.V.fma(T.V.load(p + lanes), bx, s1)
    s2 = T.V.fma(T.V.load(p + 2 &* lanes), bx, s2)
    s3 = T.V.fma(T.V.load(p + 3 &* lanes), bx, s3)
    t0 = T.V.fma(T.V.load(q), by, t0)
    t1 = T.V.fma(T.V.load(q + lanes), by, t1)
    t2 = T.V.fma(T.V.load(q + 2 &* lanes), by, t2)
    t3 = T.V.fma(T.V.load(q + 3 &* lanes), by, t3)
    p += 4 &* lanes
    q += 4 &* lanes
    x += alongX
    y += alongY
    i &-= 1
  }
  c = Accumulators(s0, s1, s2, s3)
  d = Accumulators(t0, t1, t2, t3)
}
