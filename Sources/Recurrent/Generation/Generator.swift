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

  private let sampler: Sampler
  private let end: Int?
  private let text: TextDecoder?
  private var position: Position

  /// All that a call changes.
  private struct Position: ~Copyable {
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

  /// The tokens of one call, and ln p of each where they are asked for.
  package struct Production: ~Copyable {
    /// The tokens.
    package var tokens = Buffer<Int64>()
    /// ln p of each token.
    package var logProbabilities = Buffer<Double>()
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

  /// Produces at most `maxTokens` tokens; fewer only at the end of the sequence.
  ///
  /// - Throws: `.badValue` for a negative number; `.notFinite` if the scores are not finite.
  public func next(_ maxTokens: Int) throws(RecurrentError) -> Tokens {
    let produced = try tokens(maxTokens)
    return Tokens(
      tokens: produced.tokens.elements.map { Int($0) }, logProbabilities: produced.logProbabilities.array())
  }

  /// Produces at most `maxTokens` tokens, as `next`.
  package func tokens(_ maxTokens: Int) throws(RecurrentError) -> Production {
    try check(maxTokens)
    var production = Production()
    try restoring { (generator) throws(RecurrentError) in
      try generator.produce(maxTokens, logProbabilities: true, &production)
    }
    return production
  }

  /// Produces at most `maxTokens` tokens and returns the text that is certain.
  ///
  /// As `nextBytes`; an invalid byte becomes U+FFFD, and an incomplete character at the end is omitted.
  ///
  /// - Throws: as `nextBytes`.
  public func nextText(_ maxTokens: Int) throws(RecurrentError) -> String {
    let text = try characters(maxTokens)
    return text.span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }

  /// Produces at most `maxTokens` tokens and returns the text that is certain in valid UTF-8, as `nextText`.
  package func characters(_ maxTokens: Int) throws(RecurrentError) -> Buffer<UInt8> {
    try check(maxTokens)
    var result = Buffer<UInt8>()
    try restoring { (generator) throws(RecurrentError) in
      var bytes = try generator.position.incomplete.copy()
      try generator.produceText(maxTokens, &bytes)
      generator.position.incomplete.removeAll()
      try bytes.span.withUnsafeBufferPointer { (text) throws(RecurrentError) in
        let complete = text.count - Tokenizer.incomplete(text)
        try generator.position.incomplete.append(UnsafeBufferPointer(rebasing: text[complete...]))
        try Tokenizer.appendRepaired(UnsafeBufferPointer(rebasing: text[..<complete]), to: &result)
      }
    }
    return result
  }

  /// Produces at most `maxTokens` tokens and returns the bytes of the text that are certain: UTF-8, and of a tokenizer
  /// of bytes the bytes as they are.
  ///
  /// An incomplete character, and a possible beginning of a stop string, are held back until a later call or the end.
  ///
  /// - Throws: as `next`; `.badValue` for a generator of tokens.
  public func nextBytes(_ maxTokens: Int) throws(RecurrentError) -> [UInt8] { try text(maxTokens).array() }

  /// Produces at most `maxTokens` tokens and returns the bytes of the text that are certain, as `nextBytes`.
  package func text(_ maxTokens: Int) throws(RecurrentError) -> Buffer<UInt8> {
    try check(maxTokens)
    var result = Buffer<UInt8>()
    try restoring { (generator) throws(RecurrentError) in try generator.produceText(maxTokens, &result) }
    return result
  }

  /// Appends the bytes of at most `maxTokens` tokens that are certain to `result`.
  private func produceText(_ maxTokens: Int, _ result: inout Buffer<UInt8>) throws(RecurrentError) {
    guard let text else {
      throw RecurrentError(.badValue, "generator has the wrong kind; expected a generator of text, got one of tokens")
    }
    // one token at a time if each may complete a stop string, so that nothing is drawn beyond it
    let part = text.stop.isEmpty ? maxTokens : 1
    var count = 0, production = Production()
    while count < maxTokens && !hasEnded {
      production.tokens.removeAll()
      try produce(min(part, maxTokens - count), logProbabilities: false, &production)
      count += production.tokens.count
      let tokens = UnsafeBufferPointer(production.tokens.elements)
      if try text.append(tokens, to: &position.held, &result) { position.hasEnded = true }
    }
    if hasEnded {
      try result.append(UnsafeBufferPointer(position.held.elements))
      position.held.removeAll()
    }
  }

  /// The number of bytes that `nextBytes(maxTokens)` may return, at most `Int.max`.
  public func textCapacity(_ maxTokens: Int) -> Int { capacity(maxTokens, held: (text?.longest ?? 0) + 4) }

  /// The number of bytes that `characters(maxTokens)` may return, at most `Int.max`: a byte may become the three of
  /// U+FFFD.
  package func charactersCapacity(_ maxTokens: Int) -> Int {
    let (held, overflow) = (text?.longest ?? 0).multipliedReportingOverflow(by: 3)
    return overflow || held > Int.max - 24 ? .max : capacity(maxTokens, held: held + 24)
  }

  private func capacity(_ maxTokens: Int, held: Int) -> Int {
    maxTokens > (Int.max - held) / 4 ? .max : 4 * maxTokens + held
  }

  /// Copies the network's state before the last token, which was produced and not read.
  ///
  /// - Parameter state: receives `stateCount(batchSize: 1)` elements of the network's type.
  public func copyState(to state: consuming MutableElements) throws(RecurrentError) {
    let p = try state.memory("state", network.stateCount(batchSize: 1), network.dtype)
    if let start = position.state.start { p.copyMemory(from: start, byteCount: position.state.count) }
  }

  private func check(_ maxTokens: Int) throws(RecurrentError) {
    try require(
      maxTokens >= 0 && maxTokens <= Generator.maxTokensPerCall, .badValue,
      "max_tokens is out of range; expected 0 to \(Generator.maxTokensPerCall), got \(maxTokens)")
  }

  /// Restores the position and the random generator if `body` fails.
  private func restoring(_ body: (Generator) throws(RecurrentError) -> Void) throws(RecurrentError) {
    let before = try position.copy()
    do throws(RecurrentError) {
      try Random.restoring(random) { () throws(RecurrentError) in try body(self) }
    } catch {
      position = before
      throw error
    }
  }

  /// Appends at most `maxTokens` tokens to `produced`.
  private func produce(
    _ maxTokens: Int, logProbabilities: Bool, _ produced: inout Production
  ) throws(RecurrentError) {
    if hasEnded { return }
    let count = min(maxTokens, position.remaining ?? maxTokens)
    switch network.dtype {
    case .float32: try produce(Float.self, count, logProbabilities, &produced)
    case .float64: try produce(Double.self, count, logProbabilities, &produced)
    }
    position.remaining = position.remaining.map { $0 - produced.tokens.count }
  }

  private func produce<T: Real>(
    _: T.Type, _ count: Int, _ wantsLogProbabilities: Bool, _ produced: inout Production
  ) throws(RecurrentError) {
    var step = try InferenceStep<T>(network)
    try step.prepare(reads: max(position.unread.count, count))
    let state = UnsafeMutableRawPointer(position.state.start.unsafelyUnwrapped).assumingMemoryBound(to: T.self)
    let interrupt = Interrupt.ofThread
    func read(_ token: Int) throws(RecurrentError) {
      step.read(token, state)
      interrupt.count(network.parameters.flat.count)
      try interrupt.throwIfRequested()
    }
    for token in position.unread.elements.dropLast() { try read(Int(token)) }
    var token = Int(position.unread[position.unread.count - 1])
    while produced.tokens.count < count {
      try read(token)
      step.decode()
      if wantsLogProbabilities { step.logSoftmax() }
      do {
        token = try sampler.choose(step.scores, recent: UnsafeBufferPointer(position.recent.elements), random)
      } catch {
        if error.kind == .noMemory { throw error }
        throw RecurrentError(
          .notFinite, "scores are not finite; expected finite scores, got an infinity or NaN: the weights have diverged"
        )
      }
      if token == end {
        position.hasEnded = true
        break
      }
      try produced.tokens.append(Int64(token))
      if wantsLogProbabilities { try produced.logProbabilities.append(Double(step.logProbabilities[token])) }
      if sampler.repetitionPenalty != 1 {
        try position.recent.append(Int64(token))
        if position.recent.count > sampler.repetitionWindow { position.recent.removeFirst(1) }
      }
    }
    position.unread.removeAll()
    try position.unread.append(Int64(token))
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
