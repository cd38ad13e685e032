// Element-wise functions of one operand and their derivatives against the C library.

import Foundation
import Kernels
import Testing

@Suite struct UnaryTests {
  @Test(arguments: UnaryOperation.allCases) func valuesAndDerivatives(_ operation: UnaryOperation) {
    for n in oddSizes {
      for d in [1, 3] {
        for gap in [0, 2] {
          compare(operation, n, d, gap, Float.self)
          compare(operation, n, d, gap, Double.self)
        }
      }
    }
  }

  private func compare<T: Real>(_ operation: UnaryOperation, _ n: Int, _ d: Int, _ gap: Int, _: T.Type) {
    let parameter = 0.25
    let x = StridedMatrix<T>(n, d, gap: gap) { i, j in
      let x = 4 * fraction(1)(i, j)
      // log and sqrt are defined for positive operands only
      return operation == .log || operation == .sqrt || operation == .pow ? 0.25 + abs(x) : x
    }
    let y = StridedMatrix<T>(n, d, gap: gap)
    apply(operation, T(parameter), x.view, to: y.view)
    #expect(y.distance { oracle(operation, Double(x[$0, $1]), parameter).value } < tolerance(T.self))

    let dy = StridedMatrix<T>(n, d, gap: gap, small(2)), dx = StridedMatrix<T>(n, d, gap: gap, small(3)),
      before = dx.copy()
    applyBackward(operation, T(parameter), x.view, y.view, dy: dy.view, dx: dx.view)
    #expect(
      dx.distance {
        Double(before[$0, $1]) + Double(dy[$0, $1]) * oracle(operation, Double(x[$0, $1]), parameter).derivative
      } < 8 * tolerance(T.self))
  }

  /// The derivative is the same where the values that it does not read are NaN.
  @Test(arguments: UnaryOperation.allCases) func derivativesReadWhatTheySay(_ operation: UnaryOperation) {
    let x = StridedMatrix<Double>(9, 1) { i, _ in 0.25 + Double(i) }, y = StridedMatrix<Double>(9, 1)
    let none = StridedMatrix<Double>(9, 1) { _, _ in .nan }, dy = StridedMatrix<Double>(9, 1) { _, _ in 1 }
    apply(operation, 0.25, x.view, to: y.view)
    let expected = StridedMatrix<Double>(9, 1), dx = StridedMatrix<Double>(9, 1)
    applyBackward(operation, 0.25, x.view, y.view, dy: dy.view, dx: expected.view)
    let reads = operation.derivativeReads
    applyBackward(
      operation, 0.25, reads.x ? x.view : none.view, reads.y ? y.view : none.view, dy: dy.view, dx: dx.view)
    #expect(dx.distance { expected[$0, $1] } == 0)
  }

  /// Returns the value and the derivative, by their definition.
  private func oracle(_ operation: UnaryOperation, _ x: Double, _ a: Double) -> (value: Double, derivative: Double) {
    let s = 1 / (1 + exp(-x)), cdf = 0.5 * erfc(-x / 2.0.squareRoot())
    switch operation {
    case .tanh: return (tanh(x), 1 / (cosh(x) * cosh(x)))
    case .sigmoid: return (s, s * (1 - s))
    case .relu: return (max(x, 0), x > 0 ? 1 : 0)
    case .leakyRelu: return (x > 0 ? x : a * x, x > 0 ? 1 : a)
    case .gelu: return (x * cdf, cdf + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot())
    case .silu: return (x * s, s + x * s * (1 - s))
    case .softplus: return (log1p(exp(x)), s)
    case .neg: return (-x, -1)
    case .scale: return (a * x, a)
    case .shift: return (x + a, 1)
    case .exp: return (exp(x), exp(x))
    case .log: return (log(x), 1 / x)
    case .sqrt: return (x.squareRoot(), 0.5 / x.squareRoot())
    case .square: return (x * x, 2 * x)
    case .abs: return (abs(x), x > 0 ? 1 : x < 0 ? -1 : 0)
    case .sin: return (sin(x), cos(x))
    case .cos: return (cos(x), -sin(x))
    case .pow: return (pow(x, a), a * pow(x, a - 1))
    }
  }

  /// Parity: the derivative of relu at 0 is 0, as in RecurrentJS.
  @Test(arguments: [(UnaryOperation.relu, 0.0), (.abs, 0), (.leakyRelu, 0.25)])
  func derivativesAtZero(_ operation: UnaryOperation, _ derivative: Double) {
    for zero in [0.0, -0.0] {
      let x = StridedMatrix<Double>(1, 1) { _, _ in zero }, y = StridedMatrix<Double>(1, 1)
      let dy = StridedMatrix<Double>(1, 1) { _, _ in 1 }, dx = StridedMatrix<Double>(1, 1)
      apply(operation, 0.25, x.view, to: y.view)
      applyBackward(operation, 0.25, x.view, y.view, dy: dy.view, dx: dx.view)
      #expect(dx[0, 0] == derivative)
    }
  }

  /// Far from 0 a derivative with a finite limit reaches it and is never NaN.
  @Test(arguments: [UnaryOperation.tanh, .sigmoid, .gelu, .silu, .softplus]) func derivativesFarFromZero(
    _ operation: UnaryOperation
  ) {
    let limit = operation == .tanh || operation == .sigmoid ? 0.0 : 1.0
    for (x, derivative) in [(1e4, limit), (1e20, limit), (1e30, limit), (-1e4, 0), (-1e20, 0), (-1e30, 0)] {
      let m = StridedMatrix<Float>(1, 1) { _, _ in x }, y = StridedMatrix<Float>(1, 1)
      let dy = StridedMatrix<Float>(1, 1) { _, _ in 1 }, dx = StridedMatrix<Float>(1, 1)
      apply(operation, 0, m.view, to: y.view)
      applyBackward(operation, 0, m.view, y.view, dy: dy.view, dx: dx.view)
      #expect(Double(dx[0, 0]) == derivative, "derivative of \(operation) at \(x)")
    }
  }

  /// The result may overwrite the operand.
  @Test(arguments: UnaryOperation.allCases) func inPlace(_ operation: UnaryOperation) {
    let x = StridedMatrix<Double>(17, 3, gap: 1) { 1 + abs(fraction(1)($0, $1)) }, y = StridedMatrix<Double>(17, 3)
    apply(operation, 0.5, x.view, to: y.view)
    apply(operation, 0.5, x.view, to: x.view)
    #expect(x.difference { y[$0, $1] } == nil)
  }
}
