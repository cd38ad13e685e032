// Recording a step: what is refused, and what a scan checks.

import Testing

@testable import Recurrent

struct ProgramTests {
  private let W: Mat, U: Mat, b: Mat

  init() throws {
    let random = Random(seed: 2)
    func mat(_ n: Int, _ d: Int) throws -> Mat {
      let m = try Mat(n, d, .float64)
      try m.fillUniform(-1, 1, random)
      return m
    }
    (W, U, b) = (try mat(4, 3), try mat(4, 4), try mat(4, 1))
  }

  private func program(
    _ body: (Graph, Mat, Mat) throws(RecurrentError) -> Mat
  ) throws -> Program {
    try Program(inputs: 3, states: [4], dtype: .float64) { g, x, s throws(RecurrentError) in
      guard let x else { return s }
      return [try body(g, x, s[0])]
    }
  }

  @Test func refusesNumbers() throws {
    refused(.invalidated, "step is being recorded") {
      try program { g, x, h throws(RecurrentError) in
        _ = try h.rows()
        return h
      }
    }
    refused(.invalidated, "step is being recorded") {
      try program { g, x, h throws(RecurrentError) in
        _ = try g.tanh(h).rows()
        return h
      }
    }
    // parameters have numbers
    _ = try program { g, x, h throws(RecurrentError) in
      _ = try b.rows()
      return try g.tanh(g.mul(U, h))
    }
  }

  @Test func refusesColumns() throws {
    refused(.badValue, "transpose") { try program { g, x, h throws(RecurrentError) in try g.transpose(h) } }
    refused(.badShape, "part of the columns") {
      try program { g, x, h throws(RecurrentError) in try g.tanh(g.sliceColumns(h, 0, 2)) }
    }
    refused(.badValue, "concat_columns") {
      try program { g, x, h throws(RecurrentError) in try g.sliceColumns(g.concatColumns([h, h]), 0, 7) }
    }
  }

  @Test func refusesShapes() throws {
    refused(.badShape, "next value of state 0", "expected 4 rows, got 3") {
      try program { g, x, h throws(RecurrentError) in try g.tanh(x) }
    }
    refused(.badShape, "next value of state 0 depends on neither x nor a state") {
      try program { g, x, h throws(RecurrentError) in try g.tanh(b) }
    }
    refused(.badShape, "a of mul changes with the step") {
      try Program(inputs: 0, states: [7], dtype: .float64) { g, x, s throws(RecurrentError) in
        [try g.mul(s[0], s[0])]
      }
    }
    refused(.badShape, "wrong number of states; expected 1, got 2") {
      try Program(inputs: 3, states: [4], dtype: .float64) { g, x, s throws(RecurrentError) in [s[0], s[0]] }
    }
    refused(.badShape, "states is empty") { try Program(inputs: 3, states: []) { g, x, s in s } }
    refused(.badShape, "states[1] is out of range") { try Program(inputs: 3, states: [1, 0]) { g, x, s in s } }
    refused(.badType, "dtype") {
      let single = try Mat(4, 1)
      _ = try program { g, x, h throws(RecurrentError) in try g.add(h, single) }
    }
  }

  @Test func refusesForeignValues() throws {
    let other = Graph()
    // a result of another graph is a parameter; a scan on that graph accepts it, on another it refuses
    let computed = try other.tanh(b)
    let p = try program { g, x, h throws(RecurrentError) in try g.tanh(g.add(h, computed)) }
    let x = try Mat(3, 2, .float64), h = try Mat(4, 2, .float64)
    _ = try other.scan(p, x, states: [h], steps: 1)
    refused(.badValue, "another graph") { try Graph().scan(p, x, states: [h], steps: 1) }
  }

  @Test func scanChecksItsArguments() throws {
    let p = try program { g, x, h throws(RecurrentError) in try g.tanh(g.add(g.mul(W, x), g.mul(U, h))) }
    let g = Graph(), x = try Mat(3, 6, .float64), h = try Mat(4, 2, .float64)
    refused(.badShape, "states has the wrong length") { try g.scan(p, x, states: [h, h], steps: 3) }
    refused(.badShape, "states[0] has the wrong shape") { try g.scan(p, x, states: [x], steps: 3) }
    refused(.badShape, "x has the wrong shape") { try g.scan(p, x, states: [h], steps: 4) }
    refused(.badShape, "steps is out of range") { try g.scan(p, x, states: [h], steps: 0) }
    refused(.badShape, "x is absent") { try g.scan(p, nil, states: [h], steps: 3) }
    refused(.badType, "x has the wrong dtype") { try g.scan(p, try Mat(3, 6), states: [h], steps: 3) }
    refused(.badIndex, "lengths[1]") { try g.scan(p, x, states: [h], steps: 3, lengths: [3, 4]) }
    refused(.badShape, "lengths") { try g.scan(p, x, states: [h], steps: 3, lengths: [3]) }
    refused(.badShape, "parameters has the wrong length") {
      try g.scan(p, x, states: [h], parameters: [h], steps: 3)
    }
    #expect(g.count == 0)
    _ = try g.scan(p, x, states: [h], steps: 3)
    #expect(g.count == 1)
  }

  @Test func refusesSizesThatOverflow() throws {
    let p = try Program(inputs: 0, states: [1 << 20], dtype: .float32) { g, x, s throws(RecurrentError) in
      [try g.tanh(s[0])]
    }
    let h = try Mat(1 << 20, 1)
    refused(.badShape, "sequence is too large") { try Graph().scan(p, nil, states: [h], steps: 1 << 12) }
    refused(.badShape, "sequence is too large") { try Graph().scan(p, nil, states: [h], steps: Int(Int32.max)) }
  }

  @Test func inferenceKeepsNothing() throws {
    let p = try program { g, x, h throws(RecurrentError) in try g.tanh(g.add(g.mul(W, x), g.mul(U, h))) }
    let x = try Mat(3, 6, .float64), h = try Mat(4, 2, .float64)
    try x.fillUniform(-1, 1, Random(seed: 1))
    let history = Graph(), training = try history.scan(p, x, states: [h], steps: 3).y.rows()
    let g = Graph(needsBackprop: false)
    #expect(try g.scan(p, x, states: [h], steps: 3).y.rows() == training)
    #expect(g.count == 0)
  }

  /// The same bits for every number of threads.
  @Test func threads() throws {
    defer { try? ThreadPool.set(ThreadPool.maximum < 2 ? 1 : 2) }
    let before = ThreadPool.count
    let c = try StepCase(
      inputs: 40, states: [96, 96], parameters: [(384, 40), (384, 96), (384, 1), (96, 1)], T: 5, B: 9,
      lengths: [5, 3, 0, 1, 5, 5, 4, 2, 5], Random(seed: 8)
    ) { g, x, s, p throws(RecurrentError) in
      guard let x else { return s }
      let z = try g.add(g.add(g.mul(p[0], x), g.mul(p[1], s[0])), p[2])
      let i = try g.sigmoid(g.add(g.sliceRows(z, 0, 96), g.eltmul(p[3], s[1])))
      let f = try g.sigmoid(g.sliceRows(z, 96, 96)), o = try g.sigmoid(g.sliceRows(z, 192, 96))
      let n = try g.tanh(g.sliceRows(z, 288, 96)), c = try g.add(g.eltmul(f, s[1]), g.eltmul(i, n))
      return [try g.eltmul(o, g.tanh(c)), c]
    }
    let program = try c.program()
    var outcomes: [[[Double]]] = []
    for threads in [1, 2, 3, 4] {
      try ThreadPool.set(threads)
      outcomes.append(try c.planned(program).tensors.map(\.numbers))
    }
    try ThreadPool.set(before)
    for outcome in outcomes.dropFirst() { #expect(outcome == outcomes[0]) }
  }

  // MARK: Files

  private let text = #"""
    {"inputs":2,"states":[3],"parameters":[{"name":"W","n":3,"d":5,"initial":null}],"dtype":"float64",
     "operations":[["concat_rows",["x",0,2],["s0",0,3]],["mul",["p0",0,0,3,5],["v0",0,5]],["tanh",["v1",0,3]]],
     "next":[["v2",0,3]]}
    """#

  @Test func readsItsText() throws {
    let p = try Program(json: text)
    let W = try Mat(3, 5, .float64), x = try Mat(2, 4, .float64), h = try Mat(3, 2, .float64)
    try W.fillUniform(-1, 1, Random(seed: 1))
    try x.fillUniform(-1, 1, Random(seed: 2))
    let g = Graph()
    #expect(try g.scan(p, x, states: [h], parameters: [W], steps: 2).y.rows().allSatisfy { $0 != 0 })
    #expect(try Program(json: p.json()).json() == p.json())
  }

  @Test func refusesFiles() throws {
    func refuse(_ from: String, _ to: String, _ kind: RecurrentError.Kind, _ words: String) {
      refused(kind, words) { try Program(json: text.replacing(from, with: to)) }
    }
    refuse("tanh", "erf", .badValue, "operation is unknown")
    refuse(#"["v1",0,3]]]"#, #"["v2",0,3]]]"#, .badIndex, "operations[2][0] refers to nothing before it")
    refuse(#"["v1",0,3]]]"#, #"["v1",0,4]]]"#, .badIndex, "operations[2][0]: rows are out of range")
    refuse(#"["v1",0,3]]]"#, #"["v1",-1,3]]]"#, .badValue, "operations[2][0] has the wrong form")
    refuse(#"["v1",0,3]]]"#, #"["v1"]]]"#, .badValue, "operations[2][0] has the wrong form")
    refuse(#"["v1",0,3]]]"#, #"["s7",0,3]]]"#, .badIndex, "refers to nothing")
    refuse(#"["tanh",["v1",0,3]]"#, #""tanh""#, .badValue, "operations[2] has the wrong form")
    refuse(#"["tanh",["v1",0,3]]"#, #"["add",["v1",0,3]]"#, .badValue, "expected 2 for add, got 1")
    refuse(#""d":5"#, #""d":4"#, .badIndex, "operations[1][0]")
    refuse(#""states":[3]"#, #""states":[4]"#, .badShape, "next value of state 0")
    refuse(#""next":[["v2",0,3]]"#, #""next":[]"#, .badShape, "wrong number of states")
    refuse(#""next""#, #""nxt""#, .badValue, "nxt is not a setting")
    refuse(#""name":"W""#, #""name":"""#, .badValue, "name of parameters[0]")
    refuse(#",5],["v0",0,5]"#, #",6],["v0",0,5]"#, .badIndex, "operations[1][0]")
    refuse(#""n":3"#, #""n":3000000000"#, .badShape, "parameters[0]")
  }

  @Test func capturedMatsAreNotWritten() throws {
    let p = try program { g, x, h throws(RecurrentError) in try g.tanh(g.mul(U, h)) }
    refused(.badValue, "step reads a Mat from outside") { try p.json() }
  }
}
