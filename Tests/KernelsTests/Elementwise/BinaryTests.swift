// Element-wise functions of two operands against plain loops, with broadcast columns.

import Kernels
import Testing

@Suite struct BinaryTests {
  @Test(arguments: BinaryOperation.allCases) func operations(_ operation: BinaryOperation) {
    for n in oddSizes {
      for d in [1, 2, 5] {
        for gap in [0, 1, 4] {
          for (wideA, wideB) in [(true, true), (false, true), (true, false)] {
            for (tallA, tallB) in [(true, true), (false, true), (true, false)] {
              compare(operation, n, d, gap, wideA, wideB, tallA, tallB, Float.self)
              compare(operation, n, d, gap, wideA, wideB, tallA, tallB, Double.self)
            }
          }
        }
      }
    }
  }

  private func compare<T: Real>(
    _ operation: BinaryOperation, _ n: Int, _ d: Int, _ gap: Int, _ wideA: Bool, _ wideB: Bool, _ tallA: Bool,
    _ tallB: Bool, _: T.Type
  ) {
    // powers of two divide exactly
    let divisor: (Int, Int) -> Double = { [1, 2, -4, 0.5, -1][($0 &* 3 &+ $1) % 5] }
    let a = StridedMatrix<T>(tallA ? n : 1, wideA ? d : 1, gap: gap, small(1))
    let b = StridedMatrix<T>(tallB ? n : 1, wideB ? d : 1, gap: gap, operation == .div ? divisor : small(2))
    let y = StridedMatrix<T>(n, d, gap: gap), dy = StridedMatrix<T>(n, d, gap: gap, small(3))
    let da = StridedMatrix<T>(a.n, a.d, gap: gap, small(4)), db = StridedMatrix<T>(b.n, b.d, gap: gap, small(5))
    let (oldA, oldB) = (da.copy(), db.copy())
    let (ia, ja, ib, jb) = (tallA ? 1 : 0, wideA ? 1 : 0, tallB ? 1 : 0, wideB ? 1 : 0)

    apply(operation, broadcast(a, d), broadcast(b, d), to: y.view)
    #expect(y.difference { value(operation, a[$0 * ia, $1 * ja], b[$0 * ib, $1 * jb]) } == nil)

    applyBackward(
      operation, broadcast(a, d), broadcast(b, d), y.view, dy: dy.view, da: broadcast(da, d), db: broadcast(db, d))
    // small whole numbers and powers of two: sums are exact in any order
    let (da0, db0) = (oldA.copy(), oldB.copy())
    for j in 0..<d {
      for i in 0..<n {
        let (u, v) = (a[i * ia, j * ja], b[i * ib, j * jb])
        da0[i * ia, j * ja] += dy[i, j] * derivativeA(operation, u, v)
        db0[i * ib, j * jb] += dy[i, j] * derivativeB(operation, u, v)
      }
    }
    #expect(da.difference { da0[$0, $1] } == nil)
    #expect(db.difference { db0[$0, $1] } == nil)
  }

  /// Returns the view of a single column broadcast to `d` columns.
  private func broadcast<T: Real>(_ m: StridedMatrix<T>, _ d: Int) -> MatrixView<T> {
    m.d == d ? m.view : MatrixView(m.view.p, rows: m.n, columns: d, columnStride: 0)
  }

  private func value<T: Real>(_ operation: BinaryOperation, _ a: T, _ b: T) -> T {
    switch operation {
    case .add: a + b
    case .sub: a - b
    case .eltmul: a * b
    case .div: a / b
    case .maximum: max(a, b)
    case .minimum: min(a, b)
    case .greater: a > b ? 1 : 0
    case .greaterEqual: a >= b ? 1 : 0
    case .less: a < b ? 1 : 0
    case .lessEqual: a <= b ? 1 : 0
    case .equal: a == b ? 1 : 0
    case .notEqual: a != b ? 1 : 0
    }
  }

  private func derivativeA<T: Real>(_ operation: BinaryOperation, _ a: T, _ b: T) -> T {
    switch operation {
    case .add, .sub: 1
    case .eltmul: b
    case .div: 1 / b
    case .maximum: a > b ? 1 : a < b ? 0 : 0.5
    case .minimum: a < b ? 1 : a > b ? 0 : 0.5
    case .greater, .greaterEqual, .less, .lessEqual, .equal, .notEqual: 0
    }
  }

  private func derivativeB<T: Real>(_ operation: BinaryOperation, _ a: T, _ b: T) -> T {
    switch operation {
    case .add: 1
    case .sub: -1
    case .eltmul: a
    case .div: -a / (b * b)
    case .maximum: a < b ? 1 : a > b ? 0 : 0.5
    case .minimum: a > b ? 1 : a < b ? 0 : 0.5
    case .greater, .greaterEqual, .less, .lessEqual, .equal, .notEqual: 0
    }
  }

  @Test(arguments: BinaryOperation.allCases) func oneMatOnBothSides(_ operation: BinaryOperation) {
    let a = StridedMatrix<Double>(9, 2) { i, _ in [1, 2, -4, 0.5][i % 4] }, y = StridedMatrix<Double>(9, 2)
    let dy = StridedMatrix<Double>(9, 2, small(1)), da = StridedMatrix<Double>(9, 2)
    apply(operation, a.view, a.view, to: y.view)
    applyBackward(operation, a.view, a.view, y.view, dy: dy.view, da: da.view, db: da.view)
    let derivative: (Double) -> Double =
      switch operation {
      case .add: { _ in 2 }
      case .sub, .div: { _ in 0 }
      case .eltmul: { 2 * $0 }
      case .maximum, .minimum: { _ in 1 }
      case .greater, .greaterEqual, .less, .lessEqual, .equal, .notEqual: { _ in 0 }
      }
    #expect(da.difference { dy[$0, $1] * derivative(a[$0, $1]) } == nil)
  }

  /// NaN is the larger and the smaller of two, and compares as in C.
  @Test func notANumber() {
    for (a, b) in [(Double.nan, 1.0), (1, .nan), (.nan, .nan)] {
      let x = StridedMatrix<Double>(5, 1) { _, _ in a }, y = StridedMatrix<Double>(5, 1) { _, _ in b }
      let z = StridedMatrix<Double>(5, 1)
      for operation in BinaryOperation.allCases {
        apply(operation, x.view, y.view, to: z.view)
        if operation.hasGradient {
          #expect((0..<5).allSatisfy { z[$0, 0].isNaN }, "\(operation)")
        } else {
          #expect((0..<5).allSatisfy { z[$0, 0] == (operation == .notEqual ? 1 : 0) }, "\(operation)")
        }
      }
    }
  }
}
