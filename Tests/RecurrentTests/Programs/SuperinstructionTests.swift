// Superinstructions against their parts, and where they are recognized.

import Kernels
import Testing

@testable import Recurrent

struct SuperinstructionTests {
  /// Memory of each slot of a superinstruction, with its own distance between columns.
  private final class Slots<T: Real> {
    let rows: Int, columns: Int, steps = 2
    private(set) var memory: [UnsafeMutablePointer<T>] = []

    private func stride(_ slot: Int) -> Int { rows + slot % 3 }
    private func count(_ slot: Int) -> Int { steps * columns * stride(slot) + 1 }

    init(_ slots: Int, rows: Int, columns: Int) {
      (self.rows, self.columns) = (rows, columns)
      for slot in 0..<slots {
        let p = UnsafeMutablePointer<T>.allocate(capacity: count(slot))
        for i in 0..<count(slot) {
          let k = (i * 7919 + slot * 104_729) % 1009
          (p + i).initialize(to: T(k) / 250 - 2)
        }
        memory.append(p)
      }
    }

    deinit { for p in memory { p.deallocate() } }

    func operand(_ slot: Int) -> MicroOperand<T> {
      MicroOperand(memory[slot], step: stride(slot) * columns, stride: stride(slot))
    }

    func values(_ slot: Int) -> [Double] { (0..<count(slot)).map { Double(memory[slot][$0]) } }
  }

  private func compare<T: Real>(_ superinstruction: Superinstruction, tolerance: Double, _: T.Type) {
    let operation = superinstruction.operation, result = operation.operands
    let slots = superinstruction.parts.reduce(0) { max($0, $1.result + 1) }
    for rows in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20, 31, 33] {
      for (columns, part) in [(1, 1), (3, 2), (5, 5)] {
        let together = Slots<T>(slots, rows: rows, columns: columns)
        let apart = Slots<T>(slots, rows: rows, columns: columns)
        var one = MicroInstruction<T>(operation, parameter: 0.125, rows: rows, to: together.operand(result)) {
          together.operand($0)
        }
        T.runMicroProgram(&one, count: 1, step: 1, columns: 0..<columns, part: part)
        let code = superinstruction.parts.map { part in
          MicroInstruction<T>(
            part.operation, function: part.function, parameter: part.operation.hasParameter ? 0.125 : 0, rows: rows,
            to: apart.operand(part.result)
          ) { apart.operand(part.operands[$0]) }
        }
        T.runMicroProgram(code, count: code.count, step: 1, columns: 0..<columns, part: part)
        // what only the parts use may differ
        for slot in 0...result {
          let isEqual = zip(together.values(slot), apart.values(slot)).allSatisfy {
            abs($0 - $1) <= tolerance * max(1, abs($1))
          }
          #expect(isEqual, "\(operation) \(rows) x \(columns), operand \(slot)")
          if !isEqual { return }
        }
      }
    }
  }

  @Test func equalsItsParts() {
    for superinstruction in Superinstruction.all {
      compare(superinstruction, tolerance: 1e-6, Float.self)
      compare(superinstruction, tolerance: 1e-15, Double.self)
    }
  }

  /// Saturated gates are exactly 0 and 1: a cell state that is kept does not drift.
  @Test func saturationIsExact() {
    saturation(Float.self)
    saturation(Double.self)
  }

  private func saturation<T: Real>(_: T.Type) {
    for z: T in [60, 100, 1e4, 1e30] {
      // i = 0, f = 1, o = 1, g = 1; c
      var memory = [-z * 20, z, z, z, 0.625, 0, 0, 0].flatMap { [T](repeating: $0, count: 9) }
      memory.withUnsafeMutableBufferPointer { memory in
        guard let p = memory.baseAddress else { return }
        func operand(_ k: Int) -> MicroOperand<T> { MicroOperand(p + 9 * k, step: 0, stride: 9) }
        var instruction = MicroInstruction<T>(.lstm, rows: 9, to: operand(7)) { operand($0) }
        T.runMicroProgram(&instruction, count: 1, step: 0, columns: 0..<1, part: 1)
      }
      #expect(memory[..<36] == ([0, 1, 1, 1].flatMap { [T](repeating: $0, count: 9) })[...], "z = \(z)")
      #expect(memory[45..<54].allSatisfy { $0 == 0.625 })
    }
  }

  @Test func leavesAreOperands() {
    for superinstruction in Superinstruction.all {
      let used = Set(superinstruction.parts.flatMap { $0.operands + [$0.result] })
      #expect(used.isSuperset(of: 0...superinstruction.operation.operands))
    }
  }

  private func operations(_ code: [PlannedInstruction]) -> [MicroOperation] {
    code.flatMap { instruction -> [MicroOperation] in
      if case .segment(let segment) = instruction { return segment.operations.map(\.operation) }
      return []
    }
  }

  /// An LSTM with the gates in PyTorch's order, i, f, g, o, and a cell that is written with its terms exchanged.
  private func lstm(
    _ candidate: @escaping (Graph, Mat) throws(RecurrentError) -> Mat
  ) throws -> StepPlan {
    let H = 5, random = Random(seed: 1)
    func mat(_ n: Int, _ d: Int) throws -> Mat {
      let m = try Mat(n, d, .float64)
      try m.fillUniform(-1, 1, random)
      return m
    }
    let Wx = try mat(4 * H, 3), Wh = try mat(4 * H, H), b = try mat(4 * H, 1)
    return try Program(inputs: 3, states: [H, H], dtype: .float64) { g, x, states throws(RecurrentError) in
      guard let x else { return states }
      let z = try g.add(g.add(g.mul(Wx, x), g.mul(Wh, states[0])), b)
      func block(_ k: Int) throws(RecurrentError) -> Mat { try g.sliceRows(z, k * H, H) }
      let i = try g.sigmoid(block(0)), f = try g.sigmoid(block(1)), o = try g.sigmoid(block(3))
      let c = try g.add(g.eltmul(candidate(g, block(2)), i), g.eltmul(states[1], f))
      return [try g.eltmul(g.tanh(c), o), c]
    }.plan
  }

  @Test func recognizesAnLSTM() throws {
    let plan = try lstm { (g, z) throws(RecurrentError) in try g.tanh(z) }
    #expect(operations(plan.forward) == [.lstm] && operations(plan.backward) == [.lstmBackward])
    try plan.verify()
  }

  /// Where another function of c′ is the output, the cell alone and the normalizations are recognized, though other
  /// operations lie between their parts.
  @Test func recognizesPartsOfACell() throws {
    var options = CellOptions()
    options.norm = .joint
    let network = try Network(
      Network.Settings(Cell(.lstm, options), inputSize: 3, hiddenSizes: [5], outputSize: nil, dtype: .float64),
      random: Random(seed: 0))
    let plan = network.layers[0].program.plan
    let forward = operations(plan.forward), backward = operations(plan.backward)
    #expect(forward.filter { $0 == .layerNorm }.count == 3 && forward.filter { $0 == .lstmCell }.count == 1)
    #expect(!forward.contains(.moments) && !forward.contains(.normalize))
    #expect(backward.filter { $0 == .layerNormBackward }.count == 3)
    #expect(backward.filter { $0 == .lstmCellBackward }.count == 1 && !backward.contains(.normalizeBackward))
  }

  @Test func leavesAnotherCellAlone() throws {
    let plan = try lstm { (g, z) throws(RecurrentError) in try g.relu(z) }
    #expect(!(operations(plan.forward) + operations(plan.backward)).contains { $0.isSuperinstruction })
    try plan.verify()
  }

  /// A superinstruction whose operands are exchanged computes something else: the verification refuses it.
  @Test func verificationRefusesOtherOperands() throws {
    let original = try lstm { (g, z) throws(RecurrentError) in try g.tanh(z) }
    for pass in [\StepPlan.forward, \StepPlan.backward] {
      for (i, instruction) in original[keyPath: pass].enumerated() {
        guard case .segment(let segment) = instruction else { continue }
        let o = segment.operations[0]
        for a in o.operands.indices {
          for b in 0..<a where o.operands[a] != o.operands[b] {
            var operands = o.operands, plan = original, changed = segment
            operands.swapAt(a, b)
            changed.operations[0] = PlannedOperation(
              operation: o.operation, function: o.function, parameter: 0, rows: o.rows, result: o.result,
              operands: operands, values: o.values, depth: o.depth)
            plan[keyPath: pass][i] = .segment(changed)
            #expect(throws: PlanFault.self, "\(o.operation): operands \(a) and \(b)") { try plan.verify() }
          }
        }
      }
    }
  }
}
