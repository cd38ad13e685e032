// RecurrentJS's demo: a model of sentences.

import Kernels

/// RecurrentJS's sentence model: a text model whose tokenizer has a boundary token, trained on one sentence per step.
///
/// A sentence of n characters has n + 1 predictions: its first character after the boundary, each next character, and
/// the boundary. The embedding `Wil`, [characters + 1 × letter size], is the first parameter; its row 0 is the boundary.
public struct SentenceModel {
  /// The text model: tokenizer, network, optimizer.
  public let model: TextModel
  /// RecurrentJS's settings of a text model.
  public static var settings: TextModel.Settings {
    TextModel.Settings(.sentences, hiddenSizes: [20, 20], embedding: 5, forgetBias: 0)
  }
  /// The largest number of characters of a sentence.
  public static let maxCharacters = 1 << 20

  /// The network; its parameters begin with `Wil`.
  public var network: Network { model.network }
  /// The weights, `Wil` first.
  public var parameters: Parameters { model.parameters }

  /// Creates a model with RecurrentJS's optimizer.
  ///
  /// - Parameters:
  ///   - sentences: their characters are the vocabulary; blank sentences are skipped.
  ///   - settings: sizes and options; the tokenizer is `.sentences`.
  ///   - random: draws the weights, `Wil` first.
  /// - Throws: `.badValue` if no sentence has a character.
  public init(
    _ sentences: [String], _ settings: TextModel.Settings = SentenceModel.settings, random: Random
  ) throws(RecurrentError) {
    try self.init(Tokenizer(settings.tokenizer, texts: sentences), settings, random: random)
  }

  /// Creates a model over a tokenizer of sentences, with RecurrentJS's optimizer.
  package init(
    _ tokenizer: Tokenizer, _ settings: TextModel.Settings, random: Random
  ) throws(RecurrentError) {
    try require(
      tokenizer.kind == .sentences, .badValue,
      "tokenizer is wrong; expected sentences, got \(tokenizer.kind.rawValue)")
    try self.init(TextModel(settings, tokenizer, random: random))
    model.optimizer = try Optimizer.recurrentJS()
  }

  /// Uses an existing text model.
  ///
  /// - Throws: `.badValue` for a tokenizer of another kind.
  public init(_ model: TextModel) throws(RecurrentError) {
    let kind = model.tokenizer.kind
    try require(
      kind == .sentences, .badValue, "model has the wrong tokenizer; expected sentences, got \(kind.rawValue)")
    self.model = model
  }

  /// Trains on one sentence from a zero state.
  ///
  /// - Parameters:
  ///   - sentence: at least one character, all in the vocabulary.
  ///   - learningRate: RecurrentJS's step size.
  ///   - regc: the fraction of each weight that is subtracted.
  ///   - clipval: the largest magnitude of a gradient.
  /// - Returns: the cost before the step as the result's loss, in nats, summed over the n + 1 predictions; and the
  ///   perplexity e^(cost/(n + 1)). RecurrentJS divides by n − 1, which over-reports and fails for one character.
  /// - Throws: `.badValue` for the sentence or the settings, `.notFinite` for a gradient; the weights are unchanged.
  public func tick(
    _ sentence: String, learningRate: Double = 0.01, regc: Double = 1e-6, clipval: Double = 5
  ) throws(RecurrentError) -> (result: StepResult, perplexity: Double) {
    try Array(sentence.utf8).withUnsafeBufferPointer { (sentence) throws(RecurrentError) in
      try tick(utf8: sentence, learningRate: learningRate, regc: regc, clipval: clipval)
    }
  }

  /// Trains on one sentence in UTF-8, as `tick`.
  package func tick(
    utf8 sentence: UnsafeBufferPointer<UInt8>, learningRate: Double, regc: Double, clipval: Double
  ) throws(RecurrentError) -> (result: StepResult, perplexity: Double) {
    let sequence = try sequence(sentence), count = sequence.count - 1
    let result = try model.trainStep(
      sequence: UnsafeBufferPointer(sequence.elements), learningRate: learningRate, weightDecay: regc, clip: clipval)
    return (result, exponential(result.loss / Double(count)))
  }

  /// Computes the cost of a sentence and its perplexity, as `tick` does, without a step.
  public func cost(_ sentence: String) throws(RecurrentError) -> (cost: Double, perplexity: Double) {
    try Array(sentence.utf8).withUnsafeBufferPointer { (sentence) throws(RecurrentError) in
      try cost(utf8: sentence)
    }
  }

  /// Computes the cost of a sentence in UTF-8, as `cost`.
  package func cost(
    utf8 sentence: UnsafeBufferPointer<UInt8>
  ) throws(RecurrentError) -> (cost: Double, perplexity: Double) {
    let sequence = try sequence(sentence), count = sequence.count - 1
    let cost = try network.loss(
      .tokens(sequence.span.extracting(droppingLast: 1)), .classes(sequence.span.extracting(droppingFirst: 1)),
      T: count, B: 1, reduction: .sum)
    return (cost, exponential(cost / Double(count)))
  }

  /// Generates a sentence, up to the boundary or `maxCharacters`.
  ///
  /// - Parameters:
  ///   - temperature: divides the scores, at least 0; 0 selects the largest score.
  ///   - maxCharacters: 1 to `SentenceModel.maxCharacters`.
  ///   - random: draws the characters; nil selects the largest score each time.
  public func predict(
    temperature: Double = 1, maxCharacters: Int = 100, _ random: Random?
  ) throws(RecurrentError) -> String {
    try require(
      maxCharacters > 0 && maxCharacters <= SentenceModel.maxCharacters, .badValue,
      "max_chars is out of range; expected 1 to \(SentenceModel.maxCharacters), got \(maxCharacters)")
    let generator = try Generator(
      model, Sampler(temperature: temperature), Generator.Options(maxTokens: maxCharacters), random: random)
    return try generator.nextText(maxCharacters)
  }

  /// A sentence between two boundaries, n + 2 tokens: all but the last are the inputs, all but the first the targets.
  private func sequence(_ sentence: UnsafeBufferPointer<UInt8>) throws(RecurrentError) -> Buffer<Int64> {
    var sequence = try Buffer<Int64>(repeating: 0, count: sentence.count + 2)
    let inside = UnsafeMutableBufferPointer(rebasing: sequence.elements[1..<sentence.count + 1])
    let count = try model.tokenizer.encode(sentence, to: inside)
    try require(
      count > 0 && count <= SentenceModel.maxCharacters, .badValue,
      "sentence has the wrong length; expected 1 to \(SentenceModel.maxCharacters) characters, got \(count)")
    sequence[count + 1] = 0
    sequence.removeLast(sentence.count - count)
    return sequence
  }
}
