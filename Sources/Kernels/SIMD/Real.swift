// The two kinds of number that every kernel is compiled for.

/// `Float` or `Double`.
///
/// Kernels are written once over `Real` and marked `@_specialize` for both, so that a call from another
/// module, optimized or not, arrives in concrete code after one comparison of types.
public protocol Real: BinaryFloatingPoint, Sendable {
  /// The register that kernels compute in.
  associatedtype V: Vector where V.Scalar == Self

  /// Where `exp` is certain to have overflowed, and where to have underflowed to zero.
  static var expRange: (low: Double, high: Double) { get }
  /// Within ± this, `exp` and its scale are normal numbers.
  static var expNormal: Double { get }
  /// ln 2 as two numbers: the first has trailing zeros, so that its product with an exponent is exact.
  static var ln2: (high: Double, low: Double) { get }
  /// Where `tanh` rounds to 1.
  static var tanhLimit: Double { get }
  /// y[:, j] = start[:, j] + first·b[:, j] + second·b[:, j], for some panels and columns 0 ..< `columns`.
  ///
  /// - Parameters:
  ///   - rows: where the panels' rows lie in y and in start.
  ///   - panels: which panels.
  ///   - start: what the sums start from.
  ///   - first: a term.
  ///   - second: another term, or none.
  ///   - columns: how many columns.
  ///   - y: the first column; the columns are `columnStride` apart.
  ///   - columnStride: elements from one column of y to the next.
  static func gemmPacked(
    _ rows: PanelLayout, panels: Range<Int>, _ start: InitialValue<Self>, _ first: Operand<Self>, _ second: Operand<Self>, columns: Int,
    to y: UnsafeMutablePointer<Self>, columnStride: Int)

  /// True for the wider of the two: kernels choose the length of a series by it.
  static var is64Bit: Bool { get }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension Float: Real {
  public typealias V = Float8
  @inline(__always) public static var expRange: (low: Double, high: Double) { (-104, 89) }
  @inline(__always) public static var expNormal: Double { 87 }
  @inline(__always) public static var ln2: (high: Double, low: Double) {
    (0.693145751953125, 1.42860682030941723212e-6)
  }
  @inline(__always) public static var tanhLimit: Double { 10 }
  @inline(__always) public static var is64Bit: Bool { false }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension Double: Real {
  public typealias V = Double4
  @inline(__always) public static var expRange: (low: Double, high: Double) { (-746, 710) }
  @inline(__always) public static var expNormal: Double { 708 }
  @inline(__always) public static var ln2: (high: Double, low: Double) {
    (0.693147180369123816490, 1.90821492927058770002e-10)
  }
  @inline(__always) public static var tanhLimit: Double { 22 }
  @inline(__always) public static var is64Bit: Bool { true }
}
