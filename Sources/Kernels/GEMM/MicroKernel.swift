// The packed GEMM and its micro-kernel: MR = 4 vectors of rows by NR = 3 columns, which fill 16 vector registers.
//
//                    column j   j + 1   j + 2
//     A, vector 0       s0        t0      u0
//        vector 1       s1        t1      u1         12 accumulators
//        vector 2       s2        t2      u2         +3 broadcast elements of B
//        vector 3       s3        t3      u3         +1 vector of A  = 16 registers
//
// For each k the micro-kernel reads 4 vectors of the packed panel of A and 3 elements of B.
//
//     panel                        columns left        kernel
//     any, one column in total     1                   matrixVector: 4 × 1 pair
//     edge (one vector of rows)    6 or more           edgePanel:    1 × 6
//     any                          3, or 5 and more    compute:      4 × 3
//     any                          4 or 2              compute:      4 × 2; 3 + 1 is slower: 4 × 1 runs at half the speed
//     any                          1                   compute:      4 × 1
//
// Each sum is over ascending k in every kernel, so that its bits depend neither on the number of columns nor on the
// thread. The exception is a matrix-vector product of two operands: each operand is summed separately.
//
// Reference: Goto and van de Geijn, ACM TOMS 34 (2008); Van Zee and van de Geijn, BLIS, ACM TOMS 41 (2015).

// gemmPacked is a static method of Float and Double rather than a generic function: Swift would otherwise build generic
// metadata for its arguments at every call, which is measurable for small networks.

extension Float {
  /// See `Real.gemmPacked`.
  @inline(never)
  public static func gemmPacked(
    _ layout: PanelLayout, panels: Range<Int>, _ initial: InitialValue<Float>, _ first: Operand<Float>,
    _ second: Operand<Float>, columns: Int, to y: UnsafeMutablePointer<Float>, columnStride: Int
  ) {
    PackedProduct(
      layout: layout, initial: initial, first: first, second: second, columns: columns, y: y, columnStride: columnStride
    ).compute(panels)
  }
}

extension Double {
  /// See `Real.gemmPacked`.
  @inline(never)
  public static func gemmPacked(
    _ layout: PanelLayout, panels: Range<Int>, _ initial: InitialValue<Double>, _ first: Operand<Double>,
    _ second: Operand<Double>, columns: Int, to y: UnsafeMutablePointer<Double>, columnStride: Int
  ) {
    PackedProduct(
      layout: layout, initial: initial, first: first, second: second, columns: columns, y: y, columnStride: columnStride
    ).compute(panels)
  }
}

extension Real {
  /// `gemmPacked` with one operand.
  @inline(__always)
  public static func gemmPacked(
    _ layout: PanelLayout, panels: Range<Int>, _ initial: InitialValue<Self>, _ operand: Operand<Self>, columns: Int,
    to y: UnsafeMutablePointer<Self>, columnStride: Int
  ) {
    gemmPacked(
      layout, panels: panels, initial, operand, .none(operand.panels), columns: columns, to: y,
      columnStride: columnStride)
  }
}

/// The arguments of a call of `gemmPacked`, and the choice of a kernel for each panel.
private struct PackedProduct<T: Real> {
  let layout: PanelLayout
  let initial: InitialValue<T>
  let first: Operand<T>, second: Operand<T>
  let columns: Int
  let y: UnsafeMutablePointer<T>, columnStride: Int

  /// Computes some panels, by the table above.
  @inline(__always) func compute(_ panels: Range<Int>) {
    var p = panels.lowerBound
    if columns == 1 { p = matrixVector(panels) }
    while p < panels.upperBound {
      var j = edgePanel(p)
      while columns &- j >= 3 && columns &- j != 4 {
        var c = sums(p, j), d = sums(p, j &+ 1), e = sums(p, j &+ 2)
        microKernel4x3(first, p, j, &c, &d, &e)
        microKernel4x3(second, p, j, &c, &d, &e)
        store(c, p, j)
        store(d, p, j &+ 1)
        store(e, p, j &+ 2)
        j &+= 3
      }
      while columns &- j >= 2 {
        var c = sums(p, j), d = sums(p, j &+ 1)
        microKernel4x2(first, p, j, &c, &d)
        microKernel4x2(second, p, j, &c, &d)
        store(c, p, j)
        store(d, p, j &+ 1)
        j &+= 2
      }
      if j < columns {
        var c = sums(p, j)
        microKernel4x1(first, p, j, &c)
        microKernel4x1(second, p, j, &c)
        store(c, p, j)
      }
      p &+= 1
    }
  }

  /// Computes panels of a single column. Returns the first panel that is left: one, if their number is odd and there is
  /// one operand.
  ///
  /// A 4 × 1 micro-kernel waits for the latency of its own additions. Two panels at a time do not, and neither do the
  /// two operands of one panel.
  @inline(__always) private func matrixVector(_ panels: Range<Int>) -> Int {
    var p = panels.lowerBound
    let start = initial.columnPointer(0)
    while second.k == 0 && p &+ 2 <= panels.upperBound {
      var c = Accumulators(start, layout, p), d = Accumulators(start, layout, p &+ 1)
      let x = first.columnPointer(0)
      microKernel4x1Pair(
        first.panel(p), first.panel(p &+ 1), first.k, x, x, xStride: first.rowStride, yStride: first.rowStride,
        shared: true, &c, &d)
      c.store(y, layout, p)
      d.store(y, layout, p &+ 1)
      p &+= 2
    }
    while second.k > 0 && p < panels.upperBound {
      var c = Accumulators(start, layout, p), d = Accumulators<T>(nil, layout, p)
      let k = min(first.k, second.k)
      microKernel4x1Pair(
        first.panel(p), second.panel(p), k, first.columnPointer(0), second.columnPointer(0),
        xStride: first.rowStride, yStride: second.rowStride, shared: false, &c, &d)
      microKernel4x1(first, p, 0, &c, after: k)
      microKernel4x1(second, p, 0, &d, after: k)
      Accumulators(c.a + d.a, c.b + d.b, c.c + d.c, c.d + d.d).store(y, layout, p)
      p &+= 1
    }
    return p
  }

  /// Computes columns of panel `p`, six at a time, if it is an edge panel. Returns the number of columns computed.
  @inline(__always) private func edgePanel(_ p: Int) -> Int {
    var j = 0
    if initial.isUniformStride && layout.isEdge(p, T.self) {
      let lanes = layout.lanes(p, 0, of: T.V.count), row = layout.offset(p, 0)
      while j &+ 6 <= columns {
        var s = EdgeKernel(initial.columnPointer(j).map { $0 + row }, initial.columnStride, lanes)
        s.add(
          first.panel(p), first.k, first.columnPointer(j), first.columnPointer(j &+ 3), rowStride: first.rowStride,
          columnStride: first.columnStride)
        s.add(
          second.panel(p), second.k, second.columnPointer(j), second.columnPointer(j &+ 3),
          rowStride: second.rowStride, columnStride: second.columnStride)
        s.store(y + (j &* columnStride &+ row), columnStride, lanes)
        j &+= 6
      }
    }
    return j
  }

  /// The initial value of column `j` of panel `p`.
  @inline(__always) private func sums(_ p: Int, _ j: Int) -> Accumulators<T> {
    Accumulators(initial.columnPointer(j), layout, p)
  }

  /// Stores column `j` of panel `p` of y.
  @inline(__always) private func store(_ sums: Accumulators<T>, _ p: Int, _ j: Int) {
    sums.store(y + j &* columnStride, layout, p)
  }
}

/// The sums of one column of a micro-tile: MR = 4 vectors.
struct Accumulators<T: Real> {
  var a: T.V, b: T.V, c: T.V, d: T.V

  @inline(__always) init(_ a: T.V, _ b: T.V, _ c: T.V, _ d: T.V) { (self.a, self.b, self.c, self.d) = (a, b, c, d) }

  /// Loads the rows of panel `p` of a column, 0 for padding rows; zeros if `column` is nil.
  @inline(__always) init(_ column: UnsafePointer<T>?, _ layout: PanelLayout, _ p: Int) {
    guard let column else {
      (a, b, c, d) = (0.0, 0.0, 0.0, 0.0)
      return
    }
    let n = T.V.count
    if layout.lanes(p, 3, of: n) == n {
      a = .load(column + layout.offset(p, 0))
      b = .load(column + layout.offset(p, 1))
      c = .load(column + layout.offset(p, 2))
      d = .load(column + layout.offset(p, 3))
    } else {
      a = .loadPartial(column + layout.offset(p, 0), count: layout.lanes(p, 0, of: n))
      b = .loadPartial(column + layout.offset(p, 1), count: layout.lanes(p, 1, of: n))
      c = .loadPartial(column + layout.offset(p, 2), count: layout.lanes(p, 2, of: n))
      d = .loadPartial(column + layout.offset(p, 3), count: layout.lanes(p, 3, of: n))
    }
  }

  /// Stores the rows of panel `p` of a column.
  @inline(__always) func store(_ column: UnsafeMutablePointer<T>, _ layout: PanelLayout, _ p: Int) {
    let n = T.V.count
    if layout.lanes(p, 3, of: n) == n {
      a.store(column + layout.offset(p, 0))
      b.store(column + layout.offset(p, 1))
      c.store(column + layout.offset(p, 2))
      d.store(column + layout.offset(p, 3))
    } else {
      a.storePartial(column + layout.offset(p, 0), count: layout.lanes(p, 0, of: n))
      b.storePartial(column + layout.offset(p, 1), count: layout.lanes(p, 1, of: n))
      c.storePartial(column + layout.offset(p, 2), count: layout.lanes(p, 2, of: n))
      d.storePartial(column + layout.offset(p, 3), count: layout.lanes(p, 3, of: n))
    }
  }
}

/// Adds panel `panel` of A times columns j, j + 1 and j + 2 of B to c, d and e.
@inline(__always)
func microKernel4x3<T: Real>(
  _ operand: Operand<T>, _ panel: Int, _ j: Int, _ c: inout Accumulators<T>, _ d: inout Accumulators<T>,
  _ e: inout Accumulators<T>
) {
  let lanes = T.V.count, rs = operand.rowStride
  var (s0, s1, s2, s3) = (c.a, c.b, c.c, c.d)
  var (t0, t1, t2, t3) = (d.a, d.b, d.c, d.d)
  var (u0, u1, u2, u3) = (e.a, e.b, e.c, e.d)
  var p = operand.panel(panel), x = operand.columnPointer(j), y = operand.columnPointer(j &+ 1),
    z = operand.columnPointer(j &+ 2)
  var i = operand.k
  while i > 0 {
    let bx = T.V(x[0]), by = T.V(y[0]), bz = T.V(z[0])
    let w0 = T.V.load(p)
    s0 = T.V.multiplyAdd(w0, bx, s0)
    t0 = T.V.multiplyAdd(w0, by, t0)
    u0 = T.V.multiplyAdd(w0, bz, u0)
    let w1 = T.V.load(p + lanes)
    s1 = T.V.multiplyAdd(w1, bx, s1)
    t1 = T.V.multiplyAdd(w1, by, t1)
    u1 = T.V.multiplyAdd(w1, bz, u1)
    let w2 = T.V.load(p + 2 &* lanes)
    s2 = T.V.multiplyAdd(w2, bx, s2)
    t2 = T.V.multiplyAdd(w2, by, t2)
    u2 = T.V.multiplyAdd(w2, bz, u2)
    let w3 = T.V.load(p + 3 &* lanes)
    s3 = T.V.multiplyAdd(w3, bx, s3)
    t3 = T.V.multiplyAdd(w3, by, t3)
    u3 = T.V.multiplyAdd(w3, bz, u3)
    p += 4 &* lanes
    x += rs
    y += rs
    z += rs
    i &-= 1
  }
  c = Accumulators(s0, s1, s2, s3)
  d = Accumulators(t0, t1, t2, t3)
  e = Accumulators(u0, u1, u2, u3)
}

/// Adds panel `panel` of A times columns j and j + 1 of B to c and d.
@inline(__always)
func microKernel4x2<T: Real>(
  _ operand: Operand<T>, _ panel: Int, _ j: Int, _ c: inout Accumulators<T>, _ d: inout Accumulators<T>
) {
  let lanes = T.V.count, rs = operand.rowStride
  var (s0, s1, s2, s3) = (c.a, c.b, c.c, c.d)
  var (t0, t1, t2, t3) = (d.a, d.b, d.c, d.d)
  var p = operand.panel(panel), x = operand.columnPointer(j), y = operand.columnPointer(j &+ 1)
  var i = operand.k
  while i > 0 {
    let bx = T.V(x[0]), by = T.V(y[0])
    let w0 = T.V.load(p), w1 = T.V.load(p + lanes)
    s0 = T.V.multiplyAdd(w0, bx, s0)
    t0 = T.V.multiplyAdd(w0, by, t0)
    s1 = T.V.multiplyAdd(w1, bx, s1)
    t1 = T.V.multiplyAdd(w1, by, t1)
    let w2 = T.V.load(p + 2 &* lanes), w3 = T.V.load(p + 3 &* lanes)
    s2 = T.V.multiplyAdd(w2, bx, s2)
    t2 = T.V.multiplyAdd(w2, by, t2)
    s3 = T.V.multiplyAdd(w3, bx, s3)
    t3 = T.V.multiplyAdd(w3, by, t3)
    p += 4 &* lanes
    x += rs
    y += rs
    i &-= 1
  }
  c = Accumulators(s0, s1, s2, s3)
  d = Accumulators(t0, t1, t2, t3)
}

/// Adds panel `panel` of A times column j of B to c, without the first `done` terms of the sums.
@inline(__always)
func microKernel4x1<T: Real>(
  _ operand: Operand<T>, _ panel: Int, _ j: Int, _ c: inout Accumulators<T>, after done: Int = 0
) {
  let lanes = T.V.count
  var (s0, s1, s2, s3) = (c.a, c.b, c.c, c.d)
  var p = operand.panel(panel) + done &* 4 &* lanes, x = operand.columnPointer(j) + done &* operand.rowStride
  var i = operand.k &- done
  while i > 0 {
    let bx = T.V(x[0])
    s0 = T.V.multiplyAdd(T.V.load(p), bx, s0)
    s1 = T.V.multiplyAdd(T.V.load(p + lanes), bx, s1)
    s2 = T.V.multiplyAdd(T.V.load(p + 2 &* lanes), bx, s2)
    s3 = T.V.multiplyAdd(T.V.load(p + 3 &* lanes), bx, s3)
    p += 4 &* lanes
    x += operand.rowStride
    i &-= 1
  }
  c = Accumulators(s0, s1, s2, s3)
}

/// Adds p · x to c and q · y to d: two independent sums of 4 vectors each, so that neither waits for the latency of its
/// own additions. `shared` says at compile time that x and y are the same column.
@inline(__always)
private func microKernel4x1Pair<T: Real>(
  _ p: UnsafePointer<T>, _ q: UnsafePointer<T>, _ k: Int, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>,
  xStride: Int, yStride: Int, shared: Bool, _ c: inout Accumulators<T>, _ d: inout Accumulators<T>
) {
  let lanes = T.V.count
  var (s0, s1, s2, s3) = (c.a, c.b, c.c, c.d)
  var (t0, t1, t2, t3) = (d.a, d.b, d.c, d.d)
  var p = p, q = q, x = x, y = y, i = k
  while i > 0 {
    let bx = T.V(x[0]), by = shared ? bx : T.V(y[0])
    s0 = T.V.multiplyAdd(T.V.load(p), bx, s0)
    s1 = T.V.multiplyAdd(T.V.load(p + lanes), bx, s1)
    s2 = T.V.multiplyAdd(T.V.load(p + 2 &* lanes), bx, s2)
    s3 = T.V.multiplyAdd(T.V.load(p + 3 &* lanes), bx, s3)
    t0 = T.V.multiplyAdd(T.V.load(q), by, t0)
    t1 = T.V.multiplyAdd(T.V.load(q + lanes), by, t1)
    t2 = T.V.multiplyAdd(T.V.load(q + 2 &* lanes), by, t2)
    t3 = T.V.multiplyAdd(T.V.load(q + 3 &* lanes), by, t3)
    p += 4 &* lanes
    q += 4 &* lanes
    x += xStride
    y += yStride
    i &-= 1
  }
  c = Accumulators(s0, s1, s2, s3)
  d = Accumulators(t0, t1, t2, t3)
}
