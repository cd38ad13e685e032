// Element types.

import Testing

@testable import Recurrent

@Suite struct DTypeTests {
  @Test func sizesAndNames() {
    #expect(DType.float32.size == MemoryLayout<Float>.size && DType.float64.size == MemoryLayout<Double>.size)
    #expect(DType.allCases.map { "\($0)" } == ["float32", "float64"])
    #expect(DType(Float.self) == .float32 && DType(Double.self) == .float64)
  }
}
