// Operations that treat every number alike.

import Kernels

public typealias UnaryOperation = Kernels.UnaryOperation
public typealias BinaryOperation = Kernels.BinaryOperation

extension Graph {
  /// Records an element-wise function of one Mat.
  ///
  /// - Parameter parameter: the negative slope of `leakyRelu`, the factor of `scale`; finite.
  public func unary(_ operation: UnaryOperation, _ m: Mat, parameter: Double = 0) throws(RecurrentError) -> Mat {
    try require(parameter.isFinite, .badValue, "parameter is not finite; expected a finite number, got \(parameter)")
    return try curve(operation, m, parameter)
  }

  /// Records an element-wise function of two Mats of one shape; a single column is broadcast over the other's columns.
  public func binary(_ operation: BinaryOperation, _ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat {
    try pair(operation, "\(operation)", a, b)
  }

  /// tanh x.
  public func tanh(_ m: Mat) throws(RecurrentError) -> Mat { try curve(.tanh, m) }

  /// The logistic function 1/(1 + e⁻ˣ).
  public func sigmoid(_ m: Mat) throws(RecurrentError) -> Mat { try curve(.sigmoid, m) }

  /// max(0, x); its slope is 1 where x > 0.
  public func relu(_ m: Mat) throws(RecurrentError) -> Mat { try curve(.relu, m) }

  /// x where x > 0, `slope`·x elsewhere.
  public func leakyRelu(_ m: Mat, slope: Double = 0.01) throws(RecurrentError) -> Mat {
    try require(slope.isFinite, .badValue, "slope is \(slope); expected a finite number")
    return try curve(.leakyRelu, m, slope)
  }

  /// x·Φ(x), with Φ the normal distribution: the exact form, not the one by tanh.
  ///
  /// Reference: Hendrycks and Gimpel, arXiv:1606.08415.
  public func gelu(_ m: Mat) throws(RecurrentError) -> Mat { try curve(.gelu, m) }

  /// x·σ(x).
  public func silu(_ m: Mat) throws(RecurrentError) -> Mat { try curve(.silu, m) }

  /// ln(1 + eˣ).
  public func softplus(_ m: Mat) throws(RecurrentError) -> Mat { try curve(.softplus, m) }

  /// −x.
  public func neg(_ m: Mat) throws(RecurrentError) -> Mat { try curve(.neg, m) }

  /// `factor`·x.
  public func scale(_ m: Mat, by factor: Double) throws(RecurrentError) -> Mat {
    try require(factor.isFinite, .badValue, "factor is \(factor); expected a finite number")
    return try curve(.scale, m, factor)
  }

  /// eˣ.
  public func exp(_ m: Mat) throws(RecurrentError) -> Mat { try curve(.exp, m) }

  /// ln x; −∞ at 0, NaN below.
  public func log(_ m: Mat) throws(RecurrentError) -> Mat { try curve(.log, m) }

  /// √x; NaN below 0, and an infinite slope at 0.
  public func sqrt(_ m: Mat) throws(RecurrentError) -> Mat { try curve(.sqrt, m) }

  /// x².
  public func square(_ m: Mat) throws(RecurrentError) -> Mat { try curve(.square, m) }

  /// |x|; its slope at 0 is 0.
  public func abs(_ m: Mat) throws(RecurrentError) -> Mat { try curve(.abs, m) }

  /// a + b. Either may be a single column [n × 1], which is then added to every column of the other.
  ///
  /// - Throws: `.badShape` if the shapes are neither equal nor so related.
  public func add(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat { try pair(.add, "add", a, b) }

  /// a − b, with columns as in `add`.
  public func sub(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat { try pair(.sub, "sub", a, b) }

  /// a ⊙ b, element by element, with columns as in `add`.
  public func eltmul(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat { try pair(.eltmul, "eltmul", a, b) }

  /// a / b, element by element, with columns as in `add`.
  public func div(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat { try pair(.div, "div", a, b) }

  private func curve(_ f: UnaryOperation, _ m: Mat, _ parameter: Double = 0) throws(RecurrentError) -> Mat {
    try recording { () throws(RecurrentError) in
      let mark = operands.count
      try adopt(m, "m")
      return try emit(.curve(f), since: mark, n: m.n, d: m.d, scalar: parameter)
    }
  }

  private func pair(_ f: BinaryOperation, _ name: String, _ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat {
    try require(
      a.n == b.n && (a.d == b.d || a.d == 1 || b.d == 1), .badShape,
      "\(name) takes two Mats of one shape, or one of them a single column: a is \(a.shape), b is \(b.shape)")
    return try recording { () throws(RecurrentError) in
      let mark = operands.count, d = max(a.d, b.d)
      try adopt(a, "a", columns: d)
      try adopt(b, "b", columns: d)
      return try emit(.pair(f), since: mark, n: a.n, d: d)
    }
  }
}

enum Elementwise {
  @inline(__always) static func forward<T: Real>(_ f: UnaryOperation, _ node: Node, _ x: Operands<T>) {
    apply(f, x.scalar, x[0], to: x.y)
  }

  @inline(__always) static func backward<T: Real>(_ f: UnaryOperation, _ node: Node, _ x: Operands<T>) {
    applyBackward(f, x.scalar, x[0], x.y, dy: x.dy, dx: x.d(0))
  }

  @inline(__always) static func forward<T: Real>(_ f: BinaryOperation, _ node: Node, _ x: Operands<T>) {
    apply(f, x[0], x[1], to: x.y)
  }

  @inline(__always) static func backward<T: Real>(_ f: BinaryOperation, _ node: Node, _ x: Operands<T>) {
    applyBackward(f, x[0], x[1], x.y, dy: x.dy, da: x.d(0), db: x.d(1))
  }
}
