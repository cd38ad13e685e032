// RecurrentJS's sentence model: training, generation, refusals.

import Foundation
import Recurrent
import Testing

@Suite struct SentenceModelTests {
  private func model(
    _ sentences: [String], _ cell: Cell = .lstm, hidden: [Int] = [6], dtype: DType = .float64,
    seed: UInt64 = 1
  ) throws -> SentenceModel {
    let settings = TextModel.Settings(
      .sentences, cell: cell, hiddenSizes: hidden, embedding: 3, forgetBias: 0, dtype: dtype)
    return try SentenceModel(sentences, settings, random: Random(seed: seed))
  }

  /// RecurrentJS's perplexity divides by 0 here.
  @Test(arguments: Cell.builtin, DType.allCases) func oneCharacterTrains(_ cell: Cell, _ dtype: DType) throws {
    let sm = try model(["a"], cell, dtype: dtype)
    #expect(sm.model.tokenizer.count == 2)
    let (first, perplexity) = try sm.tick("a")
    // two predictions of two choices each
    #expect(abs(first.loss - 2 * log(2.0)) < 0.1 && abs(perplexity - 2) < 0.1)
    for _ in 0..<300 { _ = try sm.tick("a") }
    let last = try sm.cost("a")
    #expect(last.cost < 0.1 && last.perplexity < 1.1 && last.perplexity >= 1)
    #expect(try sm.predict(nil) == "a")
  }

  @Test(arguments: DType.allCases) func learnsASentence(_ dtype: DType) throws {
    let sm = try model(["hello wörld 🙂"], hidden: [20], dtype: dtype)
    for _ in 0..<300 { _ = try sm.tick("hello wörld 🙂") }
    #expect(try sm.predict(nil) == "hello wörld 🙂")
    #expect(try sm.predict(temperature: 0.1, Random(seed: 1)) == "hello wörld 🙂")
  }

  @Test func blankSentencesAreSkipped() throws {
    let sm = try model(["", " \t ", "\u{2003}\n", "ab a"])
    #expect(sm.model.tokenizer.characters == ["a", "b", " "])
    for blank in [[], [""], ["  ", "\n"], ["\u{A0}"]] {
      refused(.badValue, "text is empty") { try model(blank) }
    }
  }

  @Test func costsAreOfNPlusOnePredictions() throws {
    let sm = try model(["abc"])
    for sentence in ["a", "ab", "cabcab"] {
      let cost = try sm.cost(sentence)
      let n = Double(sentence.count + 1)
      #expect(relative(cost.perplexity, exp(cost.cost / n)) < 1e-14)
      // a new model gives four tokens about the same probability
      #expect(abs(cost.cost - n * log(4.0)) < 0.05 * n)
    }
  }

  @Test func costChangesNothing() throws {
    let sm = try model(["abc"]), w = try sm.parameters.flat.rows(), cost = try sm.cost("abc")
    #expect(try sm.cost("abc") == cost)
    #expect(try sm.parameters.flat.rows() == w)
    #expect(try sm.parameters.flat.gradientRows().allSatisfy { $0 == 0 })
    let (result, perplexity) = try sm.tick("abc")
    #expect(result.loss == cost.cost && perplexity == cost.perplexity)
    #expect(try sm.parameters.flat.rows() != w)
    #expect(try sm.parameters.flat.gradientRows().allSatisfy { $0 == 0 })
  }

  @Test func aRefusedTickChangesNothing() throws {
    let sm = try model(["abc"])
    _ = try sm.tick("cab")
    let optimizer = try #require(sm.model.optimizer)
    func state() throws -> [[Double]] {
      try [sm.parameters.flat.rows(), sm.parameters.flat.gradientRows()]
        + optimizer.names.map { try #require(optimizer.state("step_cache", of: $0)).rows() }
    }
    let before = try state()
    refused(.badValue, "sentence has the wrong length", "got 0") { try sm.tick("") }
    refused(.badValue, "text[2]", "'x' (U+0078)") { try sm.tick("abx") }
    for bad in [Double.nan, .infinity, -1] {
      refused(.badValue, "\(bad)") { try sm.tick("abc", learningRate: bad) }
      refused(.badValue, "\(bad)") { try sm.tick("abc", regc: bad) }
    }
    for bad in [Double.nan, -1, 0] {
      refused(.badValue, "clip is out of range", "\(bad)") { try sm.tick("abc", clipval: bad) }
    }
    #expect(try state() == before)
    // the refused calls have no effect on the next step
    let twin = try model(["abc"])
    _ = try twin.tick("cab")
    #expect(try sm.tick("bca") == twin.tick("bca"))
    #expect(try sm.parameters.flat.rows() == twin.parameters.flat.rows())
  }

  @Test func divergenceIsNamedAndTheWeightsStay() throws {
    let sm = try model(["abc"])
    try #require(sm.parameters["Whd"]).fillUniform(1e200, 1e201, Random(seed: 1))
    try #require(sm.parameters["Wch0"]).fillUniform(1e300, 1e301, Random(seed: 1))
    try #require(sm.parameters["bd"]).set(rows: [.nan, 0, 0, 0])
    let before = try sm.parameters.flat.rows()
    refused(.notFinite, "is not finite") { try sm.tick("abc") }
    let after = try sm.parameters.flat.rows()
    #expect(zip(before, after).allSatisfy { $0.bitPattern == $1.bitPattern })
    #expect(try sm.parameters.flat.gradientRows().allSatisfy { $0 == 0 })
    refused(.notFinite, "diverged") { try sm.predict(nil) }
    refused(.notFinite, "diverged") { try sm.predict(Random(seed: 1)) }
    refused(.notFinite, "bd", "nan") { try sm.saveRecurrentJS("/nonexistent/never") }
  }

  // MARK: Generation

  @Test func predictStopsAtMaxCharacters() throws {
    let sm = try model(["ab"])
    // the boundary has probability 0
    try #require(sm.parameters["bd"]).set(rows: [-1000, 0, 1])
    for n in [1, 2, 100, 250] {
      #expect(try sm.predict(maxCharacters: n, nil).count == n)
      #expect(try sm.predict(maxCharacters: n, Random(seed: 1)).count == n)
    }
    // the boundary is first
    try #require(sm.parameters["bd"]).set(rows: [1000, 0, 0])
    #expect(try sm.predict(nil) == "")
    #expect(try sm.predict(Random(seed: 1)) == "")
    for n in [0, -1, Int.min, Int.max, SentenceModel.maxCharacters + 1] {
      refused(.badValue, "max_chars is out of range", "got \(n)") { try sm.predict(maxCharacters: n, nil) }
    }
  }

  @Test(arguments: DType.allCases) func temperaturesFromColdToHot(_ dtype: DType) throws {
    let sm = try model(["abcdefgh"], dtype: dtype)
    for _ in 0..<30 { _ = try sm.tick("abcdefgh") }
    let mostProbable = try sm.predict(nil)
    // the largest score alone has a probability above 0, in either type
    for cold in [0, 1e-6, 1e-30, 1e-300, Double.leastNonzeroMagnitude] {
      #expect(try sm.predict(temperature: cold, Random(seed: 1)) == mostProbable, "temperature \(cold)")
    }
    _ = try sm.predict(temperature: 1e38, Random(seed: 1))
    #expect(try sm.predict(temperature: 50, nil) == mostProbable)
    let random = Random(seed: 3)
    for bad in [-1, Double.nan, .infinity] {
      refused(.badValue, "temperature is out of range", "got \(bad)") { try sm.predict(temperature: bad, random) }
    }
    #expect(random.state == Random(seed: 3).state)
  }

  @Test func sameSeedSameSentences() throws {
    func run(_ seed: UInt64, _ dtype: DType) throws -> ([String], [Double]) {
      let random = Random(seed: seed)
      let sm = try SentenceModel(
        ["the cat", "a dog"],
        TextModel.Settings(.sentences, hiddenSizes: [8], embedding: 5, forgetBias: 0, dtype: dtype), random: random)
      for i in 0..<40 { _ = try sm.tick(i % 2 == 0 ? "the cat" : "a dog") }
      return (try (0..<10).map { _ in try sm.predict(maxCharacters: 20, random) }, try sm.parameters.flat.rows())
    }
    for dtype in DType.allCases {
      let (a, b, c) = (try run(1, dtype), try run(1, dtype), try run(2, dtype))
      #expect(a.0 == b.0 && a.1 == b.1)
      #expect(a.0 != c.0 && a.1 != c.1)
      #expect(Set(a.0).count > 1)
    }
  }

  @Test func predictDoesNotChangeTraining() throws {
    let a = try model(["abc"]), b = try model(["abc"])
    for _ in 0..<5 {
      #expect(try a.tick("abc") == b.tick("abc"))
      _ = try a.predict(Random(seed: 1))
    }
    #expect(try a.parameters.flat.rows() == b.parameters.flat.rows())
  }

  @Test func settingsRefused() {
    let random = Random(seed: 1)
    func refuse(_ kind: RecurrentError.Kind, _ words: String, _ change: (inout TextModel.Settings) -> Void) {
      var settings = SentenceModel.settings
      change(&settings)
      refused(kind, words) { try SentenceModel(["a"], settings, random: random) }
    }
    refuse(.badShape, "embedding is out of range; expected at least 1, got 0") { $0.embedding = 0 }
    refuse(.badShape, "hidden_sizes is empty") { $0.hiddenSizes = [] }
    refuse(.badShape, "hidden_sizes[0] is out of range; expected at least 1, got -3") { $0.hiddenSizes = [-3] }
    refuse(.badShape, "expected at most") { $0.hiddenSizes = [1 << 30] }
    refuse(.badShape, "expected at most") { $0.embedding = .max }
    refuse(.badValue, "tokenizer is wrong; expected sentences, got characters") { $0.tokenizer = .characters }
    #expect(random.state == Random(seed: 1).state)
  }
}
