// The state of an optimizer: copied out and restored, bit for bit.

extension Optimizer {
  /// All that a step depends on besides the settings and the gradients.
  public struct State {
    /// The state tensors by name, each one buffer in the layout of `Parameters.flat`.
    public var tensors: [(name: String, flat: Mat)]
    /// The number of steps of each parameter, in the order of `Parameters.names`.
    public var steps: [Int]

    /// From state tensors and steps.
    public init(tensors: [(name: String, flat: Mat)], steps: [Int]) { (self.tensors, self.steps) = (tensors, steps) }
  }

  /// Returns a copy of the state of `parameters`; initial values and 0 steps for parameters that were never stepped.
  ///
  /// - Throws: `.badShape` or `.badType` if a parameter differs from the earlier one of its name.
  public func state(of parameters: Parameters) throws(RecurrentError) -> State {
    try check(parameters)
    var tensors: [(name: String, flat: Mat)] = []
    for stateName in stateNames {
      let copy = try parameters.zerosLike()
      if algorithm.initialState != 0 { try copy.flat.fill(algorithm.initialState) }
      for (name, mat) in copy.all {
        if let tensor = state(stateName, of: name) { try mat.set(tensor) }
      }
      tensors.append((stateName, copy.flat))
    }
    return State(tensors: tensors, steps: parameters.names.map { steps(of: $0) })
  }

  /// Restores what `state(of:)` returned, for parameters of the same shapes and an optimizer of the same settings. The
  /// elements are copied.
  ///
  /// - Throws: `.badShape`, `.badType` or `.badValue` naming the mismatch, `.notFinite` a tensor that is infinite or NaN;
  ///   nothing has changed.
  public func restore(_ state: State, of parameters: Parameters) throws(RecurrentError) {
    try check(parameters)
    let names = state.tensors.map { $0.name }, flat = parameters.flat
    try require(
      names == stateNames, .badValue,
      "state tensors have the wrong names; expected \(stateNames.joined(separator: ", ")), got "
        + names.joined(separator: ", "))
    for (name, tensor) in state.tensors {
      try require(
        tensor.n == flat.n && tensor.d == 1, .badShape,
        "\(name) has the wrong shape; expected \(flat.shape), got \(tensor.shape)")
      try require(
        tensor.dtype == flat.dtype, .badType, "\(name) has the wrong type; expected \(flat.dtype), got \(tensor.dtype)")
      try tensor.evaluate()
    }
    try require(
      state.steps.count == parameters.names.count, .badShape,
      "steps has the wrong length; expected \(parameters.names.count), one per parameter, got \(state.steps.count)")
    for (name, steps) in zip(parameters.names, state.steps) {
      try require(
        steps >= 0 && steps <= 1 << 53, .badValue,
        "steps of \(name) is out of range; expected 0 to \(1 << 53), got \(steps)")
    }

    try check(state, of: parameters)

    let copy = try parameters.zerosLike()
    try allocateState(of: parameters)
    for (stateName, tensor) in state.tensors {
      try copy.flat.set(tensor)
      for (name, mat) in copy.all { try self.state(stateName, of: name)?.set(mat) }
    }
    for (name, steps) in zip(parameters.names, state.steps) { set(steps: steps, of: name) }
  }

  /// Requires finite state tensors, and means and sums of squares of at least 0: the root of a negative one is NaN.
  ///
  /// - Throws: `.notFinite` or `.badValue` naming the tensor, the parameter and the index.
  func check(_ state: State, of parameters: Parameters) throws(RecurrentError) {
    for (stateName, tensor) in state.tensors {
      for (name, mat) in zip(parameters.names, parameters.views(of: tensor)) { try check(mat, stateName, name) }
    }
  }

  private func check(_ tensor: Mat, _ stateName: String, _ name: String) throws(RecurrentError) {
    try tensor.requireFinite("\(stateName) of \(name)", .notFinite)
    if algorithm.squares.contains(stateName) { try tensor.requireNonNegative("\(stateName) of \(name)", .badValue) }
  }

  // MARK: State by name

  /// The state of one parameter, without the parameter.
  public struct NamedState {
    /// The name of the parameter.
    public var name: String
    /// Number of steps made.
    public var steps: Int
    /// In the order of `stateNames`, each of the parameter's shape and type.
    public var tensors: [Mat]

    /// From a name, steps and tensors.
    public init(_ name: String, steps: Int, tensors: [Mat]) {
      (self.name, self.steps, self.tensors) = (name, steps, tensors)
    }
  }

  /// The state of every parameter in the order of their first step. The Mats are those of the optimizer.
  public var namedStates: [NamedState] {
    names.map { name in
      NamedState(name, steps: steps(of: name), tensors: stateNames.compactMap { state($0, of: name) })
    }
  }

  /// Replaces the state of all parameters by what `namedStates` of another optimizer returned. The elements are copied.
  /// The next step of a name continues with its state, whichever Mat of the same shape and type it is of.
  ///
  /// - Parameters:
  ///   - states: of distinct names.
  ///   - settings: those of the other optimizer, which are the same but for the learning rate; this one is set.
  /// - Throws: `.badValue`, `.badShape` or `.badType` naming the mismatch, `.notFinite` a tensor that is infinite or NaN;
  ///   `.busy` while another thread uses the optimizer; nothing has changed.
  public func load(_ states: [NamedState], settings: String) throws(RecurrentError) {
    let other = try Optimizer(settings: settings)
    guard case .object(let own) = json, case .object(let theirs) = other.json else { return }
    for (mine, yours) in zip(own, theirs) where mine.key != "learning_rate" {
      try require(
        mine.key == yours.key && mine.value.text == yours.value.text, .badValue,
        "\(mine.key) of the settings is wrong; expected \(mine.value.text), that of the optimizer, "
          + "got \(yours.value.text)")
    }
    let (mine, yours) = (groups.members.first, other.groups.members.first)
    try require(
      mine?.value.text == yours?.value.text, .badValue,
      "groups of the settings is wrong; expected \(mine?.value.text ?? "none"), that of the optimizer, "
        + "got \(yours?.value.text ?? "none")")
    var seen: Set<String> = [], loaded: [(name: String, state: ParameterState)] = []
    for state in states {
      let name = state.name, tensors = state.tensors
      try require(
        seen.insert(name).inserted, .badValue, "names has a duplicate; expected distinct names, got '\(name)' twice")
      try require(
        state.steps >= 0 && state.steps <= 1 << 53, .badValue,
        "steps of \(name) is out of range; expected 0 to \(1 << 53), got \(state.steps)")
      try require(
        tensors.count == stateNames.count, .badShape,
        "state of \(name) has the wrong length; expected \(stateNames.count) tensors, got \(tensors.count)")
      var copies: [Mat] = []
      for (stateName, tensor) in zip(stateNames, tensors) {
        let first = tensors[0]
        try require(
          tensor.n == first.n && tensor.d == first.d, .badShape,
          "\(stateName) of \(name) has the wrong shape; expected \(first.shape), that of \(stateNames[0]), "
            + "got \(tensor.shape)")
        try require(
          tensor.dtype == first.dtype, .badType,
          "\(stateName) of \(name) has the wrong type; expected \(first.dtype), that of \(stateNames[0]), "
            + "got \(tensor.dtype)")
        try tensor.evaluate()
        try check(tensor, stateName, name)
        copies.append(try tensor.copy())
      }
      loaded.append((name, ParameterState(nil, copies, steps: state.steps)))
    }
    try lock.acquire()
    defer { lock.release() }
    replace(loaded, learningRate: other.learningRate)
  }
}
