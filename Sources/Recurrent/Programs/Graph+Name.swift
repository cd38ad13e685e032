// Names of values inside a step, by which a network's activations are read.

extension Graph {
  /// Names a value of a step: the network whose layers are the step has it among its activations.
  ///
  /// - Parameters:
  ///   - m: a value of the step with a column for each sequence.
  ///   - name: 1 to 64 letters, digits and underscores, the first and the last not a digit; another than those of the
  ///     states and of the values before.
  /// - Returns: m.
  /// - Throws: `.invalidated` for a graph that records no step; `.badValue` for a name that is unusable or taken.
  @discardableResult
  public func name(_ m: Mat, _ name: String) throws(RecurrentError) -> Mat {
    try requireStep("name")
    try requireIdentifier(name, "name of the value", beforeNumber: true)
    let known = recordedNames.first { $0.name == name }?.mat
    if let known, known.wStart == m.wStart && known.n == m.n { return m }
    try require(
      known == nil, .badValue,
      "name of the value is taken; expected another than those before, got '\(name)'")
    try require(
      m.storage.owner === identity, .badValue,
      "m of name is foreign; expected x, a state or a result of the step, got another Mat")
    try require(
      recordedNames.count < StepTrace.nameLimit, .badValue,
      "name is one too many; expected at most \(StepTrace.nameLimit) in a step, got another")
    recordedNames.append((name, m))
    return m
  }
}
