// SIMD vectors of floating-point elements and their operators.

import CVector

/// A SIMD vector of floating-point elements, one vector register wide.
///
/// Every operator is one inlined function of CVector.h. A literal is broadcast to all lanes.
public protocol Vector: ExpressibleByFloatLiteral where FloatLiteralType == Double {
  /// The type of one lane.
  associatedtype Scalar: Real where Scalar.V == Self

  /// The number of lanes.
  static var count: Int { get }

  /// Broadcasts `s` to all lanes.
  init(_ s: Scalar)

  /// Loads `count` elements. `p` needs no alignment.
  static func load(_ p: UnsafePointer<Scalar>) -> Self
  /// Loads the first `k < count` elements and sets the other lanes to 0; reads nothing after element `k - 1`.
  static func load(_ p: UnsafePointer<Scalar>, first k: Int) -> Self
  /// Stores all lanes to `p`.
  func store(_ p: UnsafeMutablePointer<Scalar>)
  /// Stores the first `k < count` lanes to `p`; writes nothing after element `k - 1`.
  func store(_ p: UnsafeMutablePointer<Scalar>, first k: Int)
  /// Transposes a block of `count` rows and columns: `q[j + i·qStride] = p[i + j·pStride]`.
  ///
  /// - Parameters:
  ///   - p: the block to read.
  ///   - pStride: the column stride of `p`.
  ///   - columns: how many columns of `p` are read, at most `count`; the others are taken as 0.
  ///   - q: receives `count` columns of `count` elements.
  ///   - qStride: the column stride of `q`.
  static func transposeBlock(
    _ p: UnsafePointer<Scalar>, _ pStride: Int, columns: Int, to q: UnsafeMutablePointer<Scalar>, _ qStride: Int)

  static func + (a: Self, b: Self) -> Self
  static func - (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
  static func / (a: Self, b: Self) -> Self
  /// Returns `a·b + c`, rounded once.
  static func fma(_ a: Self, _ b: Self, _ c: Self) -> Self
  /// Returns `a·b + c`, rounded once where the CPU has an instruction for it and twice elsewhere.
  static func multiplyAdd(_ a: Self, _ b: Self, _ c: Self) -> Self
  /// Returns √a.
  static func sqrt(_ a: Self) -> Self
  /// Returns |a|.
  static func abs(_ a: Self) -> Self
  /// Returns −|a|.
  static func negativeAbs(_ a: Self) -> Self
  /// Returns the magnitude of `a` with the sign of `b`.
  static func copysign(_ a: Self, _ b: Self) -> Self
  /// Returns `a > b ? x : y` in each lane; `y` where `a` or `b` is NaN.
  static func select(_ a: Self, greaterThan b: Self, _ x: Self, _ y: Self) -> Self
  /// Returns whether `a > b` in any lane.
  static func anyGreater(_ a: Self, than b: Self) -> Bool
  /// The larger of the bits of a and b as unsigned integers: above all numbers of at least 0 are infinity, NaN, and what
  /// has a sign.
  static func largerBits(_ a: Self, _ b: Self) -> Self
  /// The lane with the largest bits.
  var largestBits: Scalar { get }
  /// Returns `x` where `a` is not NaN, `y` where it is.
  static func select(notNaN a: Self, _ x: Self, _ y: Self) -> Self
  /// Returns the nearest integer, ties to even, for |a| below 2²¹ (float) or 2⁵⁰ (double).
  static func round(_ a: Self) -> Self
  /// Returns an encoding of n, the integer nearest to a·b, that `roundedValue` and `roundedExp2` decode.
  static func roundToIntMagic(_ a: Self, _ b: Self) -> Self
  /// Returns n from the result of `roundToIntMagic`.
  static func roundedValue(_ a: Self) -> Self
  /// Returns 2ⁿ from the result of `roundToIntMagic`, for n in the range of normal exponents.
  static func roundedExp2(_ a: Self) -> Self
  /// Returns 2ⁿ for integers in the range of normal exponents.
  static func exp2i(_ n: Self) -> Self
  /// Returns the exponent of a normal positive number.
  static func exponent(_ a: Self) -> Self
  /// Returns the mantissa of a normal positive number, in [1, 2).
  static func mantissa(_ a: Self) -> Self
  /// The sum of all lanes. The order of the additions is fixed.
  var sum: Scalar { get }
}

extension Vector {
  /// Loads the first `k` elements, 0 ≤ `k` ≤ `count`, and sets the other lanes to 0.
  @inline(__always) static func loadPartial(_ p: UnsafePointer<Scalar>, count k: Int) -> Self {
    k == count ? load(p) : load(p, first: k)
  }

  /// Stores the first `k` lanes, 0 ≤ `k` ≤ `count`.
  @inline(__always) func storePartial(_ p: UnsafeMutablePointer<Scalar>, count k: Int) {
    if k == Self.count { store(p) } else { store(p, first: k) }
  }

  /// The first `k` lanes, 0 ≤ `k` ≤ `count`, and 0 in the others.
  @inline(__always) func firstLanes(_ k: Int) -> Self {
    if k == Self.count { return self }
    return withUnsafeTemporaryAllocation(of: Scalar.self, capacity: Self.count) {
      store($0.baseAddress.unsafelyUnwrapped)
      return .load($0.baseAddress.unsafelyUnwrapped, first: k)
    }
  }

  /// Returns `x` where `a` and `b` are equal, `y` where they are not or one is NaN.
  @inline(__always) static func select(_ a: Self, equals b: Self, _ x: Self, _ y: Self) -> Self {
    select(notNaN: a, select(notNaN: b, select(a, greaterThan: b, y, select(b, greaterThan: a, y, x)), y), y)
  }

  @inline(__always) static prefix func - (a: Self) -> Self { 0.0 - a }

  /// The first lane.
  @inline(__always) var first: Scalar {
    withUnsafeTemporaryAllocation(of: Scalar.self, capacity: Self.count) {
      store($0.baseAddress.unsafelyUnwrapped)
      return $0[0]
    }
  }

  /// The largest lane.
  @inline(__always) var largest: Scalar {
    withUnsafeTemporaryAllocation(of: Scalar.self, capacity: Self.count) {
      store($0.baseAddress.unsafelyUnwrapped)
      var largest = $0[0]
      for i in 1..<Self.count where $0[i] > largest { largest = $0[i] }
      return largest
    }
  }
}

/// A vector of 8 floats. Its functions are documented at `Vector`.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
public struct Float8: Vector {
  @usableFromInline let v: SIMD8<Float>
  @inline(__always) init(v: SIMD8<Float>) { self.v = v }

  @inline(__always) public static var count: Int { 8 }
  @inline(__always) public init(_ s: Float) { v = cv_f32_broadcast(s) }
  @inline(__always) public init(floatLiteral s: Double) { v = cv_f32_broadcast(Float(s)) }
  @inline(__always) public static func load(_ p: UnsafePointer<Float>) -> Self { .init(v: cv_f32_load(p)) }
  @inline(__always) public static func load(_ p: UnsafePointer<Float>, first k: Int) -> Self {
    .init(v: cv_f32_load_partial(p, Int64(truncatingIfNeeded: k)))
  }
  @inline(__always) public func store(_ p: UnsafeMutablePointer<Float>) { cv_f32_store(p, v) }
  @inline(__always) public func store(_ p: UnsafeMutablePointer<Float>, first k: Int) {
    cv_f32_store_partial(p, v, Int64(truncatingIfNeeded: k))
  }
  @inline(__always) public static func transposeBlock(
    _ p: UnsafePointer<Float>, _ pStride: Int, columns: Int, to q: UnsafeMutablePointer<Float>, _ qStride: Int
  ) {
    cv_f32_transpose8x8(
      p, Int64(truncatingIfNeeded: pStride), Int64(truncatingIfNeeded: columns), q, Int64(truncatingIfNeeded: qStride))
  }
  @inline(__always) public static func + (a: Self, b: Self) -> Self { .init(v: cv_f32_add(a.v, b.v)) }
  @inline(__always) public static func - (a: Self, b: Self) -> Self { .init(v: cv_f32_sub(a.v, b.v)) }
  @inline(__always) public static func * (a: Self, b: Self) -> Self { .init(v: cv_f32_mul(a.v, b.v)) }
  @inline(__always) public static func / (a: Self, b: Self) -> Self { .init(v: cv_f32_div(a.v, b.v)) }
  @inline(__always) public static func fma(_ a: Self, _ b: Self, _ c: Self) -> Self {
    .init(v: cv_f32_fma(a.v, b.v, c.v))
  }
  @inline(__always) public static func multiplyAdd(_ a: Self, _ b: Self, _ c: Self) -> Self {
    .init(v: cv_f32_multiply_add(a.v, b.v, c.v))
  }
  @inline(__always) public static func sqrt(_ a: Self) -> Self { .init(v: cv_f32_sqrt(a.v)) }
  @inline(__always) public static func abs(_ a: Self) -> Self { .init(v: cv_f32_abs(a.v)) }
  @inline(__always) public static func negativeAbs(_ a: Self) -> Self { .init(v: cv_f32_negative_abs(a.v)) }
  @inline(__always) public static func copysign(_ a: Self, _ b: Self) -> Self {
    .init(v: cv_f32_copysign(a.v, b.v))
  }
  @inline(__always) public static func select(_ a: Self, greaterThan b: Self, _ x: Self, _ y: Self) -> Self {
    .init(v: cv_f32_select_greater(a.v, b.v, x.v, y.v))
  }
  @inline(__always) public static func anyGreater(_ a: Self, than b: Self) -> Bool { cv_f32_any_greater(a.v, b.v) != 0 }
  @inline(__always) public static func largerBits(_ a: Self, _ b: Self) -> Self {
    .init(v: cv_f32_larger_bits(a.v, b.v))
  }
  @inline(__always) public var largestBits: Float { cv_f32_largest_bits(v) }
  @inline(__always) public static func select(notNaN a: Self, _ x: Self, _ y: Self) -> Self {
    .init(v: cv_f32_select_not_nan(a.v, x.v, y.v))
  }
  @inline(__always) public static func round(_ a: Self) -> Self { .init(v: cv_f32_round(a.v)) }
  @inline(__always) public static func roundToIntMagic(_ a: Self, _ b: Self) -> Self {
    .init(v: cv_f32_round_to_int_magic(a.v, b.v))
  }
  @inline(__always) public static func roundedValue(_ a: Self) -> Self { .init(v: cv_f32_rounded_value(a.v)) }
  @inline(__always) public static func roundedExp2(_ a: Self) -> Self { .init(v: cv_f32_rounded_exp2(a.v)) }
  @inline(__always) public static func exp2i(_ n: Self) -> Self { .init(v: cv_f32_exp2i(n.v)) }
  @inline(__always) public static func exponent(_ a: Self) -> Self { .init(v: cv_f32_exponent(a.v)) }
  @inline(__always) public static func mantissa(_ a: Self) -> Self { .init(v: cv_f32_mantissa(a.v)) }
  @inline(__always) public var sum: Float { cv_f32_sum(v) }
}

/// A vector of 4 doubles. Its functions are documented at `Vector`.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
public struct Double4: Vector {
  @usableFromInline let v: SIMD4<Double>
  @inline(__always) init(v: SIMD4<Double>) { self.v = v }

  @inline(__always) public static var count: Int { 4 }
  @inline(__always) public init(_ s: Double) { v = cv_f64_broadcast(s) }
  @inline(__always) public init(floatLiteral s: Double) { v = cv_f64_broadcast(s) }
  @inline(__always) public static func load(_ p: UnsafePointer<Double>) -> Self { .init(v: cv_f64_load(p)) }
  @inline(__always) public static func load(_ p: UnsafePointer<Double>, first k: Int) -> Self {
    .init(v: cv_f64_load_partial(p, Int64(truncatingIfNeeded: k)))
  }
  @inline(__always) public func store(_ p: UnsafeMutablePointer<Double>) { cv_f64_store(p, v) }
  @inline(__always) public func store(_ p: UnsafeMutablePointer<Double>, first k: Int) {
    cv_f64_store_partial(p, v, Int64(truncatingIfNeeded: k))
  }
  @inline(__always) public static func transposeBlock(
    _ p: UnsafePointer<Double>, _ pStride: Int, columns: Int, to q: UnsafeMutablePointer<Double>, _ qStride: Int
  ) {
    cv_f64_transpose4x4(
      p, Int64(truncatingIfNeeded: pStride), Int64(truncatingIfNeeded: columns), q, Int64(truncatingIfNeeded: qStride))
  }
  @inline(__always) public static func + (a: Self, b: Self) -> Self { .init(v: cv_f64_add(a.v, b.v)) }
  @inline(__always) public static func - (a: Self, b: Self) -> Self { .init(v: cv_f64_sub(a.v, b.v)) }
  @inline(__always) public static func * (a: Self, b: Self) -> Self { .init(v: cv_f64_mul(a.v, b.v)) }
  @inline(__always) public static func / (a: Self, b: Self) -> Self { .init(v: cv_f64_div(a.v, b.v)) }
  @inline(__always) public static func fma(_ a: Self, _ b: Self, _ c: Self) -> Self {
    .init(v: cv_f64_fma(a.v, b.v, c.v))
  }
  @inline(__always) public static func multiplyAdd(_ a: Self, _ b: Self, _ c: Self) -> Self {
    .init(v: cv_f64_multiply_add(a.v, b.v, c.v))
  }
  @inline(__always) public static func sqrt(_ a: Self) -> Self { .init(v: cv_f64_sqrt(a.v)) }
  @inline(__always) public static func abs(_ a: Self) -> Self { .init(v: cv_f64_abs(a.v)) }
  @inline(__always) public static func negativeAbs(_ a: Self) -> Self { .init(v: cv_f64_negative_abs(a.v)) }
  @inline(__always) public static func copysign(_ a: Self, _ b: Self) -> Self {
    .init(v: cv_f64_copysign(a.v, b.v))
  }
  @inline(__always) public static func select(_ a: Self, greaterThan b: Self, _ x: Self, _ y: Self) -> Self {
    .init(v: cv_f64_select_greater(a.v, b.v, x.v, y.v))
  }
  @inline(__always) public static func anyGreater(_ a: Self, than b: Self) -> Bool { cv_f64_any_greater(a.v, b.v) != 0 }
  @inline(__always) public static func largerBits(_ a: Self, _ b: Self) -> Self {
    .init(v: cv_f64_larger_bits(a.v, b.v))
  }
  @inline(__always) public var largestBits: Double { cv_f64_largest_bits(v) }
  @inline(__always) public static func select(notNaN a: Self, _ x: Self, _ y: Self) -> Self {
    .init(v: cv_f64_select_not_nan(a.v, x.v, y.v))
  }
  @inline(__always) public static func round(_ a: Self) -> Self { .init(v: cv_f64_round(a.v)) }
  @inline(__always) public static func roundToIntMagic(_ a: Self, _ b: Self) -> Self {
    .init(v: cv_f64_round_to_int_magic(a.v, b.v))
  }
  @inline(__always) public static func roundedValue(_ a: Self) -> Self { .init(v: cv_f64_rounded_value(a.v)) }
  @inline(__always) public static func roundedExp2(_ a: Self) -> Self { .init(v: cv_f64_rounded_exp2(a.v)) }
  @inline(__always) public static func exp2i(_ n: Self) -> Self { .init(v: cv_f64_exp2i(n.v)) }
  @inline(__always) public static func exponent(_ a: Self) -> Self { .init(v: cv_f64_exponent(a.v)) }
  @inline(__always) public static func mantissa(_ a: Self) -> Self { .init(v: cv_f64_mantissa(a.v)) }
  @inline(__always) public var sum: Double { cv_f64_sum(v) }
}
