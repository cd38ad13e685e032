// Writes between recording and backward: results and gradients are those of the recorded values.

import Testing

@testable import Recurrent

@Suite struct GraphSavedValuesTests {
  private func leaf(_ values: Double...) throws -> Mat { try Mat(values.count, 1, .float64, rows: values) }

  /// Overwrites every value through the pointer that an access gives.
  private func ruin(_ mats: [Mat]) throws {
    for m in mats {
      let w = try m.w(Double.self)
      for j in 0..<m.d {
        for i in 0..<m.n { w.p[j * m.stride + i] = .nan }
      }
    }
  }

  /// The values of the result, and the leaves' gradients. `between` runs after recording, `after` after evaluation.
  private func run(
    _ operation: Operation, _ seed: UInt64, between: ([Mat]) throws -> Void = { _ in },
    after: ([Mat], Mat) throws -> Void = { _, _ in }
  ) throws -> [[Double]] {
    let leaves = try operation.leaves(Dice(seed)), graph = Graph()
    let y = try operation.build(graph, leaves, seed)
    try between(leaves)
    let values = try y.rows(), random = Random(seed: seed)
    try y.set(gradientRows: values.map { _ in random.uniform(-1, 1) })
    try after(leaves, y)
    try graph.backward()
    return try [values] + leaves.map { try $0.gradientRows() }
  }

  /// What the backward pass reads and `backwardReads` does not name would be NaN.
  @Test(arguments: Operation.all) func writesAfterAnAccessChangeNoGradient(_ operation: Operation) throws {
    for seed in 0..<10 as Range<UInt64> {
      let expected = try run(operation, seed)
      #expect(try run(operation, seed, after: { leaves, y in try ruin(leaves + [y]) }) == expected)
      #expect(try run(operation, seed, between: ruin) == expected)
      #expect(try run(operation, seed, between: ruin, after: { leaves, y in try ruin([y] + leaves) }) == expected)
    }
  }

  @Test(arguments: Operation.all) func writesThroughAPinChangeNothing(_ operation: Operation) throws {
    for seed in 0..<10 as Range<UInt64> {
      let expected = try run(operation, seed)
      let leaves = try operation.leaves(Dice(seed)), pins = try leaves.map { try $0.pinW() }
      let graph = Graph(), y = try operation.build(graph, leaves, seed), pinned = try y.pinW()
      func ruin(_ m: Mat, _ w: UnsafeMutableRawPointer) {
        for j in 0..<m.d { (w.assumingMemoryBound(to: Double.self) + j * m.stride).update(repeating: .nan, count: m.n) }
      }
      // no access: the pointers are older than the recording
      for (m, pin) in zip(leaves, pins) { ruin(m, pin.w) }
      let values = try y.rows(), random = Random(seed: seed)
      try y.set(gradientRows: values.map { _ in random.uniform(-1, 1) })
      ruin(y, pinned.w)
      try graph.backward()
      #expect(try [values] + leaves.map { try $0.gradientRows() } == expected)
      withExtendedLifetime((pins, pinned)) {}
    }
  }

  @Test(arguments: 0..<5) func everyWriteOfTheLibraryKeepsTheGradient(way: Int) throws {
    let g = Graph(), x = try leaf(2, 3), y = try g.square(x), loss = try g.sum(y)
    _ = try loss.rows()
    switch way {
    case 0: try x.fill(9)
    case 1: try x.set(rows: [9, 9])
    case 2: try x.fillUniform(5, 6, Random(seed: 1))
    case 3: try x.set(leaf(7, 8))
    default:
      try x.set(gradientRows: [1, 1])
      _ = try Optimizer(settings: #"{"name": "sgd"}"#).step([("x", x)], learningRate: 1)
      try x.zeroGradient()
    }
    #expect(try x.rows() != [2, 3])
    try g.backward(from: loss)
    #expect(try x.gradientRows() == [4, 6])
  }

  /// Each operation has the values of its recording.
  @Test func aMatWrittenBetweenTwoOperations() throws {
    let g = Graph(), x = try leaf(2, 3), y = try g.square(x)
    try x.fill(10)
    let z = try g.square(x)
    try x.fill(100)
    try g.backward(from: g.sum(g.add(y, z)))
    #expect(try x.gradientRows() == [24, 26])
  }

  @Test func aResultWrittenBeforeALaterOperation() throws {
    let g = Graph(), x = try leaf(2, 3), y = try g.exp(x)
    let recorded = try y.rows()
    try y.set(rows: [5, 7])
    let z = try g.square(y)
    try y.fill(0)
    #expect(try z.rows() == [25, 49])
    try g.backward(from: g.sum(z))
    let expected = [10 * recorded[0], 14 * recorded[1]]
    #expect(try x.gradientRows() == expected)
  }

  @Test func aPartOfAMat() throws {
    let g = Graph(), whole = try Mat(2, 2, .float64, rows: [1, 2, 3, 4])
    let row = try whole.view(row: 0, column: 0, n: 1, d: 2), column = try whole.view(row: 0, column: 1, n: 2, d: 1)
    let loss = try g.add(g.sum(g.square(row)), g.sum(g.square(column)))
    _ = try loss.rows()
    try whole.view(row: 0, column: 1, n: 1, d: 1).fill(-50)
    try g.backward(from: loss)
    #expect(try whole.gradientRows() == [2, 8, 0, 8])
  }

  @Test func everyReaderOfAMat() throws {
    let x = try leaf(2, 3), graphs = (0..<3).map { _ in Graph() }
    let losses = try graphs.map { try $0.sum($0.square(x)) }
    try x.fill(0)
    for (graph, loss) in zip(graphs, losses).reversed() { try graph.backward(from: loss) }
    #expect(try x.gradientRows() == [12, 18])
    // no graph waits any more
    #expect(graphs.allSatisfy { !x.storage.isRead(by: $0.identity) })
  }

  @Test func aFreedReaderIsForgotten() throws {
    let x = try leaf(2, 3), kept = Graph(), loss = try kept.sum(kept.square(x))
    for _ in 0..<10 { _ = try Graph().square(x) }
    try x.fill(0)
    try kept.backward(from: loss)
    #expect(try x.gradientRows() == [4, 6])
  }

  /// The copies that operands and results have in place of their values.
  private func copies(_ g: Graph) -> [UnsafeMutableRawPointer] {
    (g.operands.elements + g.nodes.elements.map { $0.result }).filter { $0.w != $0.recordedW }.map { $0.w }
  }

  @Test func readingCopiesNothing() throws {
    let g = Graph(), x = try leaf(2, 3), y = try g.tanh(g.square(x))
    for m in [x, y] {
      _ = try m.rows()
      _ = try m.copy()
      _ = try softmax(m)
    }
    #expect(copies(g).isEmpty)
    // the operations of a loss that a training loop reads
    let loss = try g.sum(y)
    _ = try loss.wPointer()
    #expect(copies(g).isEmpty)
    _ = try x.wPointer()
    #expect(copies(g).count == 1)
    g.reset()
    #expect(copies(g).isEmpty)
  }

  @Test func aMatThatDoesNotChangeIsCopiedOnce() throws {
    let g = Graph(), W = try Mat(2, 2, .float64, rows: [1, 2, 3, 4]), pin = try W.pinW()
    var h = try leaf(1, 1)
    for step in 0..<6 {
      h = try g.mul(W, h)
      if step == 3 { pin.w.storeBytes(of: -1, as: Double.self) }
    }
    let copies = copies(g)
    #expect(copies.count == 6 && Set(copies).count == 2)
    #expect(!copies.contains(W.wStart))
    withExtendedLifetime(pin) {}
  }

  @Test func withoutAPinEvaluationStaysLazy() throws {
    let g = Graph(), x = try leaf(2, 3)
    var pin: Pin? = try x.pinW().pin
    _ = try g.square(x)
    #expect(g.evaluated == 1 && copies(g).count == 1)
    withExtendedLifetime(pin) {}
    pin = nil
    _ = try g.square(x)
    #expect(g.evaluated == 1 && copies(g).count == 1)
  }

  @Test func aRefusedRecordingLeavesTheOthers() throws {
    let g = Graph(), x = try leaf(2, 3), pin = try x.pinW(), y = try g.square(x)
    refused(.badType) { try g.add(x, Mat(2, 1, .float32)) }
    #expect(g.count == 1 && g.pinnedOperands.isEmpty)
    pin.w.storeBytes(of: 50, as: Double.self)
    try g.backward(from: g.sum(y))
    #expect(try x.gradientRows() == [4, 6])
    withExtendedLifetime(pin) {}
  }

  @Test func theDescriptionHasTheAddressesOfTheMats() throws {
    let g = Graph(), x = try leaf(2, 3), y = try g.tanh(g.square(x)), w = UnsafeRawPointer(x.wStart)
    try x.fill(1)
    try y.fill(1)
    #expect(try g.operation(at: 0).operands[0].w == w)
    #expect(try g.operation(at: 1).result.w == UnsafeRawPointer(y.wStart))
  }

  /// A training step reads and writes inside one call: it copies nothing.
  @Test func aNetworksTrainingStepCopiesNothing() throws {
    let network = try Network(
      Network.Settings(.lstm, inputSize: 2, hiddenSizes: [3], outputSize: 2), random: Random(seed: 1))
    let pin = try network.parameters.flat.pinW(), x = [Float](repeating: 0.5, count: 8)
    let optimizer = try Optimizer(settings: #"{"name": "sgd"}"#)
    _ = try network.trainStep(
      .values(.float32(x.span)), .values(.float32(x.span)), T: 2, B: 2, optimizer: optimizer)
    #expect(copies(network.contexts.take().graph).isEmpty)
    withExtendedLifetime(pin) {}
  }
}
