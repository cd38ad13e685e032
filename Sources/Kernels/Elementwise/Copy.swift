// Data movement: fill, copy, accumulate, transpose, gather and scatter.

/// y = value.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func fill<T: Real>(_ y: MatrixView<T>, with value: T) {
  let value = T.V(value)
  map(y, to: y) { _ in value }
}

/// y = x.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func copy<T: Real>(_ x: MatrixView<T>, to y: MatrixView<T>) {
  map(x, to: y) { $0 }
}

/// y += factor · x. With factor 1 it is the gradient of a copy.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func accumulate<T: Real>(_ x: MatrixView<T>, times factor: T, into y: MatrixView<T>) {
  let factor = T.V(factor)
  map(x, y, to: y) { T.V.multiplyAdd($0, factor, $1) }
}

/// y += x ⊙ factors.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func accumulate<T: Real>(_ x: MatrixView<T>, times factors: MatrixView<T>, into y: MatrixView<T>) {
  map(x, factors, y, to: y) { T.V.multiplyAdd($0, $1, $2) }
}

/// y = xᵀ.
///
/// - Parameters:
///   - x: [n × d].
///   - y: [d × n]; its memory does not overlap that of `x`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func transpose<T: Real>(_ x: MatrixView<T>, to y: MatrixView<T>) {
  let lanes = T.V.count, rows = x.rows / lanes &* lanes
  var j = 0
  while j &+ lanes <= x.columns {
    var i = 0
    while i < rows {
      T.V.transposeBlock(
        x.columnPointer(j) + i, x.columnStride, columns: lanes, to: y.columnPointer(i) + j, y.columnStride)
      i &+= lanes
    }
    j &+= lanes
  }
  // the remainder: rows below the square blocks, then columns after them
  let columns = j
  j = 0
  while j < x.columns {
    let from = x.columnPointer(j)
    var i = j < columns ? rows : 0
    while i < x.rows {
      y.columnPointer(i)[j] = from[i]
      i &+= 1
    }
    j &+= 1
  }
}

/// dx += dyᵀ: the gradient of `transpose`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func transposeBackward<T: Real>(dy: MatrixView<T>, dx: MatrixView<T>) {
  var j = 0
  while j < dx.columns {
    let to = dx.columnPointer(j)
    var i = 0
    while i < dx.rows {
      to[i] += dy.columnPointer(i)[j]
      i &+= 1
    }
    j &+= 1
  }
}

/// y[:, b] = m[rows[b], :]ᵀ for each column b of y.
///
/// - Parameters:
///   - m: [n × d].
///   - rows: a row index for each column of `y`, unchecked.
///   - y: [d × B].
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func gatherRows<T: Real>(_ m: MatrixView<T>, rows: UnsafePointer<Int32>, to y: MatrixView<T>) {
  var b = 0
  while b < y.columns {
    let row = m.p + Int(rows[b]), to = y.columnPointer(b)
    var i = 0
    while i < m.columns {
      to[i] = row[i &* m.columnStride]
      i &+= 1
    }
    b &+= 1
  }
}

/// dm[rows[b], :] += dy[:, b]ᵀ for each column b of dy: the gradient of `gatherRows`. Repeated rows accumulate.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func scatterRows<T: Real>(dy: MatrixView<T>, rows: UnsafePointer<Int32>, dm: MatrixView<T>) {
  var b = 0
  while b < dy.columns {
    let row = dm.p + Int(rows[b]), from = dy.columnPointer(b)
    var i = 0
    while i < dm.columns {
      row[i &* dm.columnStride] += from[i]
      i &+= 1
    }
    b &+= 1
  }
}

/// y[:, j] = table[:, columns[j]] + b[:, j] for each column j of y. `columns` is unchecked.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func gatherColumns<T: Real>(
  _ table: MatrixView<T>, _ columns: UnsafePointer<Int32>, adding b: MatrixView<T>, to y: MatrixView<T>
) {
  var j = 0
  while j < y.columns {
    map(table.column(Int(columns[j])), b.column(j), to: y.column(j)) { $0 + $1 }
    j &+= 1
  }
}

/// y[:, j] = table[:, columns[j]] for each column j of y; 0 for a negative index. `columns` is unchecked.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func gatherColumns<T: Real>(_ table: MatrixView<T>, _ columns: UnsafePointer<Int32>, to y: MatrixView<T>) {
  var j = 0
  while j < y.columns {
    let from = Int(columns[j]), to = y.columnPointer(j)
    if from < 0 {
      forEachVector(y.rows, T.self) { i, k in T.V(0).storePartial(to + i, count: k) }
    } else {
      let from = table.columnPointer(from)
      forEachVector(y.rows, T.self) { i, k in T.V.loadPartial(from + i, count: k).storePartial(to + i, count: k) }
    }
    j &+= 1
  }
}

/// y[:, columns[j]] = x[:, j] for each column j of x. `columns` is unchecked.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func placeColumns<T: Real>(_ x: MatrixView<T>, _ columns: UnsafePointer<Int32>, to y: MatrixView<T>) {
  var j = 0
  while j < x.columns {
    let from = x.columnPointer(j), to = y.columnPointer(Int(columns[j]))
    forEachVector(x.rows, T.self) { i, k in T.V.loadPartial(from + i, count: k).storePartial(to + i, count: k) }
    j &+= 1
  }
}

/// y[:, columns[j]] += x[:, j] for each column j of x: the gradient of `gatherColumns`. Repeated columns accumulate, those of
/// a negative index are left out.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func scatterColumns<T: Real>(_ x: MatrixView<T>, _ columns: UnsafePointer<Int32>, into y: MatrixView<T>) {
  var j = 0
  while j < x.columns {
    let column = Int(columns[j])
    if column >= 0 { map(x.column(j), y.column(column), to: y.column(column)) { $0 + $1 } }
    j &+= 1
  }
}
