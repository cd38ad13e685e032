// The strip: one register of rows by six columns, for a last panel that holds no more rows than that.
//
// A tile would spend four registers' work on it: with 65 letters, a third of the decoder's time.

extension PanelLayout {
  /// Whether only the first of a panel's registers holds rows.
  @inline(__always) func isStrip<T: Real>(_ panel: Int, _: T.Type) -> Bool { lanes(panel, 1, of: T.V.count) == 0 }
}

/// Six sums, a register each. Like a tile's, each runs over its index in ascending order.
struct EdgeKernel<T: Real> {
  var a: T.V, b: T.V, c: T.V, d: T.V, e: T.V, f: T.V

  /// The first `lanes` numbers of six columns `stride` apart; all 0 without columns.
  @inline(__always) init(_ column: UnsafePointer<T>?, _ stride: Int, _ lanes: Int) {
    guard let column else {
      (a, b, c, d, e, f) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
      return
    }
    a = .load(column, upTo: lanes)
    b = .load(column + stride, upTo: lanes)
    c = .load(column + 2 &* stride, upTo: lanes)
    d = .load(column + 3 &* stride, upTo: lanes)
    e = .load(column + 4 &* stride, upTo: lanes)
    f = .load(column + 5 &* stride, upTo: lanes)
  }

  @inline(__always) func store(_ column: UnsafeMutablePointer<T>, _ stride: Int, _ lanes: Int) {
    a.store(column, upTo: lanes)
    b.store(column + stride, upTo: lanes)
    c.store(column + 2 &* stride, upTo: lanes)
    d.store(column + 3 &* stride, upTo: lanes)
    e.store(column + 4 &* stride, upTo: lanes)
    f.store(column + 5 &* stride, upTo: lanes)
  }

  /// Adds a packed panel's first register times three columns from x and three from y, `across` apart.
  @inline(__always) mutating func add(
    _ panel: UnsafePointer<T>, _ k: Int, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>, along: Int, across: Int
  ) {
    var (s0, s1, s2, s3, s4, s5) = (a, b, c, d, e, f)
    var p = panel, x = x, y = y, i = k
    while i > 0 {
      let w = T.V.load(p)
      s0 = T.V.fma(w, T.V(x[0]), s0)
      s1 = T.V.fma(w, T.V(x[across]), s1)
      s2 = T.V.fma(w, T.V(x[2 &* across]), s2)
      s3 = T.V.fma(w, T.V(y[0]), s3)
      s4 = T.V.fma(w, T.V(y[across]), s4)
      s5 = T.V.fma(w, T.V(y[2 &* across]), s5)
      p += 4 &* T.V.count
      x += along
      y += along
      i &-= 1
    }
    (a, b, c, d, e, f) = (s0, s1, s2, s3, s4, s5)
  }
}
