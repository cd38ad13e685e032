// Text models: training with carried state, evaluation, writing; and going on after a file to the same bits.

import Foundation
import Testing

@testable import Recurrent

/// A small text model with everything on, and text to learn.
struct TextLesson {
  let model: TextModel
  let tokens: [Int64]
  static let text = "the quick brown fox jumps over the lazy dog.\nthe end is not the end, the end is the beginning.\n"

  init(
    _ cell: Cell = .lstm, _ dtype: DType = .float64, embedding: Int? = nil, tied: Bool = false, dropout: Double = 0.25,
    seed: UInt64 = 7, kind: Tokenizer.Kind = .characters
  ) throws {
    let alphabet = try kind == .bytes ? .bytes : Tokenizer(of: TextLesson.text)
    model = try TextModel(
      alphabet, cell: cell, hiddenSizes: [6, 5], embedding: tied ? 5 : embedding, tied: tied, dropout: dropout,
      dtype: dtype, random: Random(seed: seed))
    tokens = try alphabet.encode(TextLesson.text)
    model.setSolver(try Optimizer("adam"))
  }

  init(_ model: TextModel) throws {
    self.model = model
    tokens = try model.alphabet.encode(TextLesson.text)
  }

  /// Learns from the chunk of two streams that the model's count of steps names.
  func step(_ rate: Double = 0.01) throws -> StepResult {
    let T = 5, length = tokens.count / 2
    let at = { (t: Int, b: Int) in b * length + (model.step * T + t) % (length - 1) }
    let input = (0..<T).flatMap { t in (0..<2).map { tokens[at(t, $0)] } }
    let targets = (0..<T).flatMap { t in (0..<2).map { tokens[at(t, $0) + 1] } }
    return try input.withUnsafeBufferPointer { input in
      try targets.withUnsafeBufferPointer { try model.trainStep(input, $0, T: T, B: 2, stepSize: rate, clipval: 5) }
    }
  }

  func evaluate(_ columns: Int = 1) throws -> Double {
    try tokens.withUnsafeBufferPointer { try model.evaluate($0, columns: columns) }
  }
}

@Suite struct TextModelTests {
  @Test func learnsByHeart() throws {
    let lesson = try TextLesson(.lstm, .float32, dropout: 0), start = try lesson.evaluate()
    #expect(abs(start - log(Double(lesson.model.alphabet.count))) < 0.1)
    for _ in 0..<800 { _ = try lesson.step(0.03) }
    #expect(try lesson.evaluate() < start / 2)
    #expect(lesson.model.step == 800 && lesson.model.columns == 2)
  }

  @Test func forgetBiasesAreOne() throws {
    let lesson = try TextLesson()
    #expect(try lesson.model.parameters["bf0"]?.rows() == [Double](repeating: 1, count: 6))
    #expect(try lesson.model.parameters["bf1"]?.rows() == [Double](repeating: 1, count: 5))
    #expect(try lesson.model.parameters["bi1"]?.rows() == [Double](repeating: 0, count: 5))
  }

  /// A step's loss is that of the state carried from the step before.
  @Test func stateIsCarried() throws {
    let lesson = try TextLesson(dropout: 0), model = lesson.model
    _ = try lesson.step()
    let carried = try #require(model.carried)
    // the same chunk again: from the carried state, then from zeros
    func loss(_ state: UnsafeRawPointer?) throws -> Double {
      let T = 5, length = lesson.tokens.count / 2
      let input = (0..<T).flatMap { t in (0..<2).map { lesson.tokens[$0 * length + T + t] } }
      let targets = (0..<T).flatMap { t in (0..<2).map { lesson.tokens[$0 * length + T + t + 1] } }
      return try input.withUnsafeBufferPointer { input in
        try targets.withUnsafeBufferPointer {
          try model.model.loss(
            .tokens(input), .classes($0), T: T, B: 2, state: state, lengths: nil, finalState: nil)
        }
      }
    }
    let (expected, fresh) = (try loss(carried.start), try loss(nil))
    #expect(expected != fresh)
    #expect(try lesson.step().loss == expected)
    let twin = try TextLesson(dropout: 0)
    _ = try twin.step()
    twin.model.resetState()
    #expect(twin.model.columns == 0)
    #expect(try twin.step().loss == fresh)
  }

  @Test func aRefusedStepChangesNothing() throws {
    let lesson = try TextLesson(), model = lesson.model
    _ = try lesson.step()
    let flat = model.parameters.flat, bd = try #require(model.parameters["bd"])
    let weights = try flat.rows(), random = model.random.state
    try bd.set(rows: [Double](repeating: .nan, count: bd.n))
    let broken = try flat.rows()
    refused(.notFinite, "gradient") { try lesson.step() }
    #expect(try flat.rows().map { $0.bitPattern } == broken.map { $0.bitPattern })
    #expect(model.step == 1 && model.random.state == random)
    try flat.set(rows: weights)
    let twin = try TextLesson()
    _ = try twin.step()
    #expect(try lesson.step() == twin.step())
    let empty = UnsafeBufferPointer<Int64>(start: nil, count: 0)
    refused(.badShape) { try model.trainStep(empty, empty, T: 0, B: 2, stepSize: 0.1, clipval: 5) }
    refused(.badShape, "3 streams", "of 2") {
      try model.trainStep(empty, empty, T: 1, B: 3, stepSize: 0.1, clipval: 5)
    }
    refused(.noMemory) { try TextLesson().model.trainStep(empty, empty, T: 1, B: .max, stepSize: 0.1, clipval: 5) }
    refused(.invalidated, "solver") {
      try TextModel(.bytes, hiddenSizes: [2], random: Random(seed: 1))
        .trainStep(empty, empty, T: 1, B: 1, stepSize: 0.1, clipval: 5)
    }
  }

  /// Against one tick after the other: −ln softmax of the scores at the next token.
  @Test(arguments: Cell.allCases, DType.allCases) func evaluates(_ cell: Cell, _ dtype: DType) throws {
    let lesson = try TextLesson(cell, dtype), model = lesson.model.model
    for _ in 0..<20 { _ = try lesson.step() }
    func twin(_ tokens: ArraySlice<Int64>, to end: Int) throws -> Double {
      let state = try lesson.model.newState(columns: 1), y = try Mat(model.topSize, 1, dtype)
      return try tokens.indices.dropLast(tokens.endIndex == end ? 1 : 0).reduce(0) { sum, i in
        try model.inferenceStep(token: Int(tokens[i]), x: nil, state: state.start, y: y.wPointer())
        return try sum - log(softmax(y).rows()[Int(lesson.tokens[i + 1])])
      }
    }
    let count = lesson.tokens.count - 1, tolerance = dtype == .float32 ? 1e-5 : 1e-12
    for columns in [1, 2, 7, count, count + 5] {
      let B = min(columns, count), length = (count + B - 1) / B
      var sum = 0.0
      for b in 0..<B where b * length < count {
        let end = min((b + 1) * length, count)
        sum += try twin(lesson.tokens[b * length..<end], to: .max)
      }
      #expect(try abs(lesson.evaluate(columns) - sum / Double(count)) < tolerance, "\(columns) columns")
    }
  }

  // MARK: Writing

  @Test func writes() throws {
    let lesson = try TextLesson(dropout: 0), model = lesson.model
    for _ in 0..<300 { _ = try lesson.step() }
    let sampler = try Sampler(temperature: 0.8, repetitionPenalty: 1.1)
    let text = try model.sample(prime: "the ", count: 60, sampler, Random(seed: 5))
    #expect(text.unicodeScalars.count == 60)
    #expect(try text == model.sample(prime: "the ", count: 60, sampler, Random(seed: 5)))
    #expect(try text != model.sample(prime: "the ", count: 60, sampler, Random(seed: 6)))
    #expect(try text != model.sample(prime: "fox ", count: 60, sampler, Random(seed: 5)))
    #expect(try model.sample(count: 0, sampler, nil) == "")
    // nothing to begin with is a line's end
    #expect(try model.sample(count: 9, sampler, nil) == model.sample(prime: "\n", count: 9, sampler, nil))
    #expect(try TextModel(Tokenizer(of: "b a"), hiddenSizes: [1], random: Random(seed: 1)).opening == 0)
    #expect(try TextModel(Tokenizer(of: "ba"), hiddenSizes: [1], random: Random(seed: 1)).opening == 0)
    #expect(model.opening == 0 && Tokenizer.bytes.token(of: "\n") == 10)
    refused(.badValue, "'Z' (U+005A)", "position 1") {
      try model.sample(prime: "aZ", unknown: .refuse, count: 3, sampler, nil)
    }
    #expect(
      try model.sample(prime: "aZ", unknown: .skip, count: 9, sampler, nil)
        == model.sample(prime: "a", count: 9, sampler, nil))
    for count in [-1, .min, .max, TextModel.maxCount + 1] {
      refused(.badValue, "\(count)") { try model.sample(count: count, sampler, nil) }
    }
  }

  @Test func stopsWhereItIsTold() throws {
    let lesson = try TextLesson(dropout: 0), model = lesson.model
    for _ in 0..<300 { _ = try lesson.step() }
    let sampler = try Sampler(repetitionPenalty: 1.05),
      whole = Array(
        try model.sample(count: 80, sampler, Random(seed: 2)).unicodeScalars)
    func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String { String(String.UnicodeScalarView(scalars)) }
    for length in 1...3 {
      for at in [0, 1, 30, 80 - length] {
        let stop = text(whole[at..<at + length])
        let first = (0...80 - length).first { text(whole[$0..<$0 + length]) == stop } ?? 80
        // beside one that begins alike, and one that can never come
        let found = try model.sample(count: 80, sampler, stops: [stop + "\n\n\n", "X", stop], Random(seed: 2))
        #expect(found == text(whole[..<first]))
      }
    }
    #expect(try model.sample(count: 80, sampler, stops: ["XYZ"], Random(seed: 2)) == text(whole[...]))
    // the prime is no part of it
    #expect(
      try model.sample(prime: "the", count: 5, sampler, stops: ["the"], Random(seed: 2)).unicodeScalars.count == 5)
    refused(.badValue, "stop 1 is empty") { try model.sample(count: 5, sampler, stops: ["a", ""], nil) }
  }

  @Test func aDivergedModelWritesNothing() throws {
    let lesson = try TextLesson(), random = Random(seed: 3), before = random.state
    try lesson.model.parameters["bd"]?.set(rows: [Double](repeating: .nan, count: lesson.model.alphabet.count))
    refused(.notFinite) { try lesson.model.sample(count: 5, Sampler(), random) }
    refused(.notFinite) { try lesson.model.sample(count: 5, Sampler(), stops: ["a"], random) }
    refused(.notFinite) { try lesson.evaluate() }
    #expect(random.state == before)
  }

  @Test func bytesWriteValidText() throws {
    let lesson = try TextLesson(kind: .bytes)
    for seed in 0..<20 as Range<UInt64> {
      let text = try lesson.model.sample(prime: "é", count: 100, Sampler(temperature: 3), Random(seed: seed))
      #expect(text.unicodeScalars.count <= 100 && String(validating: Array(text.utf8), as: UTF8.self) != nil)
    }
    #expect(lesson.model.opening == 10)
  }
}
