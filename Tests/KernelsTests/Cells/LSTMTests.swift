// The element-wise part of an LSTM against plain loops in float64.

import Foundation
import Kernels
import Testing

@Suite struct LSTMTests {
  @Test(arguments: oddSizes) func lstm(h: Int) {
    for d in [1, 2, 5] {
      for gap in [0, 3] {
        lstm(h, d, gap, Float.self)
        lstm(h, d, gap, Double.self)
      }
    }
  }

  private func lstm<T: Real>(_ h: Int, _ d: Int, _ gap: Int, _: T.Type) {
    let bound = 4 * tolerance(T.self)
    let gates = StridedMatrix<T>(4 * h, d, gap: gap) { 4 * fraction(1)($0, $1) }
    let zs = (0..<4).map { block(gates, $0, h) }
    let c = StridedMatrix<T>(h, d, gap: gap, fraction(2))
    let newH = StridedMatrix<T>(h, d, gap: gap), newC = StridedMatrix<T>(h, d, gap: gap)
    // in two ranges of units, as with two threads
    let cut = h / 2
    for (from, n) in [(0, cut), (cut, h - cut)] where n > 0 {
      lstmGates(
        rows(gates, from, n), gate: h, rows(c, from, n), newH: rows(newH, from, n), newC: rows(newC, from, n))
    }

    let i: (Int, Int) -> Double = { sigmoid(zs[0]($0, $1)) },
      f: (Int, Int) -> Double = { sigmoid(zs[1]($0, $1)) }
    let o: (Int, Int) -> Double = { sigmoid(zs[2]($0, $1)) },
      g: (Int, Int) -> Double = { tanh(zs[3]($0, $1)) }
    let cell: (Int, Int) -> Double = { f($0, $1) * Double(c[$0, $1]) + i($0, $1) * g($0, $1) }
    #expect(newC.distance(from: cell) < bound)
    #expect(newH.distance { o($0, $1) * tanh(cell($0, $1)) } < bound)
    #expect(gates.distance { [i, f, o, g][$0 / h]($0 % h, $1) } < bound)

    let dh = StridedMatrix<T>(h, d, gap: gap, small(3)), dc = StridedMatrix<T>(h, d, gap: gap, small(4))
    let slope: (Int, Int) -> Double = { r, b in
      let t = tanh(cell(r, b))
      return Double(dc[r, b]) + Double(dh[r, b]) * o(r, b) * (1 - t * t)
    }
    for accumulate in [true, false] {
      let dz = gates.copy(), into = StridedMatrix<T>(h, d, gap: gap, small(5)), before = into.copy()
      lstmGatesBackward(
        rows(dz, 0, h), gate: h, c.view, newC: newC.view, dnewH: dh.view, dnewC: dc.view,
        dc: into.view, accumulate: accumulate)
      #expect(
        into.distance { (accumulate ? Double(before[$0, $1]) : 0) + slope($0, $1) * f($0, $1) } < 2 * bound)
      #expect(
        dz.distance { row, b in
          let r = row % h
          switch row / h {
          case 0: return slope(r, b) * g(r, b) * i(r, b) * (1 - i(r, b))
          case 1: return slope(r, b) * Double(c[r, b]) * f(r, b) * (1 - f(r, b))
          case 2: return Double(dh[r, b]) * tanh(cell(r, b)) * o(r, b) * (1 - o(r, b))
          default: return slope(r, b) * i(r, b) * (1 - g(r, b) * g(r, b))
          }
        } < 2 * bound)
    }
  }

  /// Saturated gates are exactly 0 and 1: a cell state that is kept does not drift.
  @Test func saturationIsExact() {
    saturation(Float.self)
    saturation(Double.self)
  }

  private func saturation<T: Real>(_: T.Type) {
    for z in [60.0, 100, 1e4, 1e30] {
      // i = 0, f = 1, o = 1, g = 1
      let gates = StridedMatrix<T>(4 * 9, 1) { row, _ in [-z * 20, z, z, z][row / 9] }
      let c = StridedMatrix<T>(9, 1, fraction(1)), newH = StridedMatrix<T>(9, 1), newC = StridedMatrix<T>(9, 1)
      lstmGates(rows(gates, 0, 9), gate: 9, c.view, newH: newH.view, newC: newC.view)
      #expect(gates.difference { row, _ in row < 9 ? 0 : 1 } == nil, "z = \(z)")
      #expect(newC.difference { r, _ in c[r, 0] } == nil)
    }
  }
}
