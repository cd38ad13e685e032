// What a solver remembers of a model, taken out and put back to the bit.

extension Optimizer {
  /// All that a step depends on beside the settings.
  public struct State {
    /// The rule's slots by name, each laid out as the slab of weights.
    public var slots: [(name: String, flat: Mat)]
    /// The steps that each of the slab's Mats has made, in the order of `Parameters.names`.
    public var steps: [Int]

    /// From slots and steps.
    public init(slots: [(name: String, flat: Mat)], steps: [Int]) { (self.slots, self.steps) = (slots, steps) }
  }

  /// What is remembered of a model's weights: zero steps and fresh slots for what was never stepped.
  ///
  /// Nothing is shared with the solver: it may go on.
  ///
  /// - Throws: `.badShape` or `.badType` if a name belongs to a Mat of another shape or type.
  public func state(of parameters: Parameters) throws(RecurrentError) -> State {
    try check(parameters)
    var slots: [(name: String, flat: Mat)] = []
    for name in rule.slots {
      let twin = try parameters.twin()
      if rule.initialValue != 0 { try twin.flat.fill(rule.initialValue) }
      for (part, mat) in twin.all {
        if let slot = slot(name, of: part) { try mat.set(slot) }
      }
      slots.append((name, twin.flat))
    }
    return State(slots: slots, steps: parameters.names.map { steps(of: $0) })
  }

  /// Goes on from what `state(of:)` gave, of a model of the same shape, under the same rule. The numbers are copied.
  ///
  /// - Throws: `.badShape`, `.badType` or `.badValue` naming what does not fit; nothing has been changed.
  public func restore(_ state: State, of parameters: Parameters) throws(RecurrentError) {
    try check(parameters)
    let names = state.slots.map { $0.name }, flat = parameters.flat
    try require(
      names == rule.slots, .badValue,
      "the solver's slots are \(rule.slots.joined(separator: ", ")); found \(names.joined(separator: ", "))")
    for (name, slot) in state.slots {
      try require(
        slot.n == flat.n && slot.d == 1, .badShape, "\(name) is \(slot.shape); expected \(flat.shape), as the weights")
      try require(
        slot.dtype == flat.dtype, .badType, "\(name) is \(slot.dtype); expected \(flat.dtype), as the weights")
      try slot.settle()
    }
    try require(
      state.steps.count == parameters.names.count, .badShape,
      "there are \(state.steps.count) counts of steps; expected \(parameters.names.count), one for each name")
    for (name, steps) in zip(parameters.names, state.steps) {
      try require(
        steps >= 0 && steps <= 1 << 53, .badValue, "\(name) has made \(steps) steps; expected 0 to \(1 << 53)")
    }

    let saved = try parameters.twin()
    if try slab(of: parameters) == nil { try remember(parameters.all) }
    for (name, slot) in state.slots {
      try saved.flat.set(slot)
      for (part, mat) in saved.all { try self.slot(name, of: part)?.set(mat) }
    }
    for (name, steps) in zip(parameters.names, state.steps) { set(steps: steps, of: name) }
  }
}
