// Registers: the parts of a run that are shorter than one, and sums of lanes.

import Kernels
import Testing

@Suite struct VectorTests {
  @Test func parts() {
    compare(Float.self)
    compare(Double.self)
  }

  private func compare<T: Real>(_: T.Type) {
    let lanes = T.V.count
    for k in 1..<lanes {
      let x = StridedMatrix<T>(k, 1) { i, _ in Double(i + 1) }, y = StridedMatrix<T>(k, 1)
      let v = T.V.load(x.view.p, first: k)
      v.store(y.view.p, first: k)
      // the store touches k numbers, and the lanes after them were loaded as zeros
      #expect(y.difference { x[$0, $1] } == nil)
      #expect(v.sum == T(k * (k + 1) / 2))
    }
  }

  @Test func powersOfTwo() {
    for n in [-1022.0, -1, 0, 1, 1000, 1023] {
      #expect(first(Double.V.exp2i(Double.V(n))) == Double(sign: .plus, exponent: Int(n), significand: 1))
    }
    for n in [-126 as Float, -1, 0, 1, 127] {
      #expect(first(Float.V.exp2i(Float.V(n))) == Float(sign: .plus, exponent: Int(n), significand: 1))
    }
  }

  private func first<V: Vector>(_ v: V) -> V.Scalar {
    let y = StridedMatrix<V.Scalar>(1, 1)
    v.store(y.view.p, first: 1)
    return y[0, 0]
  }

  @Test func aNaNChoosesTheSecond() {
    let nan = Double.V(.nan), one: Double.V = 1.0, two: Double.V = 2.0
    #expect(Double.V.select(nan, greaterThan: one, one, two).sum == 8)
    #expect(Double.V.select(one, greaterThan: nan, one, two).sum == 8)
    #expect(Double.V.select(notNaN: nan, one, two).sum == 8)
    #expect(Double.V.select(notNaN: two, one, two).sum == 4)
  }
}
