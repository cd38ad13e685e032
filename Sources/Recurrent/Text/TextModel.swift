// A network that reads and writes text, with all that its training goes on from.

import Kernels

/// An alphabet, a network over its tokens, and the state of its training: what one file holds.
///
/// The network reads a token and scores the next. In training its state is carried from chunk to chunk of the same
/// streams (truncated backpropagation through time).
public final class TextModel {
  /// What is read and written.
  public let alphabet: Tokenizer
  /// The network; its inputs and outputs are the alphabet's tokens.
  public let model: Network
  /// What moves the weights; nil before one is set.
  public private(set) var solver: Optimizer?
  /// Training steps made.
  public private(set) var step = 0
  /// How many streams have their state carried; 0 before the first step and after `resetState`.
  public private(set) var columns = 0
  /// Text of the caller's that is saved with the model: a schedule, a history, a place in the data.
  public var notes = ""
  /// The weights.
  public var parameters: Parameters { model.parameters }
  /// The share that training steps drop between layers.
  public var dropout: Double { model.dropout?.rate ?? 0 }
  /// Who may use this model now.
  public var lock: Lock { model.parameters.flat.lock }

  /// State of the streams, h of every layer and then c, as `Network.Arrays` has it.
  private(set) var carried: Storage?
  /// Draws what is dropped, unless the network was given another generator.
  private let ownRandom: Random
  /// What draws the dropout.
  public var random: Random { model.dropout?.random ?? ownRandom }

  /// - Parameters:
  ///   - alphabet: the tokens.
  ///   - cell: the kind of layer.
  ///   - hiddenSizes: the width of each layer, lowest first.
  ///   - embedding: numbers per token; nil for a column of zeros with a 1.
  ///   - tied: let the embedding's table be the decoder's matrix.
  ///   - dropout: the share that training steps drop between layers, at least 0 and below 1.
  ///   - dtype: the type of all numbers.
  ///   - random: draws the weights, uniform on ±0.08; an LSTM's forget biases are 1, the others 0. Then it draws the
  ///     seed of the generator that dropout draws from.
  public convenience init(
    _ alphabet: Tokenizer, cell: Cell = .lstm, hiddenSizes: [Int] = [128, 128], embedding: Int? = nil,
    tied: Bool = false, dropout: Double = 0, dtype: DType = .float32, random: Random
  ) throws(RecurrentError) {
    let before = random.state
    do throws(RecurrentError) {
      let model = try Network(
        Network.Settings(
          cell, inputSize: alphabet.count, embedding: embedding, hiddenSizes: hiddenSizes, outputSize: alphabet.count,
          tied: tied, forgetBias: 1, dtype: dtype), random: random)
      try self.init(alphabet, model, dropout: dropout, Random(seed: random.next()))
    } catch {
      random.state = before
      throw error
    }
  }

  /// A network that is there already, whose dropout draws from a generator of its own.
  init(_ alphabet: Tokenizer, _ model: Network, dropout: Double, _ random: Random) throws(RecurrentError) {
    let dropout = try Dropout(rate: dropout, random: random)
    (self.alphabet, self.model, ownRandom) = (alphabet, model, random)
    if dropout.rate > 0 { model.dropout = dropout }
  }

  // MARK: Training

  /// Makes `solver` the one that moves the weights. What it remembers of them already it keeps.
  public func setSolver(_ solver: Optimizer) { self.solver = solver }

  /// Forgets the streams: the next step begins with zeros.
  public func resetState() { (columns, carried) = (0, nil) }

  /// Learns from the next chunk of B streams: forward from the carried state, mean cross-entropy, backward, one step.
  ///
  /// - Parameters:
  ///   - tokens: T·B of them, time-major.
  ///   - targets: the token after each; −1 where there is none.
  ///   - T: steps.
  ///   - B: streams, as many as in the step before.
  ///   - stepSize: the solver's learning rate.
  ///   - regc: the solver's regularization.
  ///   - clipval: the solver's bound on gradients.
  /// - Throws: `.invalidated` without a solver; `.badShape` for another number of streams; `.notFinite` if a gradient is, and
  ///   then everything is as before.
  public func trainStep(
    _ tokens: UnsafeBufferPointer<Int64>, _ targets: UnsafeBufferPointer<Int64>, T: Int, B: Int, stepSize: Double,
    regc: Double = 0, clipval: Double
  ) throws(RecurrentError) -> StepResult {
    guard let solver else { throw RecurrentError(.invalidated, "there is no solver yet: set one before a training step") }
    try require(
      columns == 0 || columns == B, .badShape,
      "the step has \(B) streams, the state that is carried is of \(columns): go on with as many, or reset it")
    let next: Storage
    if let carried { next = carried } else { next = try newState(columns: B) }
    let done = try model.trainStep(
      .tokens(tokens), .classes(targets), T: T, B: B, state: carried?.start, lengths: nil, finalState: next.start,
      optimizer: solver, learningRate: stepSize, weightDecay: regc, clip: clipval)
    (carried, columns, step) = (next, B, step + 1)
    return done
  }

  /// Zeros for the state of some streams.
  func newState(columns: Int) throws(RecurrentError) -> Storage {
    try require(columns > 0, .badShape, "there are \(columns) streams; expected at least 1")
    let (count, overflow) = model.stateCount(batchSize: 1).multipliedReportingOverflow(by: columns)
    guard !overflow, let bytes = Storage.bytes(count, of: model.dtype.size) else {
      throw RecurrentError(.noMemory, "the state of \(columns) streams does not fit in memory")
    }
    return try Storage(bytes: bytes)
  }

  /// Takes over where a saved model stood.
  func restore(_ solver: Optimizer?, step: Int, carried: Storage?, columns: Int, notes: String) {
    (self.solver, self.step, self.carried, self.columns, self.notes) = (solver, step, carried, columns, notes)
  }

  // MARK: Evaluation

  /// Nats per token: the mean of −ln p over all tokens but the first, each predicted from those before it.
  ///
  /// - Parameters:
  ///   - tokens: at least two.
  ///   - columns: into so many parts, one after the other, the tokens are cut and read side by side; each part begins
  ///     with zeros. 1 reads the text as it is, more are faster.
  /// - Throws: `.badShape`, `.badIndex`; `.notFinite` if the model has diverged.
  public func evaluate(_ tokens: UnsafeBufferPointer<Int64>, columns: Int = 1) throws(RecurrentError) -> Double {
    let count = tokens.count - 1
    try require(count > 0, .badShape, "there are \(tokens.count) tokens; expected at least 2")
    try require(columns > 0, .badShape, "columns is \(columns); expected at least 1")
    // here, as a last token of −1 would pass for a target that there is not
    for (i, token) in tokens.enumerated() {
      try require(
        token >= 0 && token < alphabet.count, .badIndex, "token \(i) is \(token), outside 0..<\(alphabet.count)")
    }
    let B = min(columns, count), length = (count + B - 1) / B
    // as much at once as a few megabytes hold
    let widest = max(model.topSize, 4 * (model.hiddenSizes.max() ?? 1))
    let most = max(1, min(256, (1 << 22) / widest / B))
    let state = try newState(columns: B)
    var sum = 0.0
    for start in stride(from: 0, to: length, by: most) {
      let T = min(most, length - start)
      var input = [Int64](repeating: 0, count: T * B), targets = [Int64](repeating: -1, count: T * B)
      var valid = 0
      for t in 0..<T {
        for b in 0..<B where b * length + start + t < count {
          let at = b * length + start + t
          (input[t * B + b], targets[t * B + b]) = (tokens[at], tokens[at + 1])
          valid += 1
        }
      }
      let loss = try input.withUnsafeBufferPointer { (input) throws(RecurrentError) in
        try targets.withUnsafeBufferPointer { (targets) throws(RecurrentError) in
          try model.loss(
            .tokens(input), .classes(targets), T: T, B: B, state: state.start, lengths: nil, finalState: state.start)
        }
      }
      sum += loss * Double(valid)
    }
    return sum / Double(count)
  }
}
