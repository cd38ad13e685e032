// Parameter groups: factors of the learning rate and of weight decay by the names of parameters.

/// Factors of the learning rate and of weight decay, for the parameters that a pattern matches.
///
/// In a pattern `*` stands for any characters, none included, and `?` for one; all others stand for themselves. What
/// PyTorch's parameter groups set are products here, so that a schedule of the learning rate acts on all groups.
struct ParameterGroups: Sendable {
  /// What a step of a parameter multiplies.
  struct Factors: Equatable, Sendable {
    var learningRate = 1.0, weightDecay = 1.0
    /// Those of parameters that no pattern matches.
    static let none = Factors()
  }

  let groups: [(pattern: String, factors: Factors)]

  var isEmpty: Bool { groups.isEmpty }

  /// Reads `{"b*": {"learning_rate": 2, "weight_decay": 0}}`; absent factors are 1.
  ///
  /// - Throws: `.badValue` for a group that is no object, or a factor that is unknown, of the wrong type or out of range.
  init(_ reader: inout SettingsReader) throws(RecurrentError) {
    var groups: [(pattern: String, factors: Factors)] = []
    for (pattern, value) in try reader.object("groups") {
      guard case .object = value else {
        throw RecurrentError(
          .badValue, "groups['\(pattern)'] has the wrong type; expected an object of factors, got \(value.kind)")
      }
      var group = try SettingsReader(value, owner: "group '\(pattern)'")
      let factors = Factors(
        learningRate: try group.number("learning_rate", default: 1, in: 0 ... .infinity),
        weightDecay: try group.number("weight_decay", default: 1, in: 0 ... .infinity))
      let (rate, decay) = (factors.learningRate, factors.weightDecay)
      try require(rate, "learning_rate of a group", fits: .float32)
      try require(decay, "weight_decay of a group", fits: .float32)
      try group.finish()
      groups.append((pattern, factors))
    }
    self.groups = groups
  }

  /// The member of settings, none without groups.
  var members: [JSON.Member] {
    if isEmpty { return [] }
    let objects: [JSON.Member] = groups.map { pattern, factors in
      (
        pattern,
        .object([
          ("learning_rate", .number(factors.learningRate)), ("weight_decay", .number(factors.weightDecay)),
        ])
      )
    }
    return [("groups", .object(JSON.List(objects)))]
  }

  /// Returns the factors of each name.
  ///
  /// - Parameter others: further names that patterns may match.
  /// - Throws: `.badValue` for a pattern that matches no name, and for a name that several match.
  func factors(of names: [String], others: [String] = []) throws(RecurrentError) -> [Factors] {
    if isEmpty { return Array(repeating: .none, count: names.count) }
    var found: [Factors] = [], matched = groups.map { _ in false }
    for (i, name) in (names + others).enumerated() {
      var group: Int?
      for (k, (pattern, _)) in groups.enumerated() where ParameterGroups.matches(name, pattern) {
        if let group {
          throw RecurrentError(
            .badValue,
            "groups has two patterns for \(name); expected one for each parameter, got '\(groups[group].pattern)' and "
              + "'\(pattern)'")
        }
        (group, matched[k]) = (k, true)
      }
      if i < names.count { found.append(group.map { groups[$0].factors } ?? .none) }
    }
    for ((pattern, _), isMatched) in zip(groups, matched) where !isMatched {
      throw RecurrentError(
        .badValue,
        "groups has a pattern of no parameter; expected one that matches one of \(names.joined(separator: " ")), got "
          + "'\(pattern)'")
    }
    return found
  }

  /// Whether a pattern matches a whole name.
  static func matches(_ name: String, _ pattern: String) -> Bool {
    let n = name.unicodeScalars, p = pattern.unicodeScalars
    var (i, j) = (n.startIndex, p.startIndex)
    // after the last `*`, and where the characters that it stands for end
    var star: String.Index?, end = i
    while i < n.endIndex {
      if j < p.endIndex && p[j] == "*" {
        j = p.index(after: j)
        (star, end) = (j, i)
      } else if j < p.endIndex && (p[j] == "?" || p[j] == n[i]) {
        (i, j) = (n.index(after: i), p.index(after: j))
      } else if let star {
        end = n.index(after: end)
        (i, j) = (end, star)
      } else {
        return false
      }
    }
    while j < p.endIndex && p[j] == "*" { j = p.index(after: j) }
    return j == p.endIndex
  }
}

extension Parameters {
  /// A region of the flat buffer whose parameters have equal factors.
  struct Run {
    let region: Layout.Region
    let factors: ParameterGroups.Factors
    /// The indices of its parameters in `names`.
    let parameters: [Int]
  }

  /// The fewest regions of equal factors that one pass each updates: the whole buffer where all are equal.
  ///
  /// Blocks of a stack share columns, so that a run ends at each stack whose blocks differ.
  func runs(_ factors: [ParameterGroups.Factors]) -> [Run] {
    var runs: [Run] = []
    /// Appends a region, to the last run where both are one stretch of the buffer.
    func append(_ region: Layout.Region, _ own: ParameterGroups.Factors, _ members: [Int]) {
      guard let last = runs.last, last.factors == own, last.region.isContiguous, region.isContiguous,
        last.region.end == region.start
      else {
        runs.append(Run(region: region, factors: own, parameters: members))
        return
      }
      let count = region.end - last.region.start
      runs[runs.count - 1] = Run(
        region: Layout.Region(start: last.region.start, n: count, d: 1, stride: count), factors: own,
        parameters: last.parameters + members)
    }
    for stack in stacks {
      let first = factors[stack[0]]
      if stack.allSatisfy({ factors[$0] == first }) {
        let region = region(stack[0]), count = region.stride * region.d
        append(Layout.Region(start: region.start, n: count, d: 1, stride: count), first, stack)
        continue
      }
      // adjacent blocks with equal factors
      var start = 0
      for k in stack.indices.dropFirst() + [stack.count]
      where k == stack.count || factors[stack[k]] != factors[stack[start]] {
        let first = region(stack[start]), members = Array(stack[start..<k])
        append(
          Layout.Region(start: first.start, n: first.n * members.count, d: first.d, stride: first.stride),
          factors[stack[start]], members)
        start = k
      }
    }
    return runs
  }
}

extension Layout.Region {
  fileprivate var isContiguous: Bool { stride == n || d == 1 }
  fileprivate var end: Int { start + n * d }
}
