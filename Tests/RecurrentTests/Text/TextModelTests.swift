// Text models: creation, and training with a carried state.

import Foundation
import Testing

@testable import Recurrent

/// A small text model with every option, and a text to train on.
struct TextLesson {
  let model: TextModel
  let tokens: [Int64]
  static let text = "the quick brown fox jumps over the lazy dog.\nthe end is not the end, the end is the beginning.\n"

  init(
    _ cell: Cell = .lstm, _ dtype: DType = .float64, embedding: Int? = nil, tied: Bool = false, dropout: Double = 0.25,
    seed: UInt64 = 7, kind: Tokenizer.Kind = .characters
  ) throws {
    let settings = TextModel.Settings(
      kind, cell: cell, hiddenSizes: [6, 5], embedding: tied ? 5 : embedding, tied: tied, dropout: dropout, dtype: dtype
    )
    model = try TextModel(settings, texts: [TextLesson.text], random: Random(seed: seed))
    tokens = try model.tokenizer.encode(TextLesson.text)
    model.optimizer = try Optimizer("adam")
  }

  init(_ model: TextModel) throws {
    self.model = model
    tokens = try model.tokenizer.encode(TextLesson.text)
  }

  /// Trains on the chunk of two sequences that the model's step selects.
  func step(_ learningRate: Double = 0.01) throws -> StepResult {
    let T = 5, length = tokens.count / 2
    let at = { (t: Int, b: Int) in b * length + (model.step * T + t) % (length - 1) }
    let input = (0..<T).flatMap { t in (0..<2).map { tokens[at(t, $0)] } }
    let targets = (0..<T).flatMap { t in (0..<2).map { tokens[at(t, $0) + 1] } }
    return try input.withUnsafeBufferPointer { input in
      try targets.withUnsafeBufferPointer {
        try model.trainStep(input, $0, T: T, B: 2, learningRate: learningRate, clip: 5)
      }
    }
  }

  func evaluate(batchSize: Int = 1) throws -> Double {
    try tokens.withUnsafeBufferPointer { try model.evaluate($0, batchSize: batchSize) }
  }
}

@Suite struct TextModelTests {
  @Test func memorizesAText() throws {
    let lesson = try TextLesson(.lstm, .float32, dropout: 0), start = try lesson.evaluate()
    #expect(abs(start - log(Double(lesson.model.tokenizer.count))) < 0.1)
    for _ in 0..<800 { _ = try lesson.step(0.03) }
    #expect(try lesson.evaluate() < start / 2)
    #expect(lesson.model.step == 800 && lesson.model.batchSize == 2)
  }

  @Test func forgetBiasesAreOneByDefault() throws {
    let lesson = try TextLesson()
    #expect(try lesson.model.parameters["bf0"]?.rows() == [Double](repeating: 1, count: 6))
    #expect(try lesson.model.parameters["bf1"]?.rows() == [Double](repeating: 1, count: 5))
    #expect(try lesson.model.parameters["bi1"]?.rows() == [Double](repeating: 0, count: 5))
  }

  /// A step's loss is that of the state carried from the step before.
  @Test func stateIsCarried() throws {
    let lesson = try TextLesson(dropout: 0), model = lesson.model
    _ = try lesson.step()
    let carried = try #require(model.carriedState)
    // the same chunk again: from the carried state, then from zeros
    func loss(_ state: borrowing Elements?) throws -> Double {
      let T = 5, length = lesson.tokens.count / 2
      let input = (0..<T).flatMap { t in (0..<2).map { lesson.tokens[$0 * length + T + t] } }
      let targets = (0..<T).flatMap { t in (0..<2).map { lesson.tokens[$0 * length + T + t + 1] } }
      return try model.network.loss(.tokens(input.span), .classes(targets.span), T: T, B: 2, state: state)
    }
    let count = model.network.stateCount(batchSize: 2)
    let expected = try loss(Elements(carried.start, count: count, model.network.dtype)), fresh = try loss(nil)
    #expect(expected != fresh)
    #expect(try lesson.step().loss == expected)
    let twin = try TextLesson(dropout: 0)
    _ = try twin.step()
    twin.model.resetState()
    #expect(twin.model.batchSize == 0)
    #expect(try twin.step().loss == fresh)
  }

  /// A step in parts, on the network, is a step: the gradient, the optimizer, the carried state.
  @Test func stepsInParts() throws {
    let whole = try TextLesson(), parts = try TextLesson(), model = parts.model
    let tokens = Array(parts.tokens.prefix(10)), targets = Array(parts.tokens[1..<11])
    let optimizer = try #require(model.optimizer), count = model.network.stateCount(batchSize: 2)
    var state = [Double](repeating: 0, count: count)
    refused(.invalidated, "the carried state is absent") { try model.copyState(to: .float64(state.mutableSpan)) }
    for step in 1...2 {
      let result = try tokens.withUnsafeBufferPointer { tokens in
        try targets.withUnsafeBufferPointer { try whole.model.trainStep(tokens, $0, T: 5, B: 2, clip: 0.1) }
      }
      let before = state
      let loss =
        if step == 1 {
          try model.network.gradient(
            .tokens(tokens.span), .classes(targets.span), T: 5, B: 2, finalState: .float64(state.mutableSpan))
        } else {
          try model.network.gradient(
            .tokens(tokens.span), .classes(targets.span), T: 5, B: 2, state: .float64(before.span),
            finalState: .float64(state.mutableSpan))
        }
      let norm = try optimizer.step(model.parameters, clip: 0.1).gradientNorm
      try model.setState(.float64(state.span), batchSize: 2, step: step)
      #expect(loss == result.loss && norm == result.gradientNorm && model.step == step && model.batchSize == 2)
    }
    var carried = [Double](repeating: 0, count: count)
    try whole.model.copyState(to: .float64(carried.mutableSpan))
    #expect(carried == state && model.random.state == whole.model.random.state)
    #expect(try model.parameters.flat.rows() == whole.model.parameters.flat.rows())
    refused(.badShape) { try model.setState(.float64(state.span), batchSize: 3, step: 1) }
    refused(.badShape, "expected 0 without a state, got 1") { try model.setState(nil, batchSize: 1, step: 1) }
    refused(.badValue, "step is out of range") { try model.setState(.float64(state.span), batchSize: 2, step: -1) }
    #expect(model.step == 2 && model.batchSize == 2)
    try model.setState(nil, batchSize: 0, step: 5)
    #expect(model.step == 5 && model.batchSize == 0 && model.carriedState == nil)
  }

  /// A loss that is not finite leaves weights and masks as they were, and no gradient.
  @Test func aRefusedGradientChangesNothing() throws {
    let model = try TextLesson().model, tokens: [Int64] = [0, 1, 2, 3], bd = try #require(model.parameters["bd"])
    try bd.set(rows: [Double](repeating: .nan, count: bd.n))
    let random = model.random.state
    refused(.notFinite, "bd is not finite") {
      try model.network.gradient(.tokens(tokens.span), .classes(tokens.span), T: 2, B: 2)
    }
    let flat = model.parameters.flat
    #expect(model.random.state == random && (0..<flat.n).allSatisfy { flat.dtype.load(flat.dwStart, $0) == 0 })
  }

  @Test func aRefusedStepChangesNothing() throws {
    let lesson = try TextLesson(), model = lesson.model
    _ = try lesson.step()
    let flat = model.parameters.flat, bd = try #require(model.parameters["bd"])
    let weights = try flat.rows(), random = model.random.state
    try bd.set(rows: [Double](repeating: .nan, count: bd.n))
    let broken = try flat.rows()
    refused(.notFinite, "is not finite") { try lesson.step() }
    #expect(try flat.rows().map { $0.bitPattern } == broken.map { $0.bitPattern })
    #expect(model.step == 1 && model.random.state == random)
    try flat.set(rows: weights)
    let twin = try TextLesson()
    _ = try twin.step()
    #expect(try lesson.step() == twin.step())
    let empty = UnsafeBufferPointer<Int64>(start: nil, count: 0)
    refused(.badShape) { try model.trainStep(empty, empty, T: 0, B: 2, learningRate: 0.1, clip: 5) }
    refused(.badShape, "B differs from the carried state; expected 2", "got 3") {
      try model.trainStep(empty, empty, T: 1, B: 3, learningRate: 0.1, clip: 5)
    }
    refused(.noMemory) { try TextLesson().model.trainStep(empty, empty, T: 1, B: .max, learningRate: 0.1, clip: 5) }
    refused(.invalidated, "optimizer is not set") {
      try TextModel(TextModel.Settings(.bytes, hiddenSizes: [2]), random: Random(seed: 1))
        .trainStep(empty, empty, T: 1, B: 1, learningRate: 0.1, clip: 5)
    }
  }

  /// The draws of a model: the weights, then one word for its own generator; for sentences the weights alone.
  @Test func drawsOfCreation() throws {
    for kind in Tokenizer.Kind.allCases {
      let settings = TextModel.Settings(
        kind, vocabularySize: kind.isNumeric ? 4 : nil, hiddenSizes: [3], embedding: 2)
      let random = Random(seed: 9), twin = Random(seed: 9)
      let model = try TextModel(settings, texts: ["abc"], random: random)
      let network = try Network(settings.network(model.tokenizer.count), random: twin)
      #expect(try model.parameters.flat.rows() == network.parameters.flat.rows())
      if kind != .sentences { #expect(model.random.state == Random(seed: twin.next()).state) }
      #expect(random.state == twin.state)
    }
  }

  @Test func defaultPrompts() throws {
    func token(_ kind: Tokenizer.Kind, _ text: String) throws -> Int {
      try TextModel(TextModel.Settings(kind, hiddenSizes: [1]), texts: [text], random: Random(seed: 1)).defaultPrompt
    }
    #expect(try token(.characters, "b a\n") == 0 && token(.characters, "!\t\na") == 1)
    #expect(try token(.characters, "\tb a") == 1 && token(.characters, "ba") == 0)
    #expect(try token(.bytes, "") == 10 && token(.sentences, "a\nb") == 0)
  }

  @Test func creationsRefused() {
    let random = Random(seed: 1)
    func refuse(
      _ kind: RecurrentError.Kind, _ words: String, _ settings: TextModel.Settings, _ texts: [String] = ["abc"],
      sourceLocation: SourceLocation = #_sourceLocation
    ) {
      refused(kind, words, sourceLocation: sourceLocation) { try TextModel(settings, texts: texts, random: random) }
    }
    refuse(.badShape, "hidden_sizes is empty", TextModel.Settings(hiddenSizes: []))
    refuse(.badShape, "hidden_sizes[0] is out of range", TextModel.Settings(hiddenSizes: [0]))
    refuse(.badShape, "embedding is out of range; expected at least 1, got 0", TextModel.Settings(embedding: 0))
    refuse(.badShape, "embedding is wrong for a tied decoder", TextModel.Settings(embedding: 3, tied: true))
    refuse(.badValue, "dropout is out of range", TextModel.Settings(dropout: 1))
    refuse(.badValue, "forget_bias is not finite", TextModel.Settings(forgetBias: .nan))
    refuse(.badShape, "network is too large", TextModel.Settings(hiddenSizes: [1 << 30]))
    refuse(.badValue, "text is empty", TextModel.Settings(), [])
    refuse(.badValue, "text is empty", TextModel.Settings(.sentences), [" "])
    #expect(random.state == Random(seed: 1).state)
  }
}
