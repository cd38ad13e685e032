// Settings of a draw, each against a plain twin.

import Foundation
import Kernels
import Testing

@testable import Recurrent

@Suite struct SamplerTests {
  private func probabilities<T: Real>(
    _ scores: [T], _ sampler: Sampler, seen: [Int64] = []
  ) throws -> [Double] {
    var p = [T](repeating: -7, count: scores.count)
    try scores.withUnsafeBufferPointer { scores in
      try seen.withUnsafeBufferPointer { seen in
        try p.withUnsafeMutableBufferPointer {
          try sampler.probabilities(of: scores, seen: seen, to: #require($0.baseAddress))
        }
      }
    }
    return p.map { Double($0) }
  }

  /// As the definitions read, in Double, with a sort and no cleverness.
  private func twin(_ scores: [Double], _ s: Sampler, seen: [Int64]) -> [Double] {
    var x = scores
    for token in Set(seen.suffix(s.repetitionWindow)) {
      x[Int(token)] *= x[Int(token)] > 0 ? 1 / s.repetitionPenalty : s.repetitionPenalty
    }
    func normal(_ p: [Double]) -> [Double] { p.map { $0 / p.reduce(0, +) } }
    let top = x.max() ?? 0
    var p = normal(x.map { exp(($0 - top) / s.temperature) })
    func likeliestFirst() -> [Int] { p.indices.sorted { (-p[$0], $0) < (-p[$1], $1) } }
    if let k = s.topK {
      for i in likeliestFirst().dropFirst(k) { p[i] = 0 }
      p = normal(p)
    }
    var share = 0.0
    for i in likeliestFirst() {
      if share >= s.topP && s.topP < 1 { p[i] = 0 } else { share += p[i] }
    }
    let most = p.max() ?? 0
    return normal(p.map { $0 < s.minP * most ? 0 : $0 })
  }

  @Test func settingsAreTheirTwins() throws {
    var cutSome = 0
    for seed in 0..<400 as Range<UInt64> {
      let dice = Dice(seed), n = dice.integer(1...30)
      let scores = (0..<n).map { _ in dice.random.gaussian(0, 2) }
      let seen = (0..<dice.integer(0...12)).map { _ in Int64(dice.integer(0...n - 1)) }
      let sampler = try Sampler(
        temperature: dice.random.uniform(0.2, 3), topK: dice.integer(0...1) == 0 ? nil : dice.integer(1...n + 2),
        topP: dice.integer(0...1) == 0 ? 1 : dice.random.uniform(0.05, 1),
        minP: dice.integer(0...1) == 0 ? 0 : dice.random.uniform(0, 0.5),
        repetitionPenalty: dice.integer(0...1) == 0 ? 1 : dice.random.uniform(0.5, 2),
        repetitionWindow: dice.integer(0...8))
      let ours = try probabilities(scores, sampler, seen: seen), theirs = twin(scores, sampler, seen: seen)
      #expect(zip(ours, theirs).allSatisfy { abs($0 - $1) < 1e-14 }, "case \(seed): \(sampler)")
      #expect(abs(ours.reduce(0, +) - 1) < 1e-12)
      if ours.contains(0) { cutSome += 1 }
    }
    #expect(cutSome > 100)
  }

  @Test func equalsKeepTheirOrder() throws {
    #expect(try probabilities([1.0, 1, 1, 1], Sampler(topK: 2)) == [0.5, 0.5, 0, 0])
    #expect(try probabilities([1.0, 1, 1, 1] as [Float], Sampler(topP: 0.5)) == [0.5, 0.5, 0, 0])
    // the share is reached exactly, and the likeliest stays whatever the share
    #expect(try probabilities([0, 9, 0.0], Sampler(topP: 1e-300)) == [0, 1, 0])
    #expect(try probabilities([1.0, 2, 3], Sampler(topK: 1)) == [0, 0, 1])
    // far beyond what is there
    #expect(try probabilities([1.0, 1], Sampler(topK: .max)) == [0.5, 0.5])
    #expect(try probabilities([1.0, 1], Sampler(minP: 1)) == [0.5, 0.5])
  }

  /// A token of the window is penalized once, however often it stands there.
  @Test func penaltiesCountOnce() throws {
    let once = try Sampler(repetitionPenalty: 2, repetitionWindow: 3)
    #expect(try probabilities([2.0, 0, -1], once, seen: [0]) == probabilities([2.0, 0, -1], once, seen: [0, 0, 0]))
    #expect(try probabilities([2.0, 0, -1], once, seen: [0, 1, 1, 1]) == probabilities([2.0, 0, -1], Sampler()))
    let p = try probabilities([2.0, 0, -1], once, seen: [2]), q = try probabilities([2.0, 0, -2], Sampler())
    #expect(p == q)
  }

  @Test func settingsRefused() throws {
    for x in [0, -1, Double.nan, .infinity] {
      refused(.badValue, "temperature", "got \(x)") { try Sampler(temperature: x) }
      refused(.badValue, "repetition_penalty", "got \(x)") { try Sampler(repetitionPenalty: x) }
    }
    for x in [0, -0.1, 1.1, Double.nan] { refused(.badValue, "top_p is \(x)") { try Sampler(topP: x) } }
    for x in [-0.1, 1.1, Double.nan] { refused(.badValue, "min_p is \(x)") { try Sampler(minP: x) } }
    for k in [0, -1, Int.min] { refused(.badValue, "top_k is \(k)") { try Sampler(topK: k) } }
    refused(.badValue, "repetition_window is -1") { try Sampler(repetitionWindow: -1) }
    refused(.badShape, "no scores") { try probabilities([Double](), Sampler()) }
    for x in [Double.nan, .infinity] {
      refused(.notFinite, "not finite") { try probabilities([1, x], Sampler()) }
      refused(.notFinite, "not finite") { try probabilities([1, x], Sampler(topK: 1)) }
    }
    for token: Int64 in [-1, 2, .max, .min] {
      refused(.badIndex, "history 1 is \(token)", "0..<2") {
        try probabilities([1.0, 2], Sampler(), seen: [0, token])
      }
    }
  }
}
