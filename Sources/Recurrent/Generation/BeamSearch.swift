// Beam search over continuations of a prompt.

import Kernels

extension Network {
  /// A continuation that a search found.
  public struct Hypothesis: Equatable, Sendable {
    /// The tokens after the prompt, without the token that ended them.
    public var tokens: [Int]
    /// Σ ln p over them and over the token that ended them, if one did.
    public var logProbability: Double
  }

  /// The largest number of beams.
  public static let maximumBeams = 4096

  /// Searches for the most probable continuations of `count` tokens, keeping `beams` hypotheses at each step.
  ///
  /// One beam selects the most probable token each time. Of equally probable continuations the one with the more
  /// probable beginning is first, then the one with the lower token.
  ///
  /// - Parameters:
  ///   - prompt: at least one token.
  ///   - count: the largest number of tokens of a continuation.
  ///   - beams: hypotheses to keep, 1 to `maximumBeams`.
  ///   - state: `stateCount(batchSize: 1)` elements, not changed; nil for zeros.
  ///   - end: a token that ends a continuation, or nil. An ended continuation still competes with the others.
  /// - Returns: at most `beams` continuations, most probable first.
  /// - Throws: `.badValue` for a network whose outputs do not score its tokens or for the number of beams, `.badIndex`,
  ///   `.notFinite`.
  public func beamSearch(
    prompt: some Collection<Int64>, count: Int, beams: Int, state: Elements? = nil, until end: Int? = nil
  ) throws(RecurrentError) -> [Hypothesis] {
    let prompt = try self.prompt(prompt)
    try require(
      beams >= 1 && beams <= Network.maximumBeams, .badValue,
      "beams is out of range; expected 1 to \(Network.maximumBeams), got \(beams)")
    try require(count >= 0, .badShape, "max_tokens is out of range; expected at least 0, got \(count)")
    let state = try memory(state, "state", stateCount(batchSize: 1), dtype)
    switch dtype {
    case .float32: return try search(Float.self, prompt, count, beams, state, end)
    case .float64: return try search(Double.self, prompt, count, beams, state, end)
    }
  }

  private func search<T: Real>(
    _: T.Type, _ prompt: [Int], _ count: Int, _ beams: Int, _ state: UnsafeRawPointer?, _ end: Int?
  ) throws(RecurrentError) -> [Hypothesis] {
    let step = try InferenceStep<T>(self)
    let width = stateCount(batchSize: 1)
    var start = [T](repeating: 0, count: width)
    if let state {
      start = Array(UnsafeBufferPointer(start: state.assumingMemoryBound(to: T.self), count: width))
    }
    let interrupt = Interrupt.ofThread
    func read(_ token: Int, _ state: inout [T]) throws(RecurrentError) {
      state.withUnsafeMutableBufferPointer { step.read(token, $0.baseAddress.unsafelyUnwrapped) }
      interrupt.count(parameters.flat.count)
      try interrupt.throwIfRequested()
    }
    for token in prompt.dropLast() { try read(token, &start) }
    var hypotheses = [Beam(text: Hypothesis(tokens: [], logProbability: 0), state: start)]
    for _ in 0..<count {
      if hypotheses.allSatisfy({ $0.hasEnded }) { break }
      var best = TopK(beams)
      for (at, hypothesis) in hypotheses.enumerated() {
        if hypothesis.hasEnded {
          best.insert(hypothesis.text.logProbability, at, token: nil)
          continue
        }
        try read(hypothesis.text.tokens.last ?? prompt[prompt.count - 1], &hypotheses[at].state)
        step.decode()
        step.logSoftmax()
        for token in 0..<topSize {
          let p = Double(step.logProbabilities[token])
          try require(
            !p.isNaN, .notFinite, "scores are not finite; expected finite scores, got NaN: the weights have diverged")
          best.insert(hypothesis.text.logProbability + p, at, token: token)
        }
      }
      hypotheses = best.entries.map { entry in
        var next = hypotheses[entry.hypothesis]
        next.text.logProbability = entry.logProbability
        if let token = entry.token {
          next.hasEnded = token == end
          if !next.hasEnded { next.text.tokens.append(token) }
        }
        return next
      }
    }
    return hypotheses.map { $0.text }
  }
}

/// A hypothesis and the network's state before its last token.
private struct Beam<T: Real> {
  var text: Network.Hypothesis
  var state: [T]
  var hasEnded = false
}

/// The `size` most probable entries so far, most probable first, of equals the earliest.
private struct TopK {
  let size: Int
  private(set) var entries: [(logProbability: Double, hypothesis: Int, token: Int?)] = []

  init(_ size: Int) { self.size = size }

  mutating func insert(_ logProbability: Double, _ hypothesis: Int, token: Int?) {
    if let last = entries.last, entries.count == size, logProbability <= last.logProbability { return }
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].logProbability >= logProbability { low = middle + 1 } else { high = middle }
    }
    entries.insert((logProbability, hypothesis, token), at: low)
    if entries.count > size { entries.removeLast() }
  }
}
