// The LSTM's gates against plain loops in float64.

import Foundation
import Kernels
import Testing

@Suite struct GatesTests {
  @Test(arguments: oddSizes) func twins(h: Int) {
    for d in [1, 2, 5] {
      for gap in [0, 3] {
        compare(h, d, gap, Float.self)
        compare(h, d, gap, Double.self)
      }
    }
  }

  private func compare<T: Real>(_ h: Int, _ d: Int, _ gap: Int, _: T.Type) {
    let bound = 4 * tolerance(T.self)
    let z = Rectangle<T>(5 * h, d) { 4 * fraction(1)($0, $1) }, before = z.copy()
    let c = Rectangle<T>(h, d, gap: gap, fraction(2))
    // h′ above c′ in one rectangle, as the cell has them
    let newH = Rectangle<T>(h, d, gap: gap), newC = Rectangle<T>(h, d, gap: gap)
    lstmGates(z.columns, c.columns, newH: newH.columns, newC: newC.columns)

    let sigmoid: (Double) -> Double = { 1 / (1 + exp(-$0)) }
    let i: (Int, Int) -> Double = { sigmoid(Double(before[$0, $1])) }
    let f: (Int, Int) -> Double = { sigmoid(Double(before[h + $0, $1])) }
    let o: (Int, Int) -> Double = { sigmoid(Double(before[2 * h + $0, $1])) }
    let g: (Int, Int) -> Double = { tanh(Double(before[3 * h + $0, $1])) }
    let cell: (Int, Int) -> Double = { f($0, $1) * Double(c[$0, $1]) + i($0, $1) * g($0, $1) }
    #expect(newC.distance(from: cell) < bound)
    #expect(newH.distance { o($0, $1) * tanh(cell($0, $1)) } < bound)
    #expect(
      z.distance { r, b in
        switch r / h {
        case 0: i(r, b)
        case 1: f(r - h, b)
        case 2: o(r - 2 * h, b)
        case 3: g(r - 3 * h, b)
        default: tanh(cell(r - 4 * h, b))
        }
      } < bound)

    let dh = Rectangle<T>(h, d, gap: gap, small(3)), dc = Rectangle<T>(h, d, gap: gap, small(4))
    let dz = Rectangle<T>(4 * h, d, small(5)), dold = Rectangle<T>(h, d, gap: gap, small(6)), doldBefore = dold.copy()
    lstmGatesBackward(
      z.columns, c.columns, dnewH: dh.columns, dnewC: dc.columns, dz: dz.columns, dc: dold.columns)
    let slope: (Int, Int) -> Double = { r, b in
      let t = tanh(cell(r, b))
      return Double(dc[r, b]) + Double(dh[r, b]) * o(r, b) * (1 - t * t)
    }
    #expect(dold.distance { Double(doldBefore[$0, $1]) + slope($0, $1) * f($0, $1) } < bound)
    #expect(
      dz.distance { row, b in
        let r = row % h
        switch row / h {
        case 0: return slope(r, b) * g(r, b) * i(r, b) * (1 - i(r, b))
        case 1: return slope(r, b) * Double(c[r, b]) * f(r, b) * (1 - f(r, b))
        case 2: return Double(dh[r, b]) * tanh(cell(r, b)) * o(r, b) * (1 - o(r, b))
        default: return slope(r, b) * i(r, b) * (1 - g(r, b) * g(r, b))
        }
      } < bound)
  }
}
