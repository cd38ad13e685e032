// A register of numbers with the operators that formulas are written in.

import CVector

/// A register's worth of floating-point numbers.
///
/// Every operator is one inlined function of CVector.h. A literal fills all lanes.
public protocol Vector: ExpressibleByFloatLiteral where FloatLiteralType == Double {
  /// The type of one lane.
  associatedtype Scalar: Real where Scalar.V == Self

  /// The number of lanes.
  static var count: Int { get }

  /// All lanes equal to `s`.
  init(_ s: Scalar)

  /// `count` numbers from `p`, which needs no alignment.
  static func load(_ p: UnsafePointer<Scalar>) -> Self
  /// The first `k < count` numbers from `p`, zeros after them; reads no further.
  static func load(_ p: UnsafePointer<Scalar>, first k: Int) -> Self
  /// Writes all lanes to `p`.
  func store(_ p: UnsafeMutablePointer<Scalar>)
  /// Writes the first `k < count` lanes to `p` and touches nothing after them.
  func store(_ p: UnsafeMutablePointer<Scalar>, first k: Int)
  /// A square turned over its diagonal: `count` registers at `q`, `to` apart, each with a number of every column at
  /// `p`, `from` apart; zeros for columns beyond the first `columns`.
  static func turn(
    _ p: UnsafePointer<Scalar>, from: Int, columns: Int, to q: UnsafeMutablePointer<Scalar>, _ to: Int)

  static func + (a: Self, b: Self) -> Self
  static func - (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
  static func / (a: Self, b: Self) -> Self
  /// `a·b + c`, rounded once.
  static func fma(_ a: Self, _ b: Self, _ c: Self) -> Self
  static func sqrt(_ a: Self) -> Self
  static func abs(_ a: Self) -> Self
  /// −|a|.
  static func negativeAbs(_ a: Self) -> Self
  /// The magnitude of `a` with the sign of `b`.
  static func copysign(_ a: Self, _ b: Self) -> Self
  /// `a > b ? x : y` in each lane; a NaN in `a` or `b` chooses `y`.
  static func select(_ a: Self, above b: Self, _ x: Self, _ y: Self) -> Self
  /// Whether `a > b` in any lane.
  static func any(_ a: Self, above b: Self) -> Bool
  /// `x` where `a` is a number, `y` where it is NaN.
  static func select(number a: Self, _ x: Self, _ y: Self) -> Self
  /// The nearest integer, ties to even, for magnitudes far below the mantissa's range.
  static func round(_ a: Self) -> Self
  /// The nearest integer n to a·b, held so that the next two can take it out.
  static func snap(_ a: Self, _ b: Self) -> Self
  /// n.
  static func whole(ofSnapped a: Self) -> Self
  /// 2ⁿ, for n within the normal exponents.
  static func power(ofSnapped a: Self) -> Self
  /// 2ⁿ for integers within the normal exponents.
  static func exp2i(_ n: Self) -> Self
  /// The exponent of a normal positive number.
  static func exponent(_ a: Self) -> Self
  /// The mantissa of a normal positive number, in [1, 2).
  static func mantissa(_ a: Self) -> Self
  /// The sum of all lanes, in an order that never changes.
  var sum: Scalar { get }
}

extension Vector {
  @inline(__always) static prefix func - (a: Self) -> Self { 0.0 - a }
}

/// Eight floats. Its functions are documented at `Vector`.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
public struct Float8: Vector {
  @usableFromInline let v: SIMD8<Float>
  @inline(__always) init(v: SIMD8<Float>) { self.v = v }

  @inline(__always) public static var count: Int { 8 }
  @inline(__always) public init(_ s: Float) { v = cv_f32_broadcast(s) }
  @inline(__always) public init(floatLiteral s: Double) { v = cv_f32_broadcast(Float(s)) }
  @inline(__always) public static func load(_ p: UnsafePointer<Float>) -> Self { .init(v: cv_f32_load(p)) }
  @inline(__always) public static func load(_ p: UnsafePointer<Float>, first k: Int) -> Self {
    .init(v: cv_f32_load_part(p, Int64(truncatingIfNeeded: k)))
  }
  @inline(__always) public func store(_ p: UnsafeMutablePointer<Float>) { cv_f32_store(p, v) }
  @inline(__always) public func store(_ p: UnsafeMutablePointer<Float>, first k: Int) {
    cv_f32_store_part(p, v, Int64(truncatingIfNeeded: k))
  }
  @inline(__always) public static func turn(
    _ p: UnsafePointer<Float>, from: Int, columns: Int, to q: UnsafeMutablePointer<Float>, _ to: Int
  ) {
    cv_f32_turn(
      p, Int64(truncatingIfNeeded: from), Int64(truncatingIfNeeded: columns), q, Int64(truncatingIfNeeded: to))
  }
  @inline(__always) public static func + (a: Self, b: Self) -> Self { .init(v: cv_f32_add(a.v, b.v)) }
  @inline(__always) public static func - (a: Self, b: Self) -> Self { .init(v: cv_f32_sub(a.v, b.v)) }
  @inline(__always) public static func * (a: Self, b: Self) -> Self { .init(v: cv_f32_mul(a.v, b.v)) }
  @inline(__always) public static func / (a: Self, b: Self) -> Self { .init(v: cv_f32_div(a.v, b.v)) }
  @inline(__always) public static func fma(_ a: Self, _ b: Self, _ c: Self) -> Self {
    .init(v: cv_f32_fma(a.v, b.v, c.v))
  }
  @inline(__always) public static func sqrt(_ a: Self) -> Self { .init(v: cv_f32_sqrt(a.v)) }
  @inline(__always) public static func abs(_ a: Self) -> Self { .init(v: cv_f32_abs(a.v)) }
  @inline(__always) public static func negativeAbs(_ a: Self) -> Self { .init(v: cv_f32_negative_abs(a.v)) }
  @inline(__always) public static func copysign(_ a: Self, _ b: Self) -> Self {
    .init(v: cv_f32_copysign(a.v, b.v))
  }
  @inline(__always) public static func select(_ a: Self, above b: Self, _ x: Self, _ y: Self) -> Self {
    .init(v: cv_f32_select(a.v, b.v, x.v, y.v))
  }
  @inline(__always) public static func any(_ a: Self, above b: Self) -> Bool { cv_f32_any(a.v, b.v) != 0 }
  @inline(__always) public static func select(number a: Self, _ x: Self, _ y: Self) -> Self {
    .init(v: cv_f32_number(a.v, x.v, y.v))
  }
  @inline(__always) public static func round(_ a: Self) -> Self { .init(v: cv_f32_round(a.v)) }
  @inline(__always) public static func snap(_ a: Self, _ b: Self) -> Self { .init(v: cv_f32_snap(a.v, b.v)) }
  @inline(__always) public static func whole(ofSnapped a: Self) -> Self { .init(v: cv_f32_snapped_whole(a.v)) }
  @inline(__always) public static func power(ofSnapped a: Self) -> Self { .init(v: cv_f32_snapped_power(a.v)) }
  @inline(__always) public static func exp2i(_ n: Self) -> Self { .init(v: cv_f32_exp2i(n.v)) }
  @inline(__always) public static func exponent(_ a: Self) -> Self { .init(v: cv_f32_exponent(a.v)) }
  @inline(__always) public static func mantissa(_ a: Self) -> Self { .init(v: cv_f32_mantissa(a.v)) }
  @inline(__always) public var sum: Float { cv_f32_sum(v) }
}

/// Four doubles. Its functions are documented at `Vector`.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
public struct Double4: Vector {
  @usableFromInline let v: SIMD4<Double>
  @inline(__always) init(v: SIMD4<Double>) { self.v = v }

  @inline(__always) public static var count: Int { 4 }
  @inline(__always) public init(_ s: Double) { v = cv_f64_broadcast(s) }
  @inline(__always) public init(floatLiteral s: Double) { v = cv_f64_broadcast(s) }
  @inline(__always) public static func load(_ p: UnsafePointer<Double>) -> Self { .init(v: cv_f64_load(p)) }
  @inline(__always) public static func load(_ p: UnsafePointer<Double>, first k: Int) -> Self {
    .init(v: cv_f64_load_part(p, Int64(truncatingIfNeeded: k)))
  }
  @inline(__always) public func store(_ p: UnsafeMutablePointer<Double>) { cv_f64_store(p, v) }
  @inline(__always) public func store(_ p: UnsafeMutablePointer<Double>, first k: Int) {
    cv_f64_store_part(p, v, Int64(truncatingIfNeeded: k))
  }
  @inline(__always) public static func turn(
    _ p: UnsafePointer<Double>, from: Int, columns: Int, to q: UnsafeMutablePointer<Double>, _ to: Int
  ) {
    cv_f64_turn(
      p, Int64(truncatingIfNeeded: from), Int64(truncatingIfNeeded: columns), q, Int64(truncatingIfNeeded: to))
  }
  @inline(__always) public static func + (a: Self, b: Self) -> Self { .init(v: cv_f64_add(a.v, b.v)) }
  @inline(__always) public static func - (a: Self, b: Self) -> Self { .init(v: cv_f64_sub(a.v, b.v)) }
  @inline(__always) public static func * (a: Self, b: Self) -> Self { .init(v: cv_f64_mul(a.v, b.v)) }
  @inline(__always) public static func / (a: Self, b: Self) -> Self { .init(v: cv_f64_div(a.v, b.v)) }
  @inline(__always) public static func fma(_ a: Self, _ b: Self, _ c: Self) -> Self {
    .init(v: cv_f64_fma(a.v, b.v, c.v))
  }
  @inline(__always) public static func sqrt(_ a: Self) -> Self { .init(v: cv_f64_sqrt(a.v)) }
  @inline(__always) public static func abs(_ a: Self) -> Self { .init(v: cv_f64_abs(a.v)) }
  @inline(__always) public static func negativeAbs(_ a: Self) -> Self { .init(v: cv_f64_negative_abs(a.v)) }
  @inline(__always) public static func copysign(_ a: Self, _ b: Self) -> Self {
    .init(v: cv_f64_copysign(a.v, b.v))
  }
  @inline(__always) public static func select(_ a: Self, above b: Self, _ x: Self, _ y: Self) -> Self {
    .init(v: cv_f64_select(a.v, b.v, x.v, y.v))
  }
  @inline(__always) public static func any(_ a: Self, above b: Self) -> Bool { cv_f64_any(a.v, b.v) != 0 }
  @inline(__always) public static func select(number a: Self, _ x: Self, _ y: Self) -> Self {
    .init(v: cv_f64_number(a.v, x.v, y.v))
  }
  @inline(__always) public static func round(_ a: Self) -> Self { .init(v: cv_f64_round(a.v)) }
  @inline(__always) public static func snap(_ a: Self, _ b: Self) -> Self { .init(v: cv_f64_snap(a.v, b.v)) }
  @inline(__always) public static func whole(ofSnapped a: Self) -> Self { .init(v: cv_f64_snapped_whole(a.v)) }
  @inline(__always) public static func power(ofSnapped a: Self) -> Self { .init(v: cv_f64_snapped_power(a.v)) }
  @inline(__always) public static func exp2i(_ n: Self) -> Self { .init(v: cv_f64_exp2i(n.v)) }
  @inline(__always) public static func exponent(_ a: Self) -> Self { .init(v: cv_f64_exponent(a.v)) }
  @inline(__always) public static func mantissa(_ a: Self) -> Self { .init(v: cv_f64_mantissa(a.v)) }
  @inline(__always) public var sum: Double { cv_f64_sum(v) }
}
