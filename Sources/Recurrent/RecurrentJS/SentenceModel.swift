// RecurrentJS's demo: a network that learns sentences letter by letter.

import Kernels

/// Letter vectors, a recurrent network and a solver, learning one sentence at a tick.
///
/// A sentence of n letters asks for n + 1 predictions: the first letter after START, each next one, and END.
/// The letter table `Wil`, [letters + 1 × letterSize], is the first parameter; its row 0 is START.
public final class SentenceModel {
  /// What a sentence cost.
  public struct Cost: Equatable, Sendable {
    /// Σ −ln p over the n + 1 predictions, in nats.
    public var cost: Double
    /// e^(cost/(n + 1)): 1 is certainty, the vocabulary's size is a guess.
    ///
    /// RecurrentJS divides by n − 1, which over-reports and fails for one letter.
    public var perplexity: Double
  }

  /// What a tick did.
  public struct Tick: Equatable, Sendable {
    /// The sentence's cost before the step.
    public var cost: Cost
    /// What the solver did.
    public var step: StepResult
  }

  /// The letters.
  public let vocabulary: Vocabulary
  /// Numbers per letter vector.
  public let letterSize: Int
  /// The network; its parameters begin with `Wil`.
  public let model: Network
  /// The solver; its caches are named as the parameters.
  public let solver: Optimizer
  /// The weights, `Wil` first.
  public var parameters: Parameters { model.parameters }
  /// Who may use this model now.
  public var lock: Lock { parameters.flat.lock }

  private let graph = Graph()
  private var letters: [Int] = []

  /// The most letters that a sentence may have.
  public static let maxLetters = 1 << 20

  /// - Parameters:
  ///   - sentences: give the vocabulary; blank ones are passed over.
  ///   - cell: the kind of layer.
  ///   - hiddenSizes: the width of each layer.
  ///   - letterSize: numbers per letter vector.
  ///   - dtype: the type of all numbers.
  ///   - random: draws the weights, `Wil` first.
  /// - Throws: `.badValue` if no sentence has a letter.
  public convenience init(
    _ sentences: [String], cell: Cell = .lstm, hiddenSizes: [Int] = [20, 20], letterSize: Int = 5,
    dtype: DType = .float32, random: Random
  ) throws(RecurrentError) {
    let vocabulary = Vocabulary(of: sentences.filter { !isBlank($0) })
    try require(
      !vocabulary.letters.isEmpty, .badValue, "there is nothing to learn from: no sentence has a letter in it")
    try self.init(
      vocabulary, cell, hiddenSizes, letterSize, dtype, try Optimizer.recurrentJS())
    try parameters.initialize(Network.initialRange, random)
  }

  /// All weights zero.
  init(
    _ vocabulary: Vocabulary, _ cell: Cell, _ hiddenSizes: [Int], _ letterSize: Int, _ dtype: DType, _ solver: Optimizer
  ) throws(RecurrentError) {
    try require(letterSize > 0, .badShape, "letter size is \(letterSize); expected at least 1")
    self.vocabulary = vocabulary
    self.letterSize = letterSize
    self.solver = solver
    model = try Network(
      zeros: Network.Settings(
        cell, inputSize: vocabulary.size, embedding: letterSize, hiddenSizes: hiddenSizes, outputSize: vocabulary.size,
        dtype: dtype))
  }

  /// Learns from one sentence: forward, backward, one step of the solver.
  ///
  /// - Parameters:
  ///   - sentence: at least one letter, all in the vocabulary.
  ///   - learningRate: the solver's step size.
  ///   - regc: the solver's regularization.
  ///   - clipval: the solver's bound for clipping.
  /// - Throws: `.badValue` for the sentence or the settings, `.notFinite` if a gradient is; the weights are as before.
  public func tick(
    _ sentence: String, learningRate: Double = 0.01, regc: Double = 1e-6, clipval: Double = 5
  ) throws(RecurrentError) -> Tick {
    let loss = try record(sentence)
    let cost = try cost(of: loss)
    try graph.backward(from: loss)
    do {
      let step = try solver.step(parameters, learningRate: learningRate, weightDecay: regc, clip: clipval)
      return Tick(cost: cost, step: step)
    } catch {
      // nobody else will clear what this sentence added
      try parameters.flat.zeroGradient()
      throw error
    }
  }

  /// What a sentence costs now; learns nothing.
  public func cost(_ sentence: String) throws(RecurrentError) -> Cost {
    try cost(of: record(sentence))
  }

  /// Writes a sentence, letter by letter, until END or `maxLetters`.
  ///
  /// - Parameters:
  ///   - temperature: scores are divided by it; below 1 is cautious, above 1 is wild.
  ///   - maxLetters: the most letters to write.
  ///   - random: draws the letters; nil takes the likeliest each time, whatever the temperature.
  public func predict(
    temperature: Double = 1, maxLetters: Int = 100, _ random: Random?
  ) throws(RecurrentError) -> String {
    try require(temperature, isPositive: "temperature")
    try require(
      maxLetters > 0 && maxLetters <= SentenceModel.maxLetters, .badValue,
      "max_chars is \(maxLetters); expected 1 to \(SentenceModel.maxLetters)")
    // zeros open a sequence; room for either type
    let state = try Storage(bytes: model.stateCount(batchSize: 1) * 8)
    var numbers = [Int64](repeating: 0, count: maxLetters)
    let start: [Int64] = [0]
    let count = try start.withUnsafeBufferPointer { (start) throws(RecurrentError) in
      try numbers.withUnsafeMutableBufferPointer { (numbers) throws(RecurrentError) in
        guard let numbers = numbers.baseAddress else { return 0 }
        return try model.generate(
          prime: start, count: maxLetters, temperature: temperature, state: state.start, random, until: 0, to: numbers)
      }
    }
    return String(String.UnicodeScalarView(numbers.prefix(count).map { vocabulary.letters[Int($0) - 1] }))
  }

  /// Records all n + 1 predictions and their summed cost.
  private func record(_ sentence: String) throws(RecurrentError) -> Mat {
    let numbers = try vocabulary.encode(sentence)
    try require(!numbers.isEmpty, .badValue, "the sentence is empty; expected at least one letter")
    try require(
      numbers.count <= SentenceModel.maxLetters, .badValue,
      "the sentence has \(numbers.count) letters; the most is \(SentenceModel.maxLetters)")
    graph.reset()
    letters.removeAll(keepingCapacity: true)
    letters.append(0)
    letters += numbers
    // START and each letter in, each letter and END out
    let inputs = try graph.copyIndices(letters, below: vocabulary.size, "letter")
    var state = try model.zeroState(graph)
    let top = try model.advance(graph, .tokens(inputs), steps: letters.count, &state)
    let scores = try model.decode(graph, top)
    letters.removeFirst()
    letters.append(0)
    return try graph.crossEntropy(scores, letters, .sum)
  }

  private func cost(of loss: Mat) throws(RecurrentError) -> Cost {
    let cost = try loss.rows()[0]
    return Cost(cost: cost, perplexity: exponential(cost / Double(letters.count)))
  }
}

/// Nothing but white space.
func isBlank(_ text: String) -> Bool { text.unicodeScalars.allSatisfy { $0.properties.isWhitespace } }
