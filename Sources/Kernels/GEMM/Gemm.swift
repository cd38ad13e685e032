// Matrix products over column-major matrix views: W·X, and the two products its gradient needs.
//
// A column of W is a run of outputs, so W·X loads W by registers and broadcasts one number of X for each;
// dW += dY·Xᵀ is the same loop with X read across. dX += Wᵀ·dY is dot products down the columns.
// Every sum runs over its index in ascending order, whatever the tile, so tiling never changes a bit.

/// y = w·x, or y += w·x.
///
/// - Parameters:
///   - w: [n × k].
///   - x: [k × d].
///   - y: [n × d].
///   - accumulate: keep what y holds and add to it.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func gemm<T: Real>(_ w: MatrixView<T>, _ x: MatrixView<T>, to y: MatrixView<T>, accumulate: Bool) {
  tiles(w, x.p, along: 1, across: x.columnStride, to: y, accumulate)
}

/// dw += dy·xᵀ.
///
/// - Parameters:
///   - dy: [n × d].
///   - x: [k × d].
///   - dw: [n × k].
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func gemmBackwardWeights<T: Real>(dy: MatrixView<T>, _ x: MatrixView<T>, dw: MatrixView<T>) {
  tiles(dy, x.p, along: x.columnStride, across: 1, to: dw, true)
}

/// dx += wᵀ·dy.
///
/// - Parameters:
///   - w: [n × k].
///   - dy: [n × d].
///   - dx: [k × d].
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func gemmBackwardInput<T: Real>(_ w: MatrixView<T>, dy: MatrixView<T>, dx: MatrixView<T>) {
  var j = 0
  while j < dy.columns {
    let y = UnsafePointer(dy.columnPointer(j)), x = dx.columnPointer(j)
    var k = 0
    while k &+ 4 <= w.columns {
      let w0 = w.columnPointer(k), w1 = w.columnPointer(k &+ 1), w2 = w.columnPointer(k &+ 2), w3 = w.columnPointer(k &+ 3)
      var (s0, s1, s2, s3): (T.V, T.V, T.V, T.V) = (0.0, 0.0, 0.0, 0.0)
      registers(w.rows, T.self) { i in
        let v = T.V.load(y + i)
        s0 = T.V.fma(T.V.load(w0 + i), v, s0)
        s1 = T.V.fma(T.V.load(w1 + i), v, s1)
        s2 = T.V.fma(T.V.load(w2 + i), v, s2)
        s3 = T.V.fma(T.V.load(w3 + i), v, s3)
      } part: { i, count in
        let v = T.V.load(y + i, first: count)
        s0 = T.V.fma(T.V.load(w0 + i, first: count), v, s0)
        s1 = T.V.fma(T.V.load(w1 + i, first: count), v, s1)
        s2 = T.V.fma(T.V.load(w2 + i, first: count), v, s2)
        s3 = T.V.fma(T.V.load(w3 + i, first: count), v, s3)
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
      registers(w.rows, T.self) { i in
        s0 = T.V.fma(T.V.load(w0 + i), T.V.load(y + i), s0)
      } part: { i, count in
        s0 = T.V.fma(T.V.load(w0 + i, first: count), T.V.load(y + i, first: count), s0)
      }
      x[k] += s0.sum
      k &+= 1
    }
    j &+= 1
  }
}

/// y (+)= a·b, where b's number (k, j) lies at `b[k·along + j·across]`.
///
/// A tile is rows of registers by columns of y: 2 × 4 while there are four columns, then 4 × 1.
@inline(__always)
private func tiles<T: Real>(
  _ a: MatrixView<T>, _ b: UnsafeMutablePointer<T>, along: Int, across: Int, to y: MatrixView<T>, _ accumulate: Bool
) {
  let lanes = T.V.count
  var j = 0
  while j &+ 4 <= y.columns {
    var i = 0
    while i &+ 2 &* lanes <= a.rows {
      tile2x4(a, i, b + j &* across, along, across, y, j, accumulate)
      i &+= 2 &* lanes
    }
    while i < a.rows {
      tile1x4(a, i, min(lanes, a.rows &- i), b + j &* across, along, across, y, j, accumulate)
      i &+= lanes
    }
    j &+= 4
  }
  while j < y.columns {
    var i = 0
    while i &+ 4 &* lanes <= a.rows {
      tile4x1(a, i, b + j &* across, along, y, j, accumulate)
      i &+= 4 &* lanes
    }
    while i < a.rows {
      tile1x1(a, i, min(lanes, a.rows &- i), b + j &* across, along, y, j, accumulate)
      i &+= lanes
    }
    j &+= 1
  }
}

@inline(__always)
private func tile2x4<T: Real>(
  _ a: MatrixView<T>, _ i: Int, _ b: UnsafeMutablePointer<T>, _ along: Int, _ across: Int, _ y: MatrixView<T>,
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
    let b0 = T.V(q[0]), b1 = T.V(q[across])
    s00 = T.V.fma(u, b0, s00)
    s10 = T.V.fma(v, b0, s10)
    s01 = T.V.fma(u, b1, s01)
    s11 = T.V.fma(v, b1, s11)
    let b2 = T.V(q[2 &* across]), b3 = T.V(q[3 &* across])
    s02 = T.V.fma(u, b2, s02)
    s12 = T.V.fma(v, b2, s12)
    s03 = T.V.fma(u, b3, s03)
    s13 = T.V.fma(v, b3, s13)
    p += a.columnStride
    q += along
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
private func tile1x4<T: Real>(
  _ a: MatrixView<T>, _ i: Int, _ rows: Int, _ b: UnsafeMutablePointer<T>, _ along: Int, _ across: Int,
  _ y: MatrixView<T>, _ j: Int, _ accumulate: Bool
) {
  let whole = rows == T.V.count
  let y0 = y.columnPointer(j) + i, y1 = y0 + y.columnStride, y2 = y1 + y.columnStride, y3 = y2 + y.columnStride
  var (s0, s1, s2, s3): (T.V, T.V, T.V, T.V) = (0.0, 0.0, 0.0, 0.0)
  if accumulate {
    (s0, s1) = (.load(y0, rows, whole), .load(y1, rows, whole))
    (s2, s3) = (.load(y2, rows, whole), .load(y3, rows, whole))
  }
  var p = a.p + i, q = b, k = 0
  while k < a.columns {
    let u = T.V.load(p, rows, whole)
    s0 = T.V.fma(u, T.V(q[0]), s0)
    s1 = T.V.fma(u, T.V(q[across]), s1)
    s2 = T.V.fma(u, T.V(q[2 &* across]), s2)
    s3 = T.V.fma(u, T.V(q[3 &* across]), s3)
    p += a.columnStride
    q += along
    k &+= 1
  }
  s0.store(y0, rows, whole)
  s1.store(y1, rows, whole)
  s2.store(y2, rows, whole)
  s3.store(y3, rows, whole)
}

@inline(__always)
private func tile4x1<T: Real>(
  _ a: MatrixView<T>, _ i: Int, _ b: UnsafeMutablePointer<T>, _ along: Int, _ y: MatrixView<T>, _ j: Int,
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
    s0 = T.V.fma(T.V.load(p), v, s0)
    s1 = T.V.fma(T.V.load(p + lanes), v, s1)
    s2 = T.V.fma(T.V.load(p + 2 &* lanes), v, s2)
    s3 = T.V.fma(T.V.load(p + 3 &* lanes), v, s3)
    p += a.columnStride
    q += along
    k &+= 1
  }
  s0.store(y0)
  s1.store(y0 + lanes)
  s2.store(y0 + 2 &* lanes)
  s3.store(y0 + 3 &* lanes)
}

@inline(__always)
private func tile1x1<T: Real>(
  _ a: MatrixView<T>, _ i: Int, _ rows: Int, _ b: UnsafeMutablePointer<T>, _ along: Int, _ y: MatrixView<T>,
  _ j: Int, _ accumulate: Bool
) {
  let whole = rows == T.V.count
  let y0 = y.columnPointer(j) + i
  var s0: T.V = accumulate ? .load(y0, rows, whole) : 0.0
  var p = a.p + i, q = b, k = 0
  while k < a.columns {
    s0 = T.V.fma(T.V.load(p, rows, whole), T.V(q[0]), s0)
    p += a.columnStride
    q += along
    k &+= 1
  }
  s0.store(y0, rows, whole)
}

extension Vector {
  @inline(__always)
  static func load(_ p: UnsafeMutablePointer<Scalar>, _ count: Int, _ whole: Bool) -> Self {
    whole ? load(p) : load(p, first: count)
  }

  @inline(__always)
  func store(_ p: UnsafeMutablePointer<Scalar>, _ count: Int, _ whole: Bool) {
    if whole { store(p) } else { store(p, first: count) }
  }
}

/// y += w·x for one column: eight columns of w at a time, each read from top to bottom.
///
/// At batch 1 a product is a reading of w, once; this order reads it in long runs and needs no packing.
///
/// - Parameters:
///   - w: [n × k].
///   - x: k numbers, `along` apart.
///   - y: n numbers.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func gemv<T: Real>(
  _ w: MatrixView<T>, _ x: UnsafePointer<T>, xStride along: Int = 1, into y: UnsafeMutablePointer<T>
) {
  var k = 0
  while k &+ 8 <= w.columns {
    let w0 = w.columnPointer(k), s = w.columnStride, q = x + k &* along
    let (x0, x1, x2, x3) = (T.V(q[0]), T.V(q[along]), T.V(q[2 &* along]), T.V(q[3 &* along]))
    let (x4, x5, x6, x7) = (T.V(q[4 &* along]), T.V(q[5 &* along]), T.V(q[6 &* along]), T.V(q[7 &* along]))
    let w1 = w0 + s, w2 = w1 + s, w3 = w2 + s, w4 = w3 + s, w5 = w4 + s, w6 = w5 + s, w7 = w6 + s
    registers(w.rows, T.self) { i in
      var a = T.V.fma(T.V.load(w0 + i), x0, T.V.load(y + i))
      a = T.V.fma(T.V.load(w1 + i), x1, a)
      a = T.V.fma(T.V.load(w2 + i), x2, a)
      a = T.V.fma(T.V.load(w3 + i), x3, a)
      a = T.V.fma(T.V.load(w4 + i), x4, a)
      a = T.V.fma(T.V.load(w5 + i), x5, a)
      a = T.V.fma(T.V.load(w6 + i), x6, a)
      a = T.V.fma(T.V.load(w7 + i), x7, a)
      a.store(y + i)
    } part: { i, c in
      var a = T.V.fma(T.V.load(w0 + i, first: c), x0, T.V.load(y + i, first: c))
      a = T.V.fma(T.V.load(w1 + i, first: c), x1, a)
      a = T.V.fma(T.V.load(w2 + i, first: c), x2, a)
      a = T.V.fma(T.V.load(w3 + i, first: c), x3, a)
      a = T.V.fma(T.V.load(w4 + i, first: c), x4, a)
      a = T.V.fma(T.V.load(w5 + i, first: c), x5, a)
      a = T.V.fma(T.V.load(w6 + i, first: c), x6, a)
      a = T.V.fma(T.V.load(w7 + i, first: c), x7, a)
      a.store(y + i, first: c)
    }
    k &+= 8
  }
  while k < w.columns {
    let column = w.columnPointer(k), factor = T.V(x[k &* along])
    registers(w.rows, T.self) { i in
      T.V.fma(T.V.load(column + i), factor, T.V.load(y + i)).store(y + i)
    } part: { i, c in
      T.V.fma(T.V.load(column + i, first: c), factor, T.V.load(y + i, first: c)).store(y + i, first: c)
    }
    k &+= 1
  }
}
