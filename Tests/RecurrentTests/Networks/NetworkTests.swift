// Networks: names, order and memory of the parameters, and time steps.

import Recurrent
import Testing

@Suite struct NetworkTests {
  private func model(_ cell: Cell, _ hidden: [Int], _ seed: UInt64 = 1, dtype: DType = .float64) throws
    -> Network
  {
    try Network(
      Network.Settings(cell, inputSize: 3, hiddenSizes: hidden, outputSize: 2, dtype: dtype), random: Random(seed: seed)
    )
  }

  @Test func namesAreRecurrentJSs() throws {
    #expect(
      try model(.lstm, [4, 2]).parameters.names == [
        "Wix0", "Wih0", "bi0", "Wfx0", "Wfh0", "bf0", "Wox0", "Woh0", "bo0", "Wcx0", "Wch0", "bc0",
        "Wix1", "Wih1", "bi1", "Wfx1", "Wfh1", "bf1", "Wox1", "Woh1", "bo1", "Wcx1", "Wch1", "bc1", "Whd",
        "bd",
      ])
    #expect(
      try model(.rnnRelu, [4, 2]).parameters.names == [
        "Wxh0", "Whh0", "bhh0", "Wxh1", "Whh1", "bhh1", "Whd", "bd",
      ])
    #expect(
      try model(.gru, [4]).parameters.names == [
        "Wrx0", "Wrh0", "br0", "Wzx0", "Wzh0", "bz0", "Wnx0", "Wnh0", "bn0", "bnh0", "Whd", "bd",
      ])
    #expect(try model(.gruResetBefore, [4]).parameters["bnh0"] == nil)
    let tokens = try Network(
      Network.Settings(.rnnRelu, inputSize: 7, embedding: 2, hiddenSizes: [4], outputSize: nil), random: Random(seed: 1)
    )
    #expect(tokens.parameters.names == ["Wil", "Wxh0", "Whh0", "bhh0"])
    #expect(tokens.topSize == 4)
  }

  @Test(arguments: Cell.tested) func namesTileTheFlatMemory(_ cell: Cell) throws {
    let m = try model(cell, [4, 2, 3])
    try m.parameters.flat.fill(0)
    var total = 0
    for (k, (_, mat)) in m.parameters.all.enumerated() {
      #expect(try mat.rows().allSatisfy { $0 == 0 })
      try mat.fill(Double(k + 1))
      total += mat.count
    }
    #expect(total == m.parameters.flat.count)
    #expect(try m.parameters.flat.rows().allSatisfy { $0 != 0 })
    #expect(m.parameters["Wxx"] == nil)
  }

  @Test(arguments: Cell.builtin) func weightsAreDrawnInOrderAndBiasesAreZero(_ cell: Cell) throws {
    let m = try model(cell, [4, 2], 9), random = Random(seed: 9)
    for (name, mat) in m.parameters.all {
      let isBias = name.hasPrefix("b")
      let twin = try Mat(mat.n, mat.d, .float64)
      if !isBias { try twin.fillUniform(-0.08, 0.08, random) }
      if cell == .lstm && name.hasPrefix("bf") { try twin.fill(1) }
      #expect(try mat.rows() == twin.rows(), "\(name)")
    }
    #expect(try model(cell, [4, 2], 9).parameters.flat.rows() == m.parameters.flat.rows())
    #expect(try model(cell, [4, 2], 8).parameters.flat.rows() != m.parameters.flat.rows())
  }

  /// A time step by named matrices, one graph operation per sign of the equations.
  @Test(arguments: Cell.tested) func aTimeStepMatchesTheEquations(_ cell: Cell) throws {
    let m = try model(cell, [4, 2]), g = Graph(), random = Random(seed: 2)
    try m.parameters.flat.fillUniform(-1, 1, random)
    let x = try Mat(3, 5, .float64)
    try x.fillUniform(-1, 1, random)
    var equations = try Equations(m, g, columns: 5), state: Network.State?
    for _ in 0..<3 {
      let expected = try equations.step(x), (o, next) = try m.forward(g, x, state)
      state = next
      #expect(relativeDistance(try o.rows(), try expected.rows()) < 1e-14)
      for k in 0..<2 {
        #expect(relativeDistance(try next.h[k].rows(), try equations.h[k].rows()) < 1e-14)
        if cell == .lstm {
          #expect(relativeDistance(try next.c[k].rows(), try equations.c[k].rows()) < 1e-14)
        }
      }
    }
  }

  /// The sequences of a batch are independent.
  @Test(arguments: Cell.tested) func columnsAreSequences(_ cell: Cell) throws {
    let m = try model(cell, [4, 2]), g = Graph(), x = try Mat(3, 6, .float64)
    try x.fillUniform(-1, 1, Random(seed: 2))
    let all = try m.forward(g, x).o
    for j in 0..<6 {
      let one = try m.forward(g, g.sliceColumns(x, j, 1)).o
      #expect(try one.rows() == g.sliceColumns(all, j, 1).rows())
    }
  }

  @Test func settingsRefused() throws {
    let random = Random(seed: 1)
    func make(_ i: Int, _ h: [Int], _ o: Int) throws -> Network {
      try Network(Network.Settings(.lstm, inputSize: i, hiddenSizes: h, outputSize: o), random: random)
    }
    refused(.badShape, "input_size", "0") { try make(0, [1], 1) }
    refused(.badShape, "output_size", "-1") { try make(1, [1], -1) }
    refused(.badShape, "hidden_sizes is empty") { try make(1, [], 1) }
    refused(.badShape, "embedding is", "0") {
      try Network(
        Network.Settings(.rnnRelu, inputSize: 1, embedding: 0, hiddenSizes: [1], outputSize: 1), random: random)
    }
    refused(.badShape, "hidden_sizes[1]", "0") { try make(1, [2, 0], 1) }
    refused(.badShape, "expected at most") { try make(1, [1 << 20], 1) }
    refused(.badShape, "expected at most") { try make(Int.max, [Int.max], Int.max) }
    refused(.badShape, "expected at most") { try make(1, [Int.max], 1) }
    #expect(random.state == Random(seed: 1).state)
  }

  @Test func timeStepsRefused() throws {
    let m = try model(.lstm, [4, 2]), g = Graph(), x = try Mat(3, 2, .float64)
    let good = try m.forward(g, x).state, count = g.count
    func advance(_ x: Mat, _ change: (inout Network.State) throws -> Void) throws {
      var state = good
      try change(&state)
      let before = try state.h.map { try $0.wPointer() }
      defer {
        // a refused time step changes neither the state nor the graph
        #expect((try? state.h.map { try $0.wPointer() }) == before)
        #expect(g.count == count)
      }
      _ = try m.advance(g, x, &state)
    }
    refused(.badShape, "x has the wrong shape", "got 2 x 2", "expected 3 x B") {
      try advance(Mat(2, 2, .float64)) { _ in }
    }
    refused(.badType, "got float32") { try advance(Mat(3, 2, .float32)) { _ in } }
    refused(.badShape, "expected 2 x 3") {
      try advance(Mat(3, 3, .float64)) { $0.h[0] = try Mat(4, 3, .float64) }
    }
    refused(.badShape, "h of layer 1 has the wrong shape", "got 2 x 3", "2 x 2") {
      try advance(x) { $0.h[1] = try Mat(2, 3, .float64) }
    }
    refused(.badShape, "c of layer 0 has the wrong shape", "got 5 x 2", "4 x 2") {
      try advance(x) { $0.c[0] = try Mat(5, 2, .float64) }
    }
    refused(.badShape, "h has the wrong length", "got 1") { try advance(x) { $0.h.removeLast() } }
    refused(.badShape, "c has the wrong length", "got 0") { try advance(x) { $0.c = [] } }
    refused(.badType, "float32") { try advance(x) { $0.h[1] = try Mat(2, 2, .float32) } }
    refused(.badType, "float32") { try advance(x) { $0.c[1] = try Mat(2, 2, .float32) } }
    let old = Graph(), stale = try old.tanh(Mat(2, 2, .float64))
    old.reset()
    var state = good
    state.h[1] = stale
    refused(.invalidated) { try m.advance(g, x, &state) }
    #expect(g.count == count)
  }
}
