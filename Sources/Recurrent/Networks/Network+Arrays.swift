// Networks over arrays in the caller's memory: forward, backward, and a whole training step in one call.

import Kernels

extension Network {
  /// T time steps of B sequences, time-major: a C-contiguous array (T, B, …) is read without a copy of its layout.
  public enum Inputs {
    /// Vectors of the network's type, T·B·inputSize elements.
    case values(UnsafeRawPointer)
    /// Tokens, T·B of them: rows of the embedding; one-hot columns without an embedding.
    case tokens(UnsafeBufferPointer<Int64>)
  }

  /// The targets of a loss.
  public enum Targets {
    /// A class per time step and sequence, T·B of them; −1 for no target. The loss is the cross-entropy.
    case classes(UnsafeBufferPointer<Int64>)
    /// Vectors of the network's type, T·B·topSize elements. The loss is the squared error.
    case values(UnsafeRawPointer)
  }

  /// The elements of a state of `batchSize` sequences: every layer's h, then for an LSTM every layer's c.
  public func stateCount(batchSize: Int) -> Int { hiddenSizes.reduce(0, +) * batchSize * (cell.hasCell ? 2 : 1) }

  /// Runs a sequence without dropout. The recording stays for `backward` and `activation`.
  ///
  /// - Parameters:
  ///   - input: the sequence.
  ///   - T: time steps, at least 1.
  ///   - B: batch size, at least 1.
  ///   - state: `stateCount(batchSize: B)` elements; nil for zeros.
  ///   - lengths: valid time steps of each sequence, 0 to T; nil for T. Outputs of padding steps are 0.
  ///   - y: receives T·B·topSize elements.
  ///   - finalState: receives the state after the last valid time steps; may be nil, or equal to `state`.
  public func forward(
    _ input: Inputs, T: Int, B: Int, state: UnsafeRawPointer?, lengths: UnsafeBufferPointer<Int64>?,
    y: UnsafeMutableRawPointer, finalState: UnsafeMutableRawPointer?
  ) throws(RecurrentError) {
    let record = try record(input, T, B, state, lengths, copies: true, nil)
    try record.output.synchronize()
    forwardRecord = record
    write(State(h: [record.output], c: []), to: y)
    clearPadding(y, record)
    if let finalState { write(record.finalState, to: finalState) }
  }

  /// Backpropagates through the last `forward`, once: adds to the parameters' gradients.
  ///
  /// - Parameters:
  ///   - dy: the outputs' gradients, T·B·topSize elements.
  ///   - dState: the final state's gradients, or nil for zeros.
  ///   - dx: receives the input's gradients, T·B·inputSize elements; nil for tokens or if not needed.
  ///   - dStart: receives the initial state's gradients; may be nil.
  /// - Throws: `.invalidated` without a `forward`, or if its backward was called.
  public func backward(
    dy: UnsafeRawPointer, dState: UnsafeRawPointer?, dx: UnsafeMutableRawPointer?, dStart: UnsafeMutableRawPointer?
  ) throws(RecurrentError) {
    guard let record = forwardRecord else {
      throw RecurrentError(.invalidated, "backward has no forward pass; expected one call of backward per forward")
    }
    forwardRecord = nil
    readGradient(dy, into: State(h: [record.output], c: []))
    clearPadding(record.output.dwStart, record)
    if let dState { readGradient(dState, into: record.finalState) }
    try graph.backward()
    if let dx, let x = record.x { writeGradient(State(h: [x], c: []), to: dx) }
    if let dStart { writeGradient(record.start, to: dStart) }
  }

  /// Trains on one batch: forward with dropout, loss, backward, clipping and the optimizer's step.
  ///
  /// - Parameters:
  ///   - input: as `forward`'s, and so `T`, `B`, `state`, `lengths` and `finalState`.
  ///   - targets: the loss's targets.
  ///   - optimizer: updates the parameters; its state belongs to this network.
  ///   - learningRate: α, at least 0; nil for the optimizer's own.
  ///   - weightDecay: the fraction of each weight that is subtracted, besides the optimizer's own decay.
  ///   - clip: the clipping threshold, above 0; infinity for none.
  ///   - reduction: the mean of the loss over all targets, or the sum.
  /// - Returns: the loss before the update, and the optimizer's result.
  /// - Throws: `.notFinite` for a gradient that is infinite or NaN; weights and dropout's generator are unchanged.
  public func trainStep(
    _ input: Inputs, _ targets: Targets, T: Int, B: Int, state: UnsafeRawPointer? = nil,
    lengths: UnsafeBufferPointer<Int64>? = nil, finalState: UnsafeMutableRawPointer? = nil, optimizer: Optimizer,
    learningRate: Double? = nil, weightDecay: Double = 0, clip: Double = .infinity, reduction: Reduction = .mean
  ) throws(RecurrentError) -> StepResult {
    let learningRate = learningRate ?? optimizer.learningRate
    _ = try StepOptions(learningRate, weightDecay, clip)
    forwardRecord = nil
    let before = dropout?.random.state
    var isDone = false
    defer { if !isDone, let before { dropout?.random.state = before } }
    let record = try record(input, T, B, state, lengths, copies: false, dropout)
    let loss = try self.loss(record, targets, lengths, reduction)
    try graph.backward(from: loss)
    let value = self.value(loss)
    do {
      var result = try optimizer.step(
        parameters, learningRate: learningRate, weightDecay: weightDecay, clip: clip)
      if let finalState { write(record.finalState, to: finalState) }
      isDone = true
      result.loss = value
      return result
    } catch {
      try parameters.flat.zeroGradient()
      throw error
    }
  }

  /// Computes the loss of a sequence without dropout and without updating the weights.
  ///
  /// The arguments are those of `trainStep`.
  ///
  /// - Throws: `.notFinite` if the loss is infinite or NaN.
  public func loss(
    _ input: Inputs, _ targets: Targets, T: Int, B: Int, state: UnsafeRawPointer? = nil,
    lengths: UnsafeBufferPointer<Int64>? = nil, finalState: UnsafeMutableRawPointer? = nil,
    reduction: Reduction = .mean
  ) throws(RecurrentError) -> Double {
    forwardRecord = nil
    let record = try record(input, T, B, state, lengths, copies: false, nil)
    let loss = try self.loss(record, targets, lengths, reduction)
    try graph.evaluate()
    let value = self.value(loss)
    try require(
      value.isFinite, .notFinite,
      "loss is not finite; expected a finite number, got \(value): the weights have diverged")
    if let finalState { write(record.finalState, to: finalState) }
    return value
  }

  private func value(_ loss: Mat) -> Double {
    switch dtype {
    case .float32: Double(loss.operandRef.w(Float.self).p[0])
    case .float64: loss.operandRef.w(Double.self).p[0]
    }
  }

  // MARK: Recording

  /// The Mats of a forward pass on the network's own graph.
  struct ForwardRecord {
    let output: Mat, x: Mat?, start: State, finalState: State
    let T: Int, B: Int
    let lengths: UnsafeMutablePointer<Int32>?
  }

  private func record(
    _ input: Inputs, _ T: Int, _ B: Int, _ state: UnsafeRawPointer?, _ lengths: UnsafeBufferPointer<Int64>?,
    copies: Bool, _ dropout: Dropout?
  ) throws(RecurrentError) -> ForwardRecord {
    try require(T > 0 && B > 0, .badShape, "T and B are out of range; expected at least 1, got \(T) and \(B)")
    let (columns, overflow) = T.multipliedReportingOverflow(by: B)
    let widest = max(topSize, inputSize, hiddenSizes.max() ?? 1)
    try require(
      !overflow && columns <= Mat.maxCount / (4 * widest), .badShape,
      "T·B is out of range; expected at most \(Mat.maxCount / (4 * widest)) for this network, got \(T) and \(B)")
    graph.reset()
    forwardRecord = nil
    var x: Mat?
    let source: ScanInput
    switch input {
    case .values(let p):
      try require(embedding == nil, .badValue, "input has the wrong type; expected tokens for an embedding, got values")
      let mat =
        copies ? try graph.zeros(inputSize, columns, dtype) : try graph.wrapExternal(p, inputSize, columns, dtype)
      if copies { read(p, into: State(h: [mat], c: [])) }
      x = mat
      source = .vectors(mat)
    case .tokens(let tokens):
      try require(
        tokens.count == columns, .badShape, "tokens has the wrong length; expected \(columns), got \(tokens.count)")
      source = .tokens(try graph.copyIndices(tokens, below: inputSize, "token"))
    }
    // reuse the previous call's arrays; their buffers are uniquely referenced here, so a training loop does not allocate
    var (start, end) = reusableStates
    reusableStates = (State(h: [], c: []), State(h: [], c: []))
    try zero(&start, graph, batchSize: B)
    end.h.replaceSubrange(end.h.indices, with: start.h)
    end.c.replaceSubrange(end.c.indices, with: start.c)
    if let state { read(state, into: start) }
    var keptLengths: UnsafeMutablePointer<Int32>?
    if let lengths {
      try require(lengths.count == B, .badShape, "lengths has the wrong length; expected \(B), got \(lengths.count)")
      keptLengths = try graph.copyIndices(lengths, below: T + 1, "length")
    }
    let top = try advance(graph, source, steps: T, &end, lengths: keptLengths, wantsInput: copies, dropout: dropout)
    let output = try decode(graph, top)
    reusableStates = (start, end)
    return ForwardRecord(output: output, x: x, start: start, finalState: end, T: T, B: B, lengths: keptLengths)
  }

  private func loss(
    _ record: ForwardRecord, _ targets: Targets, _ lengths: UnsafeBufferPointer<Int64>?, _ reduction: Reduction
  ) throws(RecurrentError) -> Mat {
    let columns = record.T * record.B
    switch targets {
    case .classes(let classes):
      try require(
        classes.count == columns, .badShape, "targets has the wrong length; expected \(columns), got \(classes.count)")
      let kept = try graph.copyIndices(classes, below: topSize, from: -1, "target")
      if let lengths {
        for column in 0..<columns where Int64(column / record.B) >= lengths[column % record.B] { kept[column] = -1 }
      }
      var valid = 0
      for column in 0..<columns where kept[column] >= 0 { valid += 1 }
      try require(valid > 0, .badValue, "targets is empty; expected at least one target other than -1, got none")
      return try graph.crossEntropy(record.output, targets: kept, factor: reduction == .mean ? 1 / Double(valid) : 1)
    case .values(let p):
      let target = try graph.wrapExternal(p, topSize, columns, dtype)
      guard let lengths else { return try graph.squaredError(record.output, target, reduction) }
      let valid = lengths.reduce(0) { $0 + Int($1) }
      try require(valid > 0, .badValue, "lengths has no valid time step; expected at least one above 0, got 0")
      // 1 in valid columns, 0 in padding: the error of padding is 0
      let mask = try graph.zeros(topSize, columns, dtype)
      try mask.fill(1)
      clearPadding(mask.wStart, record)
      let error = try graph.squaredError(graph.eltmul(record.output, mask), graph.eltmul(target, mask), .sum)
      return reduction == .mean ? try graph.scale(error, by: 1 / Double(valid * topSize)) : error
    }
  }

  // MARK: Copies

  private func write(_ mats: State, to p: UnsafeMutableRawPointer) {
    eachColumn(of: mats) { mat, at, offset, bytes in (p + offset).copyMemory(from: mat.wStart + at, byteCount: bytes) }
  }

  private func writeGradient(_ mats: State, to p: UnsafeMutableRawPointer) {
    eachColumn(of: mats) { mat, at, offset, bytes in (p + offset).copyMemory(from: mat.dwStart + at, byteCount: bytes) }
  }

  private func read(_ p: UnsafeRawPointer, into mats: State) {
    eachColumn(of: mats) { mat, at, offset, bytes in (mat.wStart + at).copyMemory(from: p + offset, byteCount: bytes) }
  }

  private func readGradient(_ p: UnsafeRawPointer, into mats: State) {
    eachColumn(of: mats) { mat, at, offset, bytes in (mat.dwStart + at).copyMemory(from: p + offset, byteCount: bytes) }
  }

  /// Visits the columns of every h, then of every c, with their offsets in a contiguous buffer.
  private func eachColumn(
    of mats: State, _ body: (_ mat: Mat, _ at: Int, _ offset: Int, _ bytes: Int) -> Void
  ) {
    var offset = 0
    for k in 0..<mats.h.count + mats.c.count {
      let mat = k < mats.h.count ? mats.h[k] : mats.c[k - mats.h.count]
      for j in 0..<mat.d {
        body(mat, j * mat.stride * dtype.size, offset, mat.n * dtype.size)
        offset += mat.n * dtype.size
      }
    }
  }

  /// Sets the columns of padding steps to 0.
  private func clearPadding(_ p: UnsafeMutableRawPointer, _ record: ForwardRecord) {
    guard let lengths = record.lengths else { return }
    let bytes = topSize * dtype.size
    for column in 0..<record.T * record.B where column / record.B >= lengths[column % record.B] {
      (p + column * bytes).initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    }
  }
}
