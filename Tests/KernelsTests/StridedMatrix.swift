// Matrices for kernel tests, with sentinels around the elements that detect writes out of bounds.

import Kernels

/// Sizes below, at and above multiples of the vector width.
let oddSizes = [1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65]

/// An owned matrix of `n` rows and `d` columns with `gap` elements between the columns.
final class StridedMatrix<T: Real> {
  let n: Int, d: Int, stride: Int
  private let start: UnsafeMutablePointer<T>
  private static var margin: Int { 16 }
  private static var sentinel: T { -98765 }

  /// Creates a matrix of the values at each row and column.
  init(_ n: Int, _ d: Int, gap: Int = 0, _ value: (Int, Int) -> Double = { _, _ in 0 }) {
    (self.n, self.d, stride) = (n, d, n + gap)
    start = .allocate(capacity: stride * d + 2 * Self.margin)
    start.initialize(repeating: Self.sentinel, count: stride * d + 2 * Self.margin)
    for j in 0..<d {
      for i in 0..<n { self[i, j] = T(value(i, j)) }
    }
  }

  deinit { start.deallocate() }

  /// The view that is passed to a kernel.
  var view: MatrixView<T> { MatrixView(start + Self.margin, rows: n, columns: d, columnStride: stride) }

  subscript(i: Int, j: Int) -> T {
    get { start[Self.margin + j * stride + i] }
    set { start[Self.margin + j * stride + i] = newValue }
  }

  /// Returns a matrix with the same elements and gaps.
  func copy() -> StridedMatrix { StridedMatrix(n, d, gap: stride - n) { Double(self[$0, $1]) } }

  /// Whether no sentinel was overwritten.
  var gapsAreWhole: Bool {
    for at in 0..<(stride * d + 2 * Self.margin) {
      let i = at - Self.margin
      let inside = i >= 0 && i < stride * d && i % stride < n
      if !inside && start[at] != Self.sentinel { return false }
    }
    return true
  }

  /// Returns the first difference from `expected`, or an overwritten sentinel, as a sentence; nil without one.
  func difference(from expected: (Int, Int) -> T) -> String? {
    for j in 0..<d {
      for i in 0..<n where self[i, j] != expected(i, j) {
        return "[\(i), \(j)] of \(n) x \(d) stride \(stride) is \(self[i, j]); expected \(expected(i, j))"
      }
    }
    return gapsAreWhole ? nil : "\(n) x \(d) stride \(stride): an element outside was overwritten"
  }

  /// Returns the largest difference from `expected`, relative to the larger of 1 and its magnitude; infinity if a
  /// sentinel was overwritten.
  func distance(from expected: (Int, Int) -> Double) -> Double {
    var worst = gapsAreWhole ? 0 : Double.infinity
    for j in 0..<d {
      for i in 0..<n {
        let e = expected(i, j), error = abs(Double(self[i, j]) - e) / max(1, abs(e))
        // a NaN must not pass
        worst = error <= worst ? worst : error.isNaN ? .infinity : error
      }
    }
    return worst
  }
}

/// Returns pseudorandom integers from −4 to 4, a function of seed, row and column.
func small(_ seed: Int) -> (Int, Int) -> Double {
  { i, j in
    var x = UInt64(truncatingIfNeeded: seed &* 1_000_003 &+ i &* 7919 &+ j &* 104_729 &+ 12345)
    x ^= x >> 33
    x = x &* 0xFF51_AFD7_ED55_8CCD
    x ^= x >> 29
    return Double(Int(x % 9) - 4)
  }
}

/// Returns pseudorandom numbers in [−1, 1), a function of seed, row and column.
func fraction(_ seed: Int) -> (Int, Int) -> Double {
  { i, j in
    var x = UInt64(truncatingIfNeeded: seed &* 1_000_003 &+ i &* 7919 &+ j &* 104_729 &+ 777)
    x ^= x >> 33
    x = x &* 0xFF51_AFD7_ED55_8CCD
    x ^= x >> 33
    x = x &* 0xC4CE_B9FE_1A85_EC53
    x ^= x >> 33
    // 23 bits, exact in both types
    return Double(Int(x & 0x7F_FFFF) - 0x40_0000) / 0x40_0000
  }
}

/// Returns the tolerance of a comparison with a reference in float64: a few rounding errors of the type.
func tolerance<T: Real>(_: T.Type) -> Double { T.is64Bit ? 1e-13 : 2e-6 }
