// Scans against the equations: sizes, lengths, tokens, central differences, threads.

import Foundation
import Testing

@testable import Recurrent

@Suite(.serialized) struct ScanEquationTests {
  private func compare(_ s: ScanCase, _ what: String) throws -> Double {
    let (dy, dEnd) = s.outputGradients(3)
    let (result, gradients) = try s.twin(dy: dy, dEnd: dEnd), ours = try s.run()
    let back = try s.back(dy: dy, dEnd: dEnd)
    let worst = [
      relativeDistance(ours.y, result.y), relativeDistance(ours.end, result.end),
      relativeDistance(back.parameters, gradients.parameters), relativeDistance(back.x, gradients.x),
      relativeDistance(back.start, gradients.start),
    ]
    #expect(worst.allSatisfy { $0 < 1e-12 }, "\(what): \(worst)")
    return worst.max() ?? 0
  }

  /// Sizes at the edges of panels and registers, few columns and many.
  @Test(arguments: Cell.tested) func sizes(_ cell: Cell) throws {
    var worst = 0.0
    for (H, I) in [(1, 1), (3, 7), (7, 3), (8, 8), (9, 17), (16, 1), (17, 9), (31, 5), (33, 16), (40, 2)] {
      for (T, B) in [(1, 1), (3, 1), (2, 2), (3, 3), (2, 4), (3, 5), (2, 11), (2, 12), (3, 13), (1, 50)] {
        if H > 20 && B > 13 { continue }
        let s = try ScanCase(cell, inputs: I, hidden: [H], outputs: nil, T: T, B: B, seed: UInt64(H * 100 + B))
        worst = max(worst, try compare(s, "\(cell) \(I) -> \(H), \(T) steps of \(B)"))
      }
    }
    print("sequences of \(cell): \(worst)")
  }

  @Test(arguments: Cell.tested) func layersAndDecoder(_ cell: Cell) throws {
    for (hidden, outputs) in [([3, 9], 4), ([5, 5, 5], nil), ([8, 1, 17], 1)] as [([Int], Int?)] {
      for (T, B) in [(4, 1), (3, 3), (2, 13)] {
        let s = try ScanCase(cell, inputs: 6, hidden: hidden, outputs: outputs, T: T, B: B, seed: 4)
        _ = try compare(s, "\(cell) \(hidden) -> \(outputs ?? 0), \(T) steps of \(B)")
      }
    }
  }

  @Test(arguments: Cell.tested) func lengths(_ cell: Cell) throws {
    for (T, B) in [(1, 1), (1, 4), (5, 1), (5, 3), (4, 13)] {
      for seed in 0..<6 as Range<UInt64> {
        let s = try ScanCase(
          cell, inputs: 4, hidden: [9, 3], outputs: seed % 2 == 0 ? 5 : nil, T: T, B: B, lengths: true, seed: seed)
        _ = try compare(s, "\(cell) \(T) steps of \(B), lengths \(s.lengths ?? [])")
        // outputs of padding are 0, and inputs of padding have no effect
        let y = try s.run().y
        for t in 0..<T {
          for b in 0..<B where t >= Int(s.lengths?[b] ?? 0) {
            let from = (t * B + b) * s.model.topSize
            #expect(y[from..<from + s.model.topSize].allSatisfy { $0 == 0 })
          }
        }
      }
    }
  }

  /// More tokens than columns, looked up one by one; and fewer, multiplied once as a table.
  @Test(arguments: Cell.tested) func tokens(_ cell: Cell) throws {
    for (V, T, B) in [(1, 1, 1), (5, 2, 2), (5, 3, 2), (30, 2, 3), (3, 7, 1), (6, 3, 13), (50, 4, 12)] {
      for lengths in [false, true] {
        let s = try ScanCase(
          cell, inputs: V, hidden: [9, 2], outputs: V, T: T, B: B, embedding: 4, lengths: lengths, seed: 8)
        _ = try compare(s, "\(cell) \(V) tokens, \(T) steps of \(B), lengths \(lengths)")
      }
    }
  }

  /// One-hot tokens: a table of products for more columns than tokens, otherwise a column of Wx per time step.
  @Test(arguments: Cell.tested) func oneHot(_ cell: Cell) throws {
    for (V, H, T, B) in [
      (1, 3, 1, 1), (5, 9, 2, 2), (5, 9, 3, 2), (30, 8, 2, 3), (3, 1, 7, 1), (6, 33, 3, 13), (50, 17, 4, 12),
      (12, 17, 4, 12),
    ] {
      for lengths in [false, true] {
        let s = try ScanCase(
          cell, inputs: V, hidden: [H, 2], outputs: V, T: T, B: B, lengths: lengths, oneHot: true, seed: 8)
        _ = try compare(s, "\(cell) \(V) one-hot tokens, \(T) steps of \(B), lengths \(lengths)")
      }
    }
  }

  /// One table for the embedding and the decoder.
  @Test(arguments: Cell.regular) func tied(_ cell: Cell) throws {
    for (V, T, B) in [(1, 1, 1), (5, 3, 2), (30, 2, 3), (6, 3, 13)] {
      let s = try ScanCase(
        cell, inputs: V, hidden: [9, 4], outputs: V, T: T, B: B, embedding: 4, lengths: true, tied: true, seed: 8)
      #expect(s.model.parameters["Whd"] == nil)
      _ = try compare(s, "\(cell) \(V) tokens, tied, \(T) steps of \(B)")
    }
  }

  @Test(arguments: Cell.regular) func centralDifferences(_ cell: Cell) throws {
    var worst = 0.0, cases = 0, seed: UInt64 = 0
    while cases < 100 {
      seed += 1
      let dice = Dice(seed), T = dice.integer(1...4), B = dice.size(3), numbers = dice.integer(0...2) > 0
      let hidden = (0..<dice.integer(1...2)).map { _ in dice.size(3) }, inputs = dice.size(3)
      let tied = !numbers && dice.integer(0...1) == 0, oneHot = !numbers && !tied && dice.integer(0...1) == 0
      let s = try ScanCase(
        cell, inputs: inputs, hidden: hidden, outputs: tied ? inputs : dice.integer(0...1) == 0 ? nil : dice.size(3),
        T: T, B: B, embedding: tied ? hidden.last : numbers || oneHot ? nil : dice.size(3),
        lengths: dice.integer(0...1) == 0, oneHot: oneHot, tied: tied, seed: seed)
      let start = try Mat(s.state.count, 1, .float64, rows: s.state)
      var leaves = [s.model.parameters.flat, start]
      if numbers { leaves.append(s.x) }
      // ReLU: skip cases near the kink, where the difference depends on the step
      if cell == .rnnRelu, try nearKink(s) { continue }
      cases += 1
      let outputs = s.outputGradients(1).dy.count
      let error = try gradientError(leaves, elements: 30) {
        let r = try s.run(from: start.rows())
        return r.y + r.end
      } gradients: { r in
        _ = try s.run(from: start.rows())
        let g = try s.back(dy: Array(r.prefix(outputs)), dEnd: Array(r.dropFirst(outputs)))
        // `x` of the gradients is column-major, `rows` row-major
        let I = s.x.n, columns = T * B
        return [g.parameters, g.start]
          + (numbers ? [(0..<I * columns).map { g.x[$0 % columns * I + $0 / columns] }] : [])
      }
      #expect(error < GradientTests.bound, "\(cell), case \(seed)")
      worst = max(worst, error)
    }
    print("gradient of \(cell) sequences: \(worst)")
  }

  /// Whether a small change of all weights changes the sign of a unit.
  private func nearKink(_ s: ScanCase) throws -> Bool {
    let w = try s.model.parameters.flat.rows()
    func signs(_ factor: Double) throws -> [Bool] {
      try s.model.parameters.flat.set(rows: w.map { $0 + factor })
      defer { try? s.model.parameters.flat.set(rows: w) }
      let graph = Graph()
      var signs: [Bool] = []
      let numbers = try s.x.rows()
      for b in 0..<s.B {
        var at = 0
        var h: [Mat] = []
        for H in s.model.hiddenSizes {
          h.append(try Mat(H, 1, .float64, rows: Array(s.state[at + b * H..<at + (b + 1) * H])))
          at += H * s.B
        }
        var equations = try Equations(s.model, graph, columns: 1, Network.State(h: h, c: []))
        for t in 0..<Int(s.lengths?[b] ?? Int64(s.T)) {
          let column = t * s.B + b
          let x =
            try s.tokens.map { try equations.input(Int($0[column])) }
            ?? Mat(s.x.n, 1, .float64, rows: (0..<s.x.n).map { numbers[$0 * s.T * s.B + column] })
          _ = try equations.step(x)
          for m in equations.h { signs += try m.rows().map { $0 > 0 } }
        }
      }
      return signs
    }
    let here = try signs(0)
    return try [-2e-3, -1e-3, -3e-4, 3e-4, 1e-3, 2e-3].contains { try signs($0) != here }
  }

  // MARK: Threads

  /// The bits do not depend on the number of threads.
  @Test(arguments: Cell.tested) func threadsDoNotChangeABit(_ cell: Cell) throws {
    let before = ThreadPool.count
    defer { try? ThreadPool.set(before) }
    for (H, I, T, B, tokens, oneHot) in [
      (130, 40, 3, 16, false, false), (96, 100, 2, 64, false, false), (130, 9, 3, 32, true, false),
      (200, 11, 3, 32, true, true), (200, 100, 2, 32, true, true),
    ] {
      let s = try ScanCase(
        cell, inputs: tokens && !oneHot ? 11 : I, hidden: [H], outputs: nil, T: T, B: B,
        embedding: tokens && !oneHot ? I : nil, lengths: tokens, oneHot: oneHot, seed: 6)
      let (dy, dEnd) = s.outputGradients(7)
      try ThreadPool.set(1)
      let one = try s.run(), back = try s.back(dy: dy, dEnd: dEnd)
      for count in [2, 3, 5] {
        try ThreadPool.set(count)
        let many = try s.run(), manyBack = try s.back(dy: dy, dEnd: dEnd)
        #expect(many == one, "\(cell), \(count) threads")
        #expect(
          manyBack.parameters == back.parameters && manyBack.x == back.x && manyBack.start == back.start,
          "\(cell), \(count) threads, backward")
      }
    }
  }

  @Test func numbersOfThreads() throws {
    // other tests set the number too: only refusals are checked
    for n in [0, -1, 257, Int.min, Int.max] { refused(.badValue, "\(n)", "1 to 256") { try ThreadPool.set(n) } }
    #expect((1...ThreadPool.maximum).contains(ThreadPool.count))
  }
}
