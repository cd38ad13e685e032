// Functions of two numbers against plain loops, with columns that stand beside every column.

import Kernels
import Testing

@Suite struct BinaryTests {
  @Test(arguments: BinaryOperation.allCases) func pairs(_ pair: BinaryOperation) {
    for n in oddSizes {
      for d in [1, 2, 5] {
        for gap in [0, 1, 4] {
          for (wideA, wideB) in [(true, true), (false, true), (true, false)] {
            compare(pair, n, d, gap, wideA, wideB, Float.self)
            compare(pair, n, d, gap, wideA, wideB, Double.self)
          }
        }
      }
    }
  }

  private func compare<T: Real>(
    _ pair: BinaryOperation, _ n: Int, _ d: Int, _ gap: Int, _ wideA: Bool, _ wideB: Bool, _: T.Type
  ) {
    // powers of two divide exactly
    let divisor: (Int, Int) -> Double = { [1, 2, -4, 0.5, -1][($0 &* 3 &+ $1) % 5] }
    let a = StridedMatrix<T>(n, wideA ? d : 1, gap: gap, small(1))
    let b = StridedMatrix<T>(n, wideB ? d : 1, gap: gap, pair == .div ? divisor : small(2))
    let y = StridedMatrix<T>(n, d, gap: gap), dy = StridedMatrix<T>(n, d, gap: gap, small(3))
    let da = StridedMatrix<T>(n, wideA ? d : 1, gap: gap, small(4)),
      db = StridedMatrix<T>(n, wideB ? d : 1, gap: gap, small(5))
    let (oldA, oldB) = (da.copy(), db.copy())
    let (ja, jb): (Int, Int) = (wideA ? 1 : 0, wideB ? 1 : 0)

    apply(pair, beside(a, d), beside(b, d), to: y.view)
    #expect(y.difference { value(pair, a[$0, $1 * ja], b[$0, $1 * jb]) } == nil)

    applyBackward(
      pair, beside(a, d), beside(b, d), y.view, dy: dy.view, da: beside(da, d), db: beside(db, d))
    #expect(
      da.difference { i, j in
        (wideA ? j..<j + 1 : 0..<d).reduce(oldA[i, j]) { $0 + dy[i, $1] * slopeA(pair, b[i, $1 * jb]) }
      } == nil)
    #expect(
      db.difference { i, j in
        (wideB ? j..<j + 1 : 0..<d).reduce(oldB[i, j]) {
          $0 + dy[i, $1] * slopeB(pair, a[i, $1 * ja], b[i, $1 * jb])
        }
      } == nil)
  }

  /// A single column as `d` of them.
  private func beside<T: Real>(_ m: StridedMatrix<T>, _ d: Int) -> MatrixView<T> {
    m.d == d ? m.view : MatrixView(m.view.p, rows: m.n, columns: d, columnStride: 0)
  }

  private func value<T: Real>(_ pair: BinaryOperation, _ a: T, _ b: T) -> T {
    switch pair {
    case .add: a + b
    case .sub: a - b
    case .eltmul: a * b
    case .div: a / b
    }
  }

  private func slopeA<T: Real>(_ pair: BinaryOperation, _ b: T) -> T {
    switch pair {
    case .add, .sub: 1
    case .eltmul: b
    case .div: 1 / b
    }
  }

  private func slopeB<T: Real>(_ pair: BinaryOperation, _ a: T, _ b: T) -> T {
    switch pair {
    case .add: 1
    case .sub: -1
    case .eltmul: a
    case .div: -a / (b * b)
    }
  }

  @Test(arguments: BinaryOperation.allCases) func oneMatOnBothSides(_ pair: BinaryOperation) {
    let a = StridedMatrix<Double>(9, 2) { i, _ in [1, 2, -4, 0.5][i % 4] }, y = StridedMatrix<Double>(9, 2)
    let dy = StridedMatrix<Double>(9, 2, small(1)), da = StridedMatrix<Double>(9, 2)
    apply(pair, a.view, a.view, to: y.view)
    applyBackward(pair, a.view, a.view, y.view, dy: dy.view, da: da.view, db: da.view)
    let slope: (Double) -> Double =
      switch pair {
      case .add: { _ in 2 }
      case .sub, .div: { _ in 0 }
      case .eltmul: { 2 * $0 }
      }
    #expect(da.difference { dy[$0, $1] * slope(a[$0, $1]) } == nil)
  }
}
