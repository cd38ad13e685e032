// The settings of a draw against a plain twin.

import Foundation
import Kernels
import Testing

@testable import Recurrent

@Suite struct SamplerTests {
  private func probabilities<T: Real>(
    _ scores: [T], _ sampler: Sampler, recent: [Int64] = []
  ) throws -> [Double] {
    var p = [T](repeating: -7, count: scores.count)
    try scores.withUnsafeBufferPointer { scores in
      try recent.withUnsafeBufferPointer { recent in
        try p.withUnsafeMutableBufferPointer {
          try sampler.probabilities(of: scores, recent: recent, to: $0)
        }
      }
    }
    return p.map { Double($0) }
  }

  @Test func probabilitiesOfAnotherLengthAreRefused() throws {
    for count in [0, 2, 4] {
      var p = [Double](repeating: -7, count: count)
      refused(.badShape, "probabilities has the wrong length; expected 3, got \(count)") {
        try [1.0, 2, 3].withUnsafeBufferPointer { scores in
          try p.withUnsafeMutableBufferPointer {
            try Sampler().probabilities(of: scores, recent: UnsafeBufferPointer(start: nil, count: 0), to: $0)
          }
        }
      }
      #expect(p.allSatisfy { $0 == -7 })
    }
  }

  /// The definitions, in Double, with a sort.
  private func twin(_ scores: [Double], _ s: Sampler, recent: [Int64]) -> [Double] {
    var x = scores
    for token in Set(recent.suffix(s.repetitionWindow)) {
      x[Int(token)] *= x[Int(token)] > 0 ? 1 / s.repetitionPenalty : s.repetitionPenalty
    }
    func normal(_ p: [Double]) -> [Double] { p.map { $0 / p.reduce(0, +) } }
    let top = x.max() ?? 0
    var p = normal(x.map { exp(($0 - top) / s.temperature) })
    func mostProbableFirst() -> [Int] { p.indices.sorted { (-p[$0], $0) < (-p[$1], $1) } }
    if let k = s.topK {
      for i in mostProbableFirst().dropFirst(k) { p[i] = 0 }
      p = normal(p)
    }
    var sum = 0.0
    for i in mostProbableFirst() {
      if sum >= s.topP && s.topP < 1 { p[i] = 0 } else { sum += p[i] }
    }
    let largest = p.max() ?? 0
    return normal(p.map { $0 < s.minP * largest ? 0 : $0 })
  }

  @Test func settingsAreTheirTwins() throws {
    var cutSome = 0
    for seed in 0..<400 as Range<UInt64> {
      let dice = Dice(seed), n = dice.integer(1...30)
      let scores = (0..<n).map { _ in dice.random.gaussian(0, 2) }
      let recent = (0..<dice.integer(0...12)).map { _ in Int64(dice.integer(0...n - 1)) }
      let sampler = try Sampler(
        temperature: dice.random.uniform(0.2, 3), topK: dice.integer(0...1) == 0 ? nil : dice.integer(1...n + 2),
        topP: dice.integer(0...1) == 0 ? 1 : dice.random.uniform(0.05, 1),
        minP: dice.integer(0...1) == 0 ? 0 : dice.random.uniform(0, 0.5),
        repetitionPenalty: dice.integer(0...1) == 0 ? 1 : dice.random.uniform(0.5, 2),
        repetitionWindow: dice.integer(0...8))
      let ours = try probabilities(scores, sampler, recent: recent), theirs = twin(scores, sampler, recent: recent)
      #expect(zip(ours, theirs).allSatisfy { abs($0 - $1) < 1e-14 }, "case \(seed): \(sampler)")
      #expect(abs(ours.reduce(0, +) - 1) < 1e-12)
      if ours.contains(0) { cutSome += 1 }
    }
    #expect(cutSome > 100)
  }

  @Test func equalsKeepTheirOrder() throws {
    #expect(try probabilities([1.0, 1, 1, 1], Sampler(topK: 2)) == [0.5, 0.5, 0, 0])
    #expect(try probabilities([1.0, 1, 1, 1] as [Float], Sampler(topP: 0.5)) == [0.5, 0.5, 0, 0])
    // the sum is reached exactly; the most probable token stays at any top_p
    #expect(try probabilities([0, 9, 0.0], Sampler(topP: 1e-300)) == [0, 1, 0])
    #expect(try probabilities([1.0, 2, 3], Sampler(topK: 1)) == [0, 0, 1])
    // beyond the number of tokens
    #expect(try probabilities([1.0, 1], Sampler(topK: .max)) == [0.5, 0.5])
    #expect(try probabilities([1.0, 1], Sampler(minP: 1)) == [0.5, 0.5])
  }

  /// A token of the window is penalized once, however often it occurs.
  @Test func penaltiesCountOnce() throws {
    let once = try Sampler(repetitionPenalty: 2, repetitionWindow: 3)
    #expect(
      try probabilities([2.0, 0, -1], once, recent: [0]) == probabilities([2.0, 0, -1], once, recent: [0, 0, 0]))
    #expect(try probabilities([2.0, 0, -1], once, recent: [0, 1, 1, 1]) == probabilities([2.0, 0, -1], Sampler()))
    let p = try probabilities([2.0, 0, -1], once, recent: [2]), q = try probabilities([2.0, 0, -2], Sampler())
    #expect(p == q)
  }

  /// Temperature 0 is the largest score, whatever the other settings; a draw needs no random word.
  @Test func temperatureZeroIsTheLargestScore() throws {
    #expect(try probabilities([1.0, 3, 3, 2], Sampler(temperature: 0)) == [0, 1, 0, 0])
    #expect(try probabilities([1.0, 3, 3, 2] as [Float], Sampler(temperature: 0, topP: 0.5, minP: 1)) == [0, 1, 0, 0])
    let penalized = try Sampler(temperature: 0, repetitionPenalty: 2)
    #expect(try probabilities([1.0, 3, 3, 2], penalized, recent: [1]) == [0, 0, 1, 0])
  }

  @Test func settingsRefused() throws {
    for x in [-1, Double.nan, .infinity, -1e-300] {
      refused(.badValue, "temperature is out of range; expected a finite number of at least 0, got \(x)") {
        try Sampler(temperature: x)
      }
    }
    for x in [0, -1, Double.nan, .infinity] {
      refused(.badValue, "repetition_penalty is out of range; expected a finite number above 0, got \(x)") {
        try Sampler(repetitionPenalty: x)
      }
    }
    for x in [0, -0.1, 1.1, Double.nan] {
      refused(.badValue, "top_p is out of range; expected above 0 and at most 1, got \(x)") { try Sampler(topP: x) }
    }
    for x in [-0.1, 1.1, Double.nan] {
      refused(.badValue, "min_p is out of range; expected 0 to 1, got \(x)") { try Sampler(minP: x) }
    }
    for k in [0, -1, Int.min] {
      refused(.badValue, "top_k is out of range; expected at least 1, got \(k)") { try Sampler(topK: k) }
    }
    refused(.badValue, "repetition_window is out of range; expected at least 0, got -1") {
      try Sampler(repetitionWindow: -1)
    }
    refused(.badShape, "scores is empty; expected at least 1, got 0") { try probabilities([Double](), Sampler()) }
    for x in [Double.nan, .infinity] {
      refused(.notFinite, "not finite") { try probabilities([1, x], Sampler()) }
      refused(.notFinite, "not finite") { try probabilities([1, x], Sampler(topK: 1)) }
    }
    for token: Int64 in [-1, 2, .max, .min] {
      refused(.badIndex, "history[1] is out of range; expected 0 to 1, got \(token)") {
        try probabilities([1.0, 2], Sampler(), recent: [0, token])
      }
    }
  }

  // MARK: JSON

  @Test func settingsFromJSON() throws {
    #expect(try Sampler(json: "{}") == Sampler())
    #expect(try Sampler(json: #"{"top_k": null, "repetition_window": null}"#) == Sampler())
    let all =
      #"{"temperature": 0.5, "top_k": 3, "top_p": 0.9, "min_p": 0.1, "repetition_penalty": 2, "repetition_window": 7}"#
    #expect(
      try Sampler(json: all)
        == Sampler(
          temperature: 0.5, topK: 3, topP: 0.9, minP: 0.1, repetitionPenalty: 2, repetitionWindow: 7))
    let cases: [(RecurrentError.Kind, json: String, words: String)] = [
      (.badValue, #"{"temperature": -1}"#, "temperature is out of range"),
      (.badValue, #"{"temperature": "1"}"#, "temperature has the wrong type; expected a number, got a string"),
      (.badValue, #"{"temperature": null}"#, "temperature has the wrong type"),
      (.badValue, #"{"top_k": 0}"#, "top_k is out of range"), (.badValue, #"{"top_k": 1.5}"#, "top_k"),
      (.badValue, #"{"top_k": 1e300}"#, "top_k"), (.badValue, #"{"topk": 1}"#, "topk is not a setting of the sampler"),
      (.badValue, #"{"max_tokens": 1}"#, "max_tokens is not a setting of the sampler"),
      (.badValue, "[]", "expected an object"), (.badValue, "{", "byte"), (.badValue, "", "byte 0"),
    ]
    for (kind, json, words) in cases { refused(kind, words) { try Sampler(json: json) } }
  }
}
