// Concurrent inference: each call in a context of its own, with the bits of a call alone.

import Foundation
import Kernels
import Synchronization
import Testing

@testable import Recurrent

@Suite struct NetworkContextTests {
  private func network(_ cell: Cell, dropout: Double = 0) throws -> Network {
    try Network(
      Network.Settings(
        cell, inputSize: 6, hiddenSizes: [9, 7], outputSize: 6, dropout: dropout, dtype: .float32),
      random: Random(seed: 1))
  }

  /// What inference computes of sequences of a length.
  private struct Results: Equatable, Sendable {
    var y: [Float], state: [Float], loss: Double, tokens: [Int], step: [Float], beams: [Network.Hypothesis]
  }

  private func results(_ m: Network, _ T: Int) throws -> Results {
    let B = 3, random = Random(seed: UInt64(T)), tokens = (0..<T * B).map { _ in Int64(random.next() % 6) }
    let count = m.stateCount(batchSize: B), one = m.stateCount(batchSize: 1)
    var y = [Float](repeating: 0, count: T * B * 6), state = [Float](repeating: 0, count: count)
    try m.infer(
      .tokens(tokens.span), T: T, B: B, y: .float32(y.mutableSpan), finalState: .float32(state.mutableSpan))
    let loss = try m.loss(.tokens(tokens.span), .classes(tokens.span), T: T, B: B)
    let generated = try Generator(m, prompt: [1, 2], Sampler(), random: Random(seed: UInt64(T))).next(T)
    var carried = [Float](repeating: 0, count: one), scores = [Float](repeating: 0, count: 6)
    for token in tokens.prefix(T) {
      try m.inferenceStep(token: Int(token), state: .float32(carried.mutableSpan), y: .float32(scores.mutableSpan))
    }
    return Results(
      y: y, state: state, loss: loss, tokens: generated.tokens, step: scores,
      beams: try m.beamSearch(prompt: [Int64(T % 6)], count: 4, beams: 3))
  }

  /// Many threads, each with the lock shared, as the calls of the C interface hold it.
  @Test(arguments: [Cell.lstm, .gru, TestCells.normalized.cell]) func threadsGetTheBitsOfACallAlone(_ cell: Cell) throws
  {
    nonisolated(unsafe) let m = try network(cell)
    let expected = try (1..<9).map { try results(m, $0) }, wrong = Atomic<Int>(0), group = DispatchGroup()
    for thread in 0..<6 {
      group.enter()
      Thread {
        for i in 0..<40 {
          let T = 1 + (thread + i) % 8
          do {
            let shared = try m.parameters.flat.lock.acquireShared()
            if try self.results(m, T) != expected[T - 1] { wrong.wrappingAdd(1, ordering: .relaxed) }
            m.parameters.flat.lock.releaseShared(shared)
          } catch {
            wrong.wrappingAdd(1000, ordering: .relaxed)
          }
        }
        group.leave()
      }.start()
    }
    group.wait()
    #expect(wrong.load(ordering: .relaxed) == 0)
    // as many contexts as calls at a time
    #expect((1...6).contains(m.contexts.count))
    try m.parameters.flat.lock.acquire()
    m.parameters.flat.lock.release()
  }

  @Test func inferenceHasTheBitsOfForward() throws {
    let m = try network(.lstm), T = 5, B = 2, x = (0..<T * B * 6).map { Float($0 % 7) / 7 }
    let lengths: [Int64] = [5, 2], resets: [Int64] = [0, 0, 1, 0, 0, 0, 0, 1, 0, 0]
    var y = [[Float](repeating: -1, count: T * B * 6), [Float](repeating: -2, count: T * B * 6)]
    var states = [[Float](repeating: -1, count: m.stateCount(batchSize: B))]
    states.append(states[0])
    try m.forward(
      .values(.float32(x.span)), T: T, B: B, lengths: lengths.span, resets: resets.span, y: .float32(y[0].mutableSpan),
      finalState: .float32(states[0].mutableSpan))
    try m.infer(
      .values(.float32(x.span)), T: T, B: B, lengths: lengths.span, resets: resets.span, y: .float32(y[1].mutableSpan),
      finalState: .float32(states[1].mutableSpan))
    #expect(y[0] == y[1] && states[0] == states[1])
  }

  /// `backward` follows a forward whatever inference came between; a training step ends it.
  @Test func aRecordingOutlivesInference() throws {
    let m = try network(.gru), x = [Float](repeating: 0.5, count: 12), dy = [Float](repeating: 1, count: 12)
    var y = [Float](repeating: 0, count: 12), dx = y, other = y
    try m.forward(.values(.float32(x.span)), T: 2, B: 1, y: .float32(y.mutableSpan))
    try m.backward(dy: .float32(dy.span), dx: .float32(dx.mutableSpan))
    let gradient = dx
    try m.forward(.values(.float32(x.span)), T: 2, B: 1, y: .float32(y.mutableSpan))
    for T in 1..<4 {
      let tokens = [Int64](repeating: 1, count: T)
      _ = try m.loss(.tokens(tokens.span), .classes(tokens.span), T: T, B: 1)
      other = [Float](repeating: 0, count: 6 * T)
      try m.infer(.tokens(tokens.span), T: T, B: 1, y: .float32(other.mutableSpan))
    }
    try m.backward(dy: .float32(dy.span), dx: .float32(dx.mutableSpan))
    #expect(dx == gradient)
    try m.forward(.values(.float32(x.span)), T: 2, B: 1, y: .float32(y.mutableSpan))
    let tokens: [Int64] = [1, 2], optimizer = try Optimizer(settings: #"{"name": "sgd"}"#)
    _ = try m.trainStep(.tokens(tokens.span), .classes(tokens.span), T: 2, B: 1, optimizer: optimizer)
    refused(.invalidated, "backward has no forward pass") { try m.backward(dy: .float32(dy.span)) }
    // one context for the calls, one that the recording had
    #expect(m.contexts.count == 2)
  }

  /// A recording of inference is evaluated in the call: no graph waits for the weights, or writes to what belongs to them.
  @Test func inferenceLeavesNoReader() throws {
    let m = try network(.lstm), tokens: [Int64] = [1, 2, 3]
    _ = try m.loss(.tokens(tokens.span), .classes(tokens.span), T: 3, B: 1)
    _ = try Generator(m, prompt: [1], Sampler(), random: nil).next(3)
    var readers = 0
    try m.parameters.flat.storage.forEachReader { (_) throws(RecurrentError) in readers += 1 }
    #expect(readers == 0)
  }
}
