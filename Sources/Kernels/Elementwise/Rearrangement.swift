// Elements in another order: rows by index, another shape, rows of several matrices in turn.

/// y[i, :] = m[rows[i], :] for each row i of y. `rows` is unchecked.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func selectRows<T: Real>(_ m: MatrixView<T>, rows: UnsafePointer<Int32>, to y: MatrixView<T>) {
  var j = 0
  while j < y.columns {
    let from = m.columnPointer(j), to = y.columnPointer(j)
    var i = 0
    while i < y.rows {
      to[i] = from[Int(rows[i])]
      i &+= 1
    }
    j &+= 1
  }
}

/// dm[rows[i], :] += dy[i, :] for each row i of dy: the gradient of `selectRows`. Repeated rows accumulate.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func selectRowsBackward<T: Real>(dy: MatrixView<T>, rows: UnsafePointer<Int32>, dm: MatrixView<T>) {
  var j = 0
  while j < dy.columns {
    let from = dy.columnPointer(j), to = dm.columnPointer(j)
    var i = 0
    while i < dy.rows {
      to[Int(rows[i])] += from[i]
      i &+= 1
    }
    j &+= 1
  }
}

/// y has the elements of x, row by row, as those of another shape.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func reshape<T: Real>(_ x: MatrixView<T>, to y: MatrixView<T>) {
  forEachReshapedColumn(x, y) { place, j in
    var place = place, i = 0
    let to = y.columnPointer(j)
    while i < y.rows {
      to[i] = x.p[place.row &+ place.column &* x.columnStride]
      place.advance()
      i &+= 1
    }
  }
}

/// dx += dy, element by element in the order of rows: the gradient of `reshape`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func reshapeBackward<T: Real>(dy: MatrixView<T>, dx: MatrixView<T>) {
  forEachReshapedColumn(dx, dy) { place, j in
    var place = place, i = 0
    let from = dy.columnPointer(j)
    while i < dy.rows {
      dx.p[place.row &+ place.column &* dx.columnStride] += from[i]
      place.advance()
      i &+= 1
    }
  }
}

/// Where the elements of a column of y are in x: one row of y is `columns` elements of x further.
private struct Place {
  var row: Int, column: Int
  let rowStep: Int, columnStep: Int, columns: Int

  /// Goes to the next row of y.
  @inline(__always) mutating func advance() {
    row &+= rowStep
    column &+= columnStep
    if column >= columns {
      column &-= columns
      row &+= 1
    }
  }
}

@inline(__always)
private func forEachReshapedColumn<T: Real>(
  _ x: MatrixView<T>, _ y: MatrixView<T>, _ body: (_ place: Place, _ column: Int) -> Void
) {
  var j = 0
  while j < y.columns {
    let place = Place(
      row: j / x.columns, column: j % x.columns, rowStep: y.columns / x.columns, columnStep: y.columns % x.columns,
      columns: x.columns)
    body(place, j)
    j &+= 1
  }
}

/// y[first + i·step, :] = x[i, :] for each row i of x.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func placeRows<T: Real>(_ x: MatrixView<T>, first: Int, step: Int, to y: MatrixView<T>) {
  var j = 0
  while j < x.columns {
    let from = x.columnPointer(j), to = y.columnPointer(j) + first
    var i = 0
    while i < x.rows {
      to[i &* step] = from[i]
      i &+= 1
    }
    j &+= 1
  }
}

/// dx[i, :] += dy[first + i·step, :] for each row i of dx: the gradient of `placeRows`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func placeRowsBackward<T: Real>(dy: MatrixView<T>, first: Int, step: Int, dx: MatrixView<T>) {
  var j = 0
  while j < dx.columns {
    let from = dy.columnPointer(j) + first, to = dx.columnPointer(j)
    var i = 0
    while i < dx.rows {
      to[i] += from[i &* step]
      i &+= 1
    }
    j &+= 1
  }
}
