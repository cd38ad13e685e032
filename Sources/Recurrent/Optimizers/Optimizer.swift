// Moves weights against their gradients, by one rule or another.

import Kernels

/// Moves weights against their gradients: clips them, follows its rule, and sets them to zero.
///
/// What the rule remembers of a Mat belongs to the Mat's name and goes from step to step.
public final class Optimizer {
  /// What a step did.
  public struct Statistics: Equatable, Sendable {
    /// The share of all gradients that were clipped, 0 to 1.
    public var ratioClipped: Double
    /// √Σg² over all gradients, before clipping.
    public var gradientNorm: Double
  }

  /// How gradients are clipped to the bound c that a step gives.
  public enum Clipping: String, CaseIterable, Sendable {
    /// Each number by itself: clamp(g, ±c).
    case value
    /// Each named Mat as a whole: g·min(1, c/(‖g‖ + 1e-6)).
    case tensorNorm = "tensor_norm"
    /// All gradients as a whole, likewise.
    case globalNorm = "global_norm"
  }

  /// How weights move.
  public let rule: Rule
  /// α where a step gives none.
  public private(set) var learningRate: Double
  /// How gradients are clipped.
  public let clipping: Clipping
  /// Who may use this solver now.
  public let lock = Lock()

  /// The names of the Mats that were stepped, in the order in which they came.
  public private(set) var names: [String] = []
  private var memories: [String: Memory] = [:]
  private var slabs: [Slab] = []

  /// - Parameters:
  ///   - rule: how weights move.
  ///   - learningRate: α where a step gives none, at least 0; nil for the rule's own, PyTorch's.
  ///   - clipping: how gradients are clipped.
  public init(_ rule: Rule, learningRate: Double? = nil, clipping: Clipping = .value) throws(RecurrentError) {
    try rule.check()
    (self.rule, self.clipping) = (rule, clipping)
    self.learningRate = learningRate ?? rule.defaultLearningRate
    try require(self.learningRate, "lr", in: 0 ... .infinity)
  }

  /// Sets α, at least 0, for the steps to come that give none.
  ///
  /// - Throws: `.badValue`, `.busy` if another thread uses this solver.
  public func set(learningRate: Double) throws(RecurrentError) {
    try require(learningRate, "lr", in: 0 ... .infinity)
    try lock.acquire()
    defer { lock.release() }
    self.learningRate = learningRate
  }

  /// RecurrentJS's solver.
  ///
  /// - Parameters:
  ///   - decayRate: ρ, at least 0 and below 1.
  ///   - smoothEps: ε, above 0.
  public convenience init(decayRate: Double = 0.999, smoothEps: Double = 1e-8) throws(RecurrentError) {
    try self.init(.recurrentJS(decayRate: decayRate, smoothEps: smoothEps))
  }

  /// What the rule remembers of the Mat called `name` in one of its `slots`; nil before its first step.
  public func slot(_ slot: String, of name: String) -> Mat? {
    guard let memory = memories[name], let k = rule.slots.firstIndex(of: slot) else { return nil }
    return memory.slots[k]
  }

  /// RecurrentJS's cache s of the Mat called `name`, nil before its first step.
  public func stepCache(_ name: String) -> Mat? { slot("step_cache", of: name) }

  /// How many steps the Mat called `name` has made.
  public func steps(of name: String) -> Int { memories[name]?.steps ?? 0 }

  // MARK: Steps

  /// One step of named Mats.
  ///
  /// - Parameters:
  ///   - mats: what to move; a name keeps its memory from step to step.
  ///   - stepSize: α, at least 0; nil for the solver's own.
  ///   - regc: the share that is taken off each weight besides, at least 0.
  ///   - clipval: the bound for clipping, above 0; infinity for none.
  /// - Throws: `.notFinite` naming the first gradient that is infinite or NaN; then nothing has been changed.
  ///   `.badShape` or `.badType` if a name comes back with another shape or type.
  public func step(
    _ mats: [(name: String, mat: Mat)], stepSize: Double? = nil, regc: Double = 0, clipval: Double = .infinity
  ) throws(RecurrentError) -> Statistics {
    let order = try Order(stepSize ?? learningRate, regc, clipval)
    var seen: Set<String> = []
    for (name, mat) in mats {
      try require(seen.insert(name).inserted, .badValue, "the name '\(name)' comes twice")
      try mat.settle()
      try check(name, mat)
    }
    try checkEps(mats.map { $0.mat.dtype })
    let squares = mats.map { $0.mat.squaredGradientNorm }
    let norm = try norm(squares, mats)

    // memory first, all of it, so that a refusal comes before anything has moved
    try remember(mats)

    var clipped = 0, total = 0
    for ((name, mat), square) in zip(mats, squares) {
      guard let memory = memories[name] else { continue }
      memory.steps += 1
      clipped += move(
        mat, memory.slots, memory.steps, order, norm: clipping == .tensorNorm ? square.squareRoot() : norm)
      total += mat.count
    }
    return Statistics(ratioClipped: total == 0 ? 0 : Double(clipped) / Double(total), gradientNorm: norm)
  }

  /// One step of a model's whole slab, in one pass.
  ///
  /// - Throws: as the other `step`.
  public func step(
    _ parameters: Parameters, stepSize: Double? = nil, regc: Double = 0, clipval: Double = .infinity
  ) throws(RecurrentError) -> Statistics {
    let order = try Order(stepSize ?? learningRate, regc, clipval), flat = parameters.flat
    try checkEps([flat.dtype])
    try flat.settle()
    // before the slab is made: a refused step leaves no memory behind
    let norm = try norm([flat.squaredGradientNorm], [("flat", flat)], parts: parameters)
    guard let slab = try slab(of: parameters), let steps = slab.steps, clipping != .tensorNorm else {
      return try step(parameters.all, stepSize: order.stepSize, regc: regc, clipval: clipval)
    }
    for part in slab.parts { part.steps = steps + 1 }
    let clipped = move(flat, slab.slots, steps + 1, order, norm: norm)
    return Statistics(ratioClipped: Double(clipped) / Double(flat.count), gradientNorm: norm)
  }

  /// Refuses a Mat that is not what its name stood for.
  private func check(_ name: String, _ mat: Mat) throws(RecurrentError) {
    guard let memory = memories[name] else { return }
    try require(
      memory.n == mat.n && memory.d == mat.d, .badShape,
      "\(name) is \(mat.shape), but its step cache is \(memory.n) x \(memory.d); use a new Optimizer for a new model")
    try require(
      memory.dtype == mat.dtype, .badType, "\(name) is \(mat.dtype), but its step cache is \(memory.dtype)")
  }

  /// Refuses a model whose names stood for Mats of other shapes.
  func check(_ parameters: Parameters) throws(RecurrentError) {
    for (name, mat) in parameters.all { try check(name, mat) }
  }

  private func checkEps(_ dtypes: [DType]) throws(RecurrentError) {
    guard let (name, value) = rule.epsilon else { return }
    try require(
      !dtypes.contains(.float32) || Float(value) > 0, .badValue,
      "\(name) is \(value), which is 0 in float32; expected more")
  }

  private func norm(
    _ squares: [Double], _ mats: [(name: String, mat: Mat)], parts: Parameters? = nil
  ) throws(RecurrentError) -> Double {
    let sum = squares.reduce(0, +)
    if sum.isFinite { return sum.squareRoot() }
    // either a gradient is not finite, or squares of finite float64 overflowed
    for (name, mat) in parts?.all ?? mats {
      guard let (i, j, value) = mat.firstNonFiniteGradient else { continue }
      throw RecurrentError(
        .notFinite,
        "the gradient of \(name) is \(value) at [\(i), \(j)]; nothing was changed. Try a lower learning rate")
    }
    return .infinity
  }

  // MARK: Memory

  /// What is remembered of one Mat.
  final class Memory {
    let n: Int, d: Int, dtype: DType
    let slots: [Mat]
    /// Steps made.
    var steps = 0

    init(_ mat: Mat, _ slots: [Mat], _ rule: Rule) throws(RecurrentError) {
      (n, d, dtype, self.slots) = (mat.n, mat.d, mat.dtype, slots)
      if rule.initialValue != 0 {
        for slot in slots { try slot.fill(rule.initialValue) }
      }
    }
  }

  /// Memory of a slab of weights: slots laid out as the weights are, and their parts by name.
  struct Slab {
    let storage: Storage
    let slots: [Mat]
    let parts: [Memory]

    /// The steps that all parts have made; nil where some went ahead.
    var steps: Int? {
      let first = parts.first?.steps ?? 0
      for part in parts where part.steps != first { return nil }
      return first
    }
  }

  /// The memory of a slab of weights, made on first need; nil where one of its names already has memory of its own,
  /// from a step by names or of another model: then that one must be used.
  func slab(of parameters: Parameters) throws(RecurrentError) -> Slab? {
    if let slab = slabs.first(where: { $0.storage === parameters.flat.storage }) { return slab }
    if parameters.names.contains(where: { memories[$0] != nil }) { return nil }
    let twins = try rule.slots.map { (_) throws(RecurrentError) in try parameters.twin() }
    var parts: [Memory] = []
    for (name, mat) in parameters.all { parts.append(try Memory(mat, twins.compactMap { $0[name] }, rule)) }
    for (name, memory) in zip(parameters.names, parts) { keep(name, memory) }
    let slab = Slab(storage: parameters.flat.storage, slots: twins.map { $0.flat }, parts: parts)
    slabs.append(slab)
    return slab
  }

  /// Makes memory for those Mats that have none: for all of them or for none.
  func remember(_ mats: [(name: String, mat: Mat)]) throws(RecurrentError) {
    let fresh = mats.filter { memories[$0.name] == nil }
    var made: [Memory] = []
    for (_, mat) in fresh {
      let slots = try rule.slots.map { (_) throws(RecurrentError) in try Mat(mat.n, mat.d, mat.dtype) }
      made.append(try Memory(mat, slots, rule))
    }
    for ((name, _), memory) in zip(fresh, made) { keep(name, memory) }
  }

  func set(steps: Int, of name: String) { memories[name]?.steps = steps }

  private func keep(_ name: String, _ memory: Memory) {
    memories[name] = memory
    names.append(name)
  }
}

extension Mat {
  fileprivate var squaredGradientNorm: Double {
    switch dtype {
    case .float32: squaredNorm(block.dw(Float.self))
    case .float64: squaredNorm(block.dw(Double.self))
    }
  }

  fileprivate var firstNonFiniteGradient: (row: Int, column: Int, value: Double)? {
    switch dtype {
    case .float32:
      let dw = block.dw(Float.self), (i, j) = firstNonFinite(dw)
      return i < 0 ? nil : (i, j, Double(dw.p[j * stride + i]))
    case .float64:
      let dw = block.dw(Double.self), (i, j) = firstNonFinite(dw)
      return i < 0 ? nil : (i, j, dw.p[j * stride + i])
    }
  }
}
