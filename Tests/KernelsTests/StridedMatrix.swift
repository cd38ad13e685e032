// Numbers for a kernel to work on, with sentinels around them that tell when it strays.

import Kernels

/// The sizes at which loops by registers go wrong, if they do.
let oddSizes = [1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65]

/// A matrix view of `n` rows and `d` columns in memory of its own; `gap` numbers lie between the columns.
final class StridedMatrix<T: Real> {
  let n: Int, d: Int, stride: Int
  private let start: UnsafeMutablePointer<T>
  private static var margin: Int { 16 }
  private static var sentinel: T { -98765 }

  /// `value` is asked for each row and column.
  init(_ n: Int, _ d: Int, gap: Int = 0, _ value: (Int, Int) -> Double = { _, _ in 0 }) {
    (self.n, self.d, stride) = (n, d, n + gap)
    start = .allocate(capacity: stride * d + 2 * Self.margin)
    start.initialize(repeating: Self.sentinel, count: stride * d + 2 * Self.margin)
    for j in 0..<d {
      for i in 0..<n { self[i, j] = T(value(i, j)) }
    }
  }

  deinit { start.deallocate() }

  /// What the kernel gets.
  var view: MatrixView<T> { MatrixView(start + Self.margin, rows: n, columns: d, columnStride: stride) }

  subscript(i: Int, j: Int) -> T {
    get { start[Self.margin + j * stride + i] }
    set { start[Self.margin + j * stride + i] = newValue }
  }

  /// Another one with the same numbers and gaps.
  func copy() -> StridedMatrix { StridedMatrix(n, d, gap: stride - n) { Double(self[$0, $1]) } }

  /// Whether every sentinel is still there.
  var gapsAreWhole: Bool {
    for at in 0..<(stride * d + 2 * Self.margin) {
      let i = at - Self.margin
      let inside = i >= 0 && i < stride * d && i % stride < n
      if !inside && start[at] != Self.sentinel { return false }
    }
    return true
  }

  /// The first place where the numbers are not `expected`'s, or where a sentinel was overwritten; nil if all is well.
  func difference(from expected: (Int, Int) -> T) -> String? {
    for j in 0..<d {
      for i in 0..<n where self[i, j] != expected(i, j) {
        return "[\(i), \(j)] of \(n) x \(d) stride \(stride) is \(self[i, j]); expected \(expected(i, j))"
      }
    }
    return gapsAreWhole ? nil : "\(n) x \(d) stride \(stride): a number outside was overwritten"
  }

  /// The largest difference from `expected`, relative to the larger of 1 and its magnitude; infinity if a sentinel is gone.
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

/// Small whole numbers that look like chance, the same ones every time.
func small(_ seed: Int) -> (Int, Int) -> Double {
  { i, j in
    var x = UInt64(truncatingIfNeeded: seed &* 1_000_003 &+ i &* 7919 &+ j &* 104_729 &+ 12345)
    x ^= x >> 33
    x = x &* 0xFF51_AFD7_ED55_8CCD
    x ^= x >> 29
    return Double(Int(x % 9) - 4)
  }
}

/// Numbers in (−1, 1) that look like chance.
func fraction(_ seed: Int) -> (Int, Int) -> Double {
  { i, j in
    var x = UInt64(truncatingIfNeeded: seed &* 1_000_003 &+ i &* 7919 &+ j &* 104_729 &+ 777)
    x ^= x >> 33
    x = x &* 0xFF51_AFD7_ED55_8CCD
    x ^= x >> 33
    x = x &* 0xC4CE_B9FE_1A85_EC53
    x ^= x >> 33
    // 23 bits, so that both types hold it exactly
    return Double(Int(x & 0x7F_FFFF) - 0x40_0000) / 0x40_0000
  }
}

/// How far a sound kernel may be from a twin in float64: a few roundings of the type.
func tolerance<T: Real>(_: T.Type) -> Double { T.is64Bit ? 1e-13 : 2e-6 }
