// The generation of token sequences and of text, a part at a time.

import Kernels

/// Produces a sequence: reads a prompt, then draws tokens from the network's scores and reads each in turn.
///
/// A generator holds the network's state, the window of the repetition penalty and, for text, the bytes held back. Its
/// output does not depend on how many calls produce it. A failed call leaves the generator and its `Random` unchanged.
public final class Generator {
  /// A part of a sequence.
  public struct Tokens: Equatable, Sendable {
    /// The tokens.
    public var tokens: [Int] = []
    /// ln p of each token by the softmax of the network's scores, before the sampler's filters.
    public var logProbabilities: [Double] = []
  }

  /// Options of a sequence besides the sampler's.
  public struct Options: Equatable, Sendable {
    /// The number of tokens to produce; nil for no limit.
    public var maxTokens: Int?
    /// A token that ends the sequence and is not part of it.
    public var end: Int?
    /// Strings that end a text and are not part of it.
    public var stop: [String]

    /// From the options; by default without limit and end.
    public init(maxTokens: Int? = nil, end: Int? = nil, stop: [String] = []) {
      (self.maxTokens, self.end, self.stop) = (maxTokens, end, stop)
    }
  }

  /// The network whose outputs score its own input tokens.
  public let network: Network
  /// Exclusive-use lock: a second thread gets `.busy`.
  public let lock = Lock()
  /// Draws the tokens; nil selects the largest score each time.
  public let random: Random?
  /// Whether the sequence is complete.
  public var hasEnded: Bool { position.hasEnded || position.remaining == 0 }

  let sampler: Sampler
  let end: Int?
  let text: TextDecoder?
  // the lock makes accesses exclusive; the runtime's check of each access would run several times for a token
  @exclusivity(unchecked) var position: Position

  /// All that a call changes.
  struct Position: ~Copyable {
    /// The network's state before the unread tokens.
    var state: Buffer<UInt8>
    /// The prompt at first, then the last token.
    var unread: Buffer<Int64>
    /// The latest tokens, unread ones included, as far as the repetition penalty needs them.
    var recent: Buffer<Int64>
    /// Tokens still to produce; nil for no limit.
    var remaining: Int?
    var hasEnded = false
    /// The bytes of a text that are held back.
    var held = Buffer<UInt8>()
    /// The bytes of an incomplete character that `nextText` holds back.
    var incomplete = Buffer<UInt8>()

    init(
      state: consuming Buffer<UInt8>, unread: consuming Buffer<Int64>, recent: consuming Buffer<Int64>, remaining: Int?
    ) {
      self.state = state
      self.unread = unread
      self.recent = recent
      self.remaining = remaining
    }

    func copy() throws(RecurrentError) -> Position {
      var copy = try Position(
        state: state.copy(), unread: unread.copy(), recent: recent.copy(), remaining: remaining)
      copy.hasEnded = hasEnded
      copy.held = try held.copy()
      copy.incomplete = try incomplete.copy()
      return copy
    }
  }

  /// The largest number of tokens of one call.
  public static let maxTokensPerCall = 1 << 24

  /// Creates a generator of tokens.
  ///
  /// - Parameters:
  ///   - network: reads and scores the same tokens.
  ///   - prompt: at least one token.
  ///   - history: tokens before the prompt, for the repetition penalty.
  ///   - state: `stateCount(batchSize: 1)` elements, copied; nil for a sequence that begins.
  ///   - sampler: how a token is selected from the scores.
  ///   - options: limits; `stop` is for text alone.
  ///   - random: draws the tokens; nil selects the largest score each time.
  /// - Throws: `.badValue` for a network whose outputs do not score its tokens, `.badShape` for an empty prompt,
  ///   `.badIndex` naming a token out of range.
  public convenience init(
    _ network: Network, prompt: some Collection<Int64>, history: some Collection<Int64> = [],
    state: Elements? = nil, _ sampler: Sampler, _ options: Options = Options(), random: Random?
  ) throws(RecurrentError) {
    try self.init(network, prompt, history, state, sampler, options, random, nil)
  }

  /// Creates a generator of text.
  ///
  /// - Parameters:
  ///   - model: reads the prompt and produces the text.
  ///   - prompt: UTF-8, not part of the text; empty for `model.defaultPrompt`.
  ///   - errors: the handling of characters outside the vocabulary.
  ///   - sampler: how a token is selected from the scores.
  ///   - options: limits; the default end of a tokenizer of sentences is its boundary.
  ///   - random: draws the tokens; nil selects the largest score each time.
  /// - Throws: `.badValue` naming a character outside the vocabulary or an empty stop string.
  public convenience init(
    _ model: TextModel, prompt: String = "", errors: Tokenizer.Errors = .strict, _ sampler: Sampler,
    _ options: Options = Options(), random: Random?
  ) throws(RecurrentError) {
    var tokens = Buffer<Int64>()
    try Array(prompt.utf8).withUnsafeBufferPointer { (prompt) throws(RecurrentError) in
      tokens = try model.tokenizer.tokens(of: prompt, errors: errors)
    }
    try self.init(model, tokens, sampler, options, random: random)
  }

  private convenience init(
    _ model: TextModel, _ prompt: borrowing Buffer<Int64>, _ sampler: Sampler, _ options: Options, random: Random?
  ) throws(RecurrentError) {
    var tokens = try Buffer<Int64>(capacity: prompt.count + 1)
    if model.tokenizer.kind == .sentences { try tokens.append(0) }
    try tokens.append(UnsafeBufferPointer(prompt.elements))
    if tokens.isEmpty { try tokens.append(Int64(model.defaultPrompt)) }
    var options = options
    if model.tokenizer.kind == .sentences && options.end == nil { options.end = 0 }
    let text = try TextDecoder(model.tokenizer, stop: options.stop)
    try self.init(model.network, tokens.elements, [], nil, sampler, options, random, text)
  }

  /// Creates a generator of tokens from JSON settings: a sampler's, and "max_tokens" and "end".
  public convenience init(
    _ network: Network, prompt: some Collection<Int64>, history: some Collection<Int64>, state: Elements?,
    settings: String, random: Random?
  ) throws(RecurrentError) {
    var reader = try SettingsReader(settings, owner: "generator")
    let sampler = try Sampler(&reader), options = try Options(&reader)
    try reader.finish()
    try self.init(network, prompt, history, state, sampler, options, random, nil)
  }

  /// Creates a generator of text from JSON settings: a sampler's, and "max_tokens", "end", "stop", "errors" and
  /// "replacement".
  ///
  /// - Parameters:
  ///   - model: reads the prompt and produces the text.
  ///   - prompt: UTF-8, or any bytes for a tokenizer of bytes.
  ///   - settings: a JSON object; absent keys take the defaults.
  ///   - random: draws the tokens; nil selects the largest score each time.
  package convenience init(
    _ model: TextModel, prompt: UnsafeBufferPointer<UInt8>, settings: String, random: Random?
  ) throws(RecurrentError) {
    var reader = try SettingsReader(settings, owner: "generator")
    let sampler = try Sampler(&reader)
    var options = try Options(&reader)
    options.stop = try reader.strings("stop")
    let errors = try Tokenizer.Errors(&reader)
    try reader.finish()
    try self.init(model, model.tokenizer.tokens(of: prompt, errors: errors), sampler, options, random: random)
  }

  private init(
    _ network: Network, _ prompt: some Collection<Int64>, _ history: some Collection<Int64>,
    _ state: Elements?, _ sampler: Sampler, _ options: Options, _ random: Random?, _ text: TextDecoder?
  ) throws(RecurrentError) {
    let prompt = try network.prompt(prompt)
    let history = try Sampler.tokens(history, below: network.inputSize, "history")
    if let end = options.end {
      try require(
        end >= 0 && end < network.inputSize, .badIndex,
        "end is out of range; expected 0 to \(network.inputSize - 1), got \(end)")
    }
    if let count = options.maxTokens {
      try require(
        count >= 0 && count <= 1 << 53, .badValue, "max_tokens is out of range; expected 0 to \(1 << 53), got \(count)")
    }
    try require(
      text != nil || options.stop.isEmpty, .badValue,
      "stop is not a setting of tokens; expected none, got \(options.stop)")
    let count = network.stateCount(batchSize: 1), bytes = count * network.dtype.size
    let start = try Buffer<UInt8>(repeating: 0, count: bytes)
    if let state = try memory(state, "state", count, network.dtype) {
      start.elements.baseAddress?.update(from: state.assumingMemoryBound(to: UInt8.self), count: bytes)
    } else if let start = start.start {
      try network.copyInitialState(1, start)
    }
    var recent = Buffer<Int64>()
    if sampler.repetitionPenalty != 1 {
      let fromPrompt = prompt.elements.suffix(sampler.repetitionWindow)
      try recent.append(contentsOf: history.elements.suffix(sampler.repetitionWindow - fromPrompt.count))
      try recent.append(contentsOf: fromPrompt)
    }
    (self.network, self.sampler, self.random, self.text) = (network, sampler, random, text)
    end = options.end
    position = Position(state: start, unread: prompt, recent: recent, remaining: options.maxTokens)
  }
}

extension Generator.Options {
  init(_ reader: inout SettingsReader) throws(RecurrentError) {
    try self.init(maxTokens: reader.optionalInteger("max_tokens"), end: reader.optionalInteger("end"))
  }
}

extension Tokenizer.Errors {
  init(_ reader: inout SettingsReader) throws(RecurrentError) {
    let choice = try reader.choice("errors", of: ["strict", "ignore", "replace"], default: 0)
    let replacement = try reader.optionalString("replacement")
    switch choice {
    case 0: self = .strict
    case 1: self = .ignore
    default:
      let characters = Array((replacement ?? "").unicodeScalars)
      try require(
        characters.count == 1, .badValue,
        "replacement has the wrong length; expected 1 character, got \(characters.count)")
      self = .replace(characters[0])
    }
  }
}

extension Network {
  /// Copies a prompt of at least one token; checks that the outputs score the input's tokens.
  func prompt(_ prompt: some Collection<Int64>) throws(RecurrentError) -> Buffer<Int64> {
    try requireStates("generation")
    try require(
      topSize == inputSize, .badValue,
      "network has outputs that do not score its tokens; expected \(inputSize) outputs, got \(topSize)")
    let tokens = try Sampler.tokens(prompt, below: inputSize, "prompt")
    let count = tokens.count
    try require(count > 0, .badShape, "prompt is empty; expected at least 1 token, got 0")
    return tokens
  }
}
