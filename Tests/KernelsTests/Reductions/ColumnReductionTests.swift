// Reductions of columns against plain loops.

import Foundation
import Kernels
import Testing

@Suite struct ColumnReductionTests {
  @Test(arguments: oddSizes) func reductions(n: Int) {
    for function in ColumnReduction.allCases {
      for gap in [0, 3] {
        compare(function, n, gap, Float.self)
        compare(function, n, gap, Double.self)
      }
    }
  }

  private func compare<T: Real>(_ function: ColumnReduction, _ n: Int, _ gap: Int, _: T.Type) {
    // whole numbers: the largest elements of a column are often equal
    let x = StridedMatrix<T>(n, 3, gap: gap, small(1)), y = StridedMatrix<T>(1, 3)
    reduceColumns(function, x.view, to: y.view)
    #expect(y.distance { _, j in value(function, (0..<n).map { Double(x[$0, j]) }) } < tolerance(T.self))

    let dy = StridedMatrix<T>(1, 3, small(2)), dx = StridedMatrix<T>(n, 3, gap: gap, small(3)), before = dx.copy()
    reduceColumnsBackward(function, x.view, y.view, dy: dy.view, dx: dx.view)
    let expected = (0..<3).map { j in slopes(function, (0..<n).map { Double(x[$0, j]) }) }
    #expect(dx.distance { Double(before[$0, $1]) + Double(dy[0, $1]) * expected[$1][$0] } < 4 * tolerance(T.self))
  }

  private func value(_ function: ColumnReduction, _ x: [Double]) -> Double {
    switch function {
    case .max: x.max() ?? .nan
    case .min: x.min() ?? .nan
    case .norm: x.reduce(0) { $0 + $1 * $1 }.squareRoot()
    case .logsumexp: log(x.reduce(0) { $0 + exp($1) })
    }
  }

  private func slopes(_ function: ColumnReduction, _ x: [Double]) -> [Double] {
    let y = value(function, x), count = Double(x.count { $0 == y })
    return x.map {
      switch function {
      case .max, .min: $0 == y ? 1 / count : 0
      case .norm: y == 0 ? 0 : $0 / y
      case .logsumexp: exp($0 - y)
      }
    }
  }

  /// The squares of a norm and the exponentials of a logarithm neither overflow nor underflow.
  @Test func extremes() {
    func reduced<T: Real>(_ function: ColumnReduction, _ x: [T]) -> T {
      let m = StridedMatrix<T>(x.count, 1), y = StridedMatrix<T>(1, 1)
      for (i, v) in x.enumerated() { m[i, 0] = v }
      reduceColumns(function, m.view, to: y.view)
      return y[0, 0]
    }
    let huge = Double.greatestFiniteMagnitude / 4, tiny = Double.leastNonzeroMagnitude
    #expect(reduced(.norm, [3 * huge / 5, 4 * huge / 5]) == huge)
    #expect(reduced(.norm, [3 * tiny, 4 * tiny]) == 5 * tiny)
    #expect(reduced(.norm, [0.0, -0.0]) == 0)
    #expect(reduced(.norm, [Double.infinity, 1]) == .infinity)
    #expect(reduced(.logsumexp, [1e300, 1e300 as Double]) == 1e300)
    #expect(reduced(.logsumexp, [-1e300, -1e300 as Double]) == -1e300)
    #expect(reduced(.logsumexp, [-Double.infinity, -.infinity]) == -.infinity)
    #expect(reduced(.logsumexp, [-Double.infinity, 2]) == 2)
    #expect(reduced(.logsumexp, [Double.infinity, 2]) == .infinity)
    #expect(reduced(.max, [-Double.infinity, -.infinity]) == -.infinity)
    // wherever it is
    for n in oddSizes {
      for i in 0..<n {
        var x = [Float](repeating: 1, count: n)
        x[i] = .nan
        for function in ColumnReduction.allCases { #expect(reduced(function, x).isNaN, "\(function) of \(n), \(i)") }
      }
    }
  }

  /// The gradient of a norm at 0 is 0, and that of no sum.
  @Test func gradientsAtZero() {
    for (function, x) in [(ColumnReduction.norm, 0.0), (.logsumexp, -.infinity)] {
      let m = StridedMatrix<Double>(5, 1) { _, _ in x }, y = StridedMatrix<Double>(1, 1)
      let dy = StridedMatrix<Double>(1, 1) { _, _ in 1 }, dx = StridedMatrix<Double>(5, 1)
      reduceColumns(function, m.view, to: y.view)
      reduceColumnsBackward(function, m.view, y.view, dy: dy.view, dx: dx.view)
      #expect(dx.difference { _, _ in 0 } == nil)
    }
  }

  @Test(arguments: oddSizes) func cumulativeSums(n: Int) {
    for d in [1, 2, 9] {
      for gap in [0, 3] {
        let x = StridedMatrix<Float>(n, d, gap: gap, small(1)), y = StridedMatrix<Float>(n, d, gap: gap)
        let dx = StridedMatrix<Float>(n, d, gap: gap, small(2)), before = dx.copy()
        cumulativeSumRows(x.view, to: y.view)
        #expect(y.difference { i, j in (0...i).reduce(Float(0)) { $0 + x[$1, j] } } == nil)
        cumulativeSumRowsBackward(dy: x.view, dx: dx.view)
        #expect(dx.difference { i, j in (i..<n).reduce(before[i, j]) { $0 + x[$1, j] } } == nil)
        cumulativeSumColumns(x.view, to: y.view)
        #expect(y.difference { i, j in (0...j).reduce(Float(0)) { $0 + x[i, $1] } } == nil)
        let other = before.copy()
        cumulativeSumColumnsBackward(dy: x.view, dx: other.view)
        #expect(other.difference { i, j in (j..<d).reduce(before[i, j]) { $0 + x[i, $1] } } == nil)
      }
    }
  }
}
