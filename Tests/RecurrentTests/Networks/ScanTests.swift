// Scans against the same layers recorded one time step at a time.

import Testing

@testable import Recurrent

/// The cell and the sizes of one test.
private struct Case: CustomStringConvertible {
  let cell: Cell
  let hidden: [Int], inputs: Int, steps: Int, columns: Int
  var tokens = false
  var description: String { "\(cell) \(inputs)->\(hidden) T\(steps) B\(columns)\(tokens ? " tokens" : "")" }

  static let all: [Case] = {
    var cases: [Case] = []
    for cell in Cell.regular {
      for (hidden, inputs, steps, columns) in [
        ([1], 1, 1, 1), ([7], 3, 4, 1), ([20, 20], 5, 6, 1), ([9, 33], 4, 3, 2), ([8], 8, 2, 3),
        ([16], 5, 3, 4),
        ([31, 5], 6, 3, 5), ([17], 33, 2, 13), ([65], 2, 2, 12), ([32, 32], 32, 3, 14),
      ] {
        cases.append(Case(cell: cell, hidden: hidden, inputs: inputs, steps: steps, columns: columns))
      }
      // more columns than tokens, and fewer
      cases.append(Case(cell: cell, hidden: [9, 4], inputs: 5, steps: 4, columns: 3, tokens: true))
      cases.append(Case(cell: cell, hidden: [6], inputs: 40, steps: 3, columns: 2, tokens: true))
    }
    return cases
  }()
}

/// The results of a run: outputs and final state; gradients of weights, input and initial state.
private struct Outcome {
  var values: [Double] = []
  var gradients: [[Double]] = []
}

/// A network with its input, initial state and output gradients.
private struct Setting {
  let c: Case, model: Network, x: Mat, start: Network.State, dy: [Double], dState: [[Double]], tokens: [Int]

  init(_ c: Case, _ dtype: DType) throws {
    let random = Random(seed: 5)
    self.c = c
    model = try Network(
      Network.Settings(
        c.cell, inputSize: c.inputs, embedding: c.tokens ? 3 : nil, hiddenSizes: c.hidden, outputSize: nil,
        dtype: dtype), random: random)
    try model.parameters.flat.fillUniform(-0.8, 0.8, random)
    x = try Mat(c.inputs, c.steps * c.columns, dtype)
    try x.fillUniform(-1, 1, random)
    tokens = (0..<c.steps * c.columns).map { _ in Int(random.next() % UInt64(c.inputs)) }
    func mats() throws -> [Mat] {
      try c.hidden.map { size in
        let m = try Mat(size, c.columns, dtype)
        try m.fillUniform(-1, 1, random)
        return m
      }
    }
    start = Network.State(h: try mats(), c: c.cell.states.count > 1 ? try mats() : [])
    dy = (0..<c.hidden[c.hidden.count - 1] * c.steps * c.columns).map { _ in random.uniform(-1, 1) }
    dState = (start.h + start.c).map { m in (0..<m.count).map { _ in random.uniform(-1, 1) } }
  }

  /// Clears all gradients, runs forward and backward, and collects the results.
  func outcome(_ graph: Graph, _ run: (inout Network.State) throws -> Mat) throws -> Outcome {
    for m in [model.parameters.flat, x] + start.h + start.c { try m.zeroGradient() }
    var state = start
    let y = try run(&state)
    try y.set(gradientRows: dy)
    for (m, d) in zip(state.h + state.c, dState) {
      // the last output is also the final state: its gradients add up
      try m.set(gradientRows: zip(try m.gradientRows(), d).map { $0 + $1 })
    }
    var outcome = Outcome(values: try y.rows() + (state.h + state.c).flatMap { try $0.rows() })
    try graph.backward()
    for (_, m) in model.parameters.all { outcome.gradients.append(try m.gradientRows()) }
    for m in [x] + start.h + start.c { outcome.gradients.append(try m.gradientRows()) }
    return outcome
  }

  func sequence(lengths: [Int]? = nil) throws -> Outcome {
    let graph = Graph()
    return try outcome(graph) { state in
      let input: Network.ScanInput =
        c.tokens ? .tokens(try graph.copyIndices(tokens, count: tokens.count, below: c.inputs, "token")) : .vectors(x)
      let kept = try lengths.map { try graph.copyIndices($0, count: $0.count, below: c.steps + 1, "length") }
      return try model.advance(graph, input, steps: c.steps, &state, lengths: kept)
    }
  }

  func timeSteps() throws -> Outcome {
    let graph = Graph()
    return try outcome(graph) { state in
      var tops: [Mat] = []
      for t in 0..<c.steps {
        let now: Mat
        if c.tokens, let Wil = model.Wil {
          now = try graph.rowPluck(Wil, tokens[t * c.columns..<(t + 1) * c.columns])
        } else {
          now = try graph.sliceColumns(x, t * c.columns, c.columns)
        }
        tops.append(try model.advance(graph, now, &state))
      }
      return try graph.concatColumns(tops)
    }
  }
}

private func distance(_ a: [Double], _ b: [Double]) -> Double {
  let difference = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  let size = b.reduce(0) { $0 + $1 * $1 }
  return difference == 0 ? 0 : (difference / max(size, 1e-12)).squareRoot()
}

private func worst(_ a: Outcome, _ b: Outcome) -> Double {
  zip(a.gradients, b.gradients).map { distance($0, $1) }.reduce(distance(a.values, b.values), max)
}

@Suite struct ScanTests {
  @Test(arguments: Case.all) fileprivate func aScanMatchesItsTimeSteps(_ c: Case) throws {
    let wide = try Setting(c, .float64)
    let reference = try wide.timeSteps()
    #expect(try worst(wide.sequence(), reference) < 1e-11, "\(c)")
    #expect(try worst(Setting(c, .float32).sequence(), reference) < 1e-5, "\(c)")
  }

  /// Each sequence of a batch with lengths equals that sequence alone, cut at its length.
  @Test(arguments: Cell.regular) func lengthsCutWithoutSorting(_ cell: Cell) throws {
    let c = Case(cell: cell, hidden: [9], inputs: 4, steps: 5, columns: 4)
    let lengths = [3, 5, 0, 1]
    let all = try Setting(c, .float64)
    let outcome = try all.sequence(lengths: lengths)
    let H = 9, T = 5, B = 4
    var weights = [Double](repeating: 0, count: outcome.gradients[0].count)
    for (b, length) in lengths.enumerated() {
      // outputs beyond the length are 0, and so is their input's gradient
      for t in length..<T {
        for i in 0..<H { #expect(outcome.values[i * T * B + t * B + b] == 0) }
      }
      if length == 0 {
        let h = try all.start.h[0].rows()
        for i in 0..<H { #expect(outcome.values[H * T * B + i * B + b] == h[i * B + b]) }
        continue
      }
      let one = try Setting(Case(cell: cell, hidden: [9], inputs: 4, steps: length, columns: 1), .float64)
      try one.model.parameters.flat.set(rows: all.model.parameters.flat.rows())
      func column(_ rows: [Double], _ columns: Int, _ picks: [Int]) -> [Double] {
        stride(from: 0, to: rows.count, by: columns).flatMap { row in picks.map { rows[row + $0] } }
      }
      let steps = (0..<length).map { $0 * B + b }
      try one.x.set(rows: column(all.x.rows(), T * B, steps))
      for (mine, theirs) in zip(one.start.h + one.start.c, all.start.h + all.start.c) {
        try mine.set(rows: column(theirs.rows(), B, [b]))
      }
      let graph = Graph()
      for m in [one.model.parameters.flat, one.x] { try m.zeroGradient() }
      var state = one.start
      let y = try one.model.advance(graph, .vectors(one.x), steps: length, &state)
      try y.set(gradientRows: column(all.dy, T * B, steps))
      for (m, d) in zip(state.h + state.c, all.dState) { try m.set(gradientRows: column(d, B, [b])) }
      #expect(try distance(y.rows(), column(Array(outcome.values.prefix(H * T * B)), T * B, steps)) < 1e-12)
      try graph.backward()
      for (i, g) in try one.model.parameters.all[0].mat.gradientRows().enumerated() { weights[i] += g }
      let dx = outcome.gradients[all.model.parameters.names.count]
      #expect(try distance(column(dx, T * B, steps), one.x.gradientRows()) < 1e-11)
      for t in length..<T { #expect(column(dx, T * B, [t * B + b]).allSatisfy { $0 == 0 }) }
    }
    #expect(distance(outcome.gradients[0], weights) < 1e-11)
  }

  @Test(arguments: Cell.regular) func theBitsAreTheSameAtAnyThreadCount(_ cell: Cell) throws {
    let before = ThreadPool.count
    defer { try? ThreadPool.set(before) }
    for (hidden, columns) in [(96, 32), (200, 7)] {
      let setting = try Setting(
        Case(cell: cell, hidden: [hidden, 40], inputs: 50, steps: 4, columns: columns), .float32)
      try ThreadPool.set(1)
      let alone = try setting.sequence()
      for count in [2, 3, 5] {
        try ThreadPool.set(count)
        let together = try setting.sequence()
        #expect(alone.values == together.values, "\(cell) on \(count) threads")
        #expect(alone.gradients == together.gradients, "\(cell) on \(count) threads")
      }
    }
  }

  @Test(arguments: Cell.regular) func anInferenceStepMatchesATimeStep(_ cell: Cell) throws {
    for dtype in DType.allCases {
      let setting = try Setting(Case(cell: cell, hidden: [20, 9], inputs: 5, steps: 1, columns: 1), dtype)
      let graph = Graph()
      var state = setting.start
      let y = try setting.model.advance(graph, setting.x, &state)
      let storage = try Storage(bytes: setting.model.stateCount(batchSize: 1) * 8)
      let out = try Storage(bytes: 9 * 8)
      var at = storage.start
      for m in setting.start.h + setting.start.c {
        at.copyMemory(from: try m.wPointer(), byteCount: m.count * dtype.size)
        at += m.count * dtype.size
      }
      let all = setting.model.stateCount(batchSize: 1)
      try setting.model.inferenceStep(
        token: nil, x: Elements(setting.x.wPointer(), count: setting.x.count, dtype),
        state: MutableElements(storage.start, count: all, dtype), y: MutableElements(out.start, count: 9, dtype))
      let numbers = try Mat(9, 1, columns: Elements(out.start, count: 9, dtype)).rows()
      #expect(distance(numbers, try y.rows()) < (dtype == .float32 ? 1e-6 : 1e-14))
      let after = try Mat(all, 1, columns: Elements(storage.start, count: all, dtype)).rows()
      #expect(
        distance(after, try (state.h + state.c).flatMap { try $0.rows() })
          < (dtype == .float32 ? 1e-6 : 1e-14))
    }
  }
}
