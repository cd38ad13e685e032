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
      let isSquare = algorithm.squares.contains(stateName)
      for (name, mat) in zip(parameters.names, parameters.views(of: tensor)) {
        try mat.requireFinite("\(stateName) of \(name)", .notFinite)
        if isSquare { try mat.requireNonNegative("\(stateName) of \(name)", .badValue) }
      }
    }
  }
}
