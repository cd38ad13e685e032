// Element-wise functions of one operand against a wider type, over the whole range of bits.

import Campaigns
import Foundation
import Kernels
import Testing

@Suite struct TranscendentalTests {
  /// The bounds of the error in units in the last place.
  private static let bounds: [(UnaryOperation, Double)] = [
    (.exp, 4), (.log, 4), (.tanh, 4), (.sigmoid, 4), (.softplus, 6), (.silu, 6), (.gelu, 8),
    (.sin, 4), (.cos, 4), (.pow, 4),
    // correctly rounded, the exact value up to the rounding of the wider type
    (.relu, 0.501), (.leakyRelu, 0.501), (.neg, 0.501), (.scale, 0.501), (.shift, 0.501), (.sqrt, 0.501),
    (.square, 0.501), (.abs, 0.501),
  ]
  private static let parameter = 0.3125

  @Test func everyFunctionHasABound() {
    #expect(Set(TranscendentalTests.bounds.map { $0.0 }) == Set(UnaryOperation.allCases))
  }

  @Test(arguments: bounds) func floats(_ operation: UnaryOperation, _ bound: Double) {
    // a prime stride visits every exponent and both signs; the tests of the library visit every pattern
    let step: UInt64 = harden ? 97 : 769
    var worst = Worst()
    var bits: UInt64 = 0
    let block = 4096
    let x = StridedMatrix<Float>(block, 1), y = StridedMatrix<Float>(block, 1)
    while bits <= 0xFFFF_FFFF {
      for i in 0..<block {
        x[i, 0] = Float(bitPattern: UInt32(truncatingIfNeeded: min(bits, 0xFFFF_FFFF)))
        bits += step
      }
      apply(operation, Float(TranscendentalTests.parameter), x.view, to: y.view)
      for i in 0..<block {
        worst.take(
          x[i, 0], y[i, 0], exact(operation, Double(x[i, 0]), TranscendentalTests.parameter),
          unit: unit(operation, x[i, 0]))
      }
    }
    campaign("Errors of element-wise functions above their bound in ulp, float32") { count in
      count = Count(cases: worst.count, failures: worst.ulp <= bound ? 0 : 1)
    }
    #expect(worst.ulp <= bound, "\(worst)")
  }

  #if arch(x86_64)
    @Test(arguments: bounds) func doubles(_ operation: UnaryOperation, _ bound: Double) {
      var worst = Worst()
      let block = 4096, blocks = harden ? 20_000 : 300
      let x = StridedMatrix<Double>(block, 1), y = StridedMatrix<Double>(block, 1)
      // all bit patterns with a large odd stride; then ranges where the functions are not saturated
      var bits: UInt64 = 0
      for b in 0..<blocks {
        for i in 0..<block {
          bits &+= 0x9E37_79B9_7F4A_7C15
          let unit = Double(bits >> 11) * 0x1p-53
          switch b % 6 {
          case 0: x[i, 0] = Double(bitPattern: bits)
          case 1: x[i, 0] = 1500 * unit - 760
          case 2: x[i, 0] = 50 * unit - 25
          case 3: x[i, 0] = 2 * unit - 1
          case 4: x[i, 0] = 0.5 + unit
          default: x[i, 0] = (unit - 0.5) * pow(2, -60 * unit)
          }
        }
        apply(operation, TranscendentalTests.parameter, x.view, to: y.view)
        for i in 0..<block {
          worst.take(
            x[i, 0], y[i, 0], exact(operation, Float80(x[i, 0]), Float80(TranscendentalTests.parameter)),
            unit: unit(operation, x[i, 0]))
        }
      }
      campaign("Errors of element-wise functions above their bound in ulp, float64") { count in
        count = Count(cases: worst.count, failures: worst.ulp <= bound ? 0 : 1)
      }
      #expect(worst.ulp <= bound, "\(worst)")
    }
  #endif

  @Test func specialFloats() { special(Float.self) }

  @Test func specialDoubles() { special(Double.self) }

  private func special<T: Real>(_: T.Type) {
    let tiny = T.leastNonzeroMagnitude, huge = T.greatestFiniteMagnitude, inf = T.infinity
    let table: [(UnaryOperation, [(T, T)])] = [
      (.exp, [(0, 1), (-0.0, 1), (inf, inf), (-inf, 0), (huge, inf), (-huge, 0), (tiny, 1)]),
      (.log, [(1, 0), (0, -inf), (-0.0, -inf), (inf, inf)]),
      (.tanh, [(inf, 1), (-inf, -1), (huge, 1), (-huge, -1), (tiny, tiny), (-tiny, -tiny), (25, 1)]),
      (.sigmoid, [(0, 0.5), (inf, 1), (-inf, 0), (huge, 1), (-huge, 0), (tiny, 0.5), (40, 1)]),
      (.softplus, [(inf, inf), (-inf, 0), (huge, huge), (-huge, 0), (800, 800)]),
      (.silu, [(0, 0), (inf, inf), (-inf, 0), (huge, huge), (-huge, 0)]),
      (.gelu, [(0, 0), (inf, inf), (-inf, 0), (huge, huge), (-huge, 0), (100, 100)]),
      (.relu, [(0, 0), (inf, inf), (-inf, 0), (tiny, tiny)]),
      (.leakyRelu, [(inf, inf), (-inf, -inf)]),
      (.sqrt, [(0, 0), (4, 2), (inf, inf)]),
      (.sin, [(0, 0), (tiny, tiny), (-tiny, -tiny)]), (.cos, [(0, 1), (tiny, 1)]),
      (.pow, [(0, 0), (-0.0, 0), (1, 1), (16, 2), (inf, inf), (-inf, inf)]),
    ]
    for (operation, pairs) in table {
      for (x, y) in pairs { #expect(value(operation, x) == y, "\(operation)(\(x)) of \(T.self)") }
    }
    // the sign of zero survives where the function is odd
    for odd in [UnaryOperation.tanh, .sin] { #expect(value(odd, -0.0 as T).sign == .minus) }
    for bad: T in [inf, -inf] { #expect(value(.sin, bad).isNaN && value(.cos, bad).isNaN) }
    for bad: T in [-1, -tiny, -huge] { #expect(value(.pow, bad).isNaN) }
    for bad: T in [-1, -tiny, -inf] { #expect(value(.log, bad).isNaN) }
    for operation in UnaryOperation.allCases {
      #expect(value(operation, T.nan).isNaN, "\(operation)(NaN) of \(T.self)")
      #expect(value(operation, -T.nan).isNaN, "\(operation)(-NaN) of \(T.self)")
    }
  }

  /// An element has the same result at every index of a run.
  @Test(arguments: UnaryOperation.allCases) func resultsDoNotDependOnTheIndex(_ operation: UnaryOperation) {
    for x in [0.3, 1.7, 12.25] {
      let alone = value(operation, Float(x))
      for n in 1...17 {
        let run = StridedMatrix<Float>(n, 1) { _, _ in x }, y = StridedMatrix<Float>(n, 1)
        apply(operation, 0.25, run.view, to: y.view)
        #expect(y.difference { _, _ in alone } == nil)
      }
    }
  }

  private func value<T: Real>(_ operation: UnaryOperation, _ x: T) -> T {
    let one = StridedMatrix<T>(1, 1), y = StridedMatrix<T>(1, 1)
    one[0, 0] = x
    apply(operation, 0.25, one.view, to: y.view)
    return y[0, 0]
  }
}

/// The largest error, in units in the last place of the type, and the operand that causes it.
struct Worst: CustomStringConvertible {
  var ulp = 0.0
  var count = 0
  private var at = ""

  var description: String { "\(count) points, at most \(ulp) ulp\(at)" }

  /// Records one result. `unit` replaces the unit in the last place where that is smaller.
  mutating func take<T: Real, W: BinaryFloatingPoint>(_ x: T, _ y: T, _ exact: W, unit: T = 0) {
    count += 1
    let error: Double
    let nearest = T(exact)
    if exact.isNaN || y.isNaN {
      error = exact.isNaN && y.isNaN ? 0 : .infinity
    } else if nearest.isInfinite || y.isInfinite {
      error = nearest == y ? 0 : .infinity
    } else {
      error = Double(abs(W(y) - exact) / W(max(nearest.ulp, unit)))
    }
    if error > ulp { (ulp, at) = (error, " at \(x): \(y), exactly \(exact)") }
  }
}

/// Returns |x| times the smallest subnormal for x·σ(x) and x·Φ(x): the resolution of a subnormal second factor.
private func unit<T: Real>(_ operation: UnaryOperation, _ x: T) -> T {
  (operation == .silu || operation == .gelu) && abs(x) < 1000 ? abs(x) * T.leastNonzeroMagnitude : 0
}

private func exact(_ operation: UnaryOperation, _ x: Double, _ a: Double) -> Double {
  switch operation {
  case .exp: exp(x)
  case .log: log(x)
  case .tanh: tanh(x)
  case .sigmoid: x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x))
  case .softplus: max(x, 0) + log1p(exp(-abs(x))) + (x.isNaN ? .nan : 0)
  case .silu: x < -1e4 ? 0 : x < 0 ? x * exp(x) / (1 + exp(x)) : x / (1 + exp(-x))
  case .gelu: x < -1e4 ? 0 : 0.5 * x * erfc(-x * 0.5.squareRoot())
  case .sin: sin(x)
  case .cos: cos(x)
  case .pow: pow(x, a)
  default: elementary(operation, x, a)
  }
}

#if arch(x86_64)
  private func exact(_ operation: UnaryOperation, _ x: Float80, _ a: Float80) -> Float80 {
    switch operation {
    case .exp: exp(x)
    case .log: log(x)
    case .tanh: tanh(x)
    case .sigmoid: x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x))
    case .softplus: max(x, 0) + log1p(exp(-abs(x))) + (x.isNaN ? .nan : 0)
    case .silu: x < -1e4 ? 0 : x < 0 ? x * exp(x) / (1 + exp(x)) : x / (1 + exp(-x))
    case .gelu: x < -1e4 ? 0 : 0.5 * x * erfc(-x * (0.5 as Float80).squareRoot())
    case .sin: sin(x)
    case .cos: cos(x)
    case .pow: pow(x, a)
    default: elementary(operation, x, a)
    }
  }
#endif

/// The functions that arithmetic gives; `a` is the parameter.
private func elementary<W: BinaryFloatingPoint>(_ operation: UnaryOperation, _ x: W, _ a: W) -> W {
  switch operation {
  case .relu: x < 0 ? 0 : x
  case .leakyRelu: x < 0 ? a * x : x
  case .neg: -x
  case .scale: a * x
  case .shift: x + a
  case .sqrt: x.squareRoot()
  case .square: x * x
  case .abs: abs(x)
  default: fatalError("no oracle for \(operation)")
  }
}
