// The scalar types that every kernel is compiled for.

/// A scalar type of the kernels: `Float` or `Double`.
///
/// Kernels are written once over `Real` and marked `@_specialize` for both types, so that a call from another module
/// reaches concrete code: at once where the caller is optimized, as the specialized code is exported, else after one type
/// comparison.
public protocol Real: BinaryFloatingPoint, Sendable {
  /// The vector type that kernels compute in.
  associatedtype V: Vector where V.Scalar == Self

  /// `exp` overflows to infinity above `high` and underflows to 0 below `low`.
  static var expRange: (low: Double, high: Double) { get }
  /// For |x| up to this limit, eˣ and the power of two that scales it are normal numbers.
  static var normalExpLimit: Double { get }
  /// ln 2 as the sum of two numbers. The first has trailing zero bits, so that its product with an exponent is exact.
  static var ln2: (high: Double, low: Double) { get }
  /// For |x| from this limit on, `tanh` rounds to ±1.
  static var tanhLimit: Double { get }
  /// Whether the type has 64 bits. Kernels choose the length of a polynomial by it.
  static var is64Bit: Bool { get }

  /// Packed GEMM: `y[:, j] = initial[:, j] + first · B₁[:, j] + second · B₂[:, j]` for some row panels.
  ///
  /// - Parameters:
  ///   - layout: where the panels' rows are in `y` and in `initial`.
  ///   - panels: the panels to compute.
  ///   - initial: the initial value of the sums.
  ///   - first: a packed operand and its B.
  ///   - second: a second one; `Operand.none` for none.
  ///   - columns: the number of columns of y.
  ///   - y: the first column.
  ///   - columnStride: elements from one column of y to the next.
  static func gemmPacked(
    _ layout: PanelLayout, panels: Range<Int>, _ initial: InitialValue<Self>, _ first: Operand<Self>,
    _ second: Operand<Self>, columns: Int, to y: UnsafeMutablePointer<Self>, columnStride: Int)

  /// Runs a micro-program over some columns of a time step.
  ///
  /// - Parameters:
  ///   - code: the instructions.
  ///   - count: their number.
  ///   - t: the time step.
  ///   - columns: the columns.
  ///   - part: the columns that the program computes at a time; scratch has as many.
  ///   - ranges: memory of each column that is brought to the cache one part ahead.
  static func runMicroProgram(
    _ code: UnsafePointer<MicroInstruction<Self>>, count: Int, step t: Int, columns: Range<Int>, part: Int,
    prefetching ranges: UnsafeBufferPointer<MicroRange<Self>>)
}

extension Real {
  /// Runs a micro-program over some columns of a time step.
  @inline(__always)
  public static func runMicroProgram(
    _ code: UnsafePointer<MicroInstruction<Self>>, count: Int, step t: Int, columns: Range<Int>, part: Int
  ) {
    let none = UnsafeBufferPointer<MicroRange<Self>>(start: nil, count: 0)
    runMicroProgram(code, count: count, step: t, columns: columns, part: part, prefetching: none)
  }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension Float: Real {
  public typealias V = Float8
  @inline(__always) public static var expRange: (low: Double, high: Double) { (-104, 89) }
  @inline(__always) public static var normalExpLimit: Double { 87 }
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
  @inline(__always) public static var normalExpLimit: Double { 708 }
  @inline(__always) public static var ln2: (high: Double, low: Double) {
    (0.693147180369123816490, 1.90821492927058770002e-10)
  }
  @inline(__always) public static var tanhLimit: Double { 22 }
  @inline(__always) public static var is64Bit: Bool { true }
}
