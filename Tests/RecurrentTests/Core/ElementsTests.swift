// Elements in the caller's memory: their type, count and place.

import Testing

@testable import Recurrent

@Suite struct ElementsTests {
  @Test func elementsHaveATypeAndACount() throws {
    let x: [Float] = [1, 2, 3], one = [1.5], none: [Double] = []
    let single = Elements.float32(x.span), double = Elements.float64(one.span)
    let facts = [(single.dtype, single.count), (double.dtype, double.count)]
    #expect(facts[0] == (.float32, 3) && facts[1] == (.float64, 1))
    let p = try single.memory("x", 3, .float32)
    #expect((0..<3).map { p.load(fromByteOffset: 4 * $0, as: Float.self) } == x)
    let view = Elements(p, count: 2, .float32), viewed = (view.dtype, view.count)
    #expect(viewed == (.float32, 2))
    for count in [0, 2, 4, Int.max] {
      refused(.badShape, "x has the wrong length; expected \(count), got 3") {
        try Elements.float32(x.span).memory("x", count, .float32)
      }
    }
    refused(.badType, "x has the wrong type; expected float64, got float32") {
      try Elements.float32(x.span).memory("x", 3, .float64)
    }
    refused(.badShape, "x has the wrong length; expected 1, got 0") {
      try Elements.float64(none.span).memory("x", 1, .float64)
    }
  }

  @Test func elementsAreWritten() throws {
    var y: [Double] = [1, 2, 3]
    let p = try MutableElements.float64(y.mutableSpan).memory("y", 3, .float64)
    p.storeBytes(of: 7, toByteOffset: 8, as: Double.self)
    #expect(y == [1, 7, 3])
    refused(.badShape, "y has the wrong length; expected 2, got 3") {
      try MutableElements.float64(y.mutableSpan).memory("y", 2, .float64)
    }
    refused(.badType, "y has the wrong type; expected float32, got float64") {
      try MutableElements.float64(y.mutableSpan).memory("y", 3, .float32)
    }
    var z: [Float] = [1]
    refused(.badType, "z has the wrong type; expected float64, got float32") {
      try MutableElements.float32(z.mutableSpan).memory("z", 1, .float64)
    }
    #expect(y == [1, 7, 3] && z == [1])
  }

  @Test func absentElementsHaveNoMemory() throws {
    #expect(try memory(nil as Elements?, "x", 3, .float32) == nil)
    #expect(try memory(nil as MutableElements?, "x", 3, .float32) == nil)
  }
}
