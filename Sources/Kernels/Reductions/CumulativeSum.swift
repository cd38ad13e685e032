// Cumulative sums of columns and of rows.

/// y[i, j] = Σ x[k, j] over k ≤ i.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func cumulativeSumRows<T: Real>(_ x: MatrixView<T>, to y: MatrixView<T>) {
  var j = 0
  while j < x.columns {
    let from = x.columnPointer(j), to = y.columnPointer(j)
    var total: T = 0, i = 0
    while i < x.rows {
      total += from[i]
      to[i] = total
      i &+= 1
    }
    j &+= 1
  }
}

/// dx[i, j] += Σ dy[k, j] over k ≥ i: the gradient of `cumulativeSumRows`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func cumulativeSumRowsBackward<T: Real>(dy: MatrixView<T>, dx: MatrixView<T>) {
  var j = 0
  while j < dx.columns {
    let from = dy.columnPointer(j), to = dx.columnPointer(j)
    var total: T = 0, i = dx.rows &- 1
    while i >= 0 {
      total += from[i]
      to[i] += total
      i &-= 1
    }
    j &+= 1
  }
}

/// y[:, j] = Σ x[:, k] over k ≤ j.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func cumulativeSumColumns<T: Real>(_ x: MatrixView<T>, to y: MatrixView<T>) {
  forEachVector(x.rows, T.self) { i, k in
    var total: T.V = 0.0
    var j = 0
    while j < x.columns {
      total = total + T.V.loadPartial(x.columnPointer(j) + i, count: k)
      total.storePartial(y.columnPointer(j) + i, count: k)
      j &+= 1
    }
  }
}

/// dx[:, j] += Σ dy[:, k] over k ≥ j: the gradient of `cumulativeSumColumns`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func cumulativeSumColumnsBackward<T: Real>(dy: MatrixView<T>, dx: MatrixView<T>) {
  forEachVector(dx.rows, T.self) { i, k in
    var total: T.V = 0.0
    var j = dx.columns &- 1
    while j >= 0 {
      total = total + T.V.loadPartial(dy.columnPointer(j) + i, count: k)
      let to = dx.columnPointer(j) + i
      (T.V.loadPartial(to, count: k) + total).storePartial(to, count: k)
      j &-= 1
    }
  }
}
