// Element-wise operations of one and of two operands.

import Kernels

/// An element-wise operation of one operand; its raw value is the C interface's `recurrent_unary`.
public typealias UnaryOperation = Kernels.UnaryOperation
/// An element-wise operation of two operands; its raw value is the C interface's `recurrent_binary`.
public typealias BinaryOperation = Kernels.BinaryOperation

extension Graph {
  /// Records an element-wise operation of one operand.
  ///
  /// - Parameters:
  ///   - operation: the function of an element.
  ///   - m: the operand.
  ///   - parameter: the negative slope of `.leakyRelu`, the factor of `.scale`, the constant of `.shift`, the exponent
  ///     of `.pow`; 0 for the other operations.
  /// - Throws: `.badValue` if `parameter` is not finite, or is not 0 for an operation without one.
  public func unary(_ operation: UnaryOperation, _ m: Mat, parameter: Double = 0) throws(RecurrentError) -> Mat {
    try check(parameter, of: operation, m.dtype)
    return try record(Unary(operation: operation, parameter: parameter), m, n: m.n, d: m.d)
  }

  /// Records an element-wise operation of two operands.
  ///
  /// A single row, [1 × d], is broadcast to the rows of the other operand, a single column, [n × 1], to its columns, and
  /// [1 × 1] to both; the gradient of what is broadcast is a sum. A column and a row give [n × d].
  ///
  /// - Throws: `.badShape` unless the numbers of rows are equal or one is 1, and those of columns.
  public func binary(_ operation: BinaryOperation, _ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat {
    try require(
      (a.n == b.n || a.n == 1 || b.n == 1) && (a.d == b.d || a.d == 1 || b.d == 1), .badShape,
      "a and b of \(operation.name) have incompatible shapes; expected equal numbers of rows and of columns, or 1, got "
        + "\(a.shape) and \(b.shape)")
    let n = Swift.max(a.n, b.n), d = Swift.max(a.d, b.d)
    return try record(Binary(operation: operation), a, b, n: n, d: d, broadcastTo: d)
  }

  private func check(_ parameter: Double, of operation: UnaryOperation, _ dtype: DType) throws(RecurrentError) {
    guard let name = operation.parameterName else {
      return try require(
        parameter == 0, .badValue, "parameter is unused by \(operation.name); expected 0, got \(parameter)")
    }
    try require(parameter.isFinite, .badValue, "\(name) is not finite; expected a finite number, got \(parameter)")
    try require(parameter, name, fits: dtype)
  }

  /// tanh x.
  public func tanh(_ m: Mat) throws(RecurrentError) -> Mat { try unary(.tanh, m) }

  /// The logistic function 1/(1 + e⁻ˣ).
  public func sigmoid(_ m: Mat) throws(RecurrentError) -> Mat { try unary(.sigmoid, m) }

  /// max(0, x); its derivative is 1 for x > 0 and 0 at 0.
  public func relu(_ m: Mat) throws(RecurrentError) -> Mat { try unary(.relu, m) }

  /// x for x > 0, `negativeSlope`·x otherwise.
  public func leakyRelu(_ m: Mat, negativeSlope: Double = 0.01) throws(RecurrentError) -> Mat {
    try unary(.leakyRelu, m, parameter: negativeSlope)
  }

  /// x·Φ(x), with Φ the normal distribution function: the exact form, not the tanh approximation.
  ///
  /// Reference: Hendrycks and Gimpel, arXiv:1606.08415.
  public func gelu(_ m: Mat) throws(RecurrentError) -> Mat { try unary(.gelu, m) }

  /// x·σ(x).
  public func silu(_ m: Mat) throws(RecurrentError) -> Mat { try unary(.silu, m) }

  /// ln(1 + eˣ).
  public func softplus(_ m: Mat) throws(RecurrentError) -> Mat { try unary(.softplus, m) }

  /// −x.
  public func neg(_ m: Mat) throws(RecurrentError) -> Mat { try unary(.neg, m) }

  /// `factor`·x.
  public func scale(_ m: Mat, by factor: Double) throws(RecurrentError) -> Mat {
    try unary(.scale, m, parameter: factor)
  }

  /// x + `constant`.
  public func shift(_ m: Mat, by constant: Double) throws(RecurrentError) -> Mat {
    try unary(.shift, m, parameter: constant)
  }

  /// eˣ.
  public func exp(_ m: Mat) throws(RecurrentError) -> Mat { try unary(.exp, m) }

  /// ln x; −∞ at 0, NaN below 0.
  public func log(_ m: Mat) throws(RecurrentError) -> Mat { try unary(.log, m) }

  /// √x; NaN below 0; its derivative is infinite at 0.
  public func sqrt(_ m: Mat) throws(RecurrentError) -> Mat { try unary(.sqrt, m) }

  /// x².
  public func square(_ m: Mat) throws(RecurrentError) -> Mat { try unary(.square, m) }

  /// |x|; its derivative is 0 at 0.
  public func abs(_ m: Mat) throws(RecurrentError) -> Mat { try unary(.abs, m) }

  /// sin x; NaN at ±∞.
  public func sin(_ m: Mat) throws(RecurrentError) -> Mat { try unary(.sin, m) }

  /// cos x; NaN at ±∞.
  public func cos(_ m: Mat) throws(RecurrentError) -> Mat { try unary(.cos, m) }

  /// xᵖ for the exponent p, any finite number; NaN for x below 0 unless p is an integer. The derivative is p xᵖ⁻¹, and 0 for
  /// p = 0.
  public func pow(_ m: Mat, _ exponent: Double) throws(RecurrentError) -> Mat {
    try unary(.pow, m, parameter: exponent)
  }

  /// a + b; rows and columns are broadcast, see `binary`.
  public func add(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat { try binary(.add, a, b) }

  /// a − b; rows and columns are broadcast, see `binary`.
  public func sub(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat { try binary(.sub, a, b) }

  /// a ⊙ b, element by element; rows and columns are broadcast, see `binary`.
  public func eltmul(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat { try binary(.eltmul, a, b) }

  /// a / b, element by element; rows and columns are broadcast, see `binary`.
  public func div(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat { try binary(.div, a, b) }

  /// The larger of a and b, element by element, NaN if one is NaN; equal ones have half of the gradient each, as in PyTorch.
  public func maximum(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat { try binary(.maximum, a, b) }

  /// The smaller of a and b, element by element, with the rules of `maximum`.
  public func minimum(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat { try binary(.minimum, a, b) }

  /// 1 where a > b, else 0; without a gradient.
  public func greater(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat { try binary(.greater, a, b) }

  /// 1 where a ≥ b, else 0; without a gradient.
  public func greaterEqual(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat { try binary(.greaterEqual, a, b) }

  /// 1 where a < b, else 0; without a gradient.
  public func less(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat { try binary(.less, a, b) }

  /// 1 where a ≤ b, else 0; without a gradient.
  public func lessEqual(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat { try binary(.lessEqual, a, b) }

  /// 1 where a = b, else 0; without a gradient.
  public func equal(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat { try binary(.equal, a, b) }

  /// 1 where a ≠ b, else 0; without a gradient.
  public func notEqual(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat { try binary(.notEqual, a, b) }
}

private struct Unary: GraphOperation {
  let operation: UnaryOperation
  let parameter: Double

  var name: String { operation.name }

  func forward<T: Real>(_ args: Operands<T>) { apply(operation, T(parameter), args[0], to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) {
    applyBackward(operation, T(parameter), args[0], args.y, dy: args.dy, dx: args.gradient(0))
  }

  var backwardReads: BackwardReads {
    let (x, y) = operation.derivativeReads
    return x ? BackwardReads(0, result: y) : BackwardReads(result: y)
  }

  var recordedOperation: RecordedOperation? { .unary(operation, parameter) }
}

private struct Binary: GraphOperation {
  let operation: BinaryOperation

  var name: String { operation.name }

  func forward<T: Real>(_ args: Operands<T>) { apply(operation, args[0], args[1], to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) {
    applyBackward(operation, args[0], args[1], args.y, dy: args.dy, da: args.gradient(0), db: args.gradient(1))
  }

  var backwardReads: BackwardReads {
    switch operation {
    case .add, .sub: BackwardReads()
    case .eltmul: BackwardReads(0, 1)
    case .div: BackwardReads(1, result: true)
    case .maximum, .minimum: BackwardReads(0, 1)
    case .greater, .greaterEqual, .less, .lessEqual, .equal, .notEqual: BackwardReads()
    }
  }

  func passesGradient(to operand: Int) -> Bool { operation.hasGradient }

  var recordedOperation: RecordedOperation? { MicroOperation(operation) == nil ? nil : .binary(operation) }
}

extension UnaryOperation {
  /// The name in C and Python.
  public var name: String { snakeCase("\(self)") }

  /// The name of the parameter; nil for a function without one.
  var parameterName: StaticString? {
    switch self {
    case .leakyRelu: "negative_slope"
    case .scale: "factor"
    case .shift: "constant"
    case .pow: "exponent"
    default: nil
    }
  }
}

extension BinaryOperation {
  /// The name in C and Python.
  public var name: String { snakeCase("\(self)") }
}

/// `leakyRelu` becomes `leaky_relu`.
private func snakeCase(_ name: String) -> String {
  name.reduce(into: "") { result, letter in result += letter.isUppercase ? "_" + letter.lowercased() : String(letter) }
}
