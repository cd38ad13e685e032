// What recurrent layers do between their products, against plain loops in float64.

import Foundation
import Kernels
import Testing

@Suite struct GatesTests {
  private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  /// Numbers of some rows of a matrix view, as doubles; kept, so that the kernel may write over them.
  private func block<T: Real>(_ m: StridedMatrix<T>, _ k: Int, _ h: Int) -> (Int, Int) -> Double {
    let copy = m.copy()
    return { Double(copy[k * h + $0, $1]) }
  }

  /// A matrix view's first rows, from `row` on.
  private func rows<T: Real>(_ m: StridedMatrix<T>, _ row: Int, _ n: Int) -> MatrixView<T> {
    MatrixView(m.columns.p + row, rows: n, columns: m.d, columnStride: m.stride)
  }

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
    // in two parts, as threads share the units
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
        rows(dz, 0, h), gate: h, c.columns, newC: newC.columns, dnewH: dh.columns, dnewC: dc.columns,
        dc: into.columns, accumulate: accumulate)
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

  /// A gate that is shut or open is exactly so: a cell that is kept does not creep.
  @Test func saturationIsExact() {
    saturation(Float.self)
    saturation(Double.self)
  }

  private func saturation<T: Real>(_: T.Type) {
    for z in [60.0, 100, 1e4, 1e30] {
      // i shut, f open, o open, g at its end
      let gates = StridedMatrix<T>(4 * 9, 1) { row, _ in [-z * 20, z, z, z][row / 9] }
      let c = StridedMatrix<T>(9, 1, fraction(1)), newH = StridedMatrix<T>(9, 1), newC = StridedMatrix<T>(9, 1)
      lstmGates(rows(gates, 0, 9), gate: 9, c.columns, newH: newH.columns, newC: newC.columns)
      #expect(gates.difference { row, _ in row < 9 ? 0 : 1 } == nil, "z = \(z)")
      #expect(newC.difference { r, _ in c[r, 0] } == nil)
    }
  }

  @Test(arguments: oddSizes) func gru(h: Int) {
    for d in [1, 2, 5] {
      for gap in [0, 3] {
        gru(h, d, gap, Float.self)
        gru(h, d, gap, Double.self)
      }
    }
  }

  private func gru<T: Real>(_ H: Int, _ d: Int, _ gap: Int, _: T.Type) {
    let bound = 4 * tolerance(T.self)
    let gates = StridedMatrix<T>(4 * H, d, gap: gap) { 4 * fraction(1)($0, $1) }, start = gates.copy()
    let zs = (0..<4).map { block(gates, $0, H) }
    let h = StridedMatrix<T>(H, d, gap: gap, fraction(2)), newH = StridedMatrix<T>(H, d, gap: gap)
    let r: (Int, Int) -> Double = { sigmoid(zs[0]($0, $1)) },
      z: (Int, Int) -> Double = { sigmoid(zs[1]($0, $1)) }
    let dh = StridedMatrix<T>(H, d, gap: gap, small(3)), into = StridedMatrix<T>(H, d, gap: gap, small(4)),
      before = into.copy()

    // resets after the product
    gruGates(rows(gates, 0, H), gate: H, h.columns, newH: newH.columns)
    var n: (Int, Int) -> Double = { tanh(zs[3]($0, $1) + r($0, $1) * zs[2]($0, $1)) }
    let value: (Int, Int) -> Double = { (1 - z($0, $1)) * n($0, $1) + z($0, $1) * Double(h[$0, $1]) }
    #expect(newH.distance(from: value) < bound)
    #expect(gates.distance { [r, z, zs[2], n][$0 / H]($0 % H, $1) } < bound)
    gruGatesBackward(rows(gates, 0, H), gate: H, h.columns, dnewH: dh.columns, dh: into.columns)
    let slopes: (Int, Int) -> (n: Double, z: Double) = { u, b in
      let d = Double(dh[u, b])
      return (
        d * (1 - z(u, b)) * (1 - n(u, b) * n(u, b)), d * (Double(h[u, b]) - n(u, b)) * z(u, b) * (1 - z(u, b))
      )
    }
    #expect(into.distance { Double(before[$0, $1]) + Double(dh[$0, $1]) * z($0, $1) } < bound)
    #expect(
      gates.distance { row, b in
        let u = row % H
        switch row / H {
        case 0: return slopes(u, b).n * zs[2](u, b) * r(u, b) * (1 - r(u, b))
        case 1: return slopes(u, b).z
        case 2: return slopes(u, b).n * r(u, b)
        default: return slopes(u, b).n
        }
      } < 4 * bound)

    // resets before the product, in halves
    let halves = start.copy()
    gruReset(rows(halves, 0, H), gate: H, h.columns)
    #expect(
      halves.distance { row, b in
        let u = row % H
        return [r(u, b), z(u, b), r(u, b) * Double(h[u, b]), zs[3](u, b)][row / H]
      } < bound)
    gruUpdate(rows(halves, 0, H), gate: H, h.columns, newH: newH.columns)
    n = { tanh(zs[3]($0, $1)) }
    #expect(newH.distance(from: value) < bound)
    let second = before.copy()
    gruUpdateBackward(rows(halves, 0, H), gate: H, h.columns, dnewH: dh.columns, dh: second.columns)
    #expect(second.distance { Double(before[$0, $1]) + Double(dh[$0, $1]) * z($0, $1) } < bound)
    let da = StridedMatrix<T>(H, d, gap: gap, small(6)), first = before.copy()
    gruResetBackward(rows(halves, 0, H), h.columns, da: da.columns, dh: first.columns)
    #expect(first.distance { Double(before[$0, $1]) + Double(da[$0, $1]) * r($0, $1) } < bound)
    #expect(
      halves.distance { row, b in
        let u = row % H
        switch row / H {
        case 0: return Double(da[u, b]) * Double(h[u, b]) * r(u, b) * (1 - r(u, b))
        case 1: return slopes(u, b).z
        case 2: return r(u, b) * Double(h[u, b])
        default: return slopes(u, b).n
        }
      } < 4 * bound)
  }
}
