// Sums: of all elements, of each column, of each row, and of products.

/// Σ x.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func sum<T: Real>(_ x: MatrixView<T>) -> T { sumOfElements(x) }

/// Σ x, inlined: a kernel of a file before this one cannot call the specialized code of `sum`, which the compiler emits
/// later.
@inline(__always)
func sumOfElements<T: Real>(_ x: MatrixView<T>) -> T {
  var total: T.V = 0.0
  forEachContiguousRun(x, othersAreContiguous: true) { n, j in
    let x = x.columnPointer(j)
    total = total + sumVectors(n, T.self) { sum, i, k in sum + T.V.loadPartial(x + i, count: k) }
  }
  return total.sum
}

/// Σ a ⊙ b.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func dot<T: Real>(_ a: MatrixView<T>, _ b: MatrixView<T>) -> T {
  var total: T.V = 0.0
  forEachContiguousRun(a, othersAreContiguous: b.isContiguous) { n, j in
    let a = a.columnPointer(j), b = b.columnPointer(j)
    total =
      total
      + sumVectors(n, T.self) { sum, i, k in
        T.V.multiplyAdd(T.V.loadPartial(a + i, count: k), T.V.loadPartial(b + i, count: k), sum)
      }
  }
  return total.sum
}

/// Σ a and Σ a ⊙ b of two columns.
@inline(__always)
func sumAndDot<T: Real>(_ a: MatrixView<T>, _ b: MatrixView<T>) -> (sum: T, dot: T) {
  var sum0: T.V = 0.0, sum1: T.V = 0.0, dot0: T.V = 0.0, dot1: T.V = 0.0, i = 0
  while i &+ 2 &* T.V.count <= a.rows {
    let (x, y) = (T.V.load(a.p + i), T.V.load(a.p + i + T.V.count))
    (sum0, sum1) = (sum0 + x, sum1 + y)
    (dot0, dot1) = (T.V.multiplyAdd(x, .load(b.p + i), dot0), T.V.multiplyAdd(y, .load(b.p + i + T.V.count), dot1))
    i &+= 2 &* T.V.count
  }
  while i < a.rows {
    let k = min(T.V.count, a.rows &- i), x = T.V.loadPartial(a.p + i, count: k)
    (sum0, dot0) = (sum0 + x, T.V.multiplyAdd(x, .loadPartial(b.p + i, count: k), dot0))
    i &+= k
  }
  return ((sum0 + sum1).sum, (dot0 + dot1).sum)
}

/// Σ (a − b)².
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func squaredDistance<T: Real>(_ a: MatrixView<T>, _ b: MatrixView<T>) -> T {
  var total: T.V = 0.0
  forEachContiguousRun(a, othersAreContiguous: b.isContiguous) { n, j in
    let a = a.columnPointer(j), b = b.columnPointer(j)
    total =
      total
      + sumVectors(n, T.self) { sum, i, k in
        let e = T.V.loadPartial(a + i, count: k) - T.V.loadPartial(b + i, count: k)
        return T.V.multiplyAdd(e, e, sum)
      }
  }
  return total.sum
}

/// da += 2·dy·(a − b), db −= 2·dy·(a − b), for a scalar dy: the gradient of `squaredDistance`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func squaredDistanceBackward<T: Real>(
  _ a: MatrixView<T>, _ b: MatrixView<T>, dy: T, da: MatrixView<T>, db: MatrixView<T>
) {
  let factor = T.V(2 * dy)
  map(a, b, da, to: da) { T.V.multiplyAdd(factor, $0 - $1, $2) }
  map(a, b, db, to: db) { T.V.multiplyAdd(factor, $1 - $0, $2) }
}

/// y[j] = factor · Σᵢ x[i, j]; y is [1 × d].
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func sumRows<T: Real>(_ x: MatrixView<T>, times factor: T, to y: MatrixView<T>) {
  var j = 0
  while j < x.columns {
    y.columnPointer(j)[0] = factor * sum(MatrixView(x.columnPointer(j), rows: x.rows, columns: 1, columnStride: x.rows))
    j &+= 1
  }
}

/// dx[i, j] += factor · dy[j]: the gradient of `sumRows`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func sumRowsBackward<T: Real>(dy: MatrixView<T>, times factor: T, dx: MatrixView<T>) {
  var j = 0
  while j < dx.columns {
    let column = MatrixView(dx.columnPointer(j), rows: dx.rows, columns: 1, columnStride: dx.rows)
    let gradient = T.V(factor * dy.columnPointer(j)[0])
    map(column, to: column) { $0 + gradient }
    j &+= 1
  }
}

/// y = factor · Σⱼ x[:, j]; y is [n × 1].
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func sumColumns<T: Real>(_ x: MatrixView<T>, times factor: T, to y: MatrixView<T>) {
  let scale = T.V(factor)
  forEachVector(x.rows, T.self) { i, k in
    var total: T.V = 0.0
    var j = 0
    while j < x.columns {
      total = total + T.V.loadPartial(x.columnPointer(j) + i, count: k)
      j &+= 1
    }
    (total * scale).storePartial(y.p + i, count: k)
  }
}
