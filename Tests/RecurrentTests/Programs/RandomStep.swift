// Steps at random, as data: one closure records them on any graph.

@testable import Recurrent

/// The equations of a step drawn at random: operations on earlier values, by index.
struct RandomStep: CustomStringConvertible {
  enum Operation {
    case unary(UnaryOperation, Double, Int)
    case binary(BinaryOperation, Int, Int)
    /// The parameter, the value.
    case product(Int, Int)
    case slice(Int, Int, Int)
    case concat([Int])
    /// Sum or mean of each column.
    case reduceRows(Reduction, Int)
    case softmax(Int)
    /// The value, gain, bias.
    case layerNorm(Int, Int, Int)
    case dropout(Int, Double, DropoutScope)
    /// The new value and the previous one.
    case zoneout(Int, Int, Double)
    /// A query, and the states that are keys and values.
    case attend(Int, Int, Int)
  }

  let inputs: Int, states: [Int], children: Int
  /// Rows and columns of each parameter.
  var parameters: [(n: Int, d: Int)] = []
  var operations: [Operation] = []
  /// Rows of each value: x, the states of each child, the single-column parameters in the order of their use, the operations' results.
  private(set) var rows: [Int] = []
  /// The parameter of a value that is one.
  private(set) var parameterValues: [Int: Int] = [:]
  var next: [Int] = []

  var description: String {
    "inputs \(inputs), states \(states), children \(children), parameters \(parameters), values \(rows), \(parameterValues), \(operations), next \(next)"
  }

  /// - Parameter attends: whether the step may attend to the past.
  init(_ random: Random, children: Int = 1, attends: Bool = false) {
    self.children = children
    func below(_ n: Int) -> Int { Int(random.next() % UInt64(n)) }
    let sizes = [1, 2, 5, 8, 20, 33]
    inputs = below(6) == 0 ? 0 : sizes[below(sizes.count)]
    states = (0...below(4)).map { _ in sizes[below(sizes.count)] }
    rows = (inputs > 0 ? [inputs] : []) + (0..<children).flatMap { [states] _ in states }
    let count = 2 + below(12)
    for _ in 0..<count {
      if attends && below(8) == 0 { addAttention(below) }
      addOperation(below)
    }
    for size in states { next.append(value(of: size, below)) }
  }

  private mutating func append(_ operation: Operation, _ n: Int) -> Int {
    operations.append(operation)
    rows.append(n)
    return rows.count - 1
  }

  /// A value that is not a parameter.
  private func pick(_ below: (Int) -> Int) -> Int {
    while true {
      let i = below(rows.count)
      if parameterValues[i] == nil { return i }
    }
  }

  private mutating func newParameter(_ n: Int, _ below: (Int) -> Int) -> Int {
    if let known = parameterValues.keys.sorted().first(where: { rows[$0] == n }), below(3) == 0 { return known }
    parameters.append((n, 1))
    // a parameter is a value of its own, recorded by no operation
    operations.append(.concat([]))
    rows.append(n)
    parameterValues[rows.count - 1] = parameters.count - 1
    return rows.count - 1
  }

  private mutating func weight(_ n: Int, _ d: Int, _ below: (Int) -> Int) -> Int {
    if let known = parameters.firstIndex(where: { $0 == (n, d) && d > 1 }), below(3) == 0 { return known }
    parameters.append((n, d))
    return parameters.count - 1
  }

  private mutating func addAttention(_ below: (Int) -> Int) {
    let keys = below(states.count), others = states.indices.filter { states[$0] == states[keys] }
    let queries = rows.indices.filter { rows[$0] == states[keys] && parameterValues[$0] == nil }
    _ = append(.attend(queries[below(queries.count)], keys, others[below(others.count)]), states[keys])
  }

  private mutating func addOperation(_ below: (Int) -> Int) {
    let a = pick(below)
    switch below(15) {
    case 14:
      let others = rows.indices.filter { rows[$0] == rows[a] && parameterValues[$0] == nil }
      _ =
        below(2) == 0
        ? append(.dropout(a, 0.4, [.step, .sequence][below(2)]), rows[a])
        : append(.zoneout(a, others[below(others.count)], 0.3), rows[a])
    case 12, 13:
      // of several values, and in pieces
      let b = pick(below), isJoined = below(2) == 0 && rows[a] + rows[b] <= 60
      let m = isJoined ? append(.concat([a, b]), rows[a] + rows[b]) : a
      let n = rows[m], kind = below(4)
      if kind == 0 {
        _ = append(.reduceRows([.sum, .mean][below(2)], m), 1)
        return
      }
      // a normalized column of two elements has one direction only
      if kind > 1 && n < 3 { return }
      let y: Int
      if kind == 1 {
        y = append(.softmax(m), n)
      } else {
        let gain = newParameter(n, below), bias = newParameter(n, below)
        y = append(.layerNorm(m, gain, bias), n)
      }
      if n > 1 && below(2) == 0 {
        let start = below(n - 1), count = 1 + below(n - start)
        let part = append(.slice(y, start, count), count)
        if below(2) == 0 { _ = append(.binary(.eltmul, part, part), count) }
      }
    case 0, 1, 2:
      let functions: [UnaryOperation] = [
        .tanh, .sigmoid, .relu, .leakyRelu, .gelu, .silu, .softplus, .neg, .scale, .shift, .square, .abs, .sin,
        .cos, .pow,
      ]
      let function = functions[below(functions.count)]
      let parameter =
        function == .leakyRelu ? 0.1 : function == .scale || function == .shift ? 0.7 : function == .pow ? 2 : 0
      _ = append(.unary(function, parameter, a), rows[a])
    case 3:
      // functions with a limited range get operands in it
      let inner = append(.unary([.tanh, .sigmoid][below(2)], 0, a), rows[a])
      let isPositive = if case .unary(.sigmoid, _, _) = operations[inner - leaves] { true } else { false }
      _ = append(.unary(isPositive ? [.log, .sqrt, .exp][below(3)] : .exp, 0, inner), rows[a])
    case 4, 5, 6:
      let operation: BinaryOperation = [.add, .sub, .eltmul][below(3)]
      let others = rows.indices.filter { rows[$0] == rows[a] }
      let b = below(4) == 0 ? newParameter(rows[a], below) : others[below(others.count)]
      _ = below(2) == 0 ? append(.binary(operation, a, b), rows[a]) : append(.binary(operation, b, a), rows[a])
    case 7:
      let below1 = append(.unary(.sigmoid, 0, a), rows[a])
      let others = rows.indices.filter { rows[$0] == rows[a] }
      _ = append(.binary(.div, others[below(others.count)], below1), rows[a])
    case 8, 9, 10:
      let n = [1, 3, 8, 20][below(4)]
      let first = append(.product(weight(n, rows[a], below), a), n)
      if below(2) == 0 {
        let b = pick(below)
        let second = append(.product(weight(n, rows[b], below), b), n)
        var sum = append(.binary(.add, first, second), n)
        if below(2) == 0 { sum = append(.binary(.add, sum, newParameter(n, below)), n) }
        if below(2) == 0 { _ = append(.unary([.tanh, .sigmoid, .silu][below(3)], 0, sum), n) }
      }
    default:
      if below(2) == 0 && rows[a] > 1 {
        let start = below(rows[a] - 1)
        let count = 1 + below(rows[a] - start)
        _ = append(.slice(a, start, count), count)
      } else {
        let b = pick(below)
        if rows[a] + rows[b] <= 60 { _ = append(.concat([a, b]), rows[a] + rows[b]) }
      }
    }
  }

  private var leaves: Int { (inputs > 0 ? 1 : 0) + states.count * children }

  /// A value of `n` rows for a next state, bounded so that a sequence stays finite.
  private mutating func value(of n: Int, _ below: (Int) -> Int) -> Int {
    let candidates = rows.indices.filter { rows[$0] == n && parameterValues[$0] == nil }
    var i = candidates[below(candidates.count)]
    if below(3) == 0 {
      let v = pick(below)
      i = append(.product(weight(n, rows[v], below), v), n)
    }
    // a bare value now and then: a state, an input, a sum
    if i < leaves || below(4) == 0 && isBounded(i) { return i }
    return append(.unary(.tanh, 0, i), n)
  }

  private func isBounded(_ i: Int) -> Bool {
    switch operations[i - leaves] {
    case .unary(let function, _, _): function == .tanh || function == .sigmoid
    case .product(_, let v): v < leaves
    default: false
    }
  }

  /// Attention by the operations of a graph.
  private func attend(_ g: Graph, _ query: Mat, _ keys: [Mat], _ values: [Mat]) throws(RecurrentError) -> Mat {
    var scores: [Mat] = []
    for key in keys { scores.append(try g.sum(g.eltmul(query, key), over: .rows)) }
    let p = try g.softmax(g.concatRows(scores)), ones = try Mat(query.n, 1, query.dtype)
    try ones.fill(1)
    var total: Mat?
    for (s, value) in values.enumerated() {
      let part = try g.eltmul(g.mul(ones, g.sliceRows(p, s, 1)), value)
      if let sum = total { total = try g.add(sum, part) } else { total = part }
    }
    return total ?? query
  }

  /// Records the step.
  ///
  /// - Parameters:
  ///   - past: of each state those before the time steps so far; for a graph that records no step.
  ///   - mask: returns the mask of a random operation by its index among them; nil to record the operation itself, on a
  ///     graph that records no step what it is in evaluation.
  func record(
    _ g: Graph, _ x: Mat?, _ states: [Mat], _ parameters: [Mat], past: [[Mat]] = [],
    mask: ((_ index: Int) throws(RecurrentError) -> Mat)? = nil
  ) throws(RecurrentError) -> [Mat] {
    var masks = 0
    var values: [Mat] = (x.map { [$0] } ?? []) + states
    for operation in operations {
      switch operation {
      case .unary(let function, let parameter, let a):
        values.append(try g.unary(function, values[a], parameter: parameter))
      case .binary(let function, let a, let b): values.append(try g.binary(function, values[a], values[b]))
      case .product(let p, let a): values.append(try g.mul(parameters[p], values[a]))
      case .slice(let a, let start, let count): values.append(try g.sliceRows(values[a], start, count))
      case .dropout(let a, let rate, let scope):
        if let mask {
          values.append(try g.eltmul(values[a], mask(masks)))
        } else if g.recordedOperands == nil {
          values.append(values[a])
        } else {
          values.append(try g.dropout(values[a], rate: rate, per: scope))
        }
        masks += 1
      case .zoneout(let a, let b, let rate):
        if let mask {
          values.append(try g.add(values[b], g.eltmul(mask(masks), g.sub(values[a], values[b]))))
        } else if g.recordedOperands == nil {
          values.append(try g.add(values[b], g.scale(g.sub(values[a], values[b]), by: 1 - rate)))
        } else {
          values.append(try g.zoneout(values[a], values[b], rate: rate))
        }
        masks += 1
      case .attend(let query, let keys, let kept):
        if g.recordedOperands != nil {
          values.append(try g.attend(values[query], keys: states[keys], values: states[kept]))
        } else {
          values.append(try attend(g, values[query], past[keys], past[kept]))
        }
      case .reduceRows(let reduction, let a):
        values.append(try reduction == .sum ? g.sum(values[a], over: .rows) : g.mean(values[a], over: .rows))
      case .softmax(let a): values.append(try g.softmax(values[a]))
      case .layerNorm(let a, let gain, let bias):
        values.append(try g.layerNorm(values[a], gain: values[gain], bias: values[bias], epsilon: 0.1))
      case .concat(let mats):
        if let p = parameterValues[values.count] {
          values.append(parameters[p])
        } else {
          var rows: [Mat] = []
          for m in mats { rows.append(values[m]) }
          values.append(try g.concatRows(rows))
        }
      }
    }
    var after: [Mat] = []
    for i in next { after.append(values[i]) }
    return after
  }
}
