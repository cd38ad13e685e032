// Sums: of all elements, of each column, of each row, and of products.

/// Σ x.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func sum<T: Real>(_ x: MatrixView<T>) -> T {
  var total: T.V = 0.0
  forEachContiguousRun(x, othersAreContiguous: true) { n, j in
    let x = x.columnPointer(j)
    forEachVector(n, T.self) { i, k in
      total = total + T.V.loadPartial(x + i, count: k)
    }
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
    forEachVector(n, T.self) { i, k in
      total = T.V.fma(T.V.loadPartial(a + i, count: k), T.V.loadPartial(b + i, count: k), total)
    }
  }
  return total.sum
}

/// Σ (a − b)².
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func squaredDistance<T: Real>(_ a: MatrixView<T>, _ b: MatrixView<T>) -> T {
  var total: T.V = 0.0
  forEachContiguousRun(a, othersAreContiguous: b.isContiguous) { n, j in
    let a = a.columnPointer(j), b = b.columnPointer(j)
    forEachVector(n, T.self) { i, k in
      let e = T.V.loadPartial(a + i, count: k) - T.V.loadPartial(b + i, count: k)
      total = T.V.fma(e, e, total)
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
  map(a, b, da, to: da) { T.V.fma(factor, $0 - $1, $2) }
  map(a, b, db, to: db) { T.V.fma(factor, $1 - $0, $2) }
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
