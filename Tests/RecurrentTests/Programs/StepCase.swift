// A step with its data, run as a program and operation by operation.

import Testing

@testable import Recurrent

/// The equations of a step: what it receives besides are its parameters.
typealias StepBody = (Graph, Mat?, [Mat], [Mat]) throws(RecurrentError) -> [Mat]

/// A step with parameters, inputs, initial states, lengths, and gradients of its results.
struct StepCase {
  let inputs: Int, states: [Int], T: Int, B: Int, dtype: DType
  var lengths: [Int]?
  /// Where sequences begin, and their states there: [rows × 1], or none for zeros.
  var resets: [Bool]?, starts: [Mat] = []
  let parameters: [Mat], x: Mat?, initial: [Mat]
  let dy: [Double], dFinal: [[Double]]
  let body: StepBody
  /// The step on values: where it draws masks, with those of `masks`.
  private var reference: StepBody
  /// The masks of the time step and the sequences that are recorded, and the states before the time steps so far.
  final class Masks {
    var mats: [Mat] = [], t = 0, B = 1, columns = 0..<1, past: [[Mat]] = []

    /// A mask's columns of the time step.
    func callAsFunction(_ index: Int) throws(RecurrentError) -> Mat {
      let mask = mats[index]
      if mask.d == 1 { return mask }
      let first = mask.d == B ? columns.lowerBound : t * B + columns.lowerBound
      return try mask.view(row: 0, column: first, n: mask.n, d: columns.count)
    }
  }
  let masks = Masks()

  init(
    inputs: Int, states: [Int], parameters shapes: [(n: Int, d: Int)], T: Int, B: Int, dtype: DType = .float64,
    lengths: [Int]? = nil, _ random: Random, _ body: @escaping StepBody
  ) throws {
    (self.inputs, self.states, self.T, self.B, self.dtype, self.lengths) = (inputs, states, T, B, dtype, lengths)
    func mat(_ n: Int, _ d: Int, _ bound: Double) throws -> Mat {
      let m = try Mat(n, d, dtype)
      try m.fillUniform(-bound, bound, random)
      return m
    }
    parameters = try shapes.map { try mat($0.n, $0.d, $0.d == 1 ? 0.8 : 1.2 / Double($0.d).squareRoot()) }
    x = inputs > 0 ? try mat(inputs, T * B, 1) : nil
    initial = try states.map { try mat($0, B, 1) }
    dy = (0..<states[0] * T * B).map { _ in random.uniform(-1, 1) }
    dFinal = states.map { n in (0..<n * B).map { _ in random.uniform(-1, 1) } }
    self.body = body
    reference = body
  }

  /// The case of a step that draws masks.
  func masked(
    _ program: Program, _ random: Random?,
    _ body: @escaping (Graph, Mat?, [Mat], [Mat], Masks) throws(RecurrentError) -> [Mat]
  ) throws -> StepCase {
    var masked = self
    let graph = Graph(needsBackprop: false)
    masks.mats = try program.plan.masks.map { try program.draw($0, T, B, on: graph, random) }
    masked.reference = { [masks] g, x, s, p throws(RecurrentError) in try body(g, x, s, p, masks) }
    return masked
  }

  /// What a run yields, by name.
  struct Outcome {
    var tensors: [(name: String, numbers: [Double])] = []
  }

  private var leaves: [(String, Mat)] {
    (x.map { [("dx", $0)] } ?? []) + initial.enumerated().map { ("dstate \($0.offset)", $0.element) }
      + parameters.enumerated().map { ("dparameter \($0.offset)", $0.element) }
      + starts.enumerated().map { ("dstart \($0.offset)", $0.element) }
  }

  /// The case with sequences that begin at random steps, at random states or at zeros.
  func resetting(_ random: Random, hasStarts: Bool) throws -> StepCase {
    var c = self
    c.resets = (0..<T * B).map { _ in random.next() % 3 == 0 }
    if hasStarts {
      c.starts = try states.map { rows in
        let start = try Mat(rows, 1, dtype)
        try start.fillUniform(-1, 1, random)
        return start
      }
    }
    return c
  }

  private func outcome(_ y: [Double], _ finals: [Mat]) throws -> Outcome {
    var outcome = Outcome(tensors: [("y", y)])
    for (k, final) in finals.enumerated() { outcome.tensors.append(("state \(k)", try final.rows())) }
    for (name, leaf) in leaves { outcome.tensors.append((name, try leaf.gradientRows())) }
    return outcome
  }

  /// The step with parameters that a run receives, by way of JSON.
  func programOfArguments() throws -> Program {
    let declared = parameters.enumerated().map { Program.Parameter("p\($0.offset)", $0.element.n, $0.element.d) }
    let recorder = try ProgramRecorder(
      Program.Settings(inputs: inputs, states: states, parameters: declared, dtype: dtype))
    let program = try recorder.finish(body(recorder.graph, recorder.x, recorder.states, recorder.parameters))
    let text = try program.json(), again = try Program(json: text)
    #expect(try again.json() == text)
    return again
  }

  /// The step with parameters that it captures.
  func program() throws -> Program {
    try Program(inputs: inputs, states: states, dtype: dtype) { [body, parameters] g, x, s throws(RecurrentError) in
      try body(g, x, s, parameters)
    }
  }

  /// Makes each column of x 0 but for a 1; returns the rows of the ones.
  func makeOneHot(_ random: Random) throws -> [Int32] {
    let x = try #require(x)
    let tokens = (0..<T * B).map { _ in Int32(random.next() % UInt64(inputs)) }
    try x.set(rows: (0..<inputs).flatMap { row in tokens.map { Int($0) == row ? 1 : 0 } })
    return tokens
  }

  /// Makes each column of x a row of a table; returns the table and the rows.
  func makeTable(of count: Int, _ random: Random) throws -> (table: Mat, tokens: [Int32]) {
    let x = try #require(x), table = try Mat(count, inputs, dtype)
    try table.fillUniform(-1, 1, random)
    let tokens = (0..<T * B).map { _ in Int32(random.next() % UInt64(count)) }, rows = try table.rows()
    try x.set(rows: (0..<inputs).flatMap { i in tokens.map { rows[Int($0) * inputs + i] } })
    return (table, tokens)
  }

  /// The gradient of a table from that of x: the sum over the columns of each token.
  func tableGradient(_ dx: [Double], _ tokens: [Int32], of count: Int) -> [Double] {
    var gradient = [Double](repeating: 0, count: count * inputs)
    for (j, token) in tokens.enumerated() {
      for i in 0..<inputs { gradient[Int(token) * inputs + i] += dx[i * T * B + j] }
    }
    return gradient
  }

  /// The step as a program.
  ///
  /// - Parameters:
  ///   - tokens: x as one-hot tokens, or as rows of `table`.
  ///   - table: the table, whose gradient is then "dx".
  ///   - random: draws masks; nil for evaluation.
  func planned(
    _ program: Program, _ g: Graph = Graph(), tokens: [Int32]? = nil, table: Mat? = nil, random: Random? = nil
  ) throws -> Outcome {
    for (_, leaf) in leaves { try leaf.zeroGradient() }
    let arguments = program.settings.parameters.isEmpty ? [] : parameters
    let y: Mat, finals: [Mat]
    if let tokens {
      var mats = initial.map { [$0] }
      y = try g.scan(
        program, table, tokens: g.copyIndices(tokens, count: T * B, below: table?.n ?? inputs, "tokens"),
        states: &mats, 0, parameters: arguments, steps: T,
        lengths: lengths.map { (lengths) in try g.copyIndices(lengths, count: B, below: T + 1, "lengths") },
        resets: resets.map { (resets) in
          try g.copyIndices(resets.map { $0 ? 1 : 0 }, count: T * B, below: 2, "resets")
        },
        starts: starts, wantsInput: true, random: random)
      finals = mats.map { $0[0] }
    } else {
      (y, finals) = try g.scan(
        program, x, states: initial, parameters: arguments, steps: T, lengths: lengths, resets: resets, starts: starts,
        random: random)
    }
    let values = try y.rows()
    try y.set(gradientRows: dy)
    for (final, gradient) in zip(finals, dFinal) { try final.set(gradientRows: gradient) }
    try g.backward()
    var result = try outcome(values, finals)
    if let i = result.tensors.firstIndex(where: { $0.name == "dx" }), tokens != nil {
      if let table { result.tensors[i].numbers = try table.gradientRows() } else { result.tensors.remove(at: i) }
    }
    return result
  }

  /// The outputs and final states, computed sequence by sequence and time step by time step without a graph.
  func stepped(_ program: Program, tokens: [Int32]? = nil) throws -> Outcome {
    let step = try ProgramStep<Double>(program, program.settings.parameters.isEmpty ? [] : parameters)
    try step.prepare()
    let H = states[0]
    var y = [Double](repeating: 0, count: H * T * B), finals = states.map { [Double](repeating: 0, count: $0 * B) }
    for j in 0..<B {
      let now = states.map { UnsafeMutablePointer<Double>.allocate(capacity: $0) }
      defer { for p in now { p.deallocate() } }
      for (k, state) in initial.enumerated() {
        for (i, value) in try state.view(row: 0, column: j, n: state.n, d: 1).rows().enumerated() { now[k][i] = value }
      }
      for t in 0..<(lengths?[j] ?? T) {
        let column = t * B + j
        if let x, tokens == nil {
          for (i, value) in try x.view(row: 0, column: column, n: inputs, d: 1).rows().enumerated() {
            step.input[i] = value
          }
        }
        step.run(token: tokens.map { Int($0[column]) }) { now[$0] }
        for i in 0..<H { y[i * T * B + column] = now[0][i] }
      }
      for (k, rows) in states.enumerated() { for i in 0..<rows { finals[k][i * B + j] = now[k][i] } }
    }
    return Outcome(tensors: [("y", y)] + finals.enumerated().map { ("state \($0)", $1) })
  }

  /// The step operation by operation, on one graph; each sequence alone if they have lengths.
  func recorded() throws -> Outcome {
    for (_, leaf) in leaves { try leaf.zeroGradient() }
    let g = Graph(), H = states[0]
    var y = [Double](repeating: 0, count: H * T * B)
    var finals = states.map { [Double](repeating: 0, count: $0 * B) }
    let groups = lengths == nil ? [0..<B] : (0..<B).map { $0..<$0 + 1 }
    var results: [(t: Int, columns: Range<Int>, mat: Mat)] = [], ends: [(columns: Range<Int>, states: [Mat])] = []
    for columns in groups {
      let steps = lengths.map { $0[columns.lowerBound] } ?? T
      // an operation of its own, so that the gradient of a final state that is an initial one has a place
      var now: [Mat] = []
      for state in initial {
        now.append(try g.scale(state.view(row: 0, column: columns.lowerBound, n: state.n, d: columns.count), by: 1))
      }
      masks.past = now.map { _ in [] }
      for t in 0..<steps {
        for (k, state) in now.enumerated() { masks.past[k].append(state) }
        let xt = try x?.view(row: 0, column: t * B + columns.lowerBound, n: inputs, d: columns.count)
        (masks.t, masks.B, masks.columns) = (t, B, columns)
        if let resets { now = try begin(g, now, resets[t * B + columns.lowerBound..<t * B + columns.upperBound]) }
        now = try reference(g, xt, now, parameters)
        // states of a step may be views of one matrix
        var separate: [Mat] = []
        for state in now { separate.append(try g.scale(state, by: 1)) }
        now = separate
        results.append((t, columns, now[0]))
      }
      ends.append((columns, now))
    }
    try g.evaluate()
    for (t, columns, mat) in results { scatter(try mat.rows(), mat, t * B + columns.lowerBound, T * B, &y) }
    for (columns, states) in ends {
      for (k, state) in states.enumerated() { scatter(try state.rows(), state, columns.lowerBound, B, &finals[k]) }
    }
    for (t, columns, mat) in results { try add(dy, T * B, t * B + columns.lowerBound, to: mat) }
    for (columns, states) in ends {
      for (k, state) in states.enumerated() { try add(dFinal[k], B, columns.lowerBound, to: state) }
    }
    try g.backward()
    var outcome = Outcome(tensors: [("y", y)])
    for (k, final) in finals.enumerated() { outcome.tensors.append(("state \(k)", final)) }
    for (name, leaf) in leaves { outcome.tensors.append((name, try leaf.gradientRows())) }
    return outcome
  }

  /// The states with those of sequences that begin in some columns.
  private func begin(_ g: Graph, _ states: [Mat], _ resets: ArraySlice<Bool>) throws -> [Mat] {
    try states.enumerated().map { k, state in
      let begins = try Mat(state.n, state.d, dtype), others = try Mat(state.n, state.d, dtype)
      try begins.set(rows: (0..<state.n).flatMap { _ in resets.map { $0 ? 1 : 0 } })
      try others.set(rows: (0..<state.n).flatMap { _ in resets.map { $0 ? 0 : 1 } })
      let kept = try g.eltmul(state, others)
      return starts.isEmpty ? kept : try g.add(kept, g.eltmul(begins, starts[k]))
    }
  }

  /// Copies a matrix in row-major order into columns of a wider one.
  private func scatter(_ values: [Double], _ mat: Mat, _ column: Int, _ columns: Int, _ to: inout [Double]) {
    for i in 0..<mat.n { for j in 0..<mat.d { to[i * columns + column + j] = values[i * mat.d + j] } }
  }

  private func add(_ gradient: [Double], _ columns: Int, _ column: Int, to mat: Mat) throws {
    var own = try mat.gradientRows()
    for i in 0..<mat.n { for j in 0..<mat.d { own[i * mat.d + j] += gradient[i * columns + column + j] } }
    try mat.set(gradientRows: own)
  }

  /// The largest error of a tensor, relative to its norm, with the tensor's name.
  static func difference(_ a: Outcome, _ b: Outcome, floor: Double = 1e-12) -> (name: String, error: Double) {
    var worst = ("", 0.0)
    for p in a.tensors {
      guard let q = b.tensors.first(where: { $0.name == p.name }) else { return (p.name, .infinity) }
      let scale = q.numbers.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let error = zip(p.numbers, q.numbers).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
      let relative = error <= floor ? 0 : error / scale
      if !(relative <= worst.1) { worst = (p.name, relative.isNaN ? .infinity : relative) }
    }
    return worst
  }
}
