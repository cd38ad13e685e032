// RMSProp as RecurrentJS has it.

import Kernels

/// Moves weights against their gradients.
///
///     s ← ρs + (1 − ρ)g²
///     w ← w − α·clamp(g, ±clip)/√(s + ε) − λw
///     g ← 0
///
/// Parity: `s` sees the gradient before it is clipped, ε stands under the root, λ is not scaled by α, and there is
/// no bias correction: with ρ = 0.999 the first step of every weight is about 31.6 α. PyTorch's RMSprop adds ε
/// outside the root and defaults to ρ = 0.99.
///
/// Reference: Tieleman and Hinton, Coursera lecture 6.5, 2012.
public final class Solver {
  /// What a step did.
  public struct Statistics: Equatable, Sendable {
    /// The share of all gradients that were clipped, 0 to 1.
    public var ratioClipped: Double
    /// √Σg² over all gradients, before clipping.
    public var gradientNorm: Double
  }

  /// ρ.
  public let decayRate: Double
  /// ε.
  public let smoothEps: Double
  /// Who may use this solver now.
  public let lock = Lock()

  private var caches: [String: Mat] = [:]
  /// The names of the caches, in the order in which they came.
  public private(set) var names: [String] = []
  private var slabs: [(of: Storage, cache: Mat)] = []

  /// - Parameters:
  ///   - decayRate: ρ, at least 0 and below 1.
  ///   - smoothEps: ε, above 0.
  public init(decayRate: Double = 0.999, smoothEps: Double = 1e-8) throws(RecurrentError) {
    try require(
      decayRate >= 0 && decayRate < 1, .badValue, "decay_rate is \(decayRate); expected at least 0 and below 1")
    try require(smoothEps, isPositive: "smooth_eps")
    (self.decayRate, self.smoothEps) = (decayRate, smoothEps)
  }

  /// The cache s of the Mat called `name`, nil before its first step.
  public func stepCache(_ name: String) -> Mat? { caches[name] }

  /// One step of named Mats.
  ///
  /// - Parameters:
  ///   - mats: what to move; a name keeps its cache from step to step.
  ///   - stepSize: α, at least 0.
  ///   - regc: λ, at least 0.
  ///   - clipval: the bound on each gradient, above 0.
  /// - Throws: `.notFinite` naming the first gradient that is infinite or NaN; then nothing has been changed.
  ///   `.badShape` or `.badType` if a name comes back with another shape or type.
  public func step(
    _ mats: [(name: String, mat: Mat)], stepSize: Double, regc: Double, clipval: Double
  ) throws(RecurrentError) -> Statistics {
    try check(stepSize, regc, clipval)
    var seen: Set<String> = []
    for (name, mat) in mats {
      try require(seen.insert(name).inserted, .badValue, "the name '\(name)' comes twice")
      try mat.settle()
      guard let cache = caches[name] else { continue }
      try require(
        cache.n == mat.n && cache.d == mat.d, .badShape,
        "\(name) is \(mat.shape), but its step cache is \(cache.shape); use a new Solver for a new model")
      try require(cache.dtype == mat.dtype, .badType, "\(name) is \(mat.dtype), but its step cache is \(cache.dtype)")
    }
    try checkEps(mats.map { $0.mat.dtype })
    let norm = try gradientNorm(mats)

    // caches first, all of them, so that a refusal of memory comes before anything has moved
    let fresh = mats.filter { caches[$0.name] == nil }
    var zeros: [Mat] = []
    for (_, mat) in fresh { zeros.append(try Mat(mat.n, mat.d, mat.dtype)) }
    for ((name, _), zero) in zip(fresh, zeros) { keep(name, zero) }

    var clipped = 0, total = 0
    for (name, mat) in mats {
      if let cache = caches[name] { clipped += move(mat, cache, stepSize, regc, clipval) }
      total += mat.count
    }
    return Statistics(ratioClipped: total == 0 ? 0 : Double(clipped) / Double(total), gradientNorm: norm)
  }

  /// One step of a model's whole slab, in one pass.
  ///
  /// - Throws: as the other `step`.
  public func step(
    _ parameters: Parameters, stepSize: Double, regc: Double, clipval: Double
  ) throws(RecurrentError) -> Statistics {
    try check(stepSize, regc, clipval)
    try checkEps([parameters.flat.dtype])
    try parameters.flat.settle()
    // before the slab is made: a refused step leaves no caches behind
    let norm = try gradientNorm([("flat", parameters.flat)], parts: parameters)
    guard let cache = try slab(of: parameters) else {
      return try step(parameters.all, stepSize: stepSize, regc: regc, clipval: clipval)
    }
    let clipped = move(parameters.flat, cache, stepSize, regc, clipval)
    return Statistics(ratioClipped: Double(clipped) / Double(parameters.flat.count), gradientNorm: norm)
  }

  /// The slab of caches for a slab of weights, made on first need; nil where one of its names already has a cache
  /// of its own, from a step by names or of another model: then that one must be used.
  func slab(of parameters: Parameters) throws(RecurrentError) -> Mat? {
    if let (_, cache) = slabs.first(where: { $0.of === parameters.flat.storage }) { return cache }
    if parameters.names.contains(where: { caches[$0] != nil }) { return nil }
    let twin = try parameters.twin()
    for (name, mat) in twin.all { keep(name, mat) }
    slabs.append((parameters.flat.storage, twin.flat))
    return twin.flat
  }

  private func keep(_ name: String, _ cache: Mat) {
    caches[name] = cache
    names.append(name)
  }

  /// Refuses settings out of range.
  func check(_ stepSize: Double, _ regc: Double, _ clipval: Double) throws(RecurrentError) {
    try require(stepSize, "step_size", in: 0 ... .infinity)
    try require(regc, "regc", in: 0 ... .infinity)
    try require(clipval, isPositive: "clipval")
  }

  private func checkEps(_ dtypes: [DType]) throws(RecurrentError) {
    try require(
      !dtypes.contains(.float32) || Float(smoothEps) > 0, .badValue,
      "smooth_eps is \(smoothEps), which is 0 in float32; expected more")
  }

  private func gradientNorm(
    _ mats: [(name: String, mat: Mat)], parts: Parameters? = nil
  ) throws(RecurrentError) -> Double {
    var sum = 0.0
    for (_, mat) in mats { sum += mat.squaredGradientNorm }
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

  private func move(
    _ mat: Mat, _ cache: Mat, _ stepSize: Double, _ regc: Double, _ clipval: Double
  ) -> Int {
    switch mat.dtype {
    case .float32: move(mat, cache, stepSize, regc, clipval, Float.self)
    case .float64: move(mat, cache, stepSize, regc, clipval, Double.self)
    }
  }

  private func move<T: Real>(
    _ mat: Mat, _ cache: Mat, _ stepSize: Double, _ regc: Double, _ clipval: Double, _: T.Type
  ) -> Int {
    let rates = RMSPropRates(
      decay: T(decayRate), epsilon: T(smoothEps), stepSize: T(stepSize), regularization: T(regc), clip: T(clipval))
    return rmsprop(mat.block.w(T.self), dw: mat.block.dw(T.self), cache: cache.block.w(T.self), rates)
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
