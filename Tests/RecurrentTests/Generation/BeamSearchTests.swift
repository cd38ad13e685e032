// Beam search against an exhaustive search.

import Testing

@testable import Recurrent

@Suite struct BeamSearchTests {
  private func model(_ cell: Cell = .lstm, tokens: Int = 5) throws -> Network {
    let m = try Network(
      Network.Settings(cell, inputSize: tokens, hiddenSizes: [6, 4], outputSize: tokens, dtype: .float64),
      random: Random(seed: 1))
    try m.parameters.flat.fillUniform(-1.5, 1.5, Random(seed: 2))
    return m
  }

  /// Σ ln p of tokens by the sequence functions and a plain softmax.
  private func logProbability(_ m: Network, _ prompt: [Int64], _ tokens: [Int64]) throws -> Double {
    let sequence = prompt + tokens, T = sequence.count, V = m.topSize
    var y = [Double](repeating: 0, count: T * V)
    try m.forward(.tokens(sequence.span), T: T, B: 1, y: .float64(y.mutableSpan))
    let graph = Graph()
    let p = try graph.logSoftmax(Mat(V, T, .float64, rows: (0..<V * T).map { y[$0 % T * V + $0 / T] })).rows()
    return tokens.enumerated().reduce(0) { $0 + p[Int($1.element) * T + prompt.count - 1 + $1.offset] }
  }

  /// All continuations of `count` tokens, or shorter ones that an end completes, most probable first.
  private func everything(_ m: Network, _ prompt: [Int64], _ count: Int, end: Int?) throws -> [Network.Hypothesis] {
    var found: [Network.Hypothesis] = [], open: [[Int64]] = [[]]
    for step in 0..<count {
      var next: [[Int64]] = []
      for text in open {
        for token in 0..<Int64(m.topSize) {
          let longer = text + [token], isEnd = Int(token) == end
          if isEnd || step == count - 1 {
            let p = try logProbability(m, prompt, longer)
            found.append(Network.Hypothesis(tokens: (isEnd ? text : longer).map { Int($0) }, logProbability: p))
          } else {
            next.append(longer)
          }
        }
      }
      open = next
    }
    return found.sorted { $0.logProbability > $1.logProbability }
  }

  /// With a beam for every beginning, a search finds all continuations in order; one beam is greedy.
  @Test(arguments: [Cell.rnnTanh, .lstm, .gru], [nil, 1]) func beams(_ cell: Cell, _ end: Int?) throws {
    let m = try model(cell, tokens: 4), all = try everything(m, [2, 0], 4, end: end)
    let found = try m.beamSearch(prompt: [2, 0], count: 4, beams: 300, until: end)
    #expect(found.map { $0.tokens } == all.map { $0.tokens })
    #expect(zip(found, all).allSatisfy { abs($0.logProbability - $1.logProbability) < 1e-12 })
    #expect(all.count == (end == nil ? 256 : 1 + 3 + 9 + 27 * 4))
    let few = try m.beamSearch(prompt: [2, 0], count: 4, beams: 64, until: end)
    #expect(few == Array(found.prefix(few.count)) && few.count == 64)
    if end == nil {
      let greedy = try Generator(m, prompt: [2, 0], Sampler(), random: nil).next(12)
      let one = try m.beamSearch(prompt: [2, 0], count: 12, beams: 1)
      #expect(one.count == 1 && one[0].tokens == greedy.tokens)
      #expect(abs(one[0].logProbability - greedy.logProbabilities.reduce(0, +)) < 1e-12)
      let ten = try m.beamSearch(prompt: [2, 0], count: 12, beams: 10)
      #expect(ten[0].logProbability >= one[0].logProbability && ten.count == 10)
    }
  }

  @Test func searchesContinueFromAState() throws {
    let m = try model(.gru), expected = try m.beamSearch(prompt: [1, 2, 3], count: 5, beams: 4)
    var state = [Double](repeating: 0, count: m.stateCount(batchSize: 1))
    for token in [1, 2] {
      try m.inferenceStep(token: token, state: .float64(state.mutableSpan))
    }
    let before = state
    let found = try m.beamSearch(prompt: [3], count: 5, beams: 4, state: .float64(state.span))
    #expect(found == expected && state == before)
    #expect(
      try m.beamSearch(prompt: [3], count: 0, beams: 4) == [Network.Hypothesis(tokens: [], logProbability: 0)])
  }

  @Test func searchesRefused() throws {
    let m = try model()
    for beams in [0, -1, 4097, Int.min, .max] {
      refused(.badValue, "beams is out of range; expected 1 to 4096, got \(beams)") {
        try m.beamSearch(prompt: [0], count: 3, beams: beams)
      }
    }
    refused(.badShape, "max_tokens is out of range", "got -1") { try m.beamSearch(prompt: [0], count: -1, beams: 2) }
    refused(.badShape, "prompt is empty") { try m.beamSearch(prompt: [], count: 3, beams: 2) }
    refused(.badIndex, "prompt[0] is out of range") { try m.beamSearch(prompt: [5], count: 3, beams: 2) }
    try #require(m.parameters["bd"]).set(rows: [0, .nan, 0, 0, 0])
    refused(.notFinite, "diverged") { try m.beamSearch(prompt: [0], count: 3, beams: 2) }
  }
}
