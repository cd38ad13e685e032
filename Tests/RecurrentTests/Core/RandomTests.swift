// Random against numpy.random.Philox, bit for bit.

import Recurrent
import Testing

@Suite struct RandomTests {
  private static func bits(_ words: [String]) throws -> [UInt64] {
    try words.map { try #require(UInt64($0, radix: 16)) }
  }

  @Test func wordsAreNumPys() throws {
    let seeds = try Fixture("philox").objects("seeds")
    #expect(seeds.count == 6)
    for file in seeds {
      let seed = try Self.bits([file.string("seed")])[0], random = Random(seed: seed)
      for word in try Self.bits(file.strings("words")) { #expect(random.next() == word) }
    }
  }

  @Test func uniformIsNumPys() throws {
    for file in try Fixture("philox").objects("seeds") {
      let seed = try Self.bits([file.string("seed")])[0]
      for range in try file.objects("ranges") {
        let random = Random(seed: seed), (low, high) = (try range.number("low"), try range.number("high"))
        for bits in try Self.bits(range.strings("bits")) {
          #expect(random.uniform(low, high).bitPattern == bits)
        }
      }
    }
  }

  @Test func theCounterCarriesThroughAllItsWords() throws {
    let file = try Fixture("philox").object("carry"), c = try Self.bits(file.strings("counter"))
    let random = Random(seed: UInt64(try file.integer("key")))
    random.state.counter = (c[0], c[1], c[2], c[3])
    for word in try Self.bits(file.strings("words")) { #expect(random.next() == word) }
    random.state.counter = (.max, .max, .max, .max)
    random.state.used = 4
    _ = random.next()
    #expect(random.state.counter == (0, 0, 0, 0))
  }

  @Test func aStateContinuesWhereItWasTaken() {
    let a = Random(seed: 11)
    for skip in 0..<9 {
      for _ in 0..<skip { _ = a.next() }
      let b = Random(seed: 0)
      b.state = a.state
      #expect((0..<9).map { _ in a.next() } == (0..<9).map { _ in b.next() })
      #expect(a.state == b.state)
    }
  }

  @Test func seedsDiffer() {
    #expect(Random(seed: 1).next() != Random(seed: 2).next())
    #expect(Random(seed: 1).state != Random(seed: 2).state)
  }

  @Test func uniformStaysInItsRange() {
    let random = Random(seed: 4)
    var sum = 0.0
    for _ in 0..<20_000 {
      let u = random.uniform()
      #expect(u >= 0 && u < 1)
      sum += u
    }
    // six standard deviations
    #expect(abs(sum / 20_000 - 0.5) < 6 * 0.2887 / 20_000.0.squareRoot())
  }

  @Test func gaussianIsNormal() {
    let random = Random(seed: 5), n = 40_000
    let z = (0..<n).map { _ in random.gaussian() }
    let mean = z.reduce(0, +) / Double(n), variance = z.reduce(0) { $0 + $1 * $1 } / Double(n)
    let fourth = z.reduce(0) { $0 + $1 * $1 * $1 * $1 } / Double(n),
      beyond = z.filter { abs($0) > 1.959964 }.count
    let root = Double(n).squareRoot()
    #expect(abs(mean) < 6 / root)
    #expect(abs(variance - 1) < 6 * 2.0.squareRoot() / root)
    #expect(abs(fourth - 3) < 6 * 96.0.squareRoot() / root)
    #expect(abs(Double(beyond) / Double(n) - 0.05) < 6 * 0.218 / root)
  }
}
