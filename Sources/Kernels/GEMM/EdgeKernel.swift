// The edge kernel: one vector of rows by six columns, for a last panel with no more rows than that.
//
// A micro-tile would spend the work of four vectors on it: with 65 characters that is a third of the decoder's time.

/// Six accumulators of one vector each. Every sum is over ascending k, as in the micro-kernel.
struct EdgeKernel<T: Real> {
  var a: T.V, b: T.V, c: T.V, d: T.V, e: T.V, f: T.V

  /// Loads the first `lanes` elements of six columns `stride` apart; zeros if `column` is nil.
  @inline(__always) init(_ column: UnsafePointer<T>?, _ stride: Int, _ lanes: Int) {
    guard let column else {
      (a, b, c, d, e, f) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
      return
    }
    a = .loadPartial(column, count: lanes)
    b = .loadPartial(column + stride, count: lanes)
    c = .loadPartial(column + 2 &* stride, count: lanes)
    d = .loadPartial(column + 3 &* stride, count: lanes)
    e = .loadPartial(column + 4 &* stride, count: lanes)
    f = .loadPartial(column + 5 &* stride, count: lanes)
  }

  /// Stores the first `lanes` elements of six columns `stride` apart.
  @inline(__always) func store(_ column: UnsafeMutablePointer<T>, _ stride: Int, _ lanes: Int) {
    a.storePartial(column, count: lanes)
    b.storePartial(column + stride, count: lanes)
    c.storePartial(column + 2 &* stride, count: lanes)
    d.storePartial(column + 3 &* stride, count: lanes)
    e.storePartial(column + 4 &* stride, count: lanes)
    f.storePartial(column + 5 &* stride, count: lanes)
  }

  /// Adds the product of a packed panel's first vectors with six columns: three from `x` and three from `y`.
  @inline(__always) mutating func add(
    _ panel: UnsafePointer<T>, _ k: Int, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>, rowStride: Int,
    columnStride: Int
  ) {
    var (s0, s1, s2, s3, s4, s5) = (a, b, c, d, e, f)
    var p = panel, x = x, y = y, i = k
    while i > 0 {
      let w = T.V.load(p)
      s0 = T.V.multiplyAdd(w, T.V(x[0]), s0)
      s1 = T.V.multiplyAdd(w, T.V(x[columnStride]), s1)
      s2 = T.V.multiplyAdd(w, T.V(x[2 &* columnStride]), s2)
      s3 = T.V.multiplyAdd(w, T.V(y[0]), s3)
      s4 = T.V.multiplyAdd(w, T.V(y[columnStride]), s4)
      s5 = T.V.multiplyAdd(w, T.V(y[2 &* columnStride]), s5)
      p += 4 &* T.V.count
      x += rowStride
      y += rowStride
      i &-= 1
    }
    (a, b, c, d, e, f) = (s0, s1, s2, s3, s4, s5)
  }
}
