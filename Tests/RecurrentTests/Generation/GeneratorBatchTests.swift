// Several generators at once: the tokens, texts and states of each alone, bit for bit; refusals; failures.

import Kernels
import Testing

@testable import Recurrent

@Suite struct GeneratorBatchTests {
  private func network(
    _ cell: Cell, tokens: Int = 7, embedding: Int? = nil, hidden: [Int] = [9, 5], tied: Bool = false,
    _ options: Network.Options = Network.Options(), dtype: DType
  ) throws -> Network {
    let m = try Network(
      Network.Settings(
        cell, inputSize: tokens, embedding: embedding, hiddenSizes: hidden, outputSize: tokens, tied: tied,
        options: options, dtype: dtype), random: Random(seed: 1))
    try m.parameters.flat.fillUniform(-1, 1, Random(seed: 2))
    return m
  }

  private func state(_ generator: Generator) throws -> [UInt8] {
    let network = generator.network, count = network.stateCount(batchSize: 1)
    var bytes = [UInt8](repeating: 0, count: count * network.dtype.size)
    try bytes.withUnsafeMutableBytes {
      try generator.copyState(to: MutableElements(#require($0.baseAddress), count: count, network.dtype))
    }
    return bytes
  }

  /// Expects generators to produce together, in parts, what they produce alone: tokens, ln p, states, random numbers.
  private func expectTheSame(
    _ together: [Generator], _ alone: [Generator], parts: [Int] = [1, 5, 9], _ comment: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    var counts: Set<Int> = []
    for part in parts {
      let produced = try Generator.next(together, part)
      for (i, (a, b)) in zip(together, alone).enumerated() {
        let expected = try b.next(part)
        #expect(produced[i] == expected, "\(comment), generator \(i)", sourceLocation: sourceLocation)
        #expect(
          try state(a) == state(b) && a.hasEnded == b.hasEnded && a.random?.state == b.random?.state,
          "\(comment), generator \(i)", sourceLocation: sourceLocation)
        counts.insert(expected.tokens.count)
      }
    }
    #expect(!counts.isEmpty)
  }

  // MARK: Equality

  @Test(arguments: Cell.tested, DType.allCases) func cellsProduceTheBitsOfEachAlone(_ cell: Cell, _ dtype: DType) throws
  {
    for embedding in [nil, 4] as [Int?] {
      for hidden in [[1], [9, 5], [33, 40]] {
        let m = try network(cell, embedding: embedding, hidden: hidden, dtype: dtype)
        for count in [2, 3, 11] {
          func generators() throws -> [Generator] {
            try (0..<count).map { i in
              try Generator(
                m, prompt: (0...(i % 3)).map { Int64(($0 + i) % 7) }, Sampler(), random: Random(seed: UInt64(i)))
            }
          }
          try expectTheSame(generators(), generators(), "\(cell) \(dtype) \(hidden) of \(count), \(embedding ?? 0)")
        }
      }
    }
  }

  /// Each option of the layers, of the sampler, and of the sequence; different ones in one batch.
  @Test(arguments: DType.allCases) func optionsOfEach(_ dtype: DType) throws {
    let samplers = [
      try Sampler(), try Sampler(temperature: 0), try Sampler(temperature: 0.5, topK: 3),
      try Sampler(temperature: 2, topP: 0.7), try Sampler(minP: 0.2),
      try Sampler(repetitionPenalty: 1.5, repetitionWindow: 4), try Sampler(temperature: 1e-300),
    ]
    for (tied, options) in [
      (false, Network.Options(learnedInitialState: true)), (false, Network.Options(residual: true)),
      (true, Network.Options()),
    ] {
      let m = try network(
        .lstm, tokens: 12, embedding: tied ? 10 : nil, hidden: [10, 10], tied: tied, options, dtype: dtype)
      func generators() throws -> [Generator] {
        try (0..<40).map { i in
          try Generator(
            m, prompt: [Int64(i % 3), 5], history: [1, 2, 3], samplers[i % samplers.count],
            Generator.Options(maxTokens: i % 4 == 0 ? i : nil, end: i % 5 == 0 ? 3 : nil),
            random: i % 9 == 8 ? nil : Random(seed: UInt64(i)))
        }
      }
      try expectTheSame(generators(), generators(), parts: [0, 3, 40, 1], "\(options) \(dtype)")
    }
  }

  /// Threads share the generators; the products of an embedding's rows are computed before where that is repaid.
  @Test func threadsAndLongCallsChangeNothing() throws {
    let before = ThreadPool.count
    defer { try? ThreadPool.set(before) }
    let m = try network(.gru, tokens: 20, embedding: 6, hidden: [40], dtype: .float32)
    func generators() throws -> [Generator] {
      try (0..<64).map { try Generator(m, prompt: [4, 5, 6], Sampler(), random: Random(seed: UInt64($0))) }
    }
    for threads in [1, 2, 3] {
      try ThreadPool.set(threads)
      try expectTheSame(generators(), generators(), parts: [100, 2], "\(threads) threads")
    }
  }

  private func textModel(_ tokenizer: Tokenizer.Kind, _ texts: [String]) throws -> TextModel {
    var settings = TextModel.Settings()
    (settings.cell, settings.hiddenSizes, settings.tokenizer, settings.dtype) = (.gru, [16], tokenizer, .float32)
    if tokenizer == .sentences { settings.embedding = 5 }
    let model = try TextModel(settings, texts: texts, random: Random(seed: 1))
    try model.network.parameters.flat.fillUniform(-0.8, 0.8, Random(seed: 2))
    return model
  }

  @Test func textsOfEach() throws {
    for (kind, prompt) in [(Tokenizer.Kind.characters, "é"), (.bytes, "a"), (.sentences, "")] {
      let model = try textModel(kind, ["aé€😀 b", "cab"])
      func generators() throws -> [Generator] {
        try (0..<20).map { i in
          try Generator(
            model, prompt: prompt, Sampler(),
            Generator.Options(maxTokens: 30 + i, stop: i % 2 == 0 ? [] : ["ab", "é€"]),
            random: Random(seed: UInt64(i)))
        }
      }
      let together = try generators(), alone = try generators()
      for part in [1, 7, 100, 5] {
        let texts = try Generator.nextBytes(together, part)
        for i in together.indices {
          #expect(try texts[i] == alone[i].nextBytes(part), "\(kind), text \(i)")
          #expect(together[i].hasEnded == alone[i].hasEnded)
        }
      }
      #expect(together.allSatisfy { $0.hasEnded })
    }
  }

  // MARK: Refusals

  @Test func generatorsThatDoNotFit() throws {
    let m = try network(.lstm, dtype: .float64), other = try network(.lstm, dtype: .float64), random = Random(seed: 1)
    let a = try Generator(m, prompt: [1], Sampler(), random: random)
    let b = try Generator(m, prompt: [1], Sampler(), random: random)
    let c = try Generator(other, prompt: [1], Sampler(), random: nil)
    refused(.badShape, "generators has the wrong length", "1 to 4096", "got 0") { try Generator.next([], 1) }
    refused(.badValue, "generators[1] is repeated", "index 0") { try Generator.next([a, a], 1) }
    refused(.badValue, "random of generators[1] is shared", "generators[0]") { try Generator.next([a, b], 1) }
    refused(.badValue, "generators[1] has another network") { try Generator.next([a, c], 1) }
    refused(.badValue, "max_tokens", "got -1") { try Generator.next([a], -1) }
    refused(.badValue, "generator of text") { try Generator.nextBytes([a], 1) }
    #expect(try random.state == Random(seed: 1).state && a.next(1).tokens.count == 1)
  }

  /// A failure in the middle leaves all as they were.
  @Test func aFailureChangesNothing() throws {
    let m = try network(.lstm, dtype: .float64)
    let generators = try (0..<5).map { try Generator(m, prompt: [1, 2], Sampler(), random: Random(seed: UInt64($0))) }
    _ = try Generator.next(generators, 3)
    let states = try generators.map { try state($0) }, randoms = generators.map { $0.random?.state }
    let decoder = try #require(m.parameters["bd"])
    try decoder.w(Double.self).p[0] = .infinity
    refused(.notFinite, "scores are not finite") { try Generator.next(generators, 3) }
    #expect(try generators.map { try state($0) } == states)
    #expect(generators.map { $0.random?.state } == randoms)
    try decoder.w(Double.self).p[0] = 0
    #expect(try Generator.next(generators, 3).allSatisfy { $0.tokens.count == 3 })
  }
}
