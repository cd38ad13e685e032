// Arrays that a caller passes as spans: the same results as of the pointers inside the package.

import Testing

@testable import Recurrent

@Suite struct SpanTests {
  @Test func trainingAndEvaluation() throws {
    let lesson = try TextLesson(), twin = try TextLesson(), tokens = lesson.tokens
    let input = Array(tokens[0..<8]), targets = Array(tokens[1..<9])
    let result = try lesson.model.trainStep(input.span, targets.span, T: 4, B: 2, learningRate: 0.1, clip: 5)
    let expected = try input.withUnsafeBufferPointer { input in
      try targets.withUnsafeBufferPointer {
        try twin.model.trainStep(input, $0, T: 4, B: 2, learningRate: 0.1, clip: 5)
      }
    }
    #expect(result == expected && lesson.model.step == 1)
    #expect(try lesson.model.evaluate(tokens.span, batchSize: 3) == twin.evaluate(batchSize: 3))
    refused(.badShape, "tokens", "got 1") { try lesson.model.evaluate([Int64](repeating: 0, count: 1).span) }
    refused(.badShape, "tokens", "8") { try lesson.model.trainStep(input.span, targets.span, T: 5, B: 2) }
  }

  @Test func tokenizers() throws {
    let bytes = Tokenizer.bytes, text: [UInt8] = [0x61, 0xE2, 0x82, 0xAC, 0xFF, 0xE2]
    let tokens = try bytes.encode(bytes: text.span)
    #expect(tokens == text.map { Int64($0) })
    #expect(try bytes.decodeBytes(tokens.span) == text && bytes.decode(tokens.span) == "a€\u{FFFD}")
    refused(.badIndex, "tokens[1]", "256") { try bytes.decode([Int64](arrayLiteral: 0, 256).span) }
    let characters = try Tokenizer(of: "abc")
    refused(.badValue, "text[1]", "'x'") { try characters.encode(bytes: Array("axb".utf8).span) }
    #expect(try characters.encode(bytes: Array("axb".utf8).span, errors: .ignore).count == 2)
  }

  @Test func sampling() throws {
    let scores: [Float] = [1, 3, 2], recent: [Int64] = [1]
    #expect(try argmax(scores.span) == 1)
    #expect(try sample(([0, 0, 2] as [Double]).span, Random(seed: 1)) == 2)
    var p = [Float](repeating: 0, count: 3), twin = p
    let sampler = try Sampler(temperature: 0.5, repetitionPenalty: 2), short = [Float](repeating: 0, count: 2)
    var span = p.mutableSpan
    try sampler.probabilities(of: scores.span, recent: recent.span, to: &span)
    try scores.withUnsafeBufferPointer { scores in
      try recent.withUnsafeBufferPointer { recent in
        try twin.withUnsafeMutableBufferPointer { try sampler.probabilities(of: scores, recent: recent, to: $0) }
      }
    }
    #expect(p == twin && abs(p.reduce(0, +) - 1) < 1e-6)
    refused(.badShape, "probabilities") {
      var other = short, span = other.mutableSpan
      try sampler.probabilities(of: scores.span, recent: recent.span, to: &span)
    }
    refused(.badShape, "empty") { try argmax([Double]().span) }
    refused(.badValue, "weights[0]") { try sample(([-1] as [Double]).span, Random(seed: 1)) }
  }
}
