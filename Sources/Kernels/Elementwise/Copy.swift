// Numbers carried from place to place, unchanged: fill, copy, transpose, and rows by index.

/// y = value.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func fill<T: Real>(_ y: MatrixView<T>, with value: T) {
  let value = T.V(value)
  map(y, to: y) { _ in value }
}

/// y = x.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func copy<T: Real>(_ x: MatrixView<T>, to y: MatrixView<T>) {
  map(x, to: y) { $0 }
}

/// y += factor · x. The gradient of a copy, with factor 1.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func accumulate<T: Real>(_ x: MatrixView<T>, times factor: T, into y: MatrixView<T>) {
  let factor = T.V(factor)
  map(x, y, to: y) { T.V.fma($0, factor, $1) }
}

/// y += x ⊙ factors.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func accumulate<T: Real>(_ x: MatrixView<T>, times factors: MatrixView<T>, into y: MatrixView<T>) {
  map(x, factors, y, to: y) { T.V.fma($0, $1, $2) }
}

/// y = xᵀ; x is [n × d], y is [d × n].
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func transpose<T: Real>(_ x: MatrixView<T>, to y: MatrixView<T>) {
  let lanes = T.V.count, rows = x.rows / lanes &* lanes
  var j = 0
  while j &+ lanes <= x.columns {
    var i = 0
    while i < rows {
      T.V.turn(x.columnPointer(j) + i, from: x.columnStride, columns: lanes, to: y.columnPointer(i) + j, y.columnStride)
      i &+= lanes
    }
    j &+= lanes
  }
  // what is left of the squares: rows below them, then columns beside them
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

/// dx += dyᵀ.
@_specialize(where T == Float)
@_specialize(where T == Double)
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

/// Column b of y is row `rows[b]` of m, stood upright.
@_specialize(where T == Float)
@_specialize(where T == Double)
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

/// Row `rows[b]` of dm += column b of dy. A row plucked twice collects both.
@_specialize(where T == Float)
@_specialize(where T == Double)
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

/// Column j of y is column `columns[j]` of a table, plus a column of `b`.
@_specialize(where T == Float)
@_specialize(where T == Double)
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

/// Column `columns[j]` of y += column j of x: the gradient of columns looked up in a table.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func scatterColumns<T: Real>(_ x: MatrixView<T>, _ columns: UnsafePointer<Int32>, into y: MatrixView<T>) {
  var j = 0
  while j < x.columns {
    let from = MatrixView(x.columnPointer(j), rows: x.rows, columns: 1, columnStride: x.rows)
    let to = MatrixView(y.columnPointer(Int(columns[j])), rows: x.rows, columns: 1, columnStride: x.rows)
    map(from, to, to: to) { $0 + $1 }
    j &+= 1
  }
}
