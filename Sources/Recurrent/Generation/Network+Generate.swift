// Text written by a model: tokens read, scores, a choice, and the chosen token read in turn.

import Kernels

extension Network {
  /// Reads `prime`, then writes `count` tokens, each drawn from the scores and read in turn.
  ///
  /// The last token that is written has not been read: to go on, pass it as `prime` with the state that came back, and
  /// what was read and written before as `history`. A text written in parts is the same as one written at once.
  ///
  /// - Parameters:
  ///   - prime: at least one token.
  ///   - history: tokens read before this call, for the repetition penalty.
  ///   - count: the most tokens to write.
  ///   - sampler: how they are chosen.
  ///   - state: `stateCount(batchSize: 1)` numbers, read and overwritten; zeros open a sequence.
  ///   - random: draws the tokens; nil takes the likeliest each time.
  ///   - end: a token that ends the text and is not written, or nil.
  ///   - tokens: receives at most `count` tokens.
  ///   - logProbabilities: receives ln p of each written token by the softmax of the model's own scores, before any
  ///     setting of the sampler; may be nil.
  /// - Returns: how many tokens were written.
  /// - Throws: `.badValue` for a model whose outputs are not its tokens, `.badIndex`, `.notFinite`.
  public func generate(
    prime: UnsafeBufferPointer<Int64>, history: UnsafeBufferPointer<Int64>, count: Int, _ sampler: Sampler,
    state: UnsafeMutableRawPointer, _ random: Random?, until end: Int? = nil, to tokens: UnsafeMutablePointer<Int64>,
    logProbabilities: UnsafeMutablePointer<Double>? = nil
  ) throws(RecurrentError) -> Int {
    let prime = try primed(prime)
    let text = try Sampler.tokens(history, below: inputSize, "history") + prime
    let state = UnsafeMutableRawBufferPointer(start: state, count: stateCount(batchSize: 1) * dtype.size)
    // copies, so that a text that ends in numbers that are not finite has changed nothing
    let before = random?.state
    do throws(RecurrentError) {
      let written: Written
      switch dtype {
      case .float32:
        written = try write(Float.self, prime, text, count, sampler, state, random, end, logProbabilities != nil)
      case .float64:
        written = try write(Double.self, prime, text, count, sampler, state, random, end, logProbabilities != nil)
      }
      for (i, token) in written.tokens.enumerated() { tokens[i] = Int64(token) }
      if let logProbabilities {
        for (i, number) in written.logProbabilities.enumerated() { logProbabilities[i] = number }
      }
      return written.tokens.count
    } catch {
      if let random, let before { random.state = before }
      throw error
    }
  }

  /// As above with no setting but the temperature.
  public func generate(
    prime: UnsafeBufferPointer<Int64>, count: Int, temperature: Double, state: UnsafeMutableRawPointer,
    _ random: Random?, until end: Int? = nil, to tokens: UnsafeMutablePointer<Int64>
  ) throws(RecurrentError) -> Int {
    try generate(
      prime: prime, history: UnsafeBufferPointer(start: nil, count: 0), count: count,
      Sampler(temperature: temperature), state: state, random, until: end, to: tokens)
  }

  /// Checks that the model can write, and what it is to begin with.
  func primed(_ prime: UnsafeBufferPointer<Int64>) throws(RecurrentError) -> [Int] {
    try require(
      topSize == inputSize, .badValue,
      "only a model that scores the tokens it reads can write: it reads \(inputSize) tokens and puts out \(topSize) numbers"
    )
    try require(!prime.isEmpty, .badShape, "prime is empty; expected at least one token")
    return try Sampler.tokens(prime, below: inputSize, "prime")
  }

  private struct Written {
    var tokens: [Int] = []
    var logProbabilities: [Double] = []
  }

  /// Writes with a copy of `state`, which is replaced at the end.
  private func write<T: Real>(
    _: T.Type, _ prime: [Int], _ text: [Int], _ count: Int, _ sampler: Sampler,
    _ state: UnsafeMutableRawBufferPointer, _ random: Random?, _ end: Int?, _ wantsLogProbabilities: Bool
  ) throws(RecurrentError) -> Written {
    var ticker = try InferenceStep<T>(self)
    ticker.prepare(reads: max(prime.count, count))
    let state = state.assumingMemoryBound(to: T.self)
    var carried = Array(state), seen = sampler.repetitionPenalty == 1 ? [] : text
    var written = Written()
    func read(_ token: Int) {
      carried.withUnsafeMutableBufferPointer { ticker.read(token, $0.baseAddress.unsafelyUnwrapped) }
    }
    for token in prime.dropLast() { read(token) }
    var token = prime[prime.count - 1]
    while written.tokens.count < count {
      read(token)
      ticker.decode()
      if wantsLogProbabilities { ticker.logSoftmax() }
      do {
        token = try sampler.choose(ticker.scores, seen: seen, random)
      } catch {
        throw RecurrentError(.notFinite, "the model's scores are not finite; its weights have diverged")
      }
      if token == end { break }
      written.tokens.append(token)
      if wantsLogProbabilities { written.logProbabilities.append(Double(ticker.logProbabilities[token])) }
      if sampler.repetitionPenalty != 1 { seen.append(token) }
    }
    _ = state.update(from: carried)
    return written
  }
}
