// Slopes of the curves, and the loops that carry them over matrix views.

import Foundation
import Kernels
import Testing

@Suite struct UnaryTests {
  @Test(arguments: UnaryOperation.allCases) func valuesAndSlopes(_ curve: UnaryOperation) {
    for n in oddSizes {
      for d in [1, 3] {
        for gap in [0, 2] {
          compare(curve, n, d, gap, Float.self)
          compare(curve, n, d, gap, Double.self)
        }
      }
    }
  }

  private func compare<T: Real>(_ curve: UnaryOperation, _ n: Int, _ d: Int, _ gap: Int, _: T.Type) {
    let parameter = 0.25
    let x = StridedMatrix<T>(n, d, gap: gap) { i, j in
      let x = 4 * fraction(1)(i, j)
      // positive where the function is defined for nothing else
      return curve == .log || curve == .sqrt ? 0.25 + abs(x) : x
    }
    let y = StridedMatrix<T>(n, d, gap: gap)
    apply(curve, T(parameter), x.view, to: y.view)
    #expect(y.distance { oracle(curve, Double(x[$0, $1]), parameter).value } < tolerance(T.self))

    let dy = StridedMatrix<T>(n, d, gap: gap, small(2)), dx = StridedMatrix<T>(n, d, gap: gap, small(3)),
      before = dx.copy()
    applyBackward(curve, T(parameter), x.view, y.view, dy: dy.view, dx: dx.view)
    #expect(
      dx.distance {
        Double(before[$0, $1]) + Double(dy[$0, $1]) * oracle(curve, Double(x[$0, $1]), parameter).slope
      } < 8 * tolerance(T.self))
  }

  /// What a curve and its slope are, by the textbook.
  private func oracle(_ curve: UnaryOperation, _ x: Double, _ a: Double) -> (value: Double, slope: Double) {
    let s = 1 / (1 + exp(-x)), share = 0.5 * erfc(-x / 2.0.squareRoot())
    switch curve {
    case .tanh: return (tanh(x), 1 / (cosh(x) * cosh(x)))
    case .sigmoid: return (s, s * (1 - s))
    case .relu: return (max(x, 0), x > 0 ? 1 : 0)
    case .leakyRelu: return (x > 0 ? x : a * x, x > 0 ? 1 : a)
    case .gelu: return (x * share, share + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot())
    case .silu: return (x * s, s + x * s * (1 - s))
    case .softplus: return (log1p(exp(x)), s)
    case .neg: return (-x, -1)
    case .scale: return (a * x, a)
    case .exp: return (exp(x), exp(x))
    case .log: return (log(x), 1 / x)
    case .sqrt: return (x.squareRoot(), 0.5 / x.squareRoot())
    case .square: return (x * x, 2 * x)
    case .abs: return (abs(x), x > 0 ? 1 : x < 0 ? -1 : 0)
    }
  }

  /// Parity: RecurrentJS gives relu no slope at 0.
  @Test(arguments: [(UnaryOperation.relu, 0.0), (.abs, 0), (.leakyRelu, 0.25)])
  func slopeAtTheKink(_ curve: UnaryOperation, _ slope: Double) {
    for zero in [0.0, -0.0] {
      let x = StridedMatrix<Double>(1, 1) { _, _ in zero }, y = StridedMatrix<Double>(1, 1)
      let dy = StridedMatrix<Double>(1, 1) { _, _ in 1 }, dx = StridedMatrix<Double>(1, 1)
      apply(curve, 0.25, x.view, to: y.view)
      applyBackward(curve, 0.25, x.view, y.view, dy: dy.view, dx: dx.view)
      #expect(dx[0, 0] == slope)
    }
  }

  /// Far from 0 every slope has a limit; the ones that have a finite limit must reach it without a NaN.
  @Test(arguments: [UnaryOperation.tanh, .sigmoid, .gelu, .silu, .softplus]) func slopesFarOut(_ curve: UnaryOperation)
  {
    let limit = curve == .tanh || curve == .sigmoid ? 0.0 : 1.0
    for (x, slope) in [(1e4, limit), (1e20, limit), (1e30, limit), (-1e4, 0), (-1e20, 0), (-1e30, 0)] {
      let m = StridedMatrix<Float>(1, 1) { _, _ in x }, y = StridedMatrix<Float>(1, 1)
      let dy = StridedMatrix<Float>(1, 1) { _, _ in 1 }, dx = StridedMatrix<Float>(1, 1)
      apply(curve, 0, m.view, to: y.view)
      applyBackward(curve, 0, m.view, y.view, dy: dy.view, dx: dx.view)
      #expect(Double(dx[0, 0]) == slope, "\(curve)'s slope at \(x)")
    }
  }

  /// A curve may write over what it reads.
  @Test(arguments: UnaryOperation.allCases) func inPlace(_ curve: UnaryOperation) {
    let x = StridedMatrix<Double>(17, 3, gap: 1) { 1 + abs(fraction(1)($0, $1)) }, y = StridedMatrix<Double>(17, 3)
    apply(curve, 0.5, x.view, to: y.view)
    apply(curve, 0.5, x.view, to: x.view)
    #expect(x.difference { y[$0, $1] } == nil)
  }
}
