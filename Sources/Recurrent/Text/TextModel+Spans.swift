// Training and evaluation on the caller's arrays of tokens, through spans.

extension TextModel {
  /// Trains on the next chunk of `B` sequences: forward from the carried state, mean cross-entropy, backward, one
  /// optimizer step.
  ///
  /// - Parameters:
  ///   - tokens: T·B of them, time-major.
  ///   - targets: the token after each; −1 for none.
  ///   - T: time steps.
  ///   - B: sequences, as many as in the previous step.
  ///   - learningRate: α, at least 0; nil for the optimizer's own.
  ///   - weightDecay: the fraction of each weight that is subtracted besides.
  ///   - clip: the clipping threshold, above 0; infinity for none.
  /// - Returns: the loss before the update, and the optimizer's result.
  /// - Throws: `.invalidated` without an optimizer; `.badShape` for another batch size; `.notFinite` for a gradient that
  ///   is infinite or NaN. Nothing has changed then.
  public func trainStep(
    _ tokens: Span<Int64>, _ targets: Span<Int64>, T: Int, B: Int, learningRate: Double? = nil,
    weightDecay: Double = 0, clip: Double = .infinity
  ) throws(RecurrentError) -> StepResult {
    try tokens.withUnsafeBufferPointer { (tokens) throws(RecurrentError) in
      try targets.withUnsafeBufferPointer { (targets) throws(RecurrentError) in
        try trainStep(
          tokens, targets, T: T, B: B, learningRate: learningRate, weightDecay: weightDecay, clip: clip)
      }
    }
  }

  /// Computes the mean of −ln p over all tokens but the first, given the tokens before each, in nats per token.
  ///
  /// - Parameters:
  ///   - tokens: at least two.
  ///   - batchSize: the tokens are split into this many equal parts evaluated in parallel, each from its beginning. 1
  ///     gives the exact value, more is faster.
  /// - Returns: the mean.
  /// - Throws: `.badShape`, `.badIndex`; `.notFinite` if the weights have diverged.
  public func evaluate(_ tokens: Span<Int64>, batchSize: Int = 1) throws(RecurrentError) -> Double {
    try tokens.withUnsafeBufferPointer { (tokens) throws(RecurrentError) in
      try evaluate(tokens, batchSize: batchSize)
    }
  }
}
