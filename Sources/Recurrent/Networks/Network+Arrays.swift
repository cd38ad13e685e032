// Networks over arrays in the caller's memory: forward, backward, and a whole training step in one call.

import Kernels

extension Network {
  /// T time steps of B sequences, time-major: a C-contiguous array (T, B, …) is read without a copy of its layout.
  public enum Inputs: ~Escapable {
    /// Vectors of the network's type, T·B·inputSize elements.
    case values(Elements)
    /// Tokens, T·B of them: rows of the embedding; one-hot columns without an embedding.
    case tokens(Span<Int64>)
  }

  /// The targets of a loss.
  public enum Targets: ~Escapable {
    /// A class per time step and sequence, T·B of them; −1 for no target. The loss is the cross-entropy.
    case classes(Span<Int64>)
    /// Vectors of the network's type, T·B·topSize elements. The loss is the squared error.
    case values(Elements)
  }

  /// The elements of a state of `batchSize` sequences: every layer's first state, then every layer's second, and so on;
  /// with two directions, both of each layer, the forward one first.
  ///
  /// `Int.max`, which no array has, for a number of sequences beyond memory.
  public func stateCount(batchSize: Int) -> Int {
    let one = layers.reduce(0) { $0 + $1.states.reduce(0, +) }
    let (count, overflow) = one.multipliedReportingOverflow(by: batchSize)
    return overflow ? .max : count
  }

  /// Returns T·B, a number of columns that the network's Mats can have.
  package func columns(_ T: Int, _ B: Int) throws(RecurrentError) -> Int {
    try require(T > 0 && B > 0, .badShape, "T and B are out of range; expected at least 1, got \(T) and \(B)")
    let (columns, overflow) = T.multipliedReportingOverflow(by: B)
    try require(
      !overflow && columns <= Mat.maxCount / (4 * widest), .badShape,
      "T·B is out of range; expected at most \(Mat.maxCount / (4 * widest)) for this network, got \(T) and \(B)")
    return columns
  }

  /// Runs a sequence. The recording stays for `backward` and `activation`.
  ///
  /// - Parameters:
  ///   - input: the sequence.
  ///   - T: time steps, at least 1.
  ///   - B: batch size, at least 1.
  ///   - state: `stateCount(batchSize: B)` elements; nil for sequences that begin: zeros, or the learned initial states.
  ///   - lengths: valid time steps of each of the B sequences, 0 to T; nil for T. Outputs of padding steps are 0.
  ///   - resets: T·B of them, 1 where a sequence begins and 0 elsewhere; nil for none. The state before such a step is that
  ///     of sequences that begin, and no gradient passes.
  ///   - y: receives T·B·topSize elements.
  ///   - finalState: receives the state after the last valid time steps, `stateCount(batchSize: B)` elements; may be nil.
  ///   - training: whether `dropout` acts, as in `trainStep`; `backward` uses the same masks.
  /// - Throws: `.badShape` or `.badType` naming an array of another length or type, `.badIndex`. `dropout`'s generator is
  ///   unchanged.
  public func forward(
    _ input: Inputs, T: Int, B: Int, state: Elements? = nil, lengths: Span<Int64>? = nil,
    resets: Span<Int64>? = nil,
    y: consuming MutableElements, finalState: consuming MutableElements? = nil, training: Bool = false
  ) throws(RecurrentError) {
    let batch = try Batch(self, input, nil, T: T, B: B, state, lengths, resets)
    let y = try y.memory("y", batch.columns * topSize, dtype)
    let finalState = try memory(finalState, "final_state", stateCount(batchSize: B), dtype)
    let dropout = training ? dropout : nil
    discardForward()
    let context = contexts.take()
    context.graph.holdsInputs = false
    let record: ForwardRecord
    do throws(RecurrentError) {
      record = try Random.restoring(dropout?.random) { () throws(RecurrentError) in
        let record = try self.record(batch, in: context, copies: true, dropout)
        try context.graph.evaluate()
        return record
      }
    } catch {
      contexts.putBack(context)
      throw error
    }
    forwardRecord = record
    write(record, y, finalState)
  }

  /// Runs a sequence without keeping the recording, and without dropout. Only reads the network: such calls run
  /// concurrently, and leave the recording of `forward` as it is.
  ///
  /// The arguments are those of `forward`, and the results have the same bits.
  public func infer(
    _ input: Inputs, T: Int, B: Int, state: Elements? = nil, lengths: Span<Int64>? = nil,
    resets: Span<Int64>? = nil, y: consuming MutableElements, finalState: consuming MutableElements? = nil
  ) throws(RecurrentError) {
    let batch = try Batch(self, input, nil, T: T, B: B, state, lengths, resets)
    let y = try y.memory("y", batch.columns * topSize, dtype)
    let finalState = try memory(finalState, "final_state", stateCount(batchSize: B), dtype)
    try reading { (context) throws(RecurrentError) in
      let record = try self.record(batch, in: context, copies: false, nil)
      try context.graph.evaluate()
      write(record, y, finalState)
    }
  }

  /// Copies the results of a forward pass.
  private func write(_ record: ForwardRecord, _ y: UnsafeMutableRawPointer, _ finalState: UnsafeMutableRawPointer?) {
    write(State(h: [record.output]), to: y)
    clear(y, topSize, record.T * record.B, record.padding)
    if let finalState { write(record.finalState, to: finalState) }
  }

  /// Backpropagates through the last `forward`, once: adds to the parameters' gradients.
  ///
  /// - Parameters:
  ///   - dy: the outputs' gradients, T·B·topSize elements.
  ///   - dState: the final state's gradients, `stateCount(batchSize: B)` elements; nil for zeros.
  ///   - dx: receives the input's gradients, T·B·inputSize elements; nil for tokens or if not needed.
  ///   - dStart: receives the initial state's gradients, `stateCount(batchSize: B)` elements; may be nil.
  /// - Throws: `.invalidated` without a `forward`, or if its backward was called; `.badShape` or `.badType` naming an
  ///   array of another length or type.
  public func backward(
    dy: Elements, dState: Elements? = nil, dx: consuming MutableElements? = nil,
    dStart: consuming MutableElements? = nil
  ) throws(RecurrentError) {
    let (T, B) = try lastForward()
    guard let record = forwardRecord else { return }
    let columns = T * B, stateCount = stateCount(batchSize: B)
    let dy = try dy.memory("dy", columns * topSize, dtype)
    let dState = try memory(dState, "dfinal", stateCount, dtype)
    let dx = try memory(dx, "dx", columns * inputSize, dtype)
    let dStart = try memory(dStart, "dstate", stateCount, dtype)
    try require(
      dx == nil || record.x != nil, .badValue, "dx is given for tokens; expected none, got an array")
    forwardRecord = nil
    defer { contexts.putBack(record.context) }
    readGradient(dy, into: State(h: [record.output]))
    clear(record.output.dwStart, topSize, record.output.d, record.padding)
    if let dState { readGradient(dState, into: record.finalState) }
    try record.context.graph.backward()
    if let dx, let x = record.x { writeGradient(State(h: [x]), to: dx) }
    if let dStart { writeGradient(record.start, to: dStart) }
  }

  /// Returns T and B of the last `forward`, whose backward was not called.
  package func lastForward() throws(RecurrentError) -> (T: Int, B: Int) {
    guard let record = forwardRecord else {
      throw RecurrentError(.invalidated, "backward has no forward pass; expected one call of backward per forward")
    }
    return (record.T, record.B)
  }

  /// Computes the loss of a sequence without dropout and without updating the weights.
  ///
  /// Only reads the network: such calls run concurrently. The arguments are those of `trainStep`.
  ///
  /// - Throws: `.notFinite` if the loss is infinite or NaN.
  public func loss(
    _ input: Inputs, _ targets: Targets, T: Int, B: Int, state: Elements? = nil, lengths: Span<Int64>? = nil,
    resets: Span<Int64>? = nil,
    finalState: consuming MutableElements? = nil, reduction: Reduction = .mean
  ) throws(RecurrentError) -> Double {
    let batch = try Batch(self, input, targets, T: T, B: B, state, lengths, resets)
    let finalState = try memory(finalState, "final_state", stateCount(batchSize: B), dtype)
    return try reading { (context) throws(RecurrentError) in
      let record = try self.record(batch, in: context, copies: false, nil)
      let (loss, target) = try self.loss(record, batch, reduction)
      try context.graph.evaluate()
      let value = self.value(loss)
      if !value.isFinite { try requireFinite(record, target) }
      try require(
        value.isFinite, .notFinite,
        "loss is not finite; expected a finite number, got \(value): the weights have diverged")
      if let finalState { write(record.finalState, to: finalState) }
      return value
    }
  }

  func value(_ loss: Mat) -> Double { dtype.load(loss.wStart, 0) }

  // MARK: Recording

  /// The Mats of a forward pass on the graph of a context.
  struct ForwardRecord {
    let context: NetworkContext
    let output: Mat, x: Mat?, start: State, finalState: State
    /// The first time step of a part of a batch.
    let first: Int
    let T: Int, B: Int
    let padding: Padding?
  }

  /// The time steps beyond the lengths of the sequences. Elements of arrays there are never read: they may be NaN.
  struct Padding {
    /// Valid time steps of each of B sequences, in the graph's memory.
    let lengths: UnsafeMutablePointer<Int32>
    let B: Int

    /// Whether column t·B + b is padding.
    func contains(_ column: Int) -> Bool { column / B >= lengths[column % B] }
  }

  private func resets(_ batch: Batch, _ graph: Graph) throws(RecurrentError) -> UnsafeMutablePointer<Int32>? {
    guard let resets = batch.resets else { return nil }
    try require(
      !options.bidirectional, .badValue,
      "resets is unusable with two directions; expected a network of one direction, got a bidirectional one")
    return try graph.copyIndices(resets, count: batch.columns, below: 2, "resets")
  }

  func padding(_ batch: Batch, _ graph: Graph) throws(RecurrentError) -> Padding? {
    guard let lengths = batch.lengths else { return nil }
    if batch.isPart {
      // those of the whole were checked; another thread may have changed them
      let left = lengths.lazy.map { min(max(0, $0 &- Int64(batch.first)), Int64(batch.T)) }
      return Padding(
        lengths: try graph.copyIndices(left, count: batch.B, below: batch.T + 1, "lengths"), B: batch.B)
    }
    return Padding(
      lengths: try graph.copyIndices(lengths, count: batch.B, below: batch.T + 1, "lengths"), B: batch.B)
  }

  /// Records a forward pass on the emptied graph of a context.
  ///
  /// - Parameters:
  ///   - copies: whether the recording outlives the call.
  ///   - decodes: whether the decoder is recorded; otherwise the output is the top layer's.
  func record(
    _ batch: Batch, in context: NetworkContext, copies: Bool, decodes: Bool = true, _ dropout: Dropout?
  ) throws(RecurrentError) -> ForwardRecord {
    let (T, B) = (batch.T, batch.B), graph = context.graph
    graph.reset()
    graph.keepsValues = copies
    let padding = try padding(batch, graph), begins = try resets(batch, graph)
    var x: Mat?
    let source: ScanInput
    if let tokens = batch.tokens {
      source = .tokens(try indices(tokens, batch, graph, "tokens", 0..<inputSize, padding, paddingValue: 0))
    } else {
      let mat = try values(batch.x, inputSize, batch, graph, padding, copies: copies)
      x = mat
      source = .vectors(mat)
    }
    // reuse the previous call's arrays; their buffers are uniquely referenced here, so a training loop does not allocate
    var (start, end) = context.reusableStates
    context.reusableStates = (State([]), State([]))
    if let state = batch.state {
      try zero(&start, graph, batchSize: B)
      read(state, into: start)
    } else {
      try begin(&start, graph, batchSize: B)
    }
    while end.mats.count < start.mats.count { end.mats.append([]) }
    for s in start.mats.indices { end.mats[s].replaceSubrange(end.mats[s].indices, with: start.mats[s]) }
    let top = try advance(
      graph, source, steps: T, &end, lengths: padding?.lengths, resets: begins, wantsInput: copies, dropout: dropout)
    let output = decodes ? try decode(graph, top) : top
    context.reusableStates = (start, end)
    return ForwardRecord(
      context: context, output: output, x: x, start: start, finalState: end, first: batch.first, T: T, B: B,
      padding: padding)
  }

  /// Records the loss; returns it and the targets, if they are vectors.
  ///
  /// - Parameter valid: the number of targets that a mean is over; nil for those of the batch.
  func loss(
    _ record: ForwardRecord, _ batch: Batch, _ reduction: Reduction, valid: Int? = nil
  ) throws(RecurrentError) -> (loss: Mat, target: Mat?) {
    let padding = record.padding, graph = record.context.graph
    if let kept = try classes(batch, record) {
      let count = if let valid { valid } else { try batch.targetCount() }
      return (
        try graph.crossEntropy(
          record.output, targets: kept, factor: reduction == .mean ? 1 / Double(count) : 1), nil
      )
    }
    let target = try values(batch.values, topSize, batch, graph, padding, copies: false)
    if padding == nil && valid == nil { return (try graph.squaredError(record.output, target, reduction), target) }
    var output = record.output
    if let padding {
      // 1 in valid columns, 0 in padding: with the target's zeros, the error of padding is 0
      let mask = try graph.zeros(topSize, batch.columns, dtype)
      try mask.fill(1)
      clear(mask.wStart, topSize, batch.columns, padding)
      output = try graph.eltmul(output, mask)
    }
    let error = try graph.squaredError(output, target, .sum)
    let count = if let valid { valid } else { try batch.targetCount() }
    return (reduction == .mean ? try graph.scale(error, by: 1 / Double(count)) : error, target)
  }

  /// The classes of a batch, copied; nil for targets that are values.
  func classes(_ batch: Batch, _ record: ForwardRecord) throws(RecurrentError) -> UnsafeMutablePointer<Int32>? {
    guard let classes = batch.classes else { return nil }
    return try indices(
      classes, batch, record.context.graph, "targets", -1..<topSize, record.padding, paddingValue: -1)
  }

  // MARK: Arrays

  /// Vectors of the caller as a Mat, with zeros in padding: a copy where there is padding, or for a recording that
  /// outlives the call.
  private func values(
    _ p: UnsafeRawPointer, _ n: Int, _ batch: Batch, _ graph: Graph, _ padding: Padding?, copies: Bool
  ) throws(RecurrentError) -> Mat {
    guard copies || padding != nil else { return try graph.wrapExternal(p, n, batch.columns, dtype) }
    let mat = try graph.zeros(n, batch.columns, dtype)
    read(p, into: State(h: [mat]))
    clear(mat.wStart, n, batch.columns, padding)
    return mat
  }

  /// Indices of the caller, (T, B), copied, with `paddingValue` in padding.
  private func indices(
    _ indices: UnsafeBufferPointer<Int64>, _ batch: Batch, _ graph: Graph, _ name: StaticString, _ range: Range<Int>,
    _ padding: Padding?, paddingValue: Int64
  ) throws(RecurrentError) -> UnsafeMutablePointer<Int32> {
    let place = { (column: Int) in "\(batch.first + column / batch.B), \(column % batch.B)" }
    guard let padding else {
      return try graph.copyIndices(
        indices, count: batch.columns, below: range.upperBound, from: range.lowerBound, name, at: place)
    }
    return try graph.copyIndices(
      (0..<batch.columns).lazy.map { padding.contains($0) ? paddingValue : indices[$0] }, count: batch.columns,
      below: range.upperBound, from: range.lowerBound, name, at: place)
  }

  /// Refuses the first array that is not finite, arguments before weights: the cause of a loss or a gradient
  /// that is not finite.
  func requireFinite(_ record: ForwardRecord, _ target: Mat?) throws(RecurrentError) {
    func check(_ name: String, _ found: (place: String, value: Double)?) throws(RecurrentError) {
      guard let found else { return }
      throw RecurrentError(
        .notFinite, "\(name) is not finite; expected finite numbers, got \(found.value) at [\(found.place)]")
    }
    // the Mats have zeros in padding
    for (name, mat) in [("x", record.x), ("targets", target)] {
      guard let found = mat?.firstNonFinite else { continue }
      try check(
        name, ("\(record.first + found.column / record.B), \(found.column % record.B), \(found.row)", found.value))
    }
    // the states of later parts were computed
    for (name, mats) in zip(cell.states, record.start.mats) where record.first == 0 {
      // a learned state has a node: its parameter is the cause
      for (k, mat) in mats.enumerated() where mat.node < 0 {
        try check("state.\(name)[\(k)]", mat.firstNonFinite.map { ("\($0.column), \($0.row)", $0.value) })
      }
    }
    for (name, mat) in parameters.all {
      try check(name, mat.firstNonFinite.map { ("\($0.row), \($0.column)", $0.value) })
    }
  }

  func write(_ mats: State, to p: UnsafeMutableRawPointer) {
    eachColumn(of: mats) { mat, at, offset, bytes in (p + offset).copyMemory(from: mat.wStart + at, byteCount: bytes) }
  }

  func writeGradient(_ mats: State, to p: UnsafeMutableRawPointer) {
    eachColumn(of: mats) { mat, at, offset, bytes in (p + offset).copyMemory(from: mat.dwStart + at, byteCount: bytes) }
  }

  func read(_ p: UnsafeRawPointer, into mats: State) {
    eachColumn(of: mats) { mat, at, offset, bytes in (mat.wStart + at).copyMemory(from: p + offset, byteCount: bytes) }
  }

  func readGradient(_ p: UnsafeRawPointer, into mats: State) {
    eachColumn(of: mats) { mat, at, offset, bytes in (mat.dwStart + at).copyMemory(from: p + offset, byteCount: bytes) }
  }

  /// Visits the columns of every Mat, state by state, with their offsets in a contiguous buffer.
  private func eachColumn(
    of mats: State, _ body: (_ mat: Mat, _ at: Int, _ offset: Int, _ bytes: Int) -> Void
  ) {
    var offset = 0
    for layers in mats.mats {
      for mat in layers {
        for j in 0..<mat.d {
          body(mat, j * mat.stride * dtype.size, offset, mat.n * dtype.size)
          offset += mat.n * dtype.size
        }
      }
    }
  }

  /// Sets the columns of padding to 0.
  private func clear(_ p: UnsafeMutableRawPointer, _ n: Int, _ columns: Int, _ padding: Padding?) {
    guard let padding else { return }
    let bytes = n * dtype.size
    for column in 0..<columns where padding.contains(column) {
      (p + column * bytes).initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    }
  }
}
