// Memory of a graph: a training loop reuses it, and it never moves.

import Foundation
import Recurrent
import Testing

@Suite struct GraphMemoryTests {
  /// One training-like step; returns the addresses of its results.
  private func step(_ g: Graph, _ W: Mat, _ x: Mat) throws -> [UnsafeMutableRawPointer] {
    var h = x
    var addresses: [UnsafeMutableRawPointer] = []
    for _ in 0..<20 {
      h = try g.tanh(g.mul(W, h))
      addresses.append(try h.wPointer())
    }
    let loss = try g.crossEntropy(h, Array(repeating: 0, count: h.d))
    addresses.append(try loss.wPointer())
    try g.backward(from: loss)
    g.reset()
    return addresses
  }

  @Test func aLoopReusesItsChunks() throws {
    let g = Graph(), W = try Mat(65, 65), x = try Mat(65, 9)
    try W.fillUniform(-0.1, 0.1, Random(seed: 1))
    try x.fill(1)
    let addresses = try step(g, W, x)
    for _ in 0..<20 { #expect(try step(g, W, x) == addresses) }
  }

  @Test func aLoopDoesNotGrow() throws {
    let g = Graph(), W = try Mat(33, 33), x = try Mat(33, 5)
    try x.fill(1)
    for _ in 0..<20 { _ = try step(g, W, x) }
    let before = residentBytes()
    // a step uses over 100 KB: without reuse 1000 steps would use half a gigabyte
    for _ in 0..<1000 { _ = try step(g, W, x) }
    #expect(residentBytes() - before < 100 << 20)
  }

  @Test func resultsDoNotOverlap() throws {
    let g = Graph(), x = try Mat(7, 3, .float64)
    try x.fill(1)
    // past several chunks
    var results: [Mat] = []
    for i in 0..<2000 { results.append(try g.scale(x, by: Double(i))) }
    for (i, m) in results.enumerated() {
      #expect(try UInt(bitPattern: m.wPointer()) % 64 == 0)
      if try m.rows() != [Double](repeating: Double(i), count: 21) {
        Issue.record("result \(i) was overwritten")
      }
      if try m.gradientRows() != [Double](repeating: 0, count: 21) {
        Issue.record("gradient \(i) is not zero")
      }
    }
  }

  @Test func gradientsStartAtZeroAfterAReset() throws {
    let g = Graph(), x = try Mat(5, 1, .float64)
    for _ in 0..<3 {
      let y = try g.scale(x, by: 1)
      #expect(try y.gradientRows() == [0, 0, 0, 0, 0])
      try y.set(gradientRows: [1, 2, 3, 4, 5])
      try y.fill(9)
      g.reset()
    }
  }

  @Test func aStateOfZerosIsZeroAfterAReset() throws {
    let model = try Network(
      Network.Settings(.lstm, inputSize: 3, hiddenSizes: [4], outputSize: 2, dtype: .float64), random: Random(seed: 1))
    let g = Graph(), x = try Mat(3, 2, .float64)
    try x.fill(1)
    let first = try model.forward(g, x).o.rows()
    g.reset()
    let junk = try g.scale(Mat(100, 100, .float64), by: 1)
    try junk.fill(5)
    g.reset()
    #expect(try model.forward(g, x).o.rows() == first)
  }

  private func residentBytes() -> Int {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
  }
}
