// Powers with constant exponents, and sines far from 0, against the C library and a wider type.

import Foundation
import Kernels
import Testing

@Suite struct PowerTests {
  static let exponents: [Double] = [
    0.5, 1.5, -0.5, 1 / 3.0, 0.3125, 2, 3, 5, 7, 64, -1, -2, -3, -64, 65, -65, 100.5, 1e-3,
  ]

  @Test(arguments: exponents) func errors(p: Double) {
    check(Float(p), Double.self) { pow($0, $1) }
    #if arch(x86_64)
      check(p, Float80.self) { pow($0, $1) }
    #endif
  }

  private func check<T: Real, W: BinaryFloatingPoint>(_ p: T, _: W.Type, _ exact: (W, W) -> W) {
    var worst = Worst()
    let block = 4096, x = StridedMatrix<T>(block, 1), y = StridedMatrix<T>(block, 1)
    var bits: UInt64 = 0
    for round in 0..<60 {
      for i in 0..<block {
        bits &+= 0x9E37_79B9_7F4A_7C15
        let unit = Double(bits >> 11) * 0x1p-53
        // near 1, where a large exponent matters; then over the range of exponents
        x[i, 0] = T(round % 2 == 0 ? 0.5 + unit : Foundation.exp((unit - 0.5) * (T.is64Bit ? 1400 : 170)))
        if p == p.rounded() && i % 3 == 0 { x[i, 0] = -x[i, 0] }
      }
      apply(.pow, p, x.view, to: y.view)
      for i in 0..<block { worst.take(x[i, 0], y[i, 0], exact(W(x[i, 0]), W(p))) }
    }
    #expect(worst.ulp <= 4, "\(p): \(worst)")
  }

  /// The values of C, to the sign of zero.
  @Test func specialValues() {
    let values: [Double] = [0, -0.0, 1, -1, .infinity, -.infinity, .nan, -2, 2, 5e-324, 1e308, -1e308]
    let x = StridedMatrix<Double>(values.count, 1) { i, _ in values[i] }, y = StridedMatrix<Double>(values.count, 1)
    for p in [0, 1, 2, 3, -1, -2, -3, 0.5, -0.5, 1.5, 1e300, -1e300, 64, 65, -65, 1 / 3.0] {
      apply(.pow, p, x.view, to: y.view)
      for (i, v) in values.enumerated() {
        let expected = Foundation.pow(v, p), found = y[i, 0]
        // 0 below the smallest number or within its rounding
        let isEqual = found == expected && (found != 0 || found.sign == expected.sign)
        #expect(
          isEqual || found.isNaN && expected.isNaN || Swift.abs(found - expected) <= 2 * expected.ulp,
          "\(v) to the power \(p): \(found), expected \(expected)")
      }
    }
  }

  /// Small whole powers of whole numbers are exact.
  @Test func wholeNumbers() {
    let x = StridedMatrix<Double>(9, 1) { i, _ in Double(i) - 4 }, y = StridedMatrix<Double>(9, 1)
    for p in 0...12 {
      apply(.pow, Double(p), x.view, to: y.view)
      #expect(y.difference { i, _ in (0..<p).reduce(1) { product, _ in product * x[i, 0] } } == nil)
    }
  }

  /// Derivatives at 0 as PyTorch's: p·0ᵖ⁻¹, and 0 for p = 0.
  @Test func derivativesAtZero() {
    for (p, expected) in [(0.0, 0.0), (1, 1), (2, 0), (0.5, .infinity), (3, 0), (1.5, 0), (-1, -.infinity)] {
      let x = StridedMatrix<Double>(1, 1), y = StridedMatrix<Double>(1, 1), dx = StridedMatrix<Double>(1, 1)
      let dy = StridedMatrix<Double>(1, 1) { _, _ in 1 }
      apply(.pow, p, x.view, to: y.view)
      applyBackward(.pow, p, x.view, y.view, dy: dy.view, dx: dx.view)
      #expect(dx[0, 0] == expected, "\(p)")
    }
  }

  /// The double that is nearest to a multiple of π/2, whose cosine is off by 7 ulp in some C libraries, and large numbers.
  @Test func sinesFarFromZero() {
    let values: [Double] = [
      6_381_956_970_095_103 * 0x1p797, .greatestFiniteMagnitude, 1_048_576, 1_048_577, 1e22, -1e22, 0x1p1023, 355,
      103_993,
      245_850_922, 6_167_950_454,
    ]
    let x = StridedMatrix<Double>(values.count, 1) { i, _ in values[i] }, y = StridedMatrix<Double>(values.count, 1)
    apply(.sin, 0, x.view, to: y.view)
    for (i, v) in values.enumerated() {
      #expect(abs(y[i, 0] - sin(v)) <= 2 * sin(v).ulp, "sin \(v): \(y[i, 0])")
    }
    apply(.cos, 0, x.view, to: y.view)
    for (i, v) in values.enumerated() {
      let expected = i == 0 ? -4.68716592425462761112e-19 : cos(v)
      #expect(abs(y[i, 0] - expected) <= 2 * expected.ulp, "cos \(v): \(y[i, 0])")
    }
  }
}
