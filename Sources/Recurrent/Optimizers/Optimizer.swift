// An optimizer: clipping, one of the algorithms, and the state of every parameter.

import Kernels

/// Updates parameters from their gradients: clips the gradients, applies an algorithm, and sets the gradients to 0.
///
/// State is kept per parameter name and carried from step to step.
public final class Optimizer {
  /// How gradients g are clipped to a step's threshold c.
  public enum Clipping: String, CaseIterable, Sendable {
    /// Per element: clamp(g, ±c).
    case value
    /// Per parameter: g·min(1, c/(‖g‖ + 1e-6)), ‖g‖ over the parameter.
    case tensorNorm = "tensor_norm"
    /// Over all gradients: g·min(1, c/(‖g‖ + 1e-6)), ‖g‖ over all parameters.
    case globalNorm = "global_norm"
  }

  /// The learning rate of steps that specify none.
  public private(set) var learningRate: Double
  /// How gradients are clipped.
  public let clipping: Clipping
  /// Exclusive-use lock: a second thread gets `.busy`.
  public let lock = Lock()
  /// The names of the parameters with state, in the order of their first step.
  public var names: [String] { table.names }

  let algorithm: any OptimizerAlgorithm
  /// Which of the state tensors are means and sums of squares, in the order of `stateNames`.
  let areSquares: [Bool]
  /// Factors of the learning rate and of weight decay by the parameters' names.
  let groups: ParameterGroups
  /// The algorithm's settings with their effective values.
  let algorithmSettings: [(key: String, value: JSON)]
  /// The state of all parameters.
  private var table = StateTable()

  /// From settings, a JSON object:
  ///
  ///     {"name": "adam", "learning_rate": 0.001, "betas": [0.9, 0.999], "eps": 1e-08, "weight_decay": 0,
  ///      "amsgrad": false, "clipping": "value", "groups": {"b*": {"learning_rate": 2, "weight_decay": 0}}}
  ///
  /// `name` is required; other absent keys take the algorithm's defaults. Keys are PyTorch's, except
  /// `learning_rate` and `learning_rate_decay`. `groups` maps patterns of parameters' names, in which `*` stands for any
  /// characters and `?` for one, to factors of the learning rate and of weight decay in the steps of these parameters; 1
  /// where absent. A learning rate of 0 freezes them. A pattern of no parameter, and a parameter of two patterns, are
  /// refused at the first step.
  ///
  /// - Throws: `.badValue` for text that is not JSON, or naming a setting that is unknown, of the wrong type
  ///   or out of range.
  public convenience init(settings: String) throws(RecurrentError) {
    try self.init(SettingsReader.parse(settings))
  }

  /// RecurrentJS's optimizer.
  ///
  /// - Parameters:
  ///   - decayRate: ρ, at least 0 and below 1.
  ///   - smoothEps: ε, above 0.
  public static func recurrentJS(decayRate: Double = 0.999, smoothEps: Double = 1e-8) throws(RecurrentError)
    -> Optimizer
  {
    try Optimizer(
      .object([
        ("name", .string(RecurrentJSRMSProp.name)), ("decay_rate", .number(decayRate)),
        ("smooth_eps", .number(smoothEps)),
      ]))
  }

  /// From an algorithm and the settings of its own.
  convenience init(
    _ algorithm: any OptimizerAlgorithm.Type, _ learningRate: Double, _ settings: [(String, JSON)], _ clipping: Clipping
  ) throws(RecurrentError) {
    try self.init(
      .object(
        JSON.List(
          [("name", .string(algorithm.name)), ("learning_rate", .number(learningRate))] + settings
            + [("clipping", .string(clipping.rawValue))])))
  }

  init(_ json: JSON) throws(RecurrentError) {
    var reader = try SettingsReader(json, owner: "optimizer")
    let type = Optimizer.algorithms[try reader.choice("name", of: Optimizer.algorithmNames)]
    reader.setOwner("\(type.name) optimizer")
    learningRate = try reader.number("learning_rate", default: type.defaultLearningRate, in: 0 ... .infinity)
    let first = reader.values.count
    algorithm = try type.init(&reader)
    areSquares = algorithm.stateNames.map(algorithm.squares.contains)
    algorithmSettings = Array(reader.values[first...])
    for case (let key, .number(let value)) in reader.values {
      try require(
        value.magnitude <= Double(Float.greatestFiniteMagnitude), .badValue,
        "\(key) is out of range; expected a number of float32, got \(value)")
    }
    clipping =
      Clipping.allCases[
        try reader.choice("clipping", of: Clipping.allCases.map { $0.rawValue }, default: 0)]
    groups = try ParameterGroups(&reader)
    try reader.finish()
  }

  /// All settings as JSON, in the form that `init(settings:)` reads.
  public var settings: String { json.text }

  var json: JSON {
    .object(
      JSON.List(
        [("name", .string(name)), ("learning_rate", .number(learningRate))] + algorithmSettings
          + [("clipping", .string(clipping.rawValue))] + groups.members))
  }

  /// The name of the algorithm.
  public var name: String { type(of: algorithm).name }

  /// The names of the state tensors of each parameter, as PyTorch names them.
  public var stateNames: [String] { algorithm.stateNames }

  /// Sets the learning rate of later steps that specify none.
  ///
  /// - Throws: `.badValue` unless it is finite and at least 0; `.busy` while another thread uses the optimizer.
  public func set(learningRate: Double) throws(RecurrentError) {
    try require(learningRate, "learning_rate", in: 0 ... .infinity)
    try require(learningRate, "learning_rate", fits: .float32)
    try lock.acquire()
    defer { lock.release() }
    self.learningRate = learningRate
  }

  /// A state tensor of the parameter `name`, one of `stateNames`; nil before its first step.
  public func state(_ stateName: String, of name: String) -> Mat? {
    guard let state = table.states[name], let k = stateNames.firstIndex(of: stateName) else { return nil }
    return state.tensors[k]
  }

  /// The number of steps that the parameter `name` has made.
  public func steps(of name: String) -> Int { table.states[name]?.steps ?? 0 }

  // MARK: Steps

  /// Updates named Mats.
  ///
  /// - Parameters:
  ///   - mats: the parameters. State is kept by name; names must be distinct.
  ///   - learningRate: α, at least 0; nil for the optimizer's own.
  ///   - weightDecay: the fraction of each weight that is subtracted, besides the algorithm's own decay; at least 0.
  ///   - clip: the clipping threshold, above 0; infinity for none.
  /// - Returns: a result whose loss is 0.
  /// - Throws: `.notFinite` naming the first gradient that is infinite or NaN, or the first weight that the step would make
  ///   so; `.badShape` or `.badType` if a parameter
  ///   differs in shape or type from the one of earlier steps; `.badValue` if it is another Mat. Nothing has changed then.
  public func step(
    _ mats: [(name: String, mat: Mat)], learningRate: Double? = nil, weightDecay: Double = 0, clip: Double = .infinity
  ) throws(RecurrentError) -> StepResult {
    let options = try StepOptions(learningRate ?? self.learningRate, weightDecay, clip)
    var seen: Set<String> = []
    for (name, mat) in mats {
      try require(
        seen.insert(name).inserted, .badValue, "names has a duplicate; expected distinct names, got '\(name)' twice")
      try mat.synchronize()
      try check(name, mat)
    }
    for (_, mat) in mats { try checkEpsilon(mat.dtype) }
    let squares = mats.map { $0.mat.squaredGradientNorm }
    let norm = try norm(squares.reduce(0, +), mats)

    // all allocations before the first update, so that a failure leaves every weight as it was
    let before = table
    try allocateState(mats)

    var targets: [Target] = [], total = 0
    for ((name, mat), square) in zip(mats, squares) {
      guard let state = table.states[name] else { continue }
      let bound = clipping == .tensorNorm ? square.squareRoot() : norm
      targets.append(
        Target(
          mat: mat, tensors: state.tensors, parts: [state], options: StepOptions(options, state.factors), norm: bound))
      total += mat.count
    }
    let clipped: Int
    if targets.allSatisfy({ isBounded($0, norm: norm) }) {
      clipped = targets.reduce(0) { $0 + update($1) }
    } else {
      do throws(RecurrentError) {
        clipped = try updateOrRestore(targets, mats)
      } catch {
        table = before
        throw error
      }
    }
    return StepResult(gradientNorm: norm, ratioClipped: total == 0 ? 0 : Double(clipped) / Double(total))
  }

  /// Updates all parameters of a network, where `isFlat` allows in one pass over the flat buffers for each run of
  /// parameters with equal factors.
  ///
  /// The arguments, result and errors are those of `step` over named Mats.
  public func step(
    _ parameters: Parameters, learningRate: Double? = nil, weightDecay: Double = 0, clip: Double = .infinity
  ) throws(RecurrentError) -> StepResult {
    let options = try StepOptions(learningRate ?? self.learningRate, weightDecay, clip), flat = parameters.flat
    try checkEpsilon(flat.dtype)
    try flat.synchronize()
    // before allocation: a refused step leaves no state
    let norm = try norm(flat.squaredGradientNorm, parameters.all)
    let before = table
    guard let state = try flatState(of: parameters), isFlat(state) else {
      do throws(RecurrentError) {
        return try step(
          parameters.all, learningRate: options.learningRate, weightDecay: options.weightDecay, clip: options.clip)
      } catch {
        table = before
        throw error
      }
    }
    func target(_ run: FlatState.Run) -> Target {
      Target(
        mat: run.weights, tensors: run.tensors, parts: run.parts, options: StepOptions(options, run.factors), norm: norm
      )
    }
    var clipped = 0
    if state.runs.allSatisfy({ isBounded(target($0), norm: norm) }) {
      for run in state.runs { clipped += update(target(run)) }
    } else {
      do throws(RecurrentError) {
        clipped = try updateOrRestore(state.runs.map(target), parameters.all)
      } catch {
        table = before
        throw error
      }
    }
    return StepResult(gradientNorm: norm, ratioClipped: Double(clipped) / Double(flat.count))
  }

  /// Requires the Mat of earlier steps: the state of one parameter says nothing of another.
  private func check(_ name: String, _ mat: Mat) throws(RecurrentError) {
    // a state that was loaded has no parameter before its first step, and the shape of its tensors, if it has any
    guard let state = table.states[name], let like = state.weights ?? state.tensors.first else { return }
    try require(
      like.n == mat.n && like.d == mat.d, .badShape,
      "\(name) has the wrong shape for its optimizer state; expected \(like.shape), got \(mat.shape)")
    try require(
      like.dtype == mat.dtype, .badType,
      "\(name) has the wrong type for its optimizer state; expected \(like.dtype), got \(mat.dtype)")
    guard let weights = state.weights else { return }
    try require(
      weights.storage === mat.storage && weights.wStart == mat.wStart, .badValue,
      "\(name) is another Mat than in earlier steps; expected an optimizer for each model, got a second model")
  }

  /// Requires the Mats of earlier steps, and parameters for all groups.
  func check(_ parameters: Parameters) throws(RecurrentError) {
    for (name, mat) in parameters.all { try check(name, mat) }
    _ = try groups.factors(of: parameters.names)
  }

  private func checkEpsilon(_ dtype: DType) throws(RecurrentError) {
    guard let (name, value) = algorithm.epsilon else { return }
    try require(
      dtype != .float32 || Float(value) > 0, .badValue,
      "\(name) is 0 in float32; expected at least \(Float.leastNonzeroMagnitude), got \(value)")
  }

  /// Returns the root of a sum of squares. `mats` are evaluated only if the sum is not finite: a step allocates nothing.
  private func norm(
    _ sum: Double, _ mats: @autoclosure () -> [(name: String, mat: Mat)]
  ) throws(RecurrentError) -> Double {
    if sum.isFinite { return sum.squareRoot() }
    // either a gradient is not finite, or squares of finite float64 overflowed
    for (name, mat) in mats() {
      guard let (i, j, value) = mat.firstNonFiniteGradient else { continue }
      throw RecurrentError(
        .notFinite,
        "gradient of \(name) is not finite; expected finite elements, got \(value) at [\(i), \(j)]; "
          + "no weight has changed, a lower learning rate may help")
    }
    return .infinity
  }

  // MARK: State

  /// The state of all parameters: a value, so that a step that fails restores it.
  private struct StateTable {
    /// In the order of their first step.
    var names: [String] = []
    var states: [String: ParameterState] = [:]
    var flat: [FlatState] = []

    mutating func set(_ name: String, _ state: ParameterState) {
      if states.updateValue(state, forKey: name) == nil { names.append(name) }
    }
  }

  /// The state of one parameter.
  final class ParameterState {
    /// The parameter, held so that no other Mat gets its address; nil for a state that was loaded, before its first step.
    let weights: Mat?
    /// In the order of `stateNames`, each of the parameter's shape.
    let tensors: [Mat]
    /// Those of its group.
    let factors: ParameterGroups.Factors
    /// Number of steps made.
    var steps: Int

    init(_ mat: Mat?, _ tensors: [Mat], _ factors: ParameterGroups.Factors = .none, steps: Int = 0) {
      (weights, self.tensors, self.factors, self.steps) = (mat, tensors, factors, steps)
    }
  }

  /// Flat buffers whose views are the state tensors of all parameters of one network.
  private struct FlatState {
    /// Parameters that one pass updates.
    struct Run {
      /// Their weights, and their state in the order of `stateNames`.
      let weights: Mat, tensors: [Mat]
      let factors: ParameterGroups.Factors
      let parts: [ParameterState]
    }

    /// The memory of the weights, which identifies the network.
    let storage: Storage
    /// One run where all factors are equal.
    let runs: [Run]
    /// The states of the parameters, in the order of their names.
    let parts: [ParameterState]

    /// The steps of the first parameter; of all of them if `isFlat` holds.
    var steps: Int { parts.first?.steps ?? 0 }
  }

  /// Whether one pass over flat buffers does the same as a pass per parameter: all parameters have made the same number
  /// of steps, and clipping needs no norm per parameter.
  private func isFlat(_ state: FlatState) -> Bool {
    clipping != .tensorNorm && state.parts.allSatisfy { $0.steps == state.steps }
  }

  /// The flat buffers that hold the state of `parameters`, allocated on first use; nil if a name among them has state
  /// elsewhere, from a step by names or of another network.
  private func flatState(of parameters: Parameters) throws(RecurrentError) -> FlatState? {
    if let state = table.flat.first(where: { $0.storage === parameters.flat.storage }) { return state }
    if parameters.names.contains(where: { table.states[$0]?.weights != nil }) { return nil }
    try check(parameters)
    let factors = try groups.factors(of: parameters.names)
    let buffers = try stateNames.map { (_) throws(RecurrentError) in try parameters.zerosLike() }
    var parts: [ParameterState] = []
    for ((name, mat), factors) in zip(parameters.all, factors) {
      let tensors = buffers.compactMap { $0[name] }, loaded = table.states[name]
      try fill(tensors, from: loaded)
      parts.append(ParameterState(mat, tensors, factors, steps: loaded?.steps ?? 0))
    }
    let runs = parameters.runs(factors).map { run in
      FlatState.Run(
        weights: parameters.stack(run.region), tensors: buffers.map { $0.stack(run.region) }, factors: run.factors,
        parts: run.parameters.map { parts[$0] })
    }
    for (name, state) in zip(parameters.names, parts) { table.set(name, state) }
    let state = FlatState(storage: parameters.flat.storage, runs: runs, parts: parts)
    table.flat.append(state)
    return state
  }

  /// Allocates the state of every parameter that has none: as views of flat buffers if no name has state yet.
  func allocateState(of parameters: Parameters) throws(RecurrentError) {
    if try flatState(of: parameters) == nil { try allocateState(parameters.all) }
  }

  /// Allocates the state of every Mat that has none: of all of them or, on failure, of none.
  private func allocateState(_ mats: [(name: String, mat: Mat)]) throws(RecurrentError) {
    let new = mats.filter { table.states[$0.name]?.weights == nil }
    if new.isEmpty { return }
    // a pattern may be of a parameter of another step
    let names = mats.map { $0.name }, others = table.names.filter { !names.contains($0) }
    let factors = Dictionary(
      uniqueKeysWithValues: zip(names, try groups.factors(of: names, others: groups.isEmpty ? [] : others)))
    var allocated: [ParameterState] = []
    for (name, mat) in new {
      let tensors = try stateNames.map { (_) throws(RecurrentError) in try Mat(mat.n, mat.d, mat.dtype) }
      try fill(tensors, from: table.states[name])
      allocated.append(
        ParameterState(mat, tensors, factors[name] ?? .none, steps: table.states[name]?.steps ?? 0))
    }
    for ((name, _), state) in zip(new, allocated) { table.set(name, state) }
  }

  /// Sets tensors of zeros to those of a state that was loaded, or to the initial state.
  private func fill(_ tensors: [Mat], from loaded: ParameterState?) throws(RecurrentError) {
    for (k, tensor) in tensors.enumerated() {
      if let loaded {
        try tensor.set(loaded.tensors[k])
      } else if algorithm.initialState != 0 {
        try tensor.fill(algorithm.initialState)
      }
    }
  }

  func set(steps: Int, of name: String) { table.states[name]?.steps = steps }

  /// Replaces the state of all parameters and the learning rate.
  func replace(_ states: [(name: String, state: ParameterState)], learningRate: Double) {
    var table = StateTable()
    for (name, state) in states { table.set(name, state) }
    (self.table, self.learningRate) = (table, learningRate)
  }
}

extension Mat {
  fileprivate var squaredGradientNorm: Double {
    switch dtype {
    case .float32: squaredNorm(operandRef.dw(Float.self))
    case .float64: squaredNorm(operandRef.dw(Double.self))
    }
  }
}
