// The tokens and the text of one generator.

import Kernels

extension Generator {
  /// What a call produces.
  package struct Production: ~Copyable {
    /// The tokens.
    package var tokens = Buffer<Int64>()
    /// ln p of each token; nothing for text.
    package var logProbabilities = Buffer<Double>()
    /// The bytes of a text; nothing for tokens.
    package var text = Buffer<UInt8>()
    /// Whether the text is produced rather than ln p.
    let isText: Bool

    init(isText: Bool) { self.isText = isText }
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
    try check(maxTokens, isText: false)
    var production = Production(isText: false)
    try restoring { () throws(RecurrentError) in try produce(maxTokens, &production) }
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
    try check(maxTokens, isText: true)
    var result = Buffer<UInt8>()
    try restoring { () throws(RecurrentError) in
      var production = Production(isText: true)
      try production.text.append(UnsafeBufferPointer(position.incomplete.elements))
      try produce(maxTokens, &production)
      try releaseHeld(to: &production)
      position.incomplete.removeAll()
      try production.text.span.withUnsafeBufferPointer { (text) throws(RecurrentError) in
        let complete = text.count - Tokenizer.incomplete(text)
        try position.incomplete.append(UnsafeBufferPointer(rebasing: text[complete...]))
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
    try check(maxTokens, isText: true)
    var production = Production(isText: true)
    try restoring { () throws(RecurrentError) in
      try produce(maxTokens, &production)
      try releaseHeld(to: &production)
    }
    return production.text
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

  func check(_ maxTokens: Int, isText: Bool) throws(RecurrentError) {
    try require(
      maxTokens >= 0 && maxTokens <= Generator.maxTokensPerCall, .badValue,
      "max_tokens is out of range; expected 0 to \(Generator.maxTokensPerCall), got \(maxTokens)")
    try require(
      !isText || text != nil, .badValue,
      "generator has the wrong kind; expected a generator of text, got one of tokens")
  }

  /// Restores the position and the random generator if `body` fails.
  private func restoring(_ body: () throws(RecurrentError) -> Void) throws(RecurrentError) {
    let before = try position.copy()
    do throws(RecurrentError) {
      try Random.restoring(random) { () throws(RecurrentError) in try body() }
    } catch {
      position = before
      throw error
    }
  }

  /// Appends at most `maxTokens` tokens to `produced`.
  func produce(_ maxTokens: Int, _ produced: inout Production) throws(RecurrentError) {
    if hasEnded { return }
    try network.reading { (context) throws(RecurrentError) in
      switch network.dtype {
      case .float32: try produce(Float.self, context, maxTokens, &produced)
      case .float64: try produce(Double.self, context, maxTokens, &produced)
      }
    }
  }

  private func produce<T: Real>(
    _: T.Type, _ context: NetworkContext, _ count: Int, _ produced: inout Production
  ) throws(RecurrentError) {
    var step = try InferenceStep<T>(network, context)
    try step.prepare(reads: max(position.unread.count, min(count, position.remaining ?? count)))
    let state = UnsafeMutableRawPointer(position.state.start.unsafelyUnwrapped).assumingMemoryBound(to: T.self)
    let interrupt = Interrupt.ofThread
    func read(_ token: Int64) throws(RecurrentError) {
      step.read(Int(token), state)
      interrupt.count(network.parameters.flat.count)
      try interrupt.throwIfRequested()
    }
    for token in position.unread.elements.dropLast() { try read(token) }
    var token = position.unread[position.unread.count - 1]
    while produced.tokens.count < count && !hasEnded {
      try read(token)
      step.decode()
      if !produced.isText { step.logSoftmax() }
      token = try select(step.scores, step.logProbabilities, &produced)
    }
    try setUnread(token)
  }

  /// Selects the next token from the network's scores, which are overwritten, and appends it and its text; a token that
  /// ends the sequence is not appended.
  ///
  /// - Parameter logProbabilities: of every token; undefined for text.
  @inline(__always)
  func select<T: Real>(
    _ scores: UnsafeMutableBufferPointer<T>, _ logProbabilities: UnsafeMutableBufferPointer<T>,
    _ produced: inout Production
  ) throws(RecurrentError) -> Int64 {
    let token: Int
    do {
      token = try sampler.choose(scores, recent: UnsafeBufferPointer(position.recent.elements), random)
    } catch {
      if error.kind == .noMemory { throw error }
      throw RecurrentError(
        .notFinite, "scores are not finite; expected finite scores, got an infinity or NaN: the weights have diverged"
      )
    }
    if token == end {
      position.hasEnded = true
      return Int64(token)
    }
    try produced.tokens.append(Int64(token))
    if sampler.repetitionPenalty != 1 {
      try position.recent.append(Int64(token))
      if position.recent.count > sampler.repetitionWindow { position.recent.removeFirst(1) }
    }
    if let remaining = position.remaining { position.remaining = remaining - 1 }
    if !produced.isText {
      try produced.logProbabilities.append(Double(logProbabilities[token]))
    } else if let text, try text.append(token, to: &position.held, &produced.text) {
      position.hasEnded = true
    }
    return Int64(token)
  }

  /// Replaces the tokens that are read, by the last one.
  func setUnread(_ token: Int64) throws(RecurrentError) {
    position.unread.removeAll()
    try position.unread.append(token)
  }

  /// Appends what is held back of a text that is complete.
  func releaseHeld(to produced: inout Production) throws(RecurrentError) {
    if !hasEnded { return }
    try produced.text.append(UnsafeBufferPointer(position.held.elements))
    position.held.removeAll()
  }
}
