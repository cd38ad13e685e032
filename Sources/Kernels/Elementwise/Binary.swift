// Element-wise functions of two operands.
//
// A single column is broadcast by a column stride of 0: a read returns the same column every time, and a gradient
// accumulates the sum over all columns. A single row is copied to a block of rows in the first-level cache, and the sum of
// the block's gradient is that of the row.

/// An element-wise function of two operands.
public enum BinaryOperation: UInt8, Sendable, CaseIterable {
  case add, sub, eltmul, div
  case maximum, minimum
  /// 1 where the comparison holds, else 0; without a gradient.
  case greater, greaterEqual, less, lessEqual, equal, notEqual

  /// Whether the result has a gradient.
  public var hasGradient: Bool { rawValue < BinaryOperation.greater.rawValue }
}

/// y = a ∘ b. `y` may be `a` or `b`. An operand of one row is broadcast over the rows of y.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func apply<T: Real>(_ operation: BinaryOperation, _ a: MatrixView<T>, _ b: MatrixView<T>, to y: MatrixView<T>) {
  if a.rows < y.rows || b.rows < y.rows {
    return forEachRowBlock(y) { block in
      apply(operation, block.values(a, 0), block.values(b, 1), to: block.part(y))
    }
  }
  switch operation {
  case .add: map(a, b, to: y) { $0 + $1 }
  case .sub: map(a, b, to: y) { $0 - $1 }
  case .eltmul: map(a, b, to: y) { $0 * $1 }
  case .div: map(a, b, to: y) { $0 / $1 }
  case .maximum: map(a, b, to: y) { a, b in T.V.select(notNaN: a, T.V.select(a, greaterThan: b, a, b), a) }
  case .minimum: map(a, b, to: y) { a, b in T.V.select(notNaN: a, T.V.select(b, greaterThan: a, a, b), a) }
  case .greater: map(a, b, to: y) { a, b in T.V.select(a, greaterThan: b, 1.0, 0.0) }
  case .greaterEqual:
    map(a, b, to: y) { a, b in T.V.select(a, greaterThan: b, 1.0, T.V.select(a, equals: b, 1.0, 0.0)) }
  case .less: map(a, b, to: y) { a, b in T.V.select(b, greaterThan: a, 1.0, 0.0) }
  case .lessEqual: map(a, b, to: y) { a, b in T.V.select(b, greaterThan: a, 1.0, T.V.select(a, equals: b, 1.0, 0.0)) }
  case .equal: map(a, b, to: y) { a, b in T.V.select(a, equals: b, 1.0, 0.0) }
  case .notEqual: map(a, b, to: y) { a, b in T.V.select(a, equals: b, 0.0, 1.0) }
  }
}

/// da += dy ∂y/∂a, then db += dy ∂y/∂b. The order is fixed, so that `a` and `b` may be one matrix.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func applyBackward<T: Real>(
  _ operation: BinaryOperation, _ a: MatrixView<T>, _ b: MatrixView<T>, _ y: MatrixView<T>, dy: MatrixView<T>,
  da: MatrixView<T>, db: MatrixView<T>
) {
  if !operation.hasGradient { return }
  if a.rows < dy.rows || b.rows < dy.rows {
    return forEachRowBlock(dy) { block in
      block.withGradients(da, 2, db, 3) { da, db in
        applyBackward(
          operation, block.values(a, 0), block.values(b, 1), block.part(y), dy: block.part(dy), da: da, db: db)
      }
    }
  }
  switch operation {
  case .add:
    map(dy, da, to: da) { $0 + $1 }
    map(dy, db, to: db) { $0 + $1 }
  case .sub:
    map(dy, da, to: da) { $0 + $1 }
    map(dy, db, to: db) { $1 - $0 }
  case .eltmul:
    map(dy, b, da, to: da) { T.V.multiplyAdd($0, $1, $2) }
    map(dy, a, db, to: db) { T.V.multiplyAdd($0, $1, $2) }
  case .div:
    // d(a/b) = da/b − (a/b) db/b
    map(dy, b, da, to: da) { $2 + $0 / $1 }
    map(dy, y, b, db, to: db) { $3 - $0 * $1 / $2 }
  case .maximum:
    map(dy, a, b, da, to: da) { dy, a, b, da in T.V.multiplyAdd(dy, share(b, of: a), da) }
    map(dy, a, b, db, to: db) { dy, a, b, db in T.V.multiplyAdd(dy, share(a, of: b), db) }
  case .minimum:
    map(dy, a, b, da, to: da) { dy, a, b, da in T.V.multiplyAdd(dy, share(a, of: b), da) }
    map(dy, a, b, db, to: db) { dy, a, b, db in T.V.multiplyAdd(dy, share(b, of: a), db) }
  case .greater, .greaterEqual, .less, .lessEqual, .equal, .notEqual: break
  }
}

/// The share of the gradient of max(larger, other) that is `larger`'s: half for equal ones, all for both if one is NaN, as in
/// PyTorch.
@inline(__always)
private func share<V: Vector>(_ other: V, of larger: V) -> V {
  V.select(
    larger, greaterThan: other, 1.0,
    V.select(other, greaterThan: larger, 0.0, V.select(larger, equals: other, 0.5, 1.0)))
}
