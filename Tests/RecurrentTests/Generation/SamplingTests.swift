// Draws from probabilities: the end of the range, frequencies; softmax and argmax.

import Kernels
import Recurrent
import Testing

@Suite struct SamplingTests {
  private func draw<T: Real>(_ p: [T], _ random: Random) throws -> Int {
    try p.withUnsafeBufferPointer { try sample($0, random) }
  }

  private func best<T: Real>(_ w: [T]) throws -> Int { try w.withUnsafeBufferPointer { try argmax($0) } }

  /// A generator whose next word is all ones: the largest draw.
  private var last: Random {
    let random = Random(seed: 0)
    random.state = Random.State(key: (0, 0), counter: (0, 0, 0, 0), block: (.max, .max, .max, .max), used: 0)
    return random
  }

  /// RecurrentJS reads past the end where the sum is below the draw.
  @Test func neverRunsOffTheEnd() throws {
    #expect(last.uniform() == 1 - 0x1p-53)
    for p in [
      [0.2, 0.3], [1, 0, 0], [0, 1, 0], [1e-300, 1e-300, 0], [0.1, 0.2, 0.3, 0.39999], [Double.leastNonzeroMagnitude],
      [1e308, 0.1],
    ] {
      let i = try draw(p, last)
      #expect(i < p.count && p[i] > 0)
    }
    #expect(try draw([0.25, 0.5, 0, 0] as [Float], last) == 1)
    let random = Random(seed: 1)
    for n in 1...40 {
      // ten times 0.1 is not 1
      let p = [Float](repeating: 1 / Float(n), count: n) + [0]
      for _ in 0..<200 { #expect(try draw(p, random) < n) }
    }
  }

  @Test func neverDrawsAnIndexOfProbability0() throws {
    let random = Random(seed: 2)
    // the smallest draw
    let first = Random(seed: 0)
    first.state = Random.State(key: (0, 0), counter: (0, 0, 0, 0), block: (0, 0, 0, 0), used: 0)
    #expect(try draw([0, 0, 0.5, 0.5, 0], first) == 2)
    for _ in 0..<2000 { #expect(try [1, 3].contains(draw([0, 0.5, 0, 0.5, 0], random))) }
  }

  @Test func frequenciesAreTheProbabilities() throws {
    let p = [0.5, 0.0, 0.25, 0.125, 0.125].map { 8 * $0 }, random = Random(seed: 3), n = 40_000
    var counts = [Double](repeating: 0, count: p.count)
    for _ in 0..<n { counts[try draw(p, random)] += 1 }
    let squares = (0..<5).filter { p[$0] > 0 }.map { i in
      let expected = p[i] / 8 * Double(n)
      return (counts[i] - expected) * (counts[i] - expected) / expected
    }
    // χ² with 3 degrees of freedom: 24.1 is one in fifty thousand
    #expect(squares.reduce(0, +) < 24.1)
    #expect(counts[1] == 0)
  }

  @Test func drawsAreRefused() {
    let random = Random(seed: 4)
    refused(.badShape) { try draw([Double](), random) }
    for bad in [Double.nan, .infinity, -0.1, -.infinity] {
      refused(.badValue, "weights[1] is out of range", "got \(bad)") { try draw([0.5, bad, 0.5], random) }
    }
    refused(.badValue, "got 0.0") { try draw([0, 0, 0] as [Float], random) }
    refused(.badValue, "got inf") { try draw([1e308, 1e308], random) }
    #expect(random.state == Random(seed: 4).state)
  }

  @Test func argmaxIsTheFirstOfEquals() throws {
    #expect(try best([1, 3, 3, 2] as [Float]) == 1)
    let infinity = Double.infinity
    #expect(try best([-infinity, -infinity]) == 0)
    #expect(try best([-infinity, -1e308, infinity]) == 2)
    #expect(try best([0, -0.0]) == 0)
    refused(.badShape) { try best([Double]()) }
    for i in 0..<3 {
      var w = [1.0, 2, 3]
      w[i] = .nan
      refused(.badValue, "values[\(i)] is not a number") { try best(w) }
    }
  }

  @Test func softmaxIsANewMat() throws {
    let g = Graph(), y = try g.scale(Mat(3, 2, .float64, rows: [1, 0, 2, 0, 3, 0]), by: 1), p = try softmax(y)
    #expect(g.count == 1)
    g.reset()
    let rows = try p.rows()
    #expect(abs(rows[0] + rows[2] + rows[4] - 1) < 1e-15)
    #expect(rows[0] < rows[2] && rows[2] < rows[4])
    for i in [1, 3, 5] { #expect(abs(rows[i] - 1.0 / 3) < 1e-16) }
    #expect(try p.gradientRows() == [0, 0, 0, 0, 0, 0])
  }
}
