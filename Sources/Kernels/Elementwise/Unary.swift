// Element-wise functions of one operand.

/// An element-wise function of one operand. A new one is a case here and a row of `withFunctions`.
public enum UnaryOperation: UInt8, Sendable, CaseIterable {
  case tanh, sigmoid, relu, leakyRelu, gelu, silu, softplus
  case neg, scale, exp, log, sqrt, square, abs
  case shift, sin, cos, pow

  /// Whether the derivative f′(x, y) reads x, and whether it reads y = f(x).
  public var derivativeReads: (x: Bool, y: Bool) {
    switch self {
    case .neg, .scale, .shift: (false, false)
    case .tanh, .sigmoid, .relu, .exp, .sqrt: (false, true)
    case .leakyRelu, .gelu, .softplus, .log, .square, .abs, .sin, .cos, .pow: (true, false)
    case .silu: (true, true)
    }
  }
}

/// A loop over elements that `withFunctions` specializes for each operation.
protocol UnaryLoop {
  associatedtype T: Real
  func run(_ value: (_ x: T.V) -> T.V, _ derivative: (_ x: T.V, _ y: T.V) -> T.V)
}

/// Runs a loop with the value y = f(x) and the derivative f′(x, y) of an operation.
///
/// This table is the definition of every operation. A derivative may use the value y of the forward pass. The loop is
/// a type rather than a closure, because Swift inlines its method in each row; a closure would stay a call per vector.
///
/// - Parameters:
///   - operation: the operation.
///   - a: its parameter: the negative slope of `leakyRelu`, the factor of `scale`, the constant of `shift`, the exponent of
///     `pow`; the others ignore it.
///   - loop: receives the two functions.
///
/// Not inlined: the unspecialized entry of `apply`, which other modules call, would prepare the metadata of every row
/// before it selects the specialized code.
@inline(never)
func withFunctions<L: UnaryLoop>(_ operation: UnaryOperation, _ a: L.T.V, _ loop: L) {
  typealias T = L.T
  switch operation {
  case .tanh:
    loop.run({ T.tanh($0) }, { _, y in 1.0 - y * y })
  case .sigmoid:
    loop.run({ T.sigmoid($0) }, { _, y in y * (1.0 - y) })
  case .relu:
    // Parity: the derivative is 0 at 0
    loop.run({ x in T.V.select(0.0, greaterThan: x, 0.0, x) }, { _, y in T.V.select(y, greaterThan: 0.0, 1.0, 0.0) })
  case .leakyRelu:
    loop.run({ x in T.V.select(x, greaterThan: 0.0, x, x * a) }, { x, _ in T.V.select(x, greaterThan: 0.0, 1.0, a) })
  case .gelu:
    // x Φ(x), the exact form; the limit of −∞·0 is 0. Its derivative is Φ(x) + x φ(x)
    loop.run(
      { x in
        let y = x * T.normal(x).cdf
        return T.V.select(-1e9, greaterThan: x, 0.0, y)
      },
      { x, _ in
        let (cdf, pdf) = T.normal(x)
        return T.V.multiplyAdd(x, pdf, cdf)
      })
  case .silu:
    // x σ(x); its derivative is σ + y (1 − σ)
    loop.run(
      { x in T.V.select(-1e9, greaterThan: x, 0.0, x * T.sigmoid(x)) },
      { x, y in
        let s = T.sigmoid(x)
        return T.V.multiplyAdd(y, 1.0 - s, s)
      })
  case .softplus:
    loop.run({ T.softplus($0) }, { x, _ in T.sigmoid(x) })
  case .neg:
    loop.run({ -1.0 * $0 }, { _, _ in -1.0 })
  case .scale:
    loop.run({ $0 * a }, { _, _ in a })
  case .shift:
    loop.run({ $0 + a }, { _, _ in 1.0 })
  case .exp:
    loop.run({ T.exp($0) }, { _, y in y })
  case .log:
    loop.run({ T.log($0) }, { x, _ in 1.0 / x })
  case .sqrt:
    loop.run({ T.V.sqrt($0) }, { _, y in 0.5 / y })
  case .square:
    loop.run({ $0 * $0 }, { x, _ in 2.0 * x })
  case .abs:
    // the derivative is 0 at 0, as in PyTorch and JAX
    loop.run(
      { T.V.abs($0) },
      { x, _ in T.V.select(x, greaterThan: 0.0, 1.0, T.V.select(0.0, greaterThan: x, -1.0, 0.0)) })
  case .sin:
    loop.run({ T.sin($0) }, { x, _ in T.cos(x) })
  case .cos:
    loop.run({ T.cos($0) }, { x, _ in -1.0 * T.sin(x) })
  case .pow:
    loop.run({ T.pow($0, a) }, { x, _ in T.powDerivative(x, a) })
  }
}

private struct ForwardLoop<T: Real>: UnaryLoop {
  let x: MatrixView<T>, y: MatrixView<T>

  @inline(__always) func run(_ value: (_ x: T.V) -> T.V, _: (_ x: T.V, _ y: T.V) -> T.V) {
    map(x, to: y) { value($0) }
  }
}

private struct BackwardLoop<T: Real>: UnaryLoop {
  let x: MatrixView<T>, y: MatrixView<T>, dy: MatrixView<T>, dx: MatrixView<T>

  @inline(__always) func run(_: (_ x: T.V) -> T.V, _ derivative: (_ x: T.V, _ y: T.V) -> T.V) {
    map(x, y, dy, dx, to: dx) { x, y, dy, dx in T.V.multiplyAdd(dy, derivative(x, y), dx) }
  }
}

/// y = f(x). `y` may be `x`.
///
/// - Parameters:
///   - operation: f.
///   - parameter: the negative slope of `leakyRelu`, the factor of `scale`, the constant of `shift`, the exponent of
///     `pow`; the others ignore it.
///   - x: the operand.
///   - y: receives the values.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func apply<T: Real>(
  _ operation: UnaryOperation, _ parameter: T, _ x: MatrixView<T>, to y: MatrixView<T>
) {
  withFunctions(operation, T.V(parameter), ForwardLoop(x: x, y: y))
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
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func applyBackward<T: Real>(
  _ operation: UnaryOperation, _ parameter: T, _ x: MatrixView<T>, _ y: MatrixView<T>, dy: MatrixView<T>,
  dx: MatrixView<T>
) {
  withFunctions(operation, T.V(parameter), BackwardLoop(x: x, y: y, dy: dy, dx: dx))
}
