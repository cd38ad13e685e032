// Sequences and texts: their figures, in one call or in many; ends, stop strings, refusals.

import Kernels
import Testing

@testable import Recurrent

@Suite struct GeneratorTests {
  private func model(
    _ cell: Cell = .lstm, tokens: Int = 5, embedding: Int? = nil, dtype: DType = .float64
  ) throws -> Network {
    let m = try Network(
      Network.Settings(
        cell, inputSize: tokens, embedding: embedding, hiddenSizes: [6, 4], outputSize: tokens, dtype: dtype),
      random: Random(seed: 1))
    try m.parameters.flat.fillUniform(-1.5, 1.5, Random(seed: 2))
    return m
  }

  private func zeros(_ m: Network) -> [Double] { [Double](repeating: 0, count: m.stateCount(batchSize: 1)) }

  private func state(_ generator: Generator) throws -> [Double] {
    var state = zeros(generator.network)
    try generator.copyState(to: .float64(state.mutableSpan))
    return state
  }

  /// Creates a generator in float64 from a state.
  private func generator(
    _ m: Network, _ prompt: [Int64], history: [Int64] = [], from state: [Double], _ sampler: Sampler, _ random: Random?
  ) throws -> Generator {
    try Generator(m, prompt: prompt, history: history, state: .float64(state.span), sampler, random: random)
  }

  /// ln p of each of `tokens` after `prompt`, by the sequence functions and a plain softmax.
  private func logProbabilities(_ m: Network, _ prompt: [Int64], _ tokens: [Int]) throws -> [Double] {
    let sequence = prompt + tokens.map { Int64($0) }, T = sequence.count, V = m.topSize
    var y = [Double](repeating: 0, count: T * V)
    try m.forward(.tokens(sequence.span), T: T, B: 1, y: .float64(y.mutableSpan))
    let graph = Graph()
    let p = try graph.logSoftmax(Mat(V, T, .float64, rows: (0..<V * T).map { y[$0 % T * V + $0 / T] })).rows()
    return tokens.enumerated().map { p[$1 * T + prompt.count - 1 + $0] }
  }

  // MARK: Tokens

  /// The most probable token each time, against the inference step.
  @Test(arguments: Cell.regular, [nil, 3]) func selectsTheLargestScore(_ cell: Cell, _ embedding: Int?) throws {
    let m = try model(cell, tokens: 6, embedding: embedding)
    var read = [3, 1, 4], y = [Double](repeating: 0, count: 6), expected: [Int] = [], twin = zeros(m)
    while expected.count < 20 {
      for token in read {
        try m.inferenceStep(token: token, state: .float64(twin.mutableSpan), y: .float64(y.mutableSpan))
      }
      read = [try y.withUnsafeBufferPointer { try argmax($0) }]
      expected.append(read[0])
    }
    let random = Random(seed: 1), before = random.state
    for (temperature, random) in [(1, nil), (0, random)] as [(Double, Random?)] {
      let greedy = try Generator(m, prompt: [3, 1, 4], Sampler(temperature: temperature), random: random)
      #expect(try greedy.next(20).tokens == expected)
      #expect(try state(greedy) == twin)
    }
    // temperature 0 draws nothing; a temperature near 0 selects the same tokens
    #expect(random.state == before)
    let cold = try Generator(m, prompt: [3, 1, 4], Sampler(temperature: 1e-300), random: random)
    #expect(try cold.next(20).tokens == expected)
    let texts = try [1, 1, 2 as UInt64].map { seed in
      try Generator(m, prompt: [0], Sampler(), random: Random(seed: seed)).next(40).tokens
    }
    // ReLU's scores grow without bound: one token has the probability 1
    #expect(texts[0] == texts[1] && (cell == .rnnRelu || texts[0] != texts[2]))
    #expect(texts[0].allSatisfy { $0 >= 0 && $0 < 6 })
  }

  @Test(arguments: Cell.regular) func partsMakeTheWhole(_ cell: Cell) throws {
    let m = try model(cell)
    let sampler = try Sampler(
      temperature: 0.9, topK: 4, topP: 0.95, minP: 0.01, repetitionPenalty: 1.3, repetitionWindow: 3)
    let atOnce = try Generator(m, prompt: [3, 1], sampler, random: Random(seed: 5))
    let whole = try atOnce.next(30)
    #expect(try relativeDistance(whole.logProbabilities, logProbabilities(m, [3, 1], whole.tokens)) < 1e-12)

    // one generator in many calls
    let inParts = try Generator(m, prompt: [3, 1], sampler, random: Random(seed: 5))
    var parts = Generator.Tokens()
    for count in [1, 0, 4, 25] {
      let part = try inParts.next(count)
      #expect(part.tokens.count == count)
      parts.tokens += part.tokens
      parts.logProbabilities += part.logProbabilities
    }
    #expect(parts == whole)
    #expect(try state(inParts) == state(atOnce))

    // a generator for each part, from the state and the history of the previous one
    let random = Random(seed: 5)
    var chain = Generator.Tokens(), prompt: [Int64] = [3, 1], history: [Int64] = [], start = zeros(m)
    for count in [1, 4, 25] {
      let generator = try generator(m, prompt, history: history, from: start, sampler, random)
      let part = try generator.next(count)
      chain.tokens += part.tokens
      chain.logProbabilities += part.logProbabilities
      let text = [3, 1] + chain.tokens.map { Int64($0) }
      (prompt, history) = ([text[text.count - 1]], Array(text.dropLast()))
      start = try state(generator)
    }
    #expect(chain == whole)

    // the penalty changes the tokens, and so does its history
    #expect(try Generator(m, prompt: [3, 1], Sampler(), random: Random(seed: 5)).next(30) != whole)
    // with all scores below 0, tokens of the window become very improbable
    try #require(m.parameters["bd"]).fill(-100)
    let strict = try Sampler(repetitionPenalty: 1e6, repetitionWindow: 64)
    let first = try Generator(m, prompt: [3], history: [0, 1], strict, random: nil).next(1)
    #expect(first.tokens == [2] || first.tokens == [4])
  }

  @Test func anEndIsNotProduced() throws {
    let m = try model()
    let whole = try Generator(m, prompt: [0], Sampler(), random: Random(seed: 3)).next(40)
    let end = whole.tokens[9], at = try #require(whole.tokens.firstIndex(of: end))
    let cut = try Generator(m, prompt: [0], Sampler(), Generator.Options(end: end), random: Random(seed: 3))
    let part = try cut.next(40)
    #expect(part.tokens == Array(whole.tokens[..<at]) && cut.hasEnded)
    #expect(part.logProbabilities == Array(whole.logProbabilities[..<at]))
    #expect(try cut.next(5) == Generator.Tokens())
    // a part that the end follows is complete; the end is found by the next call
    let random = Random(seed: 3)
    let twin = try Generator(m, prompt: [0], Sampler(), Generator.Options(end: end), random: random)
    #expect(try twin.next(at).tokens == part.tokens && !twin.hasEnded)
    #expect(try twin.next(1).tokens == [] && twin.hasEnded)
    let drawn = random.state
    #expect(try twin.next(1).tokens == [] && random.state == drawn)
  }

  @Test func maxTokensAreALimit() throws {
    let m = try model()
    let whole = try Generator(m, prompt: [0], Sampler(), random: Random(seed: 3)).next(40)
    let limited = try Generator(m, prompt: [0], Sampler(), Generator.Options(maxTokens: 7), random: Random(seed: 3))
    #expect(try limited.next(5).tokens == Array(whole.tokens[..<5]) && !limited.hasEnded)
    #expect(try limited.next(5).tokens == Array(whole.tokens[5..<7]) && limited.hasEnded)
    #expect(try limited.next(5).tokens == [])
    let none = try Generator(m, prompt: [0], Sampler(), Generator.Options(maxTokens: 0), random: nil)
    #expect(try none.hasEnded && none.next(1).tokens == [])
  }

  @Test func generatorsRefused() throws {
    let m = try model(tokens: 6), random = Random(seed: 1), before = random.state, sampler = try Sampler()
    for token: Int64 in [-1, 6, .max, .min] {
      refused(.badIndex, "prompt[1] is out of range; expected 0 to 5, got \(token)") {
        try Generator(m, prompt: [0, token], sampler, random: random)
      }
      refused(.badIndex, "history[0] is out of range; expected 0 to 5, got \(token)") {
        try Generator(m, prompt: [0], history: [token], sampler, random: random)
      }
    }
    refused(.badShape, "prompt is empty") { try Generator(m, prompt: [], sampler, random: random) }
    let odd = try Network(
      Network.Settings(.lstm, inputSize: 6, embedding: 3, hiddenSizes: [5], outputSize: 4), random: Random(seed: 1))
    refused(.badValue, "expected 6 outputs, got 4") { try Generator(odd, prompt: [0], sampler, random: random) }
    for end in [-1, 6, .max, .min] {
      refused(.badIndex, "end is out of range; expected 0 to 5, got \(end)") {
        try Generator(m, prompt: [0], sampler, Generator.Options(end: end), random: random)
      }
    }
    for count in [-1, Int.min, 1 << 53 + 1, .max] {
      refused(.badValue, "max_tokens is out of range", "got \(count)") {
        try Generator(m, prompt: [0], sampler, Generator.Options(maxTokens: count), random: random)
      }
    }
    refused(.badValue, "stop") {
      try Generator(m, prompt: [0], sampler, Generator.Options(stop: ["a"]), random: random)
    }
    let generator = try Generator(m, prompt: [0], sampler, random: random)
    for count in [-1, Int.min, .max, Generator.maxTokensPerCall + 1] {
      refused(.badValue, "max_tokens is out of range", "got \(count)") { try generator.next(count) }
      refused(.badValue, "max_tokens is out of range", "got \(count)") { try generator.nextText(count) }
    }
    refused(.badValue, "generator has the wrong kind") { try generator.nextText(1) }
    #expect(random.state == before)
  }

  /// Scores that become NaN in the middle of a call leave generator and random as they were before the call.
  @Test func divergenceInTheMiddleChangesNothing() throws {
    let random = Random(seed: 1)
    let m = try Network(
      Network.Settings(.rnnRelu, inputSize: 3, embedding: 1, hiddenSizes: [2], outputSize: 3, dtype: .float64),
      random: random)
    // 0 leads to 1, 1 to 2, and 2 to NaN
    try #require(m.parameters["Wil"]).set(rows: [1, 2, .nan])
    try #require(m.parameters["Wxh0"]).set(rows: [1, 1])
    try #require(m.parameters["Whh0"]).set(rows: [0, 0, 0, 0])
    try #require(m.parameters["Whd"]).set(rows: [-1000, 0, 0, 0, 1000, 0])
    try #require(m.parameters["bd"]).set(rows: [0, 1500, 0])
    let generator = try generator(m, [0], from: [0.25, 0.25], Sampler(), random), before = random.state
    refused(.notFinite, "diverged") { try generator.next(5) }
    #expect(try state(generator) == [0.25, 0.25] && random.state == before)
    // the tokens before it are unaffected
    #expect(try generator.next(2).tokens == [1, 2])
    let (drawn, read) = (random.state, try state(generator))
    refused(.notFinite, "diverged") { try generator.next(1) }
    #expect(try state(generator) == read && random.state == drawn && !generator.hasEnded)
  }

  @Test func divergenceFromTheStart() throws {
    let m = try model(), random = Random(seed: 1), before = random.state
    try #require(m.parameters["bd"]).set(rows: [0, .nan, 0, 0, 0])
    for sampler in [try Sampler(), try Sampler(topK: 2, topP: 0.5), try Sampler(temperature: 0)] {
      let generator = try Generator(m, prompt: [0], sampler, random: random)
      refused(.notFinite, "diverged") { try generator.next(3) }
      #expect(try state(generator) == zeros(m))
    }
    #expect(random.state == before)
  }

  // MARK: Text

  private func text(
    _ model: TextModel, _ prompt: String, _ sampler: Sampler, stop: [String] = [], count: Int, _ random: Random?
  ) throws -> String {
    try Generator(model, prompt: prompt, sampler, Generator.Options(maxTokens: count, stop: stop), random: random)
      .nextText(count)
  }

  private func trained(_ kind: Tokenizer.Kind = .characters) throws -> TextModel {
    let lesson = try TextLesson(dropout: 0, kind: kind)
    for _ in 0..<300 { _ = try lesson.step() }
    return lesson.model
  }

  @Test func producesText() throws {
    let model = try trained(), sampler = try Sampler(temperature: 0.8, repetitionPenalty: 1.1)
    let whole = try text(model, "the ", sampler, count: 60, Random(seed: 5))
    #expect(whole.unicodeScalars.count == 60)
    #expect(try whole == text(model, "the ", sampler, count: 60, Random(seed: 5)))
    #expect(try whole != text(model, "the ", sampler, count: 60, Random(seed: 6)))
    #expect(try whole != text(model, "fox ", sampler, count: 60, Random(seed: 5)))
    // text and tokens are the same sequence
    let prompt = try model.tokenizer.encode("the ")
    let tokens = try Generator(model.network, prompt: prompt, sampler, random: Random(seed: 5)).next(60).tokens
    #expect(try model.tokenizer.encode(whole) == tokens.map { Int64($0) })
    // an empty prompt is the default prompt
    #expect(try text(model, "", sampler, count: 9, nil) == text(model, "\n", sampler, count: 9, nil))
    #expect(try text(model, "", sampler, count: 0, nil) == "")
    // without a limit, a generator of text produces as much as each call asks for
    let endless = try Generator(model, prompt: "the ", sampler, random: Random(seed: 5))
    #expect(try endless.nextText(25) + endless.nextText(35) == whole && !endless.hasEnded)
  }

  @Test func errorsOfThePrompt() throws {
    let model = try trained(), sampler = try Sampler()
    func text(_ prompt: String, _ errors: Tokenizer.Errors) throws -> String {
      try Generator(model, prompt: prompt, errors: errors, sampler, random: nil).nextText(9)
    }
    refused(.badValue, "text[1]", "'Z' (U+005A)") { try text("aZ", .strict) }
    #expect(try text("aZ", .ignore) == text("a", .strict))
    #expect(try text("aZ", .replace("b")) == text("ab", .strict))
    #expect(try text("ZZ", .ignore) == text("", .strict))
    refused(.badValue, "replacement", "'?' (U+003F)") { try text("a", .replace("?")) }
    refused(.badValue, "stop[1] is empty") {
      try Generator(model, sampler, Generator.Options(stop: ["a", ""]), random: nil)
    }
  }

  @Test func stopStringsEndAText() throws {
    let model = try trained(), sampler = try Sampler(repetitionPenalty: 1.05)
    let whole = Array(try text(model, "", sampler, count: 80, Random(seed: 2)).unicodeScalars)
    func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String { String(String.UnicodeScalarView(scalars)) }
    for length in 1...3 {
      for at in [0, 1, 30, 80 - length] {
        let stop = string(whole[at..<at + length])
        let first = (0...80 - length).first { string(whole[$0..<$0 + length]) == stop } ?? 80
        // beside one with the same beginning, and one that does not occur
        let stops = [stop + "\n\n\n", "X", stop], random = Random(seed: 2)
        #expect(try text(model, "", sampler, stop: stops, count: 80, random) == string(whole[..<first]))
        // nothing is drawn beyond the stop string
        let twin = Random(seed: 2)
        _ = try text(model, "", sampler, count: first + length, twin)
        #expect(random.state == twin.state)
        // calls of one token each
        let slow = try Generator(
          model, sampler, Generator.Options(maxTokens: 80, stop: stops), random: Random(seed: 2))
        var parts = ""
        while !slow.hasEnded { parts += try slow.nextText(1) }
        #expect(parts == string(whole[..<first]))
        #expect(try slow.nextText(5) == "")
      }
    }
    #expect(try text(model, "", sampler, stop: ["XYZ"], count: 80, Random(seed: 2)) == string(whole[...]))
    // a beginning of a stop string is held back, and released at the end
    let last = string(whole[78...]) + "XYZ"
    let held = try Generator(model, sampler, Generator.Options(maxTokens: 80, stop: [last]), random: Random(seed: 2))
    #expect(try held.nextText(79) == string(whole[..<78]) || whole[77] == whole[78])
    #expect(try held.nextText(1).unicodeScalars.suffix(2).elementsEqual(whole[78...]) && held.hasEnded)
    // the prompt is not part of the text
    #expect(try text(model, "the", sampler, stop: ["the"], count: 5, Random(seed: 2)).unicodeScalars.count == 5)
  }

  @Test func anEndOfAText() throws {
    let model = try trained(), newline = try #require(model.tokenizer.token(of: "\n")), sampler = try Sampler()
    let whole = try text(model, "the", sampler, count: 200, Random(seed: 4))
    let line = try Generator(model, prompt: "the", sampler, Generator.Options(end: newline), random: Random(seed: 4))
    #expect(try line.nextText(200) == whole.prefix { $0 != "\n" } && line.hasEnded)
  }

  @Test func divergedModelsProduceNoText() throws {
    let lesson = try TextLesson(), random = Random(seed: 3), before = random.state, sampler = try Sampler()
    try lesson.model.parameters["bd"]?.set(rows: [Double](repeating: .nan, count: lesson.model.tokenizer.count))
    refused(.notFinite, "diverged") { try text(lesson.model, "", sampler, count: 5, random) }
    refused(.notFinite, "diverged") { try text(lesson.model, "", sampler, stop: ["a"], count: 5, random) }
    #expect(random.state == before)
  }

  @Test func bytesAreValidText() throws {
    let model = try TextLesson(kind: .bytes).model, hot = try Sampler(temperature: 3)
    for seed in 0..<20 as Range<UInt64> {
      let whole = try text(model, "é", hot, count: 100, Random(seed: seed))
      #expect(whole.unicodeScalars.count <= 100 && String(validating: Array(whole.utf8), as: UTF8.self) != nil)
      let slow = try Generator(model, prompt: "é", hot, Generator.Options(maxTokens: 100), random: Random(seed: seed))
      var parts = ""
      for _ in 0..<100 { parts += try slow.nextText(1) }
      #expect(Array(parts.utf8) == Array(whole.utf8))
      let tokens = try Generator(
        model.network, prompt: model.tokenizer.encode("é"), hot, random: Random(seed: seed)
      ).next(100).tokens
      let decoded = try tokens.map { Int64($0) }.withUnsafeBufferPointer { try model.tokenizer.decode($0) }
      #expect(Array(decoded.utf8) == Array(whole.utf8))
      // the bytes as they are, in whatever calls
      let bytes = try Generator(
        model, prompt: "é", hot, Generator.Options(maxTokens: 100), random: Random(seed: seed))
      #expect(try bytes.nextBytes(7) + bytes.nextBytes(93) == tokens.map { UInt8($0) })
    }
  }

  @Test func sentencesEndWithTheBoundary() throws {
    let sm = try SentenceModel(["ab"], random: Random(seed: 1)), sampler = try Sampler()
    for _ in 0..<200 { _ = try sm.tick("ab", learningRate: 0.05) }
    let generator = try Generator(sm.model, sampler, random: nil)
    #expect(try generator.nextText(50) == "ab" && generator.hasEnded)
    // a prompt follows the boundary
    #expect(try Generator(sm.model, prompt: "a", sampler, random: nil).nextText(50) == "b")
  }
}
