// Element-wise functions of one operand.

/// An element-wise function of one operand. A new one is a case here and a row of `withFunctions`.
public enum UnaryOperation: UInt8, Sendable, CaseIterable {
  case tanh, sigmoid, relu, leakyRelu, gelu, silu, softplus
  case neg, scale, exp, log, sqrt, square, abs
}

/// Calls `body` with the value y = f(x) and the derivative f′(x, y) of an operation.
///
/// This table is the definition of every operation. A derivative may use the value y of the forward pass. `body` is
/// inlined for each row, so that each operation has its own loop.
///
/// - Parameters:
///   - operation: the operation.
///   - a: its parameter: the negative slope of `leakyRelu`, the factor of `scale`; the others ignore it.
///   - body: receives the two functions.
@inline(__always)
private func withFunctions<T: Real>(
  _ operation: UnaryOperation, _ a: T.V, _: T.Type,
  _ body: (_ value: (_ x: T.V) -> T.V, _ derivative: (_ x: T.V, _ y: T.V) -> T.V) -> Void
) {
  switch operation {
  case .tanh:
    body({ T.tanh($0) }, { _, y in 1.0 - y * y })
  case .sigmoid:
    body({ T.sigmoid($0) }, { _, y in y * (1.0 - y) })
  case .relu:
    // Parity: the derivative is 0 at 0
    body({ x in T.V.select(0.0, greaterThan: x, 0.0, x) }, { x, _ in T.V.select(x, greaterThan: 0.0, 1.0, 0.0) })
  case .leakyRelu:
    body({ x in T.V.select(x, greaterThan: 0.0, x, x * a) }, { x, _ in T.V.select(x, greaterThan: 0.0, 1.0, a) })
  case .gelu:
    // x Φ(x), the exact form; the limit of −∞·0 is 0. Its derivative is Φ(x) + x φ(x)
    body(
      { x in
        let y = x * T.normal(x).cdf
        return T.V.select(-1e9, greaterThan: x, 0.0, y)
      },
      { x, _ in
        let (cdf, pdf) = T.normal(x)
        return T.V.fma(x, pdf, cdf)
      })
  case .silu:
    // x σ(x); its derivative is σ + y (1 − σ)
    body(
      { x in T.V.select(-1e9, greaterThan: x, 0.0, x * T.sigmoid(x)) },
      { x, y in
        let s = T.sigmoid(x)
        return T.V.fma(y, 1.0 - s, s)
      })
  case .softplus:
    body({ T.softplus($0) }, { x, _ in T.sigmoid(x) })
  case .neg:
    body({ -1.0 * $0 }, { _, _ in -1.0 })
  case .scale:
    body({ $0 * a }, { _, _ in a })
  case .exp:
    body({ T.exp($0) }, { _, y in y })
  case .log:
    body({ T.log($0) }, { x, _ in 1.0 / x })
  case .sqrt:
    body({ T.V.sqrt($0) }, { _, y in 0.5 / y })
  case .square:
    body({ $0 * $0 }, { x, _ in 2.0 * x })
  case .abs:
    // the derivative is 0 at 0, as in PyTorch and JAX
    body(
      { T.V.abs($0) },
      { x, _ in T.V.select(x, greaterThan: 0.0, 1.0, T.V.select(0.0, greaterThan: x, -1.0, 0.0)) })
  }
}

/// y = f(x). `y` may be `x`.
///
/// - Parameters:
///   - operation: f.
///   - parameter: the negative slope of `leakyRelu`, the factor of `scale`; the others ignore it.
///   - x: the operand.
///   - y: receives the values.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func apply<T: Real>(
  _ operation: UnaryOperation, _ parameter: T, _ x: MatrixView<T>, to y: MatrixView<T>
) {
  withFunctions(operation, T.V(parameter), T.self) { value, _ in
    map(x, to: y) { value($0) }
  }
}

/// dx += dy · f′(x).
///
/// - Parameters:
///   - operation: f.
///   - parameter: as in `apply`.
///   - x: the operand.
///   - y: f(x), as `apply` left it.
///   - dy: the gradient of y.
///   - dx: the gradient of x, added to.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func applyBackward<T: Real>(
  _ operation: UnaryOperation, _ parameter: T, _ x: MatrixView<T>, _ y: MatrixView<T>, dy: MatrixView<T>,
  dx: MatrixView<T>
) {
  withFunctions(operation, T.V(parameter), T.self) { _, derivative in
    map(x, y, dy, dx, to: dx) { x, y, dy, dx in T.V.fma(dy, derivative(x, y), dx) }
  }
}
