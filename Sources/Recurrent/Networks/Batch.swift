// The arrays of a call: the sequences, their targets and where they begin and end.

/// Arrays of T time steps of B sequences, in memory that outlives the call.
struct Batch {
  let network: Network
  let T: Int, B: Int
  /// The first of the time steps in the whole batch, and whether this is a part of one.
  private(set) var first = 0, isPart = false
  /// Vectors; meaningless with tokens.
  private(set) var x: UnsafeRawPointer
  private(set) var tokens: UnsafeBufferPointer<Int64>?
  private(set) var classes: UnsafeBufferPointer<Int64>?
  /// Vectors; meaningless with classes, and without targets.
  private(set) var values: UnsafeRawPointer
  /// The state before the first time step; nil for that of sequences that begin.
  var state: UnsafeRawPointer?
  /// Of the whole batch.
  let lengths: UnsafeBufferPointer<Int64>?
  private(set) var resets: UnsafeBufferPointer<Int64>?

  /// T·B.
  var columns: Int { T * B }

  /// - Throws: `.badShape` or `.badType` naming an array of another length or type.
  init(
    _ network: Network, _ input: Network.Inputs, _ targets: Network.Targets?, T: Int, B: Int, _ state: Elements?,
    _ lengths: Span<Int64>?, _ resets: Span<Int64>?
  ) throws(RecurrentError) {
    let columns = try network.columns(T, B), dtype = network.dtype
    (self.network, self.T, self.B) = (network, T, B)
    self.state = try memory(state, "state", network.stateCount(batchSize: B), dtype)
    self.lengths = if let lengths { try memory(of: lengths, "lengths", B) } else { nil }
    self.resets = if let resets { try memory(of: resets, "resets", columns) } else { nil }
    x = UnsafeRawPointer(network.parameters.flat.wStart)
    values = x
    switch input {
    case .values(let vectors):
      try require(
        network.embedding == nil, .badValue, "input has the wrong type; expected tokens for an embedding, got values")
      x = try vectors.memory("x", columns * network.inputSize, dtype)
    case .tokens(let tokens): self.tokens = try memory(of: tokens, "tokens", columns)
    }
    switch targets {
    case .classes(let classes): self.classes = try memory(of: classes, "targets", columns)
    case .values(let vectors): values = try vectors.memory("targets", columns * network.topSize, dtype)
    case nil: break
    }
  }

  /// Some of the time steps.
  ///
  /// - Parameter state: the state before the first of them; nil for that of sequences that begin.
  func part(_ steps: Range<Int>, state: UnsafeRawPointer?) -> Batch {
    var part = Batch(self, T: steps.count)
    let from = steps.lowerBound * B, columns = steps.count * B, size = network.dtype.size
    func slice(_ indices: UnsafeBufferPointer<Int64>?) -> UnsafeBufferPointer<Int64>? {
      indices.map { UnsafeBufferPointer(rebasing: $0[from..<from + columns]) }
    }
    (part.first, part.isPart, part.state) = (steps.lowerBound, true, state)
    (part.tokens, part.classes, part.resets) = (slice(tokens), slice(classes), slice(resets))
    if tokens == nil { part.x = x + from * network.inputSize * size }
    if classes == nil { part.values = values + from * network.topSize * size }
    return part
  }

  private init(_ other: Batch, T: Int) {
    (network, B, self.T, x, values, lengths) = (other.network, other.B, T, other.x, other.values, other.lengths)
  }

  /// The number of targets of a whole batch: classes, or elements of vectors, at valid time steps.
  func targetCount() throws(RecurrentError) -> Int {
    guard let classes else {
      guard let lengths else { return columns * network.topSize }
      let steps = lengths.reduce(0) { $0 + min(max(0, Int($1)), T) }
      try require(steps > 0, .badValue, "lengths has no valid time step; expected at least one above 0, got 0")
      return steps * network.topSize
    }
    var count = 0
    for column in 0..<columns where classes[column] >= 0 {
      if let lengths, Int64(column / B) >= lengths[column % B] { continue }
      count += 1
    }
    try require(count > 0, .badValue, "targets is empty; expected at least one target other than -1, got none")
    return count
  }
}

/// The memory of indices.
private func memory(
  of indices: Span<Int64>, _ name: StaticString, _ count: Int
) throws(RecurrentError) -> UnsafeBufferPointer<Int64> {
  if indices.count != count { throw wrongLength(name, expected: count, indices.count) }
  return indices.withUnsafeBufferPointer { $0 }
}
