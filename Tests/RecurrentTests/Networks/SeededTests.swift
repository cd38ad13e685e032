// The same seed gives the same bits in C (examples/c/seeded.c) and Swift.

import Foundation
import Recurrent
import Testing

@Suite struct SeededTests {
  @Test func swiftMatchesC() throws {
    let url = try #require(Bundle.module.url(forResource: "Fixtures/seeded", withExtension: "txt"))
    let expected = try String(contentsOf: url, encoding: .utf8)
    let lines = try DType.allCases.map { dtype in
      let sentences = ["a river is never finished", "snow makes the street listen"], random = Random(seed: 7)
      let model = try SentenceModel(sentences, hiddenSizes: [20, 9], letterSize: 5, dtype: dtype, random: random)
      for i in 0..<200 { _ = try model.tick(sentences[i % 2]) }
      let flat = model.parameters.flat
      let bytes = UnsafeRawBufferPointer(start: try flat.wPointer(), count: flat.count * dtype.size)
      let hash = bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
      return "\(dtype) \(String(format: "%016lx", hash)) \(try model.predict(random))\n"
    }
    #expect(lines.joined() == expected)
  }
}
