// Element-wise functions of two operands.
//
// A single column is broadcast by a column stride of 0: a read returns the same column every time, and a gradient
// accumulates the sum over all columns.

/// An element-wise function of two operands.
public enum BinaryOperation: UInt8, Sendable, CaseIterable {
  case add, sub, eltmul, div
}

/// y = a ∘ b. `y` may be `a` or `b`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func apply<T: Real>(_ operation: BinaryOperation, _ a: MatrixView<T>, _ b: MatrixView<T>, to y: MatrixView<T>) {
  switch operation {
  case .add: map(a, b, to: y) { $0 + $1 }
  case .sub: map(a, b, to: y) { $0 - $1 }
  case .eltmul: map(a, b, to: y) { $0 * $1 }
  case .div: map(a, b, to: y) { $0 / $1 }
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
  switch operation {
  case .add:
    map(dy, da, to: da) { $0 + $1 }
    map(dy, db, to: db) { $0 + $1 }
  case .sub:
    map(dy, da, to: da) { $0 + $1 }
    map(dy, db, to: db) { $1 - $0 }
  case .eltmul:
    map(dy, b, da, to: da) { T.V.fma($0, $1, $2) }
    map(dy, a, db, to: db) { T.V.fma($0, $1, $2) }
  case .div:
    // d(a/b) = da/b − (a/b) db/b
    map(dy, b, da, to: da) { $2 + $0 / $1 }
    map(dy, y, b, db, to: db) { $3 - $0 * $1 / $2 }
  }
}
