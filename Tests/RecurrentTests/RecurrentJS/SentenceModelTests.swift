// RecurrentJS's demo: learning, writing, and what is refused.

import Foundation
import Recurrent
import Testing

@Suite struct SentenceModelTests {
  private func model(
    _ sentences: [String], _ cell: Cell = .lstm, hidden: [Int] = [6], dtype: DType = .float64,
    seed: UInt64 = 1
  ) throws -> SentenceModel {
    try SentenceModel(
      sentences, cell: cell, hiddenSizes: hidden, letterSize: 3, dtype: dtype, random: Random(seed: seed))
  }

  /// RecurrentJS's perplexity divides by 0 here.
  @Test(arguments: Cell.allCases, DType.allCases) func oneLetterTrains(_ cell: Cell, _ dtype: DType) throws {
    let sm = try model(["a"], cell, dtype: dtype)
    #expect(sm.vocabulary.size == 2)
    let first = try sm.tick("a").cost
    // two predictions of two choices each
    #expect(abs(first.cost - 2 * log(2.0)) < 0.1 && abs(first.perplexity - 2) < 0.1)
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

  @Test func blankLinesArePassedOver() throws {
    let sm = try model(["", " \t ", "\u{2003}\n", "ab a"])
    #expect(sm.vocabulary.letters == ["a", "b", " "])
    for blank in [[], [""], ["  ", "\n"], ["\u{A0}"]] {
      refused(.badValue, "nothing to learn from") { try model(blank) }
    }
  }

  @Test func costsAreOfNPlusOnePredictions() throws {
    let sm = try model(["abc"])
    for sentence in ["a", "ab", "cabcab"] {
      let cost = try sm.cost(sentence)
      let n = Double(sentence.count + 1)
      #expect(relative(cost.perplexity, exp(cost.cost / n)) < 1e-14)
      // a new model guesses among four
      #expect(abs(cost.cost - n * log(4.0)) < 0.05 * n)
    }
  }

  @Test func costLearnsNothing() throws {
    let sm = try model(["abc"]), w = try sm.parameters.flat.rows(), cost = try sm.cost("abc")
    #expect(try sm.cost("abc") == cost)
    #expect(try sm.parameters.flat.rows() == w)
    #expect(try sm.parameters.flat.gradientRows().allSatisfy { $0 == 0 })
    #expect(try sm.tick("abc").cost == cost)
    #expect(try sm.parameters.flat.rows() != w)
    #expect(try sm.parameters.flat.gradientRows().allSatisfy { $0 == 0 })
  }

  @Test func aRefusedTickChangesNothing() throws {
    let sm = try model(["abc"])
    _ = try sm.tick("cab")
    func state() throws -> [[Double]] {
      try [sm.parameters.flat.rows(), sm.parameters.flat.gradientRows()]
        + sm.solver.names.map { try #require(sm.solver.state("step_cache", of: $0)).rows() }
    }
    let before = try state()
    refused(.badValue, "empty") { try sm.tick("") }
    refused(.badValue, "'x' (U+0078)", "position 2") { try sm.tick("abx") }
    for bad in [Double.nan, .infinity, -1] {
      refused(.badValue, "\(bad)") { try sm.tick("abc", learningRate: bad) }
      refused(.badValue, "\(bad)") { try sm.tick("abc", regc: bad) }
    }
    for bad in [Double.nan, -1, 0] { refused(.badValue, "clip is", "\(bad)") { try sm.tick("abc", clipval: bad) } }
    #expect(try state() == before)
    // and the next tick is as if they had not been
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
    refused(.notFinite, "gradient of") { try sm.tick("abc") }
    let after = try sm.parameters.flat.rows()
    #expect(zip(before, after).allSatisfy { $0.bitPattern == $1.bitPattern })
    #expect(try sm.parameters.flat.gradientRows().allSatisfy { $0 == 0 })
    refused(.notFinite, "diverged") { try sm.predict(nil) }
    refused(.notFinite, "diverged") { try sm.predict(Random(seed: 1)) }
    refused(.notFinite, "bd", "nan") { try sm.saveRecurrentJS("/nonexistent/never") }
  }

  // MARK: Writing

  @Test func predictStopsAtMaxLetters() throws {
    let sm = try model(["ab"])
    // never END
    try #require(sm.parameters["bd"]).set(rows: [-1000, 0, 1])
    for n in [1, 2, 100, 250] {
      #expect(try sm.predict(maxLetters: n, nil).count == n)
      #expect(try sm.predict(maxLetters: n, Random(seed: 1)).count == n)
    }
    // END at once
    try #require(sm.parameters["bd"]).set(rows: [1000, 0, 0])
    #expect(try sm.predict(nil) == "")
    #expect(try sm.predict(Random(seed: 1)) == "")
    for n in [0, -1, Int.min, Int.max, SentenceModel.maxLetters + 1] {
      refused(.badValue, "max_chars is \(n)") { try sm.predict(maxLetters: n, nil) }
    }
  }

  @Test(arguments: DType.allCases) func temperaturesFromColdToHot(_ dtype: DType) throws {
    let sm = try model(["abcdefgh"], dtype: dtype)
    for _ in 0..<30 { _ = try sm.tick("abcdefgh") }
    let likeliest = try sm.predict(nil)
    // so cold that only the likeliest is left, whatever the type
    for cold in [1e-6, 1e-30, 1e-300, Double.leastNonzeroMagnitude] {
      #expect(try sm.predict(temperature: cold, Random(seed: 1)) == likeliest, "temperature \(cold)")
    }
    _ = try sm.predict(temperature: 1e300, Random(seed: 1))
    #expect(try sm.predict(temperature: 50, nil) == likeliest)
    let random = Random(seed: 3)
    for bad in [0, -1, Double.nan, .infinity] {
      refused(.badValue, "temperature", "got \(bad)") { try sm.predict(temperature: bad, random) }
    }
    #expect(random.state == Random(seed: 3).state)
  }

  @Test func sameSeedSameSentences() throws {
    func run(_ seed: UInt64, _ dtype: DType) throws -> ([String], [Double]) {
      let random = Random(seed: seed)
      let sm = try SentenceModel(["the cat", "a dog"], hiddenSizes: [8], dtype: dtype, random: random)
      for i in 0..<40 { _ = try sm.tick(i % 2 == 0 ? "the cat" : "a dog") }
      return (try (0..<10).map { _ in try sm.predict(maxLetters: 20, random) }, try sm.parameters.flat.rows())
    }
    for dtype in DType.allCases {
      let (a, b, c) = (try run(1, dtype), try run(1, dtype), try run(2, dtype))
      #expect(a.0 == b.0 && a.1 == b.1)
      #expect(a.0 != c.0 && a.1 != c.1)
      #expect(Set(a.0).count > 1)
    }
  }

  @Test func predictDoesNotDisturbLearning() throws {
    let a = try model(["abc"]), b = try model(["abc"])
    for _ in 0..<5 {
      #expect(try a.tick("abc") == b.tick("abc"))
      _ = try a.predict(Random(seed: 1))
    }
    #expect(try a.parameters.flat.rows() == b.parameters.flat.rows())
  }

  @Test func settingsRefused() {
    let random = Random(seed: 1)
    refused(.badShape, "letter size is 0") { try SentenceModel(["a"], letterSize: 0, random: random) }
    refused(.badShape, "hidden_sizes is empty") { try SentenceModel(["a"], hiddenSizes: [], random: random) }
    refused(.badShape, "hidden_sizes[0]", "-3") { try SentenceModel(["a"], hiddenSizes: [-3], random: random) }
    refused(.badShape, "expected at most") { try SentenceModel(["a"], hiddenSizes: [1 << 30], random: random) }
    refused(.badShape, "expected at most") { try SentenceModel(["a"], letterSize: .max, random: random) }
    #expect(random.state == Random(seed: 1).state)
  }
}
