// A whole training step in one call; of long sequences in parts, so that its memory stays within a budget.

import Kernels

extension Network {
  /// Trains on one batch: forward with dropout, loss, backward, clipping and the optimizer's step.
  ///
  /// The gradients of earlier calls of `backward` do not count: they are set to 0 first. To accumulate over batches, call
  /// `forward`, `backward` and the optimizer's `step`.
  ///
  /// With `memory`, sequences whose intermediate values need more are computed in parts of equally many time steps: the
  /// first pass keeps only the states between the parts; the second one computes the parts again, last part first, each
  /// followed by its backward pass. The gradient is that of the whole sequence, up to rounding; a step takes up to a third
  /// longer. Dropout draws other masks than without. Reference: Chen et al., arXiv:1604.06174.
  ///
  /// With `bpttLength` the first time steps only advance the state: gradients pass through the last ones alone, whose
  /// targets alone count. With `overlap` the final state is that before the last time steps, which the next call reads
  /// again. Both are truncated backpropagation through time, BPTT(h; h′): Williams and Peng, Neural Computation 2 (1990).
  ///
  /// - Parameters:
  ///   - input: the sequence, as `forward`'s.
  ///   - targets: the loss's targets.
  ///   - T: time steps, at least 1.
  ///   - B: batch size, at least 1.
  ///   - state: the state before the sequence, as `forward`'s; nil for sequences that begin.
  ///   - lengths: valid time steps of each of the B sequences, 0 to T; nil for T.
  ///   - resets: 1 where a sequence begins, as `forward`'s; nil for none.
  ///   - finalState: receives the state after the last valid time steps, as `forward`'s; may be nil.
  ///   - optimizer: updates the parameters; its state belongs to this network.
  ///   - learningRate: α, at least 0; nil for the optimizer's own.
  ///   - weightDecay: the fraction of each weight that is subtracted, besides the optimizer's own decay.
  ///   - clip: the clipping threshold, above 0; infinity for none.
  ///   - reduction: the mean of the loss over all targets, or the sum.
  ///   - memory: the bytes of the values that a step computes, above 0; nil for as many as they need.
  ///   - bpttLength: the time steps through which gradients pass, 1 to T; nil for T.
  ///   - overlap: the time steps after the final state, 0 to `bpttLength`.
  /// - Returns: the loss before the update, and the optimizer's result.
  /// - Throws: `.notFinite` for a gradient that is infinite or NaN, `.interrupted`; weights and dropout's generator are
  ///   unchanged, the gradients are 0. `.badValue` for a budget that no part fits in, for one of a bidirectional network,
  ///   and for one with dropout of a mask for whole sequences.
  public func trainStep(
    _ input: Inputs, _ targets: Targets, T: Int, B: Int, state: Elements? = nil, lengths: Span<Int64>? = nil,
    resets: Span<Int64>? = nil,
    finalState: consuming MutableElements? = nil, optimizer: Optimizer,
    learningRate: Double? = nil, weightDecay: Double = 0, clip: Double = .infinity, reduction: Reduction = .mean,
    memory: Int? = nil, bpttLength: Int? = nil, overlap: Int = 0
  ) throws(RecurrentError) -> StepResult {
    let learningRate = learningRate ?? optimizer.learningRate
    _ = try StepOptions(learningRate, weightDecay, clip)
    var batch = try Batch(self, input, targets, T: T, B: B, state, lengths, resets)
    let bpttLength = bpttLength ?? T
    try requireTruncation(bpttLength, overlap, T: T, memory)
    let finalState = try Recurrent.memory(finalState, "final_state", stateCount(batchSize: B), dtype)
    func update() throws(RecurrentError) -> StepResult {
      try optimizer.step(parameters, learningRate: learningRate, weightDecay: weightDecay, clip: clip)
    }
    return try changing { (context) throws(RecurrentError) in
      try Random.restoring(dropout?.random) { () throws(RecurrentError) in
        if let memory {
          let steps = try stepsOfPart(batch, context, memory)
          if steps < T { return try trainInParts(batch, context, reduction, steps: steps, finalState, update) }
        }
        // the state before the time steps with gradients
        let advanced = bpttLength < T ? try Storage(bytes: stateCount(batchSize: B) * dtype.size) : nil
        if let advanced { batch = try advance(batch, context, over: T - bpttLength, to: advanced) }
        return try backpropagate(batch, context, reduction, finalState, overlap: overlap) {
          (_) throws(RecurrentError) in try update()
        }
      }
    }
  }

  /// Computes the loss of one batch, with dropout, and its gradients, which replace those of earlier calls; updates no
  /// weight.
  ///
  /// Training over several machines sums the gradients before the optimizer's `step`. The arguments are those of
  /// `trainStep`.
  ///
  /// - Returns: the loss.
  /// - Throws: `.notFinite` if the loss is infinite or NaN, `.interrupted`; the generator of dropout is unchanged, the
  ///   gradients are 0.
  public func gradient(
    _ input: Inputs, _ targets: Targets, T: Int, B: Int, state: Elements? = nil, lengths: Span<Int64>? = nil,
    resets: Span<Int64>? = nil,
    finalState: consuming MutableElements? = nil, reduction: Reduction = .mean
  ) throws(RecurrentError) -> Double {
    let batch = try Batch(self, input, targets, T: T, B: B, state, lengths, resets)
    let finalState = try memory(finalState, "final_state", stateCount(batchSize: B), dtype)
    return try changing { (context) throws(RecurrentError) in
      try Random.restoring(dropout?.random) { () throws(RecurrentError) in
        try backpropagate(batch, context, reduction, finalState, overlap: 0) { (loss) throws(RecurrentError) in
          try require(
            loss.isFinite, .notFinite,
            "loss is not finite; expected a finite number, got \(loss): the weights have diverged")
          return StepResult(loss: loss, gradientNorm: 0, ratioClipped: 0)
        }
      }
    }.loss
  }

  /// Computes the loss of a batch and its gradients, and calls `finish` with the loss.
  ///
  /// - Parameter overlap: the time steps after the final state.
  private func backpropagate(
    _ batch: Batch, _ context: NetworkContext, _ reduction: Reduction, _ finalState: UnsafeMutableRawPointer?,
    overlap: Int, _ finish: (Double) throws(RecurrentError) -> StepResult
  ) throws(RecurrentError) -> StepResult {
    let stateBytes = stateCount(batchSize: batch.B) * dtype.size
    let kept = overlap > 0 ? try Storage(bytes: stateBytes) : nil
    let record = try self.record(batch, in: context, copies: false, dropout)
    let (loss, target) = try self.loss(record, batch, reduction)
    if let kept {
      try context.graph.evaluate()
      writeState(after: batch.T - overlap, record, to: kept.start)
    }
    // the gradients of this step alone, whatever an earlier backward has left
    try parameters.flat.zeroGradient()
    do throws(RecurrentError) {
      try context.graph.backward(from: loss)
      let value = self.value(loss)
      var result = try finish(value)
      if let finalState {
        if let kept {
          finalState.copyMemory(from: kept.start, byteCount: stateBytes)
        } else {
          write(record.finalState, to: finalState)
        }
      }
      result.loss = value
      return result
    } catch {
      try parameters.flat.zeroGradient()
      if error.kind == .notFinite { try requireFinite(record, target) }
      throw error
    }
  }

  // MARK: Truncation

  private func requireTruncation(
    _ bpttLength: Int, _ overlap: Int, T: Int, _ memory: Int?
  ) throws(RecurrentError) {
    if bpttLength == T && overlap == 0 { return }
    try require(
      bpttLength >= 1 && bpttLength <= T, .badShape,
      "bptt_length is out of range; expected 1 to \(T) time steps, got \(bpttLength)")
    try require(
      overlap >= 0 && overlap <= bpttLength, .badShape,
      "overlap is out of range; expected 0 to \(bpttLength) time steps, got \(overlap)")
    try require(
      memory == nil, .badValue, "memory is unusable with bptt_length and overlap; expected none, got \(memory ?? 0)")
    try requireStates("bptt_length and overlap")
  }

  /// Advances the state over the first time steps of a batch.
  ///
  /// - Returns: the other time steps, which begin with the state.
  private func advance(
    _ batch: Batch, _ context: NetworkContext, over steps: Int, to state: Storage
  ) throws(RecurrentError) -> Batch {
    let part = batch.part(0..<steps, state: batch.state)
    let record = try record(part, in: context, copies: false, decodes: false, dropout)
    // all indices are checked before anything changes
    _ = try classes(part, record)
    try context.graph.evaluate()
    write(record.finalState, to: state.start)
    return batch.part(steps..<batch.T, state: UnsafeRawPointer(state.start))
  }

  /// Copies the state after `t` time steps of the last recording, which was evaluated.
  private func writeState(after t: Int, _ record: ForwardRecord, to p: UnsafeMutableRawPointer) {
    switch dtype {
    case .float32: writeState(after: t, record, to: p.assumingMemoryBound(to: Float.self))
    case .float64: writeState(after: t, record, to: p.assumingMemoryBound(to: Double.self))
    }
  }

  private func writeState<Scalar: Real>(after t: Int, _ record: ForwardRecord, to p: UnsafeMutablePointer<Scalar>) {
    let graph = record.context.graph
    var k = 0
    graph.forEachNode(0..<graph.nodes.count) { node, operands in
      guard node.pointee.operation == ProgramScan.self, k < layers.count else { return }
      let run = ProgramRun(node.pointee.settings(ProgramScan.self), Operands<Scalar>(operands, node))
      for (s, rows) in layers[k].states.enumerated() {
        let to = MatrixView(p + stateOffsets[s][k] * record.B, rows: rows, columns: record.B, columnStride: rows)
        Kernels.copy(run.state(s, after: t - 1), to: to)
      }
      k += 1
    }
  }

  // MARK: Parts

  /// The time steps of a part for which the memory of a training step stays within a budget; T for a single part.
  private func stepsOfPart(_ batch: Batch, _ context: NetworkContext, _ memory: Int) throws(RecurrentError) -> Int {
    try require(
      memory > 0 && memory < 1 << 47, .badValue,
      "memory is out of range; expected at least 1 and below \(1 << 47) bytes, got \(memory)")
    try requireStates("memory")
    let drawsOnce = dropout.map { $0.rate > 0 && options.variational } ?? false || layers.contains { $0.drawsOnce }
    try require(
      !(dropout != nil && drawsOnce), .badValue,
      "memory is unusable with a mask for whole sequences; expected dropout at each time step, got variational, input, "
        + "recurrent or weight dropout")
    // a part clamps lengths
    let graph = context.graph
    graph.reset()
    _ = try padding(batch, graph)
    /// The bytes of a part of some time steps.
    func bytes(_ steps: Int) throws(RecurrentError) -> Int {
      let before = dropout?.random.state
      defer { if let before { dropout?.random.state = before } }
      let part = batch.part(0..<steps, state: batch.state),
        record = try record(part, in: context, copies: false, dropout)
      _ = try loss(record, part, .sum, valid: 1)
      return graph.arena.bytes
    }
    func requireEnough(_ isEnough: Bool, _ least: Int) throws(RecurrentError) {
      try require(
        isEnough, .badValue,
        "memory is too small for \(batch.T) time steps of \(batch.B) sequences; expected at least \(least) bytes, got "
          + "\(memory)")
    }
    let T = batch.T, few = 8
    if T <= 2 * few {
      // parts would save nothing
      let all = try bytes(T)
      try requireEnough(all <= memory, all)
      return T
    }
    // two lengths tell the bytes of a time step: single steps are computed in another way
    let (less, more) = (try bytes(few), try bytes(2 * few))
    let step = Double(max(1, more - less) / few + 1), fixed = Double(max(0, 2 * less - more))
    if fixed + step * Double(T) <= Double(memory) { return T }
    // with T/n states, step·n + state·T/n is to be at most the rest
    let state = Double(stateCount(batchSize: batch.B) * dtype.size + MemoryLayout<Random.State>.stride) * Double(T)
    let rest = Double(memory) - fixed, discriminant = rest * rest - 4 * step * state
    let best = max(Double(few), (state / step).squareRoot()), least = fixed + step * best + state / best
    var steps = 0
    if rest > 0 && discriminant >= 0 {
      steps = Int(min(Double(T), (rest + discriminant.squareRoot()) / (2 * step)))
    }
    // the bytes may jump, as where there are as many tokens as columns
    while steps >= few, try bytes(steps) + Int(state) / steps > memory { steps = steps * 7 / 8 }
    try requireEnough(steps >= few, Int(least))
    return steps
  }

  private func trainInParts(
    _ batch: Batch, _ context: NetworkContext, _ reduction: Reduction, steps: Int,
    _ finalState: UnsafeMutableRawPointer?,
    _ update: () throws(RecurrentError) -> StepResult
  ) throws(RecurrentError) -> StepResult {
    let count = (batch.T + steps - 1) / steps, stateBytes = stateCount(batchSize: batch.B) * dtype.size
    // the state before each part, the last one, and the gradient of a part's first one
    let states = try Storage(bytes: (count + 2) * stateBytes)
    let (last, gradient) = (states.start + count * stateBytes, states.start + (count + 1) * stateBytes)
    var randoms = try Buffer<Random.State>(capacity: count)
    func part(_ p: Int) -> Batch {
      batch.part(
        p * steps..<min(batch.T, (p + 1) * steps),
        state: p == 0 ? batch.state : UnsafeRawPointer(states.start + p * stateBytes))
    }
    let valid = try batch.targetCount()
    for p in 0..<count {
      if let dropout { try randoms.append(dropout.random.state) }
      // all indices are checked before anything changes
      let part = part(p), record = try record(part, in: context, copies: false, decodes: false, dropout)
      _ = try classes(part, record)
      if p == count - 1 { break }
      try context.graph.evaluate()
      write(record.finalState, to: states.start + (p + 1) * stateBytes)
    }
    var total = 0.0, random: Random.State?
    do throws(RecurrentError) {
      for p in (0..<count).reversed() {
        if let dropout { dropout.random.state = randoms[p] }
        let part = part(p), record = try record(part, in: context, copies: false, dropout)
        let (loss, _) = try loss(record, part, reduction, valid: valid)
        if p == count - 1 {
          random = dropout?.random.state
          // the gradients of this step alone, whatever an earlier backward has left
          try parameters.flat.zeroGradient()
        } else {
          readGradient(gradient, into: record.finalState)
        }
        try context.graph.backward(from: loss)
        total += value(loss)
        if p == count - 1 { write(record.finalState, to: last) }
        if p > 0 { writeGradient(record.start, to: gradient) }
      }
      var result = try update()
      if let random { dropout?.random.state = random }
      finalState?.copyMemory(from: last, byteCount: stateBytes)
      result.loss = total
      return result
    } catch {
      try parameters.flat.zeroGradient()
      if error.kind == .notFinite {
        for p in 0..<count {
          let part = part(p), record = try record(part, in: context, copies: false, nil)
          try requireFinite(record, loss(record, part, reduction, valid: valid).target)
        }
      }
      throw error
    }
  }
}
