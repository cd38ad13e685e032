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
  let lanes = T.V.count, rows = x.n / lanes &* lanes
  var j = 0
  while j &+ lanes <= x.d {
    var i = 0
    while i < rows {
      T.V.turn(x.column(j) + i, from: x.stride, columns: lanes, to: y.column(i) + j, y.stride)
      i &+= lanes
    }
    j &+= lanes
  }
  // what is left of the squares: rows below them, then columns beside them
  let columns = j
  j = 0
  while j < x.d {
    let from = x.column(j)
    var i = j < columns ? rows : 0
    while i < x.n {
      y.column(i)[j] = from[i]
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
  while j < dx.d {
    let to = dx.column(j)
    var i = 0
    while i < dx.n {
      to[i] += dy.column(i)[j]
      i &+= 1
    }
    j &+= 1
  }
}

/// Column b of y is row `rows[b]` of m, stood upright.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func pluck<T: Real>(_ m: MatrixView<T>, rows: UnsafePointer<Int32>, to y: MatrixView<T>) {
  var b = 0
  while b < y.d {
    let row = m.p + Int(rows[b]), to = y.column(b)
    var i = 0
    while i < m.d {
      to[i] = row[i &* m.stride]
      i &+= 1
    }
    b &+= 1
  }
}

/// Row `rows[b]` of dm += column b of dy. A row plucked twice collects both.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func pluckBackward<T: Real>(dy: MatrixView<T>, rows: UnsafePointer<Int32>, dm: MatrixView<T>) {
  var b = 0
  while b < dy.d {
    let row = dm.p + Int(rows[b]), from = dy.column(b)
    var i = 0
    while i < dm.d {
      row[i &* dm.stride] += from[i]
      i &+= 1
    }
    b &+= 1
  }
}

/// Column j of y is column `columns[j]` of a table, plus a column of `b`.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func gather<T: Real>(
  _ table: MatrixView<T>, _ columns: UnsafePointer<Int32>, adding b: MatrixView<T>, to y: MatrixView<T>
) {
  var j = 0
  while j < y.d {
    map(table.only(Int(columns[j])), b.only(j), to: y.only(j)) { $0 + $1 }
    j &+= 1
  }
}

/// Column `columns[j]` of y += column j of x: the gradient of columns looked up in a table.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func scatter<T: Real>(_ x: MatrixView<T>, _ columns: UnsafePointer<Int32>, into y: MatrixView<T>) {
  var j = 0
  while j < x.d {
    let from = MatrixView(x.column(j), n: x.n, d: 1, stride: x.n)
    let to = MatrixView(y.column(Int(columns[j])), n: x.n, d: 1, stride: x.n)
    map(from, to, to: to) { $0 + $1 }
    j &+= 1
  }
}
