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
  ///   - state: `stateCount(batchSize: 1)` elements, not changed; nil for a sequence that begins.
  ///   - end: a token that ends a continuation, or nil. An ended continuation still competes with the others.
  /// - Returns: at most `beams` continuations, most probable first.
  /// - Throws: `.badValue` for a network whose outputs do not score its tokens or for the number of beams, `.badIndex`,
  ///   `.notFinite`.
  public func beamSearch(
    prompt: some Collection<Int64>, count: Int, beams: Int, state: Elements? = nil, until end: Int? = nil
  ) throws(RecurrentError) -> [Hypothesis] {
    let found = try continuations(of: prompt, count: count, beams: beams, state: state, until: end)
    return (0..<found.count).map { i in
      Hypothesis(tokens: found.tokens(i).map { Int($0) }, logProbability: found.logProbability(i))
    }
  }

  /// The continuations that `beamSearch` finds.
  package func continuations(
    of prompt: some Collection<Int64>, count: Int, beams: Int, state: Elements?, until end: Int?
  ) throws(RecurrentError) -> Continuations {
    let prompt = try self.prompt(prompt)
    try require(
      beams >= 1 && beams <= Network.maximumBeams, .badValue,
      "beams is out of range; expected 1 to \(Network.maximumBeams), got \(beams)")
    try require(count >= 0, .badShape, "max_tokens is out of range; expected at least 0, got \(count)")
    let state = try memory(state, "state", stateCount(batchSize: 1), dtype)
    let context = contexts.take()
    context.graph.holdsInputs = true
    defer { contexts.putBack(context) }
    switch dtype {
    case .float32: return try search(Float.self, context, prompt, count, beams, state, end)
    case .float64: return try search(Double.self, context, prompt, count, beams, state, end)
    }
  }

  private func search<T: Real>(
    _: T.Type, _ context: NetworkContext, _ prompt: borrowing Buffer<Int64>, _ count: Int, _ beams: Int,
    _ state: UnsafeRawPointer?, _ end: Int?
  ) throws(RecurrentError) -> Continuations {
    let step = try InferenceStep<T>(self, context), width = stateCount(batchSize: 1), interrupt = Interrupt.ofThread
    // of each hypothesis in turn, the network's state before its last token; and those of the next hypotheses
    var states = try Buffer<T>(repeating: 0, count: width), nextStates = Buffer<T>()
    if let state {
      states.start?.update(from: state.assumingMemoryBound(to: T.self), count: width)
    } else if let start = states.start {
      try copyInitialState(1, start)
    }
    func read(_ token: Int64, _ state: UnsafeMutablePointer<T>) throws(RecurrentError) {
      step.read(Int(token), state)
      interrupt.count(parameters.flat.count)
      try interrupt.throwIfRequested()
    }
    for token in prompt.elements.dropLast() { try read(token, states.start.unsafelyUnwrapped) }
    var found = Continuations(), best = TopK(beams)
    try found.hypotheses.append(Continuations.Hypothesis())
    for _ in 0..<count {
      if found.hypotheses.elements.allSatisfy({ $0.hasEnded }) { break }
      best.removeAll()
      for (at, hypothesis) in found.hypotheses.elements.enumerated() {
        if hypothesis.hasEnded {
          try best.insert(hypothesis.logProbability, at, token: nil)
          continue
        }
        let last = hypothesis.last.map { found.texts[$0].token } ?? prompt[prompt.count - 1]
        try read(last, states.start.unsafelyUnwrapped + at * width)
        step.decode()
        step.logSoftmax()
        for token in 0..<topSize {
          let p = Double(step.logProbabilities[token])
          try require(
            !p.isNaN, .notFinite, "scores are not finite; expected finite scores, got NaN: the weights have diverged")
          try best.insert(hypothesis.logProbability + p, at, token: token)
        }
      }
      try found.advance(to: best, until: end)
      nextStates.removeAll()
      for entry in best.entries.elements {
        let state = UnsafeBufferPointer(states.elements)[entry.hypothesis * width..<(entry.hypothesis + 1) * width]
        try nextStates.append(UnsafeBufferPointer(rebasing: state))
      }
      swap(&states, &nextStates)
    }
    return found
  }
}

/// Continuations of a prompt, most probable first.
package struct Continuations: ~Copyable {
  struct Hypothesis {
    /// Index in `texts` of the last token; nil before the first.
    var last: Int?
    var logProbability = 0.0
    var hasEnded = false
  }

  /// A token after the token of index `previous`: hypotheses share their beginnings.
  struct Text {
    let previous: Int?, token: Int64
  }

  fileprivate var hypotheses = Buffer<Hypothesis>()
  fileprivate var texts = Buffer<Text>()

  /// The number of continuations.
  package var count: Int { hypotheses.count }

  /// Σ ln p over the tokens of continuation `i`, and over the token that ended them, if one did.
  package func logProbability(_ i: Int) -> Double { hypotheses[i].logProbability }

  /// The number of tokens of continuation `i`.
  package func length(_ i: Int) -> Int {
    var length = 0
    forEachToken(i) { _ in length += 1 }
    return length
  }

  /// Calls `body` with the tokens of continuation `i`, the last first.
  package func forEachToken(_ i: Int, _ body: (Int64) -> Void) {
    var at = hypotheses[i].last
    while let index = at {
      body(texts[index].token)
      at = texts[index].previous
    }
  }

  fileprivate func tokens(_ i: Int) -> [Int64] {
    var tokens: [Int64] = []
    forEachToken(i) { tokens.append($0) }
    return tokens.reversed()
  }

  /// Replaces the hypotheses by the best of their continuations.
  fileprivate mutating func advance(to best: borrowing TopK, until end: Int?) throws(RecurrentError) {
    var next = try Buffer<Hypothesis>(capacity: best.entries.count)
    for entry in best.entries.elements {
      var hypothesis = hypotheses[entry.hypothesis]
      hypothesis.logProbability = entry.logProbability
      if let token = entry.token {
        hypothesis.hasEnded = token == end
        if !hypothesis.hasEnded {
          try texts.append(Text(previous: hypothesis.last, token: Int64(token)))
          hypothesis.last = texts.count - 1
        }
      }
      try next.append(hypothesis)
    }
    hypotheses = next
  }
}

/// The `size` most probable entries so far, most probable first, of equals the earliest.
private struct TopK: ~Copyable {
  let size: Int
  private(set) var entries = Buffer<(logProbability: Double, hypothesis: Int, token: Int?)>()

  init(_ size: Int) { self.size = size }

  mutating func removeAll() { entries.removeAll() }

  mutating func insert(_ logProbability: Double, _ hypothesis: Int, token: Int?) throws(RecurrentError) {
    if entries.count == size, logProbability <= entries[size - 1].logProbability { return }
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].logProbability >= logProbability { low = middle + 1 } else { high = middle }
    }
    if entries.count == size { entries.removeLast() }
    try entries.insert((logProbability, hypothesis, token), at: low)
  }
}
