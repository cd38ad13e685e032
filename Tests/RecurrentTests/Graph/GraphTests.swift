// Lazy evaluation, lifetimes and backpropagation of a graph.

import Recurrent
import Testing

@Suite struct GraphTests {
  private func leaf(_ values: Double...) throws -> Mat { try Mat(values.count, 1, .float64, rows: values) }

  // MARK: Laziness

  @Test func readingComputes() throws {
    let g = Graph(), x = try leaf(1, -2), y = try g.square(x), z = try g.sum(y)
    #expect(g.count == 2)
    #expect(try z.rows() == [5])
    #expect(try y.rows() == [1, 4])
    #expect(g.count == 2)
  }

  @Test func writingAnInputAfterAccessDoesNotChangeResults() throws {
    let g = Graph(), x = try leaf(1, -2), y = try g.square(x)
    let w = try x.w(Double.self)
    w.p[0] = 100
    let z = try g.square(x)
    #expect(try y.rows() == [1, 4])
    #expect(try z.rows() == [10_000, 4])
  }

  @Test(arguments: 0..<6) func everyWriteToAnInputEvaluatesItsReadersFirst(way: Int) throws {
    let g = Graph(), base = try Mat(3, 2, .float64, rows: [1, 2, 3, 4, 5, 6])
    let x = try base.view(row: 0, column: 0, n: 3, d: 1), y = try g.scale(x, by: 2)
    switch way {
    case 0: try x.fill(9)
    case 1: try x.set(rows: [9, 9, 9])
    case 2: try base.fillUniform(5, 6, Random(seed: 1))
    case 3: try x.fillGaussian(5, 1, Random(seed: 1))
    // through another view of the same memory
    case 4:
      try base.view(row: 0, column: 0, n: 3, d: 2).wPointer().assumingMemoryBound(to: Double.self)[0] = 9
    default:
      try x.set(gradientRows: [1, 1, 1])
      _ = try Optimizer.recurrentJS().step([("x", x)], learningRate: 1, weightDecay: 0, clip: 1)
    }
    #expect(try x.rows() != [1, 3, 5])
    #expect(try y.rows() == [2, 6, 10])
  }

  /// A result can be an operand.
  @Test func writingAResultAfterAccessDoesNotChangeLaterResults() throws {
    let g = Graph(), x = try leaf(1, -2), y = try g.square(x)
    _ = try y.rows()
    let z = try g.scale(y, by: 2)
    let w = try y.w(Double.self)
    w.p[0] = 100
    #expect(try z.rows() == [2, 8])
    #expect(try g.scale(y, by: 2).rows() == [200, 8])
  }

  @Test func evaluatesEachOperationOnce() throws {
    let g = Graph(), x = try leaf(3), y = try g.square(x)
    _ = try y.rows()
    try y.set(rows: [7])
    _ = try g.square(x).rows()
    // a second evaluation would overwrite the value
    #expect(try y.rows() == [7])
  }

  @Test func evaluateComputesEverything() throws {
    let g = Graph(), x = try leaf(3), y = try g.square(x)
    try g.evaluate()
    try x.fill(0)
    #expect(try y.rows() == [9])
    try g.evaluate()
  }

  // MARK: Backward

  @Test func usedTwiceAccumulates() throws {
    let g = Graph(), x = try leaf(3, 5)
    let y = try g.add(g.eltmul(x, x), x)
    try g.backward(from: g.sum(y))
    #expect(try x.gradientRows() == [7, 11])
    // across recordings, until zeroGradient()
    g.reset()
    try g.backward(from: g.sum(x))
    #expect(try x.gradientRows() == [8, 12])
  }

  @Test func startsFromTheGradientsSetOnResults() throws {
    let g = Graph(), x = try leaf(3, 5), y = try g.scale(x, by: 2), z = try g.square(x)
    try y.set(gradientRows: [1, 10])
    try z.set(gradientRows: [0, 1])
    try g.backward()
    #expect(try x.gradientRows() == [2, 30])
  }

  @Test func twiceIsRefused() throws {
    let g = Graph(), x = try leaf(3), loss = try g.square(x)
    try g.backward(from: loss)
    refused(.invalidated, "twice", "reset()") { try g.backward() }
    refused(.invalidated, "twice") { try g.backward(from: loss) }
    #expect(try x.gradientRows() == [6])
    g.reset()
    try g.backward(from: g.square(x))
    #expect(try x.gradientRows() == [12])
  }

  @Test func lossesRefused() throws {
    let g = Graph(), other = Graph(), x = try leaf(3, 4), y = try g.square(x)
    refused(.badShape, "2 x 1") { try g.backward(from: y) }
    let foreign = try other.sum(x)
    refused(.badValue, "loss is foreign", "a result of this graph") { try g.backward(from: foreign) }
    let one = try leaf(1)
    refused(.badValue, "loss is foreign", "a result of this graph") { try g.backward(from: one) }
    #expect(try x.gradientRows() == [0, 0] && one.gradientRows() == [0] && foreign.gradientRows() == [0])
    // a refused call is not a backpropagation
    try g.backward(from: g.sum(y))
    #expect(try x.gradientRows() == [6, 8])
  }

  // MARK: Reset and lifetimes

  @Test func resetInvalidatesMats() throws {
    let g = Graph(), x = try leaf(3, 4), y = try g.square(x), half = try y.view(row: 0, column: 0, n: 1, d: 1)
    g.reset()
    #expect(g.count == 0)
    for m in [y, half] {
      refused(.invalidated, "reset") { try m.rows() }
      refused(.invalidated, "reset") { try m.gradientRows() }
      refused(.invalidated, "reset") { try m.wPointer() }
      refused(.invalidated, "reset") { try m.dwPointer() }
      refused(.invalidated, "reset") { try m.fill(0) }
      refused(.invalidated, "reset") { try m.zeroGradient() }
      refused(.invalidated, "reset") { try m.copy() }
      refused(.invalidated, "reset") { try g.tanh(m) }
      refused(.invalidated, "reset") { try Graph().tanh(m) }
      refused(.invalidated, "reset") { try g.sliceRows(m, 0, 1) }
      refused(.invalidated, "reset") { try g.dropout(m, rate: 0.5, Random(seed: 1)) }
      refused(.invalidated, "reset") { try softmax(m) }
      refused(.invalidated, "reset") {
        try Optimizer.recurrentJS().step([("m", m)], learningRate: 1, weightDecay: 0, clip: 1)
      }
    }
    refused(.invalidated, "reset") { try g.backward(from: half) }
    #expect(g.count == 0)
    // a Mat of the new recording at the same address is valid
    let z = try g.square(x)
    #expect(try z.rows() == [9, 16])
    refused(.invalidated) { try y.rows() }
  }

  @Test func aGraphMayBeFreedBeforeItsMats() throws {
    let x = try leaf(3, 4)
    var g: Graph? = Graph()
    let read = try #require(try g?.square(x)), unread = try #require(try g?.tanh(x))
    let w = try read.w(Double.self)
    g = nil
    // the memory is valid, but the values cannot be computed any more
    #expect(w.p[0] == 9 && w.p[1] == 16)
    for m in [read, unread] {
      refused(.invalidated, "graph", "gone") { try m.rows() }
      refused(.invalidated, "graph", "gone") { try Graph().tanh(m) }
    }
    try x.fill(1)
    #expect(try x.rows() == [1, 1])
  }

  @Test func aMatMayBeFreedBeforeItsGraph() throws {
    let g = Graph()
    var y = try g.square(leaf(3, 4))
    for _ in 0..<100 { y = try g.scale(y, by: 1) }
    #expect(try y.rows() == [9, 16])
    try g.backward(from: g.sum(y))
  }

  // MARK: No history

  @Test func withoutBackpropNoHistoryIsKept() throws {
    let g = Graph(needsBackprop: false), x = try leaf(3, 4), y = try g.square(x)
    #expect(g.count == 0)
    let w = try x.w(Double.self)
    w.p[0] = 1
    #expect(try y.rows() == [9, 16])
    g.reset()
    // y owns its memory
    #expect(try y.rows() == [9, 16])
    refused(.invalidated, "no history", "needsBackprop") { try g.backward() }
    refused(.badValue) { try g.backward(from: g.sum(x)) }
    #expect(try x.gradientRows() == [0, 0])
    // the dtype is fixed per operation, not per graph
    #expect(try g.square(Mat(1, 1, .float32)).dtype == .float32)
    #expect(try g.square(x).dtype == .float64)
  }

  @Test(arguments: Operation.all) func withoutBackpropTheValuesAreTheSame(_ operation: Operation) throws {
    for seed in 0..<10 as Range<UInt64> {
      let leaves = try operation.leaves(Dice(seed))
      let graph = Graph(), kept = try operation.build(graph, leaves, seed).rows()
      let free = try operation.build(Graph(needsBackprop: false), leaves, seed).rows()
      #expect(kept == free && graph.count > 0)
    }
  }

  // MARK: Several graphs

  @Test func twoGraphsShareLeaves() throws {
    let x = try leaf(3, 4), a = Graph(), b = Graph()
    let ya = try a.square(x), yb = try b.scale(x, by: 3)
    try x.fill(1)
    #expect(try ya.rows() == [9, 16])
    #expect(try yb.rows() == [9, 12])
    let za = try a.sum(ya), zb = try b.sum(yb)
    try b.backward(from: zb)
    // of the values that a recorded
    try a.backward(from: za)
    #expect(try x.gradientRows() == [9, 11])
  }

  /// Its gradient would end at the border between the graphs.
  @Test func anotherGraphsResultIsRefusedBeforeItsBackwardPass() throws {
    let x = try leaf(3, 4), a = Graph(), b = Graph()
    let y = try a.square(x), z = try b.square(x)
    refused(
      .badValue, "b is a result of another graph", "this graph (of 1 operations)", "square of a graph of 1 operations"
    ) { try b.add(z, y) }
    #expect(b.count == 1)
    // a constant: a copy, or a result without history
    #expect(try b.add(z, y.copy()).rows() == [18, 32])
    #expect(try b.add(z, Graph(needsBackprop: false).square(y)).rows() == [90, 272])
    // and for a graph that records no history
    #expect(try Graph(needsBackprop: false).square(y).rows() == [81, 256])
    try a.backward()
    #expect(try b.add(z, y).rows() == [18, 32])
  }

  @Test func afterItsBackwardPassAResultIsAConstant() throws {
    let x = try leaf(3, 4), a = Graph(), b = Graph()
    let y = try a.square(x)
    try a.backward(from: a.sum(y))
    let z = try b.sum(b.scale(y, by: 2))
    #expect(try z.rows() == [50])
    try b.backward(from: z)
    #expect(try y.gradientRows() == [3, 3])
    #expect(try x.gradientRows() == [6, 8])
  }

  /// A graph that reads results of another graph can finish after that graph was reset and reused.
  @Test func resetKeepsMemoryThatOtherGraphsRead() throws {
    let x = try leaf(3, 4), a = Graph(), b = Graph()
    let y = try a.square(x)
    try a.backward()
    let z = try b.square(y)
    a.reset()
    let other = try a.scale(x, by: 1000)
    #expect(try other.rows() == [3000, 4000])
    #expect(try z.rows() == [81, 256])
    try z.set(gradientRows: [1, 1])
    try b.backward()
    #expect(try other.gradientRows() == [0, 0])
    refused(.invalidated) { try y.rows() }
    #expect(try x.gradientRows() == [0, 0])
    b.reset()
    a.reset()
    #expect(try b.sum(a.square(x).copy()).rows() == [25])
  }

  @Test func twoReadersOfOneResult() throws {
    let a = Graph(), b = Graph(), c = Graph(), y = try a.square(leaf(3, 4))
    try a.backward()
    let zb = try b.scale(y, by: 2), zc = try c.scale(y, by: 3)
    try y.fill(0)
    #expect(try zb.rows() == [18, 32])
    #expect(try zc.rows() == [27, 48])
  }

  @Test func aReaderMayBeFreedBeforeItsInputs() throws {
    let x = try leaf(3, 4)
    var g: Graph? = Graph()
    _ = try g?.square(x)
    g = nil
    try x.fill(2)
    g = Graph()
    _ = try g?.square(x)
    g?.reset()
    try x.fill(3)
    #expect(try x.rows() == [3, 3])
  }
}
