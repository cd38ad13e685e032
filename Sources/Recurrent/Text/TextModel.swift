// The language model: a tokenizer, a network over its tokens, and the state of training.

import Kernels

/// A language model: a tokenizer, a network that reads a token and scores the next one, an optimizer, the state of
/// training, and metadata. One file holds all of it.
///
/// Training is truncated backpropagation through time: the network's state is carried from one chunk of the parallel
/// sequences to the next; gradients may pass through fewer or more time steps than a chunk has.
public final class TextModel {
  /// Converts between text and tokens.
  public let tokenizer: Tokenizer
  /// The network; its inputs and outputs are the tokenizer's tokens.
  public let network: Network
  /// Updates the weights; nil before one is set. Shared, not copied.
  public var optimizer: Optimizer?
  /// The number of training steps made.
  public private(set) var step = 0
  /// The number of sequences with a carried state; 0 before the first step and after `resetState`.
  public private(set) var batchSize = 0
  /// Text of the caller's by key, saved with the model.
  public var metadata: [String: String] = [:]
  /// The weights.
  public var parameters: Parameters { network.parameters }
  /// The fraction of activations that training steps drop between layers.
  public var dropout: Double { network.dropout?.rate ?? 0 }
  /// Exclusive-use lock: a second thread gets `.busy`.
  public var lock: Lock { network.parameters.flat.lock }

  /// The state of the parallel sequences, in the layout of `Network.forward`.
  private(set) var carriedState: Storage?
  private let ownRandom: Random
  /// Draws the dropout masks: the model's own generator, unless the network was given another one.
  public var random: Random { network.dropout?.random ?? ownRandom }

  /// Creates a model.
  ///
  /// - Parameters:
  ///   - settings: the kind of tokenizer, sizes and options.
  ///   - texts: their characters are the vocabulary; unused for bytes. Of `.words`, `.bpe` and `.custom` the one text is
  ///     the tokenizer's JSON.
  ///   - random: draws the weights; then the seed of the model's own generator. Parity: no seed for sentences.
  /// - Throws: `.badShape` or `.badValue` naming the setting; nothing was drawn.
  public convenience init(
    _ settings: Settings = Settings(), texts: [String] = [], random: Random
  ) throws(RecurrentError) {
    try self.init(settings, settings.tokenizer(texts: texts), random: random)
  }

  /// Creates a model over a tokenizer.
  public convenience init(
    _ settings: Settings, _ tokenizer: Tokenizer, random: Random
  ) throws(RecurrentError) {
    try Dropout.validate(rate: settings.dropout)
    try require(
      !settings.options.bidirectional, .badValue,
      "bidirectional is impossible for a text model, which reads no future; expected false, got true")
    let (network, own) = try Random.restoring(random) { () throws(RecurrentError) in
      let network = try Network(settings.network(tokenizer.count), random: random)
      return (network, Random(seed: tokenizer.kind == .sentences ? 0 : random.next()))
    }
    try self.init(tokenizer, network, dropout: settings.dropout, own)
  }

  /// Creates a model over an existing network, whose dropout draws from `random`.
  init(_ tokenizer: Tokenizer, _ network: Network, dropout: Double, _ random: Random) throws(RecurrentError) {
    try network.requireStates("a text model")
    let dropout = try Dropout(rate: dropout, random: random)
    (self.tokenizer, self.network, ownRandom) = (tokenizer, network, random)
    if dropout.rate > 0 || network.isRandom { network.dropout = dropout }
  }

  /// The token that an empty prompt stands for: "\n", or " " without it, or token 0, as for numbers.
  public var defaultPrompt: Int {
    tokenizer.kind == .sentences ? 0 : tokenizer.token(of: "\n") ?? tokenizer.token(of: " ") ?? 0
  }

  // MARK: Training

  /// Discards the carried state: with the next step sequences begin, any number of them.
  public func resetState() { (batchSize, carriedState) = (0, nil) }

  /// Trains on the next chunk of `B` sequences: forward from the carried state, mean cross-entropy, backward, one
  /// optimizer step.
  ///
  /// - Parameters:
  ///   - tokens: T·B of them, time-major.
  ///   - targets: the token after each; −1 for none.
  ///   - T: time steps.
  ///   - B: sequences, as many as in the previous step.
  ///   - resets: T·B of them, 1 where a document begins and 0 elsewhere: the state before such a step is that of sequences
  ///     that begin. nil for none.
  ///   - learningRate: α, at least 0; nil for the optimizer's own.
  ///   - weightDecay: the fraction of each weight that is subtracted besides.
  ///   - clip: the clipping threshold, above 0; infinity for none.
  ///   - bpttLength: the last time steps, through which gradients pass and whose targets count, 1 to T; the others advance
  ///     the state. nil for T.
  ///   - overlap: the last time steps that the next step reads again, 0 to `bpttLength`: it begins with the state before
  ///     them. Their targets should count once.
  /// - Throws: `.invalidated` without an optimizer; `.badShape` for another batch size; `.notFinite` for a gradient that
  ///   is infinite or NaN. Nothing has changed then.
  package func trainStep(
    _ tokens: UnsafeBufferPointer<Int64>, _ targets: UnsafeBufferPointer<Int64>, T: Int, B: Int,
    resets: UnsafeBufferPointer<Int64>? = nil, learningRate: Double? = nil, weightDecay: Double = 0,
    clip: Double = .infinity, bpttLength: Int? = nil, overlap: Int = 0
  ) throws(RecurrentError) -> StepResult {
    try require(
      batchSize == 0 || batchSize == B, .badShape,
      "B differs from the carried state; expected \(batchSize), or a call of reset_state, got \(B)")
    let state: Storage
    if let carriedState { state = carriedState } else { state = try newState(batchSize: B) }
    let count = network.stateCount(batchSize: B)
    let result = try network.trainStep(
      .tokens(tokens.span), .classes(targets.span), T: T, B: B,
      state: carriedState == nil ? nil : Elements(state.start, count: count, network.dtype), resets: resets?.span,
      finalState: overlap == T ? nil : MutableElements(state.start, count: count, network.dtype),
      optimizer: requireOptimizer(), learningRate: learningRate, weightDecay: weightDecay, clip: clip,
      bpttLength: bpttLength, overlap: overlap)
    // sequences whose steps are all read again still begin
    if overlap < T { (carriedState, batchSize) = (state, B) }
    step += 1
    return result
  }

  /// Trains on a sequence that begins, to predict each token but the first; the loss is summed. The carried state
  /// is unchanged.
  func trainStep(
    sequence tokens: UnsafeBufferPointer<Int64>, learningRate: Double, weightDecay: Double, clip: Double
  ) throws(RecurrentError) -> StepResult {
    let optimizer = try requireOptimizer()
    let result = try network.trainStep(
      .tokens(tokens.span.extracting(droppingLast: 1)), .classes(tokens.span.extracting(droppingFirst: 1)),
      T: tokens.count - 1, B: 1, optimizer: optimizer, learningRate: learningRate, weightDecay: weightDecay,
      clip: clip, reduction: .sum)
    step += 1
    return result
  }

  private func requireOptimizer() throws(RecurrentError) -> Optimizer {
    guard let optimizer else {
      throw RecurrentError(.invalidated, "optimizer is not set; expected one before a training step, got none")
    }
    return optimizer
  }

  /// Allocates zeros for the state of `batchSize` sequences.
  func newState(batchSize: Int) throws(RecurrentError) -> Storage {
    try require(batchSize > 0, .badShape, "batch_size is out of range; expected at least 1, got \(batchSize)")
    let (count, overflow) = network.stateCount(batchSize: 1).multipliedReportingOverflow(by: batchSize)
    guard !overflow, let bytes = Storage.bytes(count, of: network.dtype.size) else {
      throw RecurrentError(.noMemory, "out of memory: could not allocate the state of \(batchSize) sequences")
    }
    return try Storage(bytes: bytes)
  }

  /// Copies the carried state.
  ///
  /// - Parameters:
  ///   - state: receives `stateCount(batchSize: batchSize)` elements of the network's type.
  /// - Throws: `.invalidated` without a carried state; `.badShape` or `.badType` for another array.
  public func copyState(to state: consuming MutableElements) throws(RecurrentError) {
    guard let carriedState else {
      throw RecurrentError(.invalidated, "the carried state is absent; expected a training step before it, got none")
    }
    let count = network.stateCount(batchSize: batchSize)
    let memory = try state.memory("state", count, network.dtype)
    memory.copyMemory(from: carriedState.start, byteCount: count * network.dtype.size)
  }

  /// Sets the carried state and the number of training steps made, as after steps made on the network itself.
  ///
  /// - Parameters:
  ///   - state: `stateCount(batchSize: batchSize)` elements of the network's type, copied; nil for none.
  ///   - batchSize: sequences, at least 1; 0 without a state.
  ///   - step: at least 0.
  /// - Throws: `.badShape`, `.badType` or `.badValue` naming the argument; nothing has changed.
  public func setState(_ state: Elements?, batchSize: Int, step: Int) throws(RecurrentError) {
    try require(
      step >= 0 && step <= 1 << 53, .badValue, "step is out of range; expected 0 to \(1 << 53), got \(step)")
    guard let state else {
      try require(
        batchSize == 0, .badShape, "batch_size is out of range; expected 0 without a state, got \(batchSize)")
      (carriedState, self.batchSize, self.step) = (nil, 0, step)
      return
    }
    let copy = try newState(batchSize: batchSize), count = network.stateCount(batchSize: batchSize)
    copy.start.copyMemory(
      from: try state.memory("state", count, network.dtype), byteCount: count * network.dtype.size)
    (carriedState, self.batchSize, self.step) = (copy, batchSize, step)
  }

  /// Restores the state of training from a file.
  func restore(
    _ optimizer: Optimizer?, step: Int, carriedState: Storage?, batchSize: Int, metadata: [String: String]
  ) {
    (self.optimizer, self.step, self.carriedState, self.batchSize) = (optimizer, step, carriedState, batchSize)
    self.metadata = metadata
  }
}
