// Models over arrays in the caller's memory: forward, backward, and a whole training step in one call.

import Kernels

extension Network {
  /// What comes in: T steps of B sequences, time-major, so that a C-contiguous array (T, B, …) is read as it lies.
  public enum Arrays {
    /// Numbers of the model's type, T·B·inputSize of them.
    case numbers(UnsafeRawPointer)
    /// Tokens, T·B of them: looked up in the embedding; without one, each a column of zeros with a 1.
    case tokens(UnsafeBufferPointer<Int64>)
  }

  /// What a training step aims at.
  public enum Targets {
    /// A class for each step of each sequence, T·B of them; −1 where there is none: mean cross-entropy.
    case classes(UnsafeBufferPointer<Int64>)
    /// Numbers, T·B·outputs of them: mean squared error.
    case numbers(UnsafeRawPointer)
  }

  /// What a training step did.
  public struct TrainStep: Equatable, Sendable {
    /// The mean loss over all valid steps, before the update.
    public var loss: Double
    /// What the solver did.
    public var step: Optimizer.Statistics
  }

  /// The numbers in a state of `columns` sequences: every layer's h, then for an LSTM every layer's c.
  public func stateCount(columns: Int) -> Int { hiddenSizes.reduce(0, +) * columns * (cell.hasCell ? 2 : 1) }

  /// Runs a sequence. The recording stays for `backward`.
  ///
  /// - Parameters:
  ///   - input: the sequence.
  ///   - T: steps, at least 1.
  ///   - B: sequences side by side, at least 1.
  ///   - state: `stateCount(columns: B)` numbers; nil for zeros.
  ///   - lengths: valid steps of each sequence, 0 to T; nil for T. Later outputs are 0.
  ///   - y: receives T·B·topSize numbers.
  ///   - finalState: receives the state after the last valid steps; may be nil, or `state`.
  public func forward(
    _ input: Arrays, T: Int, B: Int, state: UnsafeRawPointer?, lengths: UnsafeBufferPointer<Int64>?,
    y: UnsafeMutableRawPointer, finalState: UnsafeMutableRawPointer?
  ) throws(RecurrentError) {
    let run = try record(input, T, B, state, lengths, copies: true, nil)
    try run.output.settle()
    recorded = run
    write(State(h: [run.output], c: []), to: y)
    clearPadding(y, run)
    if let finalState { write(run.finalState, to: finalState) }
  }

  /// Walks the last `forward` back: adds to the parameters' gradients.
  ///
  /// - Parameters:
  ///   - dy: the outputs' gradients, T·B·topSize numbers.
  ///   - dState: the final state's gradients, or nil for zeros.
  ///   - dx: receives the input's gradients, T·B·inputSize numbers; nil for tokens or where unwanted.
  ///   - dStart: receives the initial state's gradients; may be nil.
  /// - Throws: `.stale` if there is no `forward` to walk back.
  public func backward(
    dy: UnsafeRawPointer, dState: UnsafeRawPointer?, dx: UnsafeMutableRawPointer?, dStart: UnsafeMutableRawPointer?
  ) throws(RecurrentError) {
    guard let run = recorded else {
      throw RecurrentError(.stale, "backward needs a forward before it; each forward can be walked back once")
    }
    recorded = nil
    readGradient(dy, into: State(h: [run.output], c: []))
    clearPadding(run.output.dwStart, run)
    if let dState { readGradient(dState, into: run.finalState) }
    try graph.backward()
    if let dx, let x = run.x { writeGradient(State(h: [x], c: []), to: dx) }
    if let dStart { writeGradient(run.start, to: dStart) }
  }

  /// Forward with the model's dropout, mean loss, backward, clipping and the solver's step.
  ///
  /// - Parameters:
  ///   - solver: moves the parameters; its caches belong to this model.
  ///   - stepSize: the solver's α.
  ///   - clipval: the bound for clipping.
  ///   - others: as `forward`'s.
  /// - Throws: `.notFinite` if a gradient is; the weights, and dropout's generator, are as before.
  public func trainStep(
    _ input: Arrays, _ targets: Targets, T: Int, B: Int, state: UnsafeRawPointer?,
    lengths: UnsafeBufferPointer<Int64>?, finalState: UnsafeMutableRawPointer?, solver: Optimizer, stepSize: Double,
    regc: Double, clipval: Double
  ) throws(RecurrentError) -> TrainStep {
    _ = try Optimizer.Order(stepSize, regc, clipval)
    recorded = nil
    let drawn = dropout?.random.state
    var isDone = false
    defer { if !isDone, let drawn { dropout?.random.state = drawn } }
    let run = try record(input, T, B, state, lengths, copies: false, dropout)
    let loss = try self.loss(run, targets, lengths)
    try graph.backward(from: loss)
    let value = number(loss)
    do {
      let step = try solver.step(parameters, stepSize: stepSize, regc: regc, clipval: clipval)
      if let finalState { write(run.finalState, to: finalState) }
      isDone = true
      return TrainStep(loss: value, step: step)
    } catch {
      try parameters.flat.zeroGradient()
      throw error
    }
  }

  /// The mean loss of a sequence, as a training step's: learns nothing and drops nothing.
  ///
  /// - Throws: `.notFinite` if it is infinite or NaN.
  public func loss(
    _ input: Arrays, _ targets: Targets, T: Int, B: Int, state: UnsafeRawPointer?,
    lengths: UnsafeBufferPointer<Int64>?, finalState: UnsafeMutableRawPointer?
  ) throws(RecurrentError) -> Double {
    recorded = nil
    let run = try record(input, T, B, state, lengths, copies: false, nil)
    let loss = try self.loss(run, targets, lengths)
    try graph.evaluate()
    let value = number(loss)
    try require(value.isFinite, .notFinite, "the loss is \(value); the model's weights have diverged")
    if let finalState { write(run.finalState, to: finalState) }
    return value
  }

  private func number(_ loss: Mat) -> Double {
    switch dtype {
    case .float32: Double(loss.block.w(Float.self).p[0])
    case .float64: loss.block.w(Double.self).p[0]
    }
  }

  // MARK: Recording

  /// A sequence on the model's own graph.
  struct Recorded {
    let output: Mat, x: Mat?, start: State, finalState: State
    let T: Int, B: Int
    let lengths: UnsafeMutablePointer<Int32>?
  }

  private func record(
    _ input: Arrays, _ T: Int, _ B: Int, _ state: UnsafeRawPointer?, _ lengths: UnsafeBufferPointer<Int64>?,
    copies: Bool, _ dropout: Dropout?
  ) throws(RecurrentError) -> Recorded {
    try require(T > 0 && B > 0, .badShape, "there are \(T) steps of \(B) sequences; expected at least 1 of each")
    let (columns, overflow) = T.multipliedReportingOverflow(by: B)
    let widest = max(topSize, inputSize, hiddenSizes.max() ?? 1)
    try require(
      !overflow && columns <= Mat.maxCount / (4 * widest), .badShape,
      "\(T) steps of \(B) sequences are too many for this model; the most is \(Mat.maxCount / (4 * widest)) in all")
    graph.reset()
    recorded = nil
    var x: Mat?
    let source: Input
    switch input {
    case .numbers(let p):
      try require(embedding == nil, .badValue, "this model has an embedding; its input is tokens, not numbers")
      let mat = copies ? try graph.zeros(inputSize, columns, dtype) : try graph.borrow(p, inputSize, columns, dtype)
      if copies { read(p, into: State(h: [mat], c: [])) }
      x = mat
      source = .numbers(mat)
    case .tokens(let tokens):
      try require(tokens.count == columns, .badShape, "there are \(tokens.count) tokens; expected \(columns)")
      source = .tokens(try graph.keep(tokens, below: inputSize, "token"))
    }
    // the arrays of the recording before, now nobody else's: a steady loop takes nothing from the heap
    var (start, end) = spare
    spare = (State(h: [], c: []), State(h: [], c: []))
    try zero(&start, graph, columns: B)
    end.h.replaceSubrange(end.h.indices, with: start.h)
    end.c.replaceSubrange(end.c.indices, with: start.c)
    if let state { read(state, into: start) }
    var keptLengths: UnsafeMutablePointer<Int32>?
    if let lengths {
      try require(lengths.count == B, .badShape, "there are \(lengths.count) lengths; expected \(B)")
      keptLengths = try graph.keep(lengths, below: T + 1, "length")
    }
    let top = try advance(graph, source, steps: T, &end, lengths: keptLengths, wantsInput: copies, dropout: dropout)
    let output = try decode(graph, top)
    spare = (start, end)
    return Recorded(output: output, x: x, start: start, finalState: end, T: T, B: B, lengths: keptLengths)
  }

  private func loss(
    _ run: Recorded, _ targets: Targets, _ lengths: UnsafeBufferPointer<Int64>?
  ) throws(RecurrentError) -> Mat {
    let columns = run.T * run.B
    switch targets {
    case .classes(let classes):
      try require(classes.count == columns, .badShape, "there are \(classes.count) targets; expected \(columns)")
      let kept = try graph.keep(classes, below: topSize, from: -1, "target")
      if let lengths {
        for column in 0..<columns where Int64(column / run.B) >= lengths[column % run.B] { kept[column] = -1 }
      }
      var valid = 0
      for column in 0..<columns where kept[column] >= 0 { valid += 1 }
      try require(valid > 0, .badValue, "there is nothing to learn from: no step has a target")
      return try graph.crossEntropy(run.output, kept: kept, factor: 1 / Double(valid))
    case .numbers(let p):
      let aim = try graph.borrow(p, topSize, columns, dtype)
      guard let lengths else { return try graph.squaredError(run.output, aim) }
      let valid = lengths.reduce(0) { $0 + Int($1) }
      try require(valid > 0, .badValue, "there is nothing to learn from: all lengths are 0")
      // 1 where a step is valid: both sides are 0 elsewhere
      let mask = try graph.zeros(topSize, columns, dtype)
      try mask.fill(1)
      clearPadding(mask.wStart, run)
      let error = try graph.squaredError(graph.eltmul(run.output, mask), graph.eltmul(aim, mask), .sum)
      return try graph.scale(error, by: 1 / Double(valid * topSize))
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

  /// Visits the columns of h, then those of c, one after the other, beside memory without gaps.
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

  /// Zeros in the columns of steps beyond each sequence's end.
  private func clearPadding(_ p: UnsafeMutableRawPointer, _ run: Recorded) {
    guard let lengths = run.lengths else { return }
    let bytes = topSize * dtype.size
    for column in 0..<run.T * run.B where column / run.B >= lengths[column % run.B] {
      (p + column * bytes).initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    }
  }
}
