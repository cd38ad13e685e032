// Texts with all settings, in parts, with an end; and searches for the likeliest.

import Testing

@testable import Recurrent

@Suite struct NetworkSampleTests {
  private func model(_ cell: Cell = .lstm, tokens: Int = 5, dtype: DType = .float64) throws -> Network {
    let m = try Network(
      Network.Settings(cell, inputSize: tokens, hiddenSizes: [6, 4], outputSize: tokens, dtype: dtype),
      random: Random(seed: 1))
    try m.parameters.flat.fillUniform(-1.5, 1.5, Random(seed: 2))
    return m
  }

  private struct Text: Equatable {
    var tokens: [Int64], logProbabilities: [Double]
  }

  private func write(
    _ m: Network, _ prime: [Int64], history: [Int64] = [], count: Int, _ sampler: Sampler, _ state: inout [Double],
    _ random: Random?, until end: Int? = nil
  ) throws -> Text {
    var text = Text(
      tokens: [Int64](repeating: -7, count: count), logProbabilities: [Double](repeating: 7, count: count))
    let written = try prime.withUnsafeBufferPointer { prime in
      try history.withUnsafeBufferPointer { history in
        try state.withUnsafeMutableBytes { state in
          try text.tokens.withUnsafeMutableBufferPointer { tokens in
            try text.logProbabilities.withUnsafeMutableBufferPointer { numbers in
              try m.generate(
                prime: prime, history: history, count: count, sampler, state: #require(state.baseAddress), random,
                until: end, to: #require(tokens.baseAddress), logProbabilities: numbers.baseAddress)
            }
          }
        }
      }
    }
    #expect(text.tokens.dropFirst(written).allSatisfy { $0 == -7 })
    return Text(
      tokens: Array(text.tokens.prefix(written)), logProbabilities: Array(text.logProbabilities.prefix(written)))
  }

  private func zeros(_ m: Network) -> [Double] { [Double](repeating: 0, count: m.stateCount(batchSize: 1)) }

  /// Σ ln p of a text by the array interface and a plain softmax.
  private func logProbability(_ m: Network, _ prime: [Int64], _ tokens: [Int64]) throws -> [Double] {
    let text = prime + tokens, T = text.count, V = m.topSize
    var y = [Double](repeating: 0, count: T * V)
    try text.withUnsafeBufferPointer { text in
      try y.withUnsafeMutableBytes {
        try m.forward(
          .tokens(text), T: T, B: 1, state: nil, lengths: nil, y: #require($0.baseAddress), finalState: nil)
      }
    }
    let graph = Graph()
    let p = try graph.logSoftmax(Mat(V, T, .float64, rows: (0..<V * T).map { y[$0 % T * V + $0 / T] })).rows()
    return tokens.enumerated().map { p[Int($1) * T + prime.count - 1 + $0] }
  }

  @Test(arguments: Cell.allCases) func partsMakeTheWhole(_ cell: Cell) throws {
    let m = try model(cell)
    let sampler = try Sampler(
      temperature: 0.9, topK: 4, topP: 0.95, minP: 0.01, repetitionPenalty: 1.3, repetitionWindow: 3)
    var (a, b) = (zeros(m), zeros(m))
    let random = Random(seed: 5)
    let whole = try write(m, [3, 1], count: 30, sampler, &a, Random(seed: 5))
    var parts = Text(tokens: [], logProbabilities: []), prime: [Int64] = [3, 1], history: [Int64] = []
    for count in [1, 0, 4, 25] {
      let part = try write(m, prime, history: history, count: count, sampler, &b, random)
      parts.tokens += part.tokens
      parts.logProbabilities += part.logProbabilities
      let text = [3, 1] + parts.tokens
      prime = [text[text.count - 1]]
      history = Array(text.dropLast())
    }
    #expect(parts == whole)
    #expect(a == b)
    #expect(try relativeDistance(whole.logProbabilities, logProbability(m, [3, 1], whole.tokens)) < 1e-12)
    // the penalty changes the text, and so does its history
    var (c, d) = (zeros(m), zeros(m))
    #expect(try write(m, [3, 1], count: 30, Sampler(), &c, Random(seed: 5)) != whole)
    // all scores below 0: what was seen falls far behind
    try #require(m.parameters["bd"]).fill(-100)
    let strict = try Sampler(repetitionPenalty: 1e6, repetitionWindow: 64)
    let first = try write(m, [3], history: [0, 1], count: 1, strict, &d, nil)
    #expect(first.tokens == [2] || first.tokens == [4])
  }

  @Test func anEndIsNotWritten() throws {
    let m = try model()
    var (a, b) = (zeros(m), zeros(m))
    let whole = try write(m, [0], count: 40, Sampler(), &a, Random(seed: 3))
    let end = Int(whole.tokens[9]), at = try #require(whole.tokens.firstIndex(of: Int64(end)))
    let cut = try write(m, [0], count: 40, Sampler(), &b, Random(seed: 3), until: end)
    #expect(cut.tokens == Array(whole.tokens[..<at]) && cut.logProbabilities == Array(whole.logProbabilities[..<at]))
  }

  @Test func refusalsChangeNothing() throws {
    let m = try model(), random = Random(seed: 1), before = random.state
    var state = zeros(m)
    refused(.badIndex, "history 0 is 5") { try write(m, [0], history: [5], count: 3, Sampler(), &state, random) }
    refused(.badIndex, "prime 1 is -1") { try write(m, [0, -1], count: 3, Sampler(), &state, random) }
    refused(.badShape, "prime is empty") { try write(m, [], count: 3, Sampler(), &state, random) }
    try #require(m.parameters["bd"]).set(rows: [0, .nan, 0, 0, 0])
    refused(.notFinite, "diverged") { try write(m, [0], count: 3, Sampler(), &state, random) }
    refused(.notFinite, "diverged") { try write(m, [0], count: 3, Sampler(topK: 2, topP: 0.5), &state, random) }
    refused(.notFinite, "diverged") { try search(m, [0], count: 3, beams: 2) }
    #expect(random.state == before && state == zeros(m))
  }

  // MARK: Beams

  private func search(
    _ m: Network, _ prime: [Int64], count: Int, beams: Int, until end: Int? = nil, from state: [Double]? = nil
  ) throws -> [Network.Hypothesis] {
    try prime.withUnsafeBufferPointer { prime in
      guard let state else { return try m.beamSearch(prime: prime, count: count, beams: beams, until: end) }
      return try state.withUnsafeBytes {
        try m.beamSearch(prime: prime, count: count, beams: beams, state: $0.baseAddress, until: end)
      }
    }
  }

  /// All texts of `count` tokens, or shorter ones that an end cuts, the likeliest first.
  private func everything(_ m: Network, _ prime: [Int64], _ count: Int, end: Int?) throws -> [Network.Hypothesis] {
    var found: [Network.Hypothesis] = [], open: [[Int64]] = [[]]
    for step in 0..<count {
      var next: [[Int64]] = []
      for text in open {
        for token in 0..<Int64(m.topSize) {
          let longer = text + [token], isEnd = Int(token) == end
          if isEnd || step == count - 1 {
            let p = try logProbability(m, prime, longer).reduce(0, +)
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

  /// With room for every beginning, a search finds everything in order; with one beam, the likeliest each time.
  @Test(arguments: [Cell.rnnTanh, .lstm, .gru], [nil, 1]) func beams(_ cell: Cell, _ end: Int?) throws {
    let m = try model(cell, tokens: 4)
    let all = try everything(m, [2, 0], 4, end: end), found = try search(m, [2, 0], count: 4, beams: 300, until: end)
    #expect(found.map { $0.tokens } == all.map { $0.tokens })
    #expect(zip(found, all).allSatisfy { abs($0.logProbability - $1.logProbability) < 1e-12 })
    #expect(all.count == (end == nil ? 256 : 1 + 3 + 9 + 27 * 4))
    let few = try search(m, [2, 0], count: 4, beams: 64, until: end)
    #expect(few == Array(found.prefix(few.count)) && few.count == 64)
    if end == nil {
      var state = zeros(m)
      let greedy = try write(m, [2, 0], count: 12, Sampler(), &state, nil)
      let one = try search(m, [2, 0], count: 12, beams: 1)
      #expect(one.count == 1 && one[0].tokens.map { Int64($0) } == greedy.tokens)
      #expect(abs(one[0].logProbability - greedy.logProbabilities.reduce(0, +)) < 1e-12)
      let ten = try search(m, [2, 0], count: 12, beams: 10)
      #expect(ten[0].logProbability >= one[0].logProbability && ten.count == 10)
    }
  }

  @Test func searchesGoOnFromAState() throws {
    let m = try model(.gru)
    var state = zeros(m)
    _ = try write(m, [1, 2, 3], count: 0, Sampler(), &state, nil)
    let kept = state
    #expect(try search(m, [3], count: 5, beams: 4, from: state) == search(m, [1, 2, 3], count: 5, beams: 4))
    #expect(state == kept)
    #expect(try search(m, [3], count: 0, beams: 4) == [Network.Hypothesis(tokens: [], logProbability: 0)])
  }

  @Test func searchesRefused() throws {
    let m = try model()
    for beams in [0, -1, 4097, Int.min, .max] {
      refused(.badValue, "beams is \(beams)", "1 to 4096") { try search(m, [0], count: 3, beams: beams) }
    }
    refused(.badShape, "count is -1") { try search(m, [0], count: -1, beams: 2) }
    refused(.badShape, "prime is empty") { try search(m, [], count: 3, beams: 2) }
    refused(.badIndex, "prime 0 is 5") { try search(m, [5], count: 3, beams: 2) }
  }
}
