// The cross-entropy of a text under a model, in slices.

import Kernels

extension TextModel {
  /// Computes the mean of −ln p over all tokens but the first, given the tokens before each, in nats per token.
  ///
  /// - Parameters:
  ///   - tokens: at least two.
  ///   - resets: as many as tokens, 1 where a document begins and 0 elsewhere: the state before such a token is that of
  ///     sequences that begin. nil for none.
  ///   - batchSize: the tokens are split into this many equal parts evaluated in parallel, each from its beginning. 1
  ///     gives the exact value, more is faster.
  /// - Throws: `.badShape`, `.badIndex`; `.notFinite` if the weights have diverged.
  package func evaluate(
    _ tokens: UnsafeBufferPointer<Int64>, resets: UnsafeBufferPointer<Int64>? = nil, batchSize: Int = 1
  ) throws(RecurrentError) -> Double {
    let sequences = max(1, min(batchSize, tokens.count - 1)), state = try newState(batchSize: sequences)
    var step = 0, nats = 0.0
    try evaluate(
      tokens, resets: resets, batchSize: batchSize, maxSteps: .max,
      state: MutableElements(state.start, count: network.stateCount(batchSize: sequences), network.dtype),
      step: &step, nats: &nats)
    return nats / Double(tokens.count - 1)
  }

  /// Evaluates the next time steps of a text, so that the caller can stop between two calls.
  ///
  /// A call evaluates whole slices of at most 256 time steps: at least one, and as many as `maxSteps` begins.
  ///
  /// - Parameters:
  ///   - tokens: at least two.
  ///   - resets: as above.
  ///   - batchSize: as above.
  ///   - maxSteps: at least 1.
  ///   - state: `stateCount(batchSize:)` elements of the network's type for min(batchSize, tokens − 1) sequences, which
  ///     begin with step 0; read from then on, and overwritten.
  ///   - step: 0 at first; the number of time steps evaluated so far.
  ///   - nats: 0 at first; the sum of −ln p so far.
  /// - Returns: whether the text is complete.
  @discardableResult
  package func evaluate(
    _ tokens: UnsafeBufferPointer<Int64>, resets: UnsafeBufferPointer<Int64>? = nil, batchSize: Int, maxSteps: Int,
    state: consuming MutableElements, step: inout Int, nats: inout Double
  ) throws(RecurrentError) -> Bool {
    let count = tokens.count - 1
    try require(count > 0, .badShape, "tokens is too short; expected at least 2, got \(tokens.count)")
    if let resets {
      try require(
        resets.count == tokens.count, .badShape,
        "resets has the wrong length; expected \(tokens.count), as many as tokens, got \(resets.count)")
    }
    try require(batchSize > 0, .badShape, "batch_size is out of range; expected at least 1, got \(batchSize)")
    try require(maxSteps > 0, .badValue, "max_steps is out of range; expected at least 1, got \(maxSteps)")
    let B = min(batchSize, count), length = (count + B - 1) / B
    let state = try state.memory("state", network.stateCount(batchSize: B), network.dtype)
    try require(step >= 0 && step <= length, .badValue, "step is out of range; expected 0 to \(length), got \(step)")
    if step == 0 {
      for i in 0..<tokens.count {
        _ = try token(tokens, i)
        if let begins = resets?[i] {
          try require(
            begins == 0 || begins == 1, .badIndex, "resets[\(i)] is out of range; expected 0 to 1, got \(begins)")
        }
      }
    }
    // a slice is at most 8192 tokens or one time step: a fraction of a second
    let slice = max(1, min(length, 256, 8192 / B)), limit = maxSteps < length - step ? step + maxSteps : length
    while step < limit {
      let T = min(slice, length - step)
      nats += try evaluate(tokens, resets, from: step, T: T, B: B, length: length, state)
      step += T
    }
    return step == length
  }

  /// Reads a token once and checks it.
  private func token(_ tokens: UnsafeBufferPointer<Int64>, _ i: Int) throws(RecurrentError) -> Int64 {
    let token = tokens[i]
    try require(
      token >= 0 && token < tokenizer.count, .badIndex,
      "tokens[\(i)] is out of range; expected 0 to \(tokenizer.count - 1), got \(token)")
    return token
  }

  private func evaluate(
    _ tokens: UnsafeBufferPointer<Int64>, _ resets: UnsafeBufferPointer<Int64>?, from step: Int, T: Int, B: Int,
    length: Int, _ state: UnsafeMutableRawPointer
  ) throws(RecurrentError) -> Double {
    var input = try Buffer<Int64>(repeating: token(tokens, 0), count: T * B), valid = 0
    var targets = try Buffer<Int64>(repeating: -1, count: T * B)
    var begins = try Buffer<Int64>(repeating: 0, count: resets == nil ? 0 : T * B)
    for t in 0..<T {
      for b in 0..<B where b * length + step + t < tokens.count - 1 {
        let i = b * length + step + t
        // -1 is no token, and would be no target; tokens that changed since the first call are checked here
        (input[t * B + b], targets[t * B + b]) = (try token(tokens, i), try token(tokens, i + 1))
        if let resets { begins[t * B + b] = resets[i] }
        valid += 1
      }
    }
    let count = network.stateCount(batchSize: B), starts = resets.map { _ in UnsafeBufferPointer(begins.elements) }
    defer { withExtendedLifetime(begins) {} }
    let loss = try network.loss(
      .tokens(input.span), .classes(targets.span), T: T, B: B,
      state: step == 0 ? nil : Elements(state, count: count, network.dtype), resets: starts?.span,
      finalState: MutableElements(state, count: count, network.dtype))
    return loss * Double(valid)
  }
}
