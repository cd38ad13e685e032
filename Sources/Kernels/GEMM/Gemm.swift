// The unpacked GEMM: products of column-major matrices, and the two products of their gradient.
//
// W·X reads a column of W as vectors of outputs and broadcasts one element of X for each; dW += dY·Xᵀ is the same loop
// with the strides of X exchanged. dX += Wᵀ·dY is dot products of the columns. There is no packing, which pays off
// for small matrices only; `gemmPacked` serves the others. A micro-tile holds its part of the result in registers over
// the whole sum, as in BLIS: Van Zee and van de Geijn, ACM Transactions on Mathematical Software 41(3), 2015.
//
//     micro-tile         used for
//     2 vectors × 4      four columns of Y at a time, all whole vectors of rows in pairs
//     1 vector  × 4      the remaining rows of those columns
//     4 vectors × 1      each remaining column
//     1 vector  × 1      the remaining rows of that column
//
// Every sum is over ascending k, whatever the micro-tile, so that tiling does not change a bit.

/// y = w·x, or y += w·x.
///
/// - Parameters:
///   - w: [n × k].
///   - x: [k × d].
///   - y: [n × d].
///   - accumulate: whether to add to y; otherwise y is overwritten.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func gemm<T: Real>(_ w: MatrixView<T>, _ x: MatrixView<T>, to y: MatrixView<T>, accumulate: Bool) {
  gemmTiles(w, x.p, rowStride: 1, columnStride: x.columnStride, to: y, accumulate)
}

/// dw += dy·xᵀ: the gradient of w in y = w·x.
///
/// - Parameters:
///   - dy: [n × d].
///   - x: [k × d].
///   - dw: [n × k].
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func gemmBackwardWeights<T: Real>(dy: MatrixView<T>, _ x: MatrixView<T>, dw: MatrixView<T>) {
  gemmTiles(dy, x.p, rowStride: x.columnStride, columnStride: 1, to: dw, true)
}

/// dx += wᵀ·dy: the gradient of x in y = w·x.
///
/// - Parameters:
///   - w: [n × k].
///   - dy: [n × d].
///   - dx: [k × d].
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func gemmBackwardInput<T: Real>(_ w: MatrixView<T>, dy: MatrixView<T>, dx: MatrixView<T>) {
  var j = 0
  while j < dy.columns {
    let y = UnsafePointer(dy.columnPointer(j)), x = dx.columnPointer(j)
    var k = 0
    while k &+ 4 <= w.columns {
      let w0 = w.columnPointer(k), w1 = w.columnPointer(k &+ 1), w2 = w.columnPointer(k &+ 2),
        w3 = w.columnPointer(k &+ 3)
      var (s0, s1, s2, s3): (T.V, T.V, T.V, T.V) = (0.0, 0.0, 0.0, 0.0)
      forEachVector(w.rows, T.self) { i, count in
        let v = T.V.loadPartial(y + i, count: count)
        s0 = T.V.multiplyAdd(T.V.loadPartial(w0 + i, count: count), v, s0)
        s1 = T.V.multiplyAdd(T.V.loadPartial(w1 + i, count: count), v, s1)
        s2 = T.V.multiplyAdd(T.V.loadPartial(w2 + i, count: count), v, s2)
        s3 = T.V.multiplyAdd(T.V.loadPartial(w3 + i, count: count), v, s3)
      }
      x[k] += s0.sum
      x[k &+ 1] += s1.sum
      x[k &+ 2] += s2.sum
      x[k &+ 3] += s3.sum
      k &+= 4
    }
    while k < w.columns {
      let w0 = w.columnPointer(k)
      var s0: T.V = 0.0
      forEachVector(w.rows, T.self) { i, count in
        s0 = T.V.multiplyAdd(T.V.loadPartial(w0 + i, count: count), T.V.loadPartial(y + i, count: count), s0)
      }
      x[k] += s0.sum
      k &+= 1
    }
    j &+= 1
  }
}

/// y = a·b or y += a·b, where element (k, j) of b is `b[k · rowStride + j · columnStride]`.
@inline(__always)
private func gemmTiles<T: Real>(
  _ a: MatrixView<T>, _ b: UnsafeMutablePointer<T>, rowStride rs: Int, columnStride cs: Int, to y: MatrixView<T>,
  _ accumulate: Bool
) {
  let lanes = T.V.count
  var j = 0
  while j &+ 4 <= y.columns {
    var i = 0
    while i &+ 2 &* lanes <= a.rows {
      microTile2x4(a, i, b + j &* cs, rs, cs, y, j, accumulate)
      i &+= 2 &* lanes
    }
    while i < a.rows {
      microTile1x4(a, i, min(lanes, a.rows &- i), b + j &* cs, rs, cs, y, j, accumulate)
      i &+= lanes
    }
    j &+= 4
  }
  while j < y.columns {
    var i = 0
    while i &+ 4 &* lanes <= a.rows {
      microTile4x1(a, i, b + j &* cs, rs, y, j, accumulate)
      i &+= 4 &* lanes
    }
    while i < a.rows {
      microTile1x1(a, i, min(lanes, a.rows &- i), b + j &* cs, rs, y, j, accumulate)
      i &+= lanes
    }
    j &+= 1
  }
}

@inline(__always)
private func microTile2x4<T: Real>(
  _ a: MatrixView<T>, _ i: Int, _ b: UnsafeMutablePointer<T>, _ rs: Int, _ cs: Int, _ y: MatrixView<T>,
  _ j: Int, _ accumulate: Bool
) {
  let lanes = T.V.count
  let y0 = y.columnPointer(j) + i, y1 = y0 + y.columnStride, y2 = y1 + y.columnStride, y3 = y2 + y.columnStride
  var (s00, s10, s01, s11): (T.V, T.V, T.V, T.V) = (0.0, 0.0, 0.0, 0.0)
  var (s02, s12, s03, s13): (T.V, T.V, T.V, T.V) = (0.0, 0.0, 0.0, 0.0)
  if accumulate {
    (s00, s10) = (.load(y0), .load(y0 + lanes))
    (s01, s11) = (.load(y1), .load(y1 + lanes))
    (s02, s12) = (.load(y2), .load(y2 + lanes))
    (s03, s13) = (.load(y3), .load(y3 + lanes))
  }
  var p = a.p + i, q = b, k = 0
  while k < a.columns {
    let u = T.V.load(p), v = T.V.load(p + lanes)
    let b0 = T.V(q[0]), b1 = T.V(q[cs])
    s00 = T.V.multiplyAdd(u, b0, s00)
    s10 = T.V.multiplyAdd(v, b0, s10)
    s01 = T.V.multiplyAdd(u, b1, s01)
    s11 = T.V.multiplyAdd(v, b1, s11)
    let b2 = T.V(q[2 &* cs]), b3 = T.V(q[3 &* cs])
    s02 = T.V.multiplyAdd(u, b2, s02)
    s12 = T.V.multiplyAdd(v, b2, s12)
    s03 = T.V.multiplyAdd(u, b3, s03)
    s13 = T.V.multiplyAdd(v, b3, s13)
    p += a.columnStride
    q += rs
    k &+= 1
  }
  s00.store(y0)
  s10.store(y0 + lanes)
  s01.store(y1)
  s11.store(y1 + lanes)
  s02.store(y2)
  s12.store(y2 + lanes)
  s03.store(y3)
  s13.store(y3 + lanes)
}

@inline(__always)
private func microTile1x4<T: Real>(
  _ a: MatrixView<T>, _ i: Int, _ rows: Int, _ b: UnsafeMutablePointer<T>, _ rs: Int, _ cs: Int,
  _ y: MatrixView<T>, _ j: Int, _ accumulate: Bool
) {
  let y0 = y.columnPointer(j) + i, y1 = y0 + y.columnStride, y2 = y1 + y.columnStride, y3 = y2 + y.columnStride
  var (s0, s1, s2, s3): (T.V, T.V, T.V, T.V) = (0.0, 0.0, 0.0, 0.0)
  if accumulate {
    (s0, s1) = (.loadPartial(y0, count: rows), .loadPartial(y1, count: rows))
    (s2, s3) = (.loadPartial(y2, count: rows), .loadPartial(y3, count: rows))
  }
  var p = a.p + i, q = b, k = 0
  while k < a.columns {
    let u = T.V.loadPartial(p, count: rows)
    s0 = T.V.multiplyAdd(u, T.V(q[0]), s0)
    s1 = T.V.multiplyAdd(u, T.V(q[cs]), s1)
    s2 = T.V.multiplyAdd(u, T.V(q[2 &* cs]), s2)
    s3 = T.V.multiplyAdd(u, T.V(q[3 &* cs]), s3)
    p += a.columnStride
    q += rs
    k &+= 1
  }
  s0.storePartial(y0, count: rows)
  s1.storePartial(y1, count: rows)
  s2.storePartial(y2, count: rows)
  s3.storePartial(y3, count: rows)
}

@inline(__always)
private func microTile4x1<T: Real>(
  _ a: MatrixView<T>, _ i: Int, _ b: UnsafeMutablePointer<T>, _ rs: Int, _ y: MatrixView<T>, _ j: Int,
  _ accumulate: Bool
) {
  let lanes = T.V.count
  let y0 = y.columnPointer(j) + i
  var (s0, s1, s2, s3): (T.V, T.V, T.V, T.V) = (0.0, 0.0, 0.0, 0.0)
  if accumulate {
    (s0, s1) = (.load(y0), .load(y0 + lanes))
    (s2, s3) = (.load(y0 + 2 &* lanes), .load(y0 + 3 &* lanes))
  }
  var p = a.p + i, q = b, k = 0
  while k < a.columns {
    let v = T.V(q[0])
    s0 = T.V.multiplyAdd(T.V.load(p), v, s0)
    s1 = T.V.multiplyAdd(T.V.load(p + lanes), v, s1)
    s2 = T.V.multiplyAdd(T.V.load(p + 2 &* lanes), v, s2)
    s3 = T.V.multiplyAdd(T.V.load(p + 3 &* lanes), v, s3)
    p += a.columnStride
    q += rs
    k &+= 1
  }
  s0.store(y0)
  s1.store(y0 + lanes)
  s2.store(y0 + 2 &* lanes)
  s3.store(y0 + 3 &* lanes)
}

@inline(__always)
private func microTile1x1<T: Real>(
  _ a: MatrixView<T>, _ i: Int, _ rows: Int, _ b: UnsafeMutablePointer<T>, _ rs: Int, _ y: MatrixView<T>,
  _ j: Int, _ accumulate: Bool
) {
  let y0 = y.columnPointer(j) + i
  var s0: T.V = accumulate ? .loadPartial(y0, count: rows) : 0.0
  var p = a.p + i, q = b, k = 0
  while k < a.columns {
    s0 = T.V.multiplyAdd(T.V.loadPartial(p, count: rows), T.V(q[0]), s0)
    p += a.columnStride
    q += rs
    k &+= 1
  }
  s0.storePartial(y0, count: rows)
}

/// y += w·x for a vector x.
///
/// The product is bound by reading w once. Eight columns of w are read at a time, in contiguous runs, without packing.
///
/// - Parameters:
///   - w: [n × k].
///   - x: k elements.
///   - xStride: elements of memory from one element of x to the next.
///   - y: n elements.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func gemv<T: Real>(
  _ w: MatrixView<T>, _ x: UnsafePointer<T>, xStride: Int = 1, into y: UnsafeMutablePointer<T>
) {
  var k = 0
  while k &+ 8 <= w.columns {
    let w0 = w.columnPointer(k), s = w.columnStride, q = x + k &* xStride
    let (x0, x1, x2, x3) = (T.V(q[0]), T.V(q[xStride]), T.V(q[2 &* xStride]), T.V(q[3 &* xStride]))
    let (x4, x5, x6, x7) = (T.V(q[4 &* xStride]), T.V(q[5 &* xStride]), T.V(q[6 &* xStride]), T.V(q[7 &* xStride]))
    let w1 = w0 + s, w2 = w1 + s, w3 = w2 + s, w4 = w3 + s, w5 = w4 + s, w6 = w5 + s, w7 = w6 + s
    forEachVector(w.rows, T.self) { i, c in
      var a = T.V.multiplyAdd(T.V.loadPartial(w0 + i, count: c), x0, T.V.loadPartial(y + i, count: c))
      a = T.V.multiplyAdd(T.V.loadPartial(w1 + i, count: c), x1, a)
      a = T.V.multiplyAdd(T.V.loadPartial(w2 + i, count: c), x2, a)
      a = T.V.multiplyAdd(T.V.loadPartial(w3 + i, count: c), x3, a)
      a = T.V.multiplyAdd(T.V.loadPartial(w4 + i, count: c), x4, a)
      a = T.V.multiplyAdd(T.V.loadPartial(w5 + i, count: c), x5, a)
      a = T.V.multiplyAdd(T.V.loadPartial(w6 + i, count: c), x6, a)
      a = T.V.multiplyAdd(T.V.loadPartial(w7 + i, count: c), x7, a)
      a.storePartial(y + i, count: c)
    }
    k &+= 8
  }
  while k < w.columns {
    let column = w.columnPointer(k), factor = T.V(x[k &* xStride])
    forEachVector(w.rows, T.self) { i, c in
      T.V.multiplyAdd(T.V.loadPartial(column + i, count: c), factor, T.V.loadPartial(y + i, count: c)).storePartial(
        y + i, count: c)
    }
    k &+= 1
  }
}
