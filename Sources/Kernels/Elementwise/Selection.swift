// Elements chosen by a condition, and elements limited to an interval.

/// y = condition ≠ 0 ? a : b. An operand of one row is broadcast over the rows of y. NaN is not 0.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func choose<T: Real>(
  _ condition: MatrixView<T>, _ a: MatrixView<T>, _ b: MatrixView<T>, to y: MatrixView<T>
) {
  if condition.rows < y.rows || a.rows < y.rows || b.rows < y.rows {
    return forEachRowBlock(y) { block in
      choose(block.values(condition, 0), block.values(a, 1), block.values(b, 2), to: block.part(y))
    }
  }
  map(condition, a, b, to: y) { condition, a, b in T.V.select(condition, equals: 0.0, b, a) }
}

/// da += dy where the condition is not 0, then db += dy where it is: the gradient of `choose`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func chooseBackward<T: Real>(
  _ condition: MatrixView<T>, dy: MatrixView<T>, da: MatrixView<T>, db: MatrixView<T>
) {
  if condition.rows < dy.rows || da.rows < dy.rows || db.rows < dy.rows {
    return forEachRowBlock(dy) { block in
      block.withGradients(da, 1, db, 2) { da, db in
        chooseBackward(block.values(condition, 0), dy: block.part(dy), da: da, db: db)
      }
    }
  }
  map(condition, dy, da, to: da) { condition, dy, da in T.V.select(condition, equals: 0.0, da, da + dy) }
  map(condition, dy, db, to: db) { condition, dy, db in T.V.select(condition, equals: 0.0, db + dy, db) }
}

/// y = x limited to low ... high. NaN stays NaN.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func clip<T: Real>(_ x: MatrixView<T>, low: T, high: T, to y: MatrixView<T>) {
  let low = T.V(low), high = T.V(high)
  map(x, to: y) { x in T.V.select(low, greaterThan: x, low, T.V.select(x, greaterThan: high, high, x)) }
}

/// dx += dy where low ≤ x ≤ high: the gradient of `clip`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func clipBackward<T: Real>(_ x: MatrixView<T>, low: T, high: T, dy: MatrixView<T>, dx: MatrixView<T>) {
  let low = T.V(low), high = T.V(high)
  map(x, dy, dx, to: dx) { x, dy, dx in
    let inside = T.V.select(low, greaterThan: x, dx, T.V.select(x, greaterThan: high, dx, dx + dy))
    return T.V.select(notNaN: x, inside, dx)
  }
}
