// Interruption: a call stops between two parts of its work, and the objects are as before it.

import Campaigns
import Foundation
import Synchronization
import Testing

@testable import Recurrent

/// The thread whose calls are interrupted, and after how many checks. Other tests run on other threads meanwhile.
private let interrupted = Atomic<UInt>(0), remaining = Atomic<Int>(0)

private func thisThread() -> UInt {
  #if canImport(Darwin)
    UInt(bitPattern: pthread_self())
  #else
    UInt(pthread_self())
  #endif
}

@Suite(.serialized) struct InterruptTests {
  /// Runs `body`, whose calls on this thread stop at the check of this number, from 1. Returns whether one did.
  private func interrupting(at check: Int, _ body: () throws -> Void) throws -> Bool {
    try withInterruptCheck { try interruptingAlone(at: check, body) }
  }

  private func interruptingAlone(at check: Int, _ body: () throws -> Void) throws -> Bool {
    remaining.store(check, ordering: .relaxed)
    interrupted.store(thisThread(), ordering: .relaxed)
    Interrupt.setCheck {
      guard interrupted.load(ordering: .relaxed) == thisThread() else { return 0 }
      return remaining.wrappingSubtract(1, ordering: .relaxed).newValue <= 0 ? 1 : 0
    }
    defer {
      Interrupt.setCheck(nil)
      interrupted.store(0, ordering: .relaxed)
    }
    do {
      try body()
      return false
    } catch let error as RecurrentError {
      #expect(error.kind == .interrupted, "\(error)")
      return true
    }
  }

  private func model(_ cell: Cell, embedding: Int?) throws -> TextModel {
    let settings = TextModel.Settings(cell: cell, hiddenSizes: [96, 64], embedding: embedding, dropout: 0.2)
    let model = try TextModel(settings, texts: ["abcdefghijklmnopqrstuvwxyz"], random: Random(seed: 1))
    model.optimizer = try Optimizer("adam")
    return model
  }

  private func train(_ model: TextModel) throws -> StepResult {
    let T = 60, B = 16, tokens = (0...T * B).map { Int64($0 * $0 % 26) }
    return try tokens.dropLast().withUnsafeBufferPointer { input in
      try tokens.dropFirst().withUnsafeBufferPointer { try model.trainStep(input, $0, T: T, B: B, clip: 5) }
    }
  }

  /// At the first checks, which are at the first million operations and 20 ms apart: the model is as before, and trains
  /// on to the same bits. A call that is too short for a check is complete.
  @Test(arguments: Cell.tested, [nil, 24]) func anInterruptedTrainingStepChangesNothing(
    _ cell: Cell, _ embedding: Int?
  ) throws {
    let threads = ThreadPool.count
    defer { try? ThreadPool.set(threads) }
    for count in [1, 2] {
      try ThreadPool.set(count)
      let one = try model(cell, embedding: embedding), twin = try model(cell, embedding: embedding)
      let weights = try one.parameters.flat.rows(), state = one.network.dropout?.random.state
      for check in 1...3 where one.step == 0 {
        guard try interrupting(at: check, { _ = try train(one) }) else { break }
        #expect(try one.parameters.flat.rows() == weights)
        #expect(try one.parameters.flat.gradientRows().allSatisfy { $0 == 0 })
        #expect(one.network.dropout?.random.state == state && one.step == 0)
      }
      if one.step == 0 { _ = try train(one) }
      _ = try train(twin)
      #expect(try one.parameters.flat.rows() == twin.parameters.flat.rows())
    }
  }

  @Test func anEvaluationContinues() throws {
    let a = try Mat(500, 500), b = try Mat(500, 500)
    try a.fillUniform(-0.1, 0.1, Random(seed: 1))
    try b.fillUniform(-0.1, 0.1, Random(seed: 2))
    func product(_ graph: Graph) throws -> Mat {
      var y = b
      for _ in 0..<20 { y = try graph.tanh(graph.mul(a, y)) }
      return y
    }
    let twin = Graph(), whole = try product(twin).rows(), graph = Graph(), y = try product(graph)
    #expect(try interrupting(at: 1) { try graph.evaluate() })
    _ = try interrupting(at: 2) { try graph.evaluate() }
    #expect(try y.rows() == whole)
  }

  @Test func anInterruptedBackwardPassIsNotContinued() throws {
    let a = try Mat(400, 400), graph = Graph()
    try a.fillUniform(-0.1, 0.1, Random(seed: 1))
    var y = a
    for _ in 0..<20 { y = try graph.tanh(graph.mul(a, y)) }
    let loss = try graph.sum(y)
    try graph.evaluate()
    #expect(try interrupting(at: 1) { try graph.backward(from: loss) })
    refused(.invalidated, "backpropagated already") { try graph.backward() }
    graph.reset()
    try a.zeroGradient()
    try graph.backward(from: graph.sum(a))
    #expect(try a.gradientRows().allSatisfy { $0 == 1 })
  }

  @Test func aGraphWithoutHistoryIsInterrupted() throws {
    let a = try Mat(900, 900), graph = Graph(needsBackprop: false)
    try a.fill(0.001)
    #expect(try interrupting(at: 1) { _ = try graph.mul(a, a) })
    #expect(try abs(graph.mul(a, a).rows()[0] - 900e-6) < 1e-7)
  }

  @Test(arguments: [1, 2]) func aForestContinues(_ threads: Int) throws {
    let count = ThreadPool.count
    defer { try? ThreadPool.set(count) }
    try ThreadPool.set(threads)
    let H = 128, random = Random(seed: 4), nodes = 600
    let children = ForestCase.children(nodes, arity: 2, leaves: 50, random)
    let c = try ForestCase(
      inputs: 0, states: [H, H], parameters: TreeLSTM.binaryParameters(0, H), leaves: 50, children: children,
      dtype: .float32, random, TreeLSTM.binary(H))
    let program = try c.program(), whole = try c.planned(program).tensors[0].numbers
    let g = Graph(), h = try g.forest(program, nil, children: children.flatMap { $0 }, leaves: c.leaves)[0]
    #expect(try interrupting(at: 1) { try g.evaluate() })
    _ = try interrupting(at: 2) { try g.evaluate() }
    #expect(try h.rows() == whole)
    try h.set(gradientRows: c.dStates[0])
    #expect(try interrupting(at: 1) { try g.backward() })
    refused(.invalidated, "backpropagated already") { try g.backward() }
  }

  @Test func applicationsContinue() throws {
    let H = 128, random = Random(seed: 4)
    let children = ForestCase.children(400, arity: 2, leaves: 50, random)
    let c = try ForestCase(
      inputs: 0, states: [H, H], parameters: TreeLSTM.binaryParameters(0, H), leaves: 50, children: children,
      dtype: .float32, random, TreeLSTM.binary(H))
    let program = try c.program(), whole = try c.planned(program).tensors[0].numbers, g = Graph()
    var all: [[Mat?]] = try (0..<50).map { i in try c.leaves.map { try $0.view(row: 0, column: i, n: H, d: 1) } }
    for pair in children {
      all.append(try g.apply(program, nil, states: pair.flatMap { $0 < 0 ? [nil, nil] : all[$0] }))
    }
    let root = try #require(all[449][0])
    #expect(try interrupting(at: 1) { try g.evaluate() })
    _ = try interrupting(at: 2) { try g.evaluate() }
    #expect(try root.rows() == (0..<H).map { whole[$0 * 450 + 449] })
    try root.set(gradientRows: [Double](repeating: 1, count: H))
    #expect(try interrupting(at: 1) { try g.backward() })
    refused(.invalidated, "backpropagated already") { try g.backward() }
  }

  @Test func anInterruptedGenerationContinues() throws {
    let network = try model(.lstm, embedding: 24).network
    func generator() throws -> Generator {
      try Generator(network, prompt: [1, 2, 3], Sampler(temperature: 0.8), random: Random(seed: 3))
    }
    let whole = try generator().next(400).tokens, one = try generator()
    #expect(try interrupting(at: 1) { _ = try one.next(400) })
    #expect(try one.next(400).tokens == whole)
    #expect(try interrupting(at: 1) { _ = try network.beamSearch(prompt: [1], count: 500, beams: 4) })
  }
}
