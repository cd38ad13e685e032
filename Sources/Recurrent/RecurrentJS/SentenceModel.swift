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
    try require(
      settings.tokenizer == .sentences, .badValue,
      "tokenizer is wrong; expected sentences, got \(settings.tokenizer.rawValue)")
    try self.init(TextModel(settings, texts: sentences, random: random))
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
    let (tokens, targets) = try sequence(sentence)
    let result = try model.trainStep(
      sequence: tokens, targets, learningRate: learningRate, weightDecay: regc, clip: clipval)
    return (result, exponential(result.loss / Double(tokens.count)))
  }

  /// Computes the cost of a sentence and its perplexity, as `tick` does, without a step.
  public func cost(_ sentence: String) throws(RecurrentError) -> (cost: Double, perplexity: Double) {
    let (tokens, targets) = try sequence(sentence)
    let cost = try network.loss(.tokens(tokens.span), .classes(targets.span), T: tokens.count, B: 1, reduction: .sum)
    return (cost, exponential(cost / Double(tokens.count)))
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

  /// The n + 1 inputs and targets of a sentence.
  private func sequence(_ sentence: String) throws(RecurrentError) -> (tokens: [Int64], targets: [Int64]) {
    let tokens = try model.tokenizer.encode(sentence)
    try require(
      !tokens.isEmpty && tokens.count <= SentenceModel.maxCharacters, .badValue,
      "sentence has the wrong length; expected 1 to \(SentenceModel.maxCharacters) characters, got \(tokens.count)")
    return ([0] + tokens, tokens + [0])
  }
}
