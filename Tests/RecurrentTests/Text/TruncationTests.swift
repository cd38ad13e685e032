// Truncated backpropagation through time: fewer or more time steps with gradients than between two updates.

import Testing

@testable import Recurrent

@Suite struct TruncationTests {
  private static let tokens: [Int64] = [0, 3, 1, 2, 2, 0, 1, 3, 3, 2, 1, 0, 0, 2, 3, 1, 2, 1]

  private func model(_ cell: Cell, _ dtype: DType, dropout: Double = 0) throws -> TextModel {
    let settings = TextModel.Settings(
      cell: cell, hiddenSizes: [5, 3], dropout: dropout,
      options: Network.Options(learnedInitialState: true), dtype: dtype)
    let model = try TextModel(settings, texts: ["abcd"], random: Random(seed: 2))
    model.optimizer = try Optimizer("adam", #""learning_rate": 0.1"#)
    return model
  }

  /// A step on time steps of two sequences.
  private func step(
    _ model: TextModel, _ steps: Range<Int>, valid: Range<Int>? = nil, bptt: Int? = nil, overlap: Int = 0
  ) throws -> Double {
    let tokens = Array(Self.tokens[2 * steps.lowerBound..<2 * steps.upperBound])
    let targets = steps.flatMap { t in
      (0..<2).map { b in (valid ?? steps).contains(t) ? Self.tokens[2 * (t + 1) + b] : -1 }
    }
    return try tokens.withUnsafeBufferPointer { tokens in
      try targets.withUnsafeBufferPointer {
        try model.trainStep(tokens, $0, T: steps.count, B: 2, bpttLength: bptt, overlap: overlap).loss
      }
    }
  }

  private func carried(_ model: TextModel) throws -> [Double] {
    guard let state = model.carriedState else { return [] }
    return (0..<model.network.stateCount(batchSize: 2)).map { model.network.dtype.load(state.start, $0) }
  }

  /// Gradients through 2 of 5 steps: those of a step on the last 2 from the state after the others.
  @Test(arguments: [Cell.lstm, .gru, .sru], DType.allCases) func fewer(_ cell: Cell, _ dtype: DType) throws {
    let short = try model(cell, dtype), manual = try model(cell, dtype), idle = try model(cell, dtype)
    idle.optimizer = try Optimizer("sgd", #""learning_rate": 0"#)
    _ = try step(idle, 0..<3)
    let start = try #require(idle.carriedState), count = idle.network.stateCount(batchSize: 2)
    let loss = try step(short, 0..<5, bptt: 2)
    let input = Array(Self.tokens[6..<10]), targets = Array(Self.tokens[8..<12])
    let result = try manual.network.trainStep(
      .tokens(input.span), .classes(targets.span), T: 2, B: 2, state: Elements(start.start, count: count, dtype),
      optimizer: #require(manual.optimizer))
    #expect(loss == result.loss)
    #expect(try short.parameters.flat.rows() == manual.parameters.flat.rows())
    #expect(short.batchSize == 2 && short.step == 1)
  }

  /// The state before the steps that are read again is that of the pass, by the weights before the update.
  @Test(arguments: [Cell.lstm, .gru, .sru, .minGRU], DType.allCases) func more(_ cell: Cell, _ dtype: DType) throws {
    let long = try model(cell, dtype), twin = try model(cell, dtype), idle = try model(cell, dtype)
    idle.optimizer = try Optimizer("sgd", #""learning_rate": 0"#)
    // while all are read again, the sequences still begin
    let first = try step(long, 0..<2, overlap: 2)
    #expect(try long.batchSize == 0 && carried(long) == [] && first == step(twin, 0..<2))
    #expect(try long.parameters.flat.rows() == twin.parameters.flat.rows())
    try idle.parameters.flat.set(long.parameters.flat)
    _ = try step(idle, 0..<2)
    _ = try step(long, 0..<4, valid: 2..<4, overlap: 2)
    let (found, expected) = (try carried(long), try carried(idle))
    let tolerance = dtype == .float32 ? 1e-6 : 1e-14
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) < tolerance } && found.count == expected.count)
    #expect(long.batchSize == 2)
    // only the last targets count
    let other = try model(cell, dtype)
    _ = try step(other, 0..<2, overlap: 2)
    _ = try step(other, 0..<4, overlap: 2)
    #expect(try other.parameters.flat.rows() != long.parameters.flat.rows())
  }

  @Test func refusals() throws {
    let random = try model(.lstm, .float64, dropout: 0.5)
    let before = try random.parameters.flat.rows(), state = random.random.state
    for (bptt, words) in [(0, "bptt_length is out of range; expected 1 to 4"), (5, "got 5")] {
      refused(.badShape, words) { try step(random, 0..<4, bptt: bptt) }
    }
    refused(.badShape, "overlap is out of range; expected 0 to 2 time steps, got 3") {
      try step(random, 0..<4, bptt: 2, overlap: 3)
    }
    // a gradient that is not finite after time steps that advanced the state
    try #require(random.parameters["bd"]).set(rows: [.infinity, 0, 0, 0])
    let broken = try random.parameters.flat.rows()
    refused(.notFinite, "bd") { try step(random, 0..<4, bptt: 2) }
    refused(.notFinite, "bd") { try step(random, 0..<4, overlap: 2) }
    #expect(try random.parameters.flat.rows() == broken && broken != before)
    #expect(random.random.state == state && random.batchSize == 0 && random.step == 0)
    let input = Self.tokens
    refused(.badValue, "memory is unusable with bptt_length and overlap") {
      try random.network.trainStep(
        .tokens(input.span), .classes(input.span), T: 9, B: 2, optimizer: #require(random.optimizer), memory: 1 << 20,
        overlap: 1)
    }
  }
}
