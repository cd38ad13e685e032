// The element-wise part of a GRU against plain loops in float64.

import Foundation
import Kernels
import Testing

@Suite struct GRUTests {
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
    gruGates(rows(gates, 0, H), gate: H, h.view, newH: newH.view)
    var n: (Int, Int) -> Double = { tanh(zs[3]($0, $1) + r($0, $1) * zs[2]($0, $1)) }
    let value: (Int, Int) -> Double = { (1 - z($0, $1)) * n($0, $1) + z($0, $1) * Double(h[$0, $1]) }
    #expect(newH.distance(from: value) < bound)
    #expect(gates.distance { [r, z, zs[2], n][$0 / H]($0 % H, $1) } < bound)
    gruGatesBackward(rows(gates, 0, H), gate: H, h.view, dnewH: dh.view, dh: into.view)
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
    gruReset(rows(halves, 0, H), gate: H, h.view)
    #expect(
      halves.distance { row, b in
        let u = row % H
        return [r(u, b), z(u, b), r(u, b) * Double(h[u, b]), zs[3](u, b)][row / H]
      } < bound)
    gruUpdate(rows(halves, 0, H), gate: H, h.view, newH: newH.view)
    n = { tanh(zs[3]($0, $1)) }
    #expect(newH.distance(from: value) < bound)
    let second = before.copy()
    gruUpdateBackward(rows(halves, 0, H), gate: H, h.view, dnewH: dh.view, dh: second.view)
    #expect(second.distance { Double(before[$0, $1]) + Double(dh[$0, $1]) * z($0, $1) } < bound)
    let da = StridedMatrix<T>(H, d, gap: gap, small(6)), first = before.copy()
    gruResetBackward(rows(halves, 0, H), h.view, da: da.view, dh: first.view)
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
