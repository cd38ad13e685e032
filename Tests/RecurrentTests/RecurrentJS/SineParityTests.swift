// RecurrentJS's figures for models filled with sines: independent of random generators.

import Foundation
import Recurrent
import Testing

@Suite struct SineParityTests {
  @Test(arguments: [Cell.rnnRelu, .lstm]) func figures(_ cell: Cell) throws {
    let golden = try Fixture("sines").object(cell == .lstm ? "lstm" : "rnn")
    let sm = try sines(cell)

    let first = try sm.cost("hello")
    #expect(relative(first.cost, try golden.number("cost")) < 1e-13)
    #expect(relative(first.perplexity, try golden.number("ppl")) < 1e-13)

    // a sentence by graph operations: the last state, then the gradients
    let graph = Graph()
    var state: Network.State?
    var scores: [Mat] = []
    let letters = try sm.model.tokenizer.encode("hello").map { Int($0) }
    for letter in [0] + letters {
      let (o, next) = try sm.network.forward(graph, graph.rowPluck(mat(sm, "Wil"), letter), state)
      (state, scores) = (next, scores + [o])
    }
    let loss = try graph.crossEntropy(graph.concatColumns(scores), letters + [0], .sum)
    #expect(relative(try loss.rows()[0], first.cost) < 1e-14)
    let last = try #require(state)
    #expect(relativeDistance(try last.h[1].rows(), try golden.numbers("h")) < 1e-13)
    if cell == .lstm { #expect(relativeDistance(try last.c[1].rows(), try golden.numbers("c")) < 1e-13) }
    try graph.backward(from: loss)
    // the error of a sum is relative to the sum of magnitudes
    for (kind, absolute) in [("sums", false), ("magnitudes", true)] {
      let figures = try golden.object(kind)
      for name in figures.names {
        let gradients = try mat(sm, name).gradientRows(), total = gradients.reduce(0) { $0 + abs($1) }
        let figure = absolute ? total : gradients.reduce(0, +)
        #expect(abs(figure - (try figures.number(name))) < 1e-11 * total, "\(kind) of \(name)")
      }
    }
    try sm.parameters.flat.zeroGradient()

    let before = try mat(sm, "bd").rows()
    _ = try sm.tick("hello")
    let step = zip(try mat(sm, "bd").rows(), before).map { $0 - $1 }
    for (ours, figure) in zip(step, try golden.numbers("bd_step")) { #expect(abs(ours - figure) < 1e-6) }

    for _ in 1..<5 { _ = try sm.tick("hello") }
    #expect(relative(try sm.cost("hello").cost, try golden.number("cost_after_5")) < 1e-12)
    let total = try sm.parameters.flat.rows().reduce(0, +)
    #expect(relative(total, try golden.number("weights_after_5")) < 1e-12)
    for _ in 5..<200 { _ = try sm.tick("hello") }
    let cost = try sm.cost("hello").cost
    #expect(relative(cost, try golden.number("cost_after_200")) < 1e-6)
    print(
      "parity of sines, \(cell): cost after 200 steps \(relative(cost, try golden.number("cost_after_200")))")
  }

  /// Every Mat, in creation order, holds w[i] = 0.08 sin(1.3 (k + 1) + 0.37 i).
  private func sines(_ cell: Cell) throws -> SentenceModel {
    let settings = TextModel.Settings(
      .sentences, cell: cell, hiddenSizes: [4, 2], embedding: 3, forgetBias: 0, dtype: .float64)
    let sm = try SentenceModel(["hello"], settings, random: Random(seed: 1))
    for (k, (_, mat)) in sm.parameters.all.enumerated() {
      try mat.set(rows: (0..<mat.count).map { 0.08 * sin(1.3 * Double(k + 1) + 0.37 * Double($0)) })
    }
    return sm
  }

  private func mat(_ sm: SentenceModel, _ name: String) throws -> Mat { try #require(sm.parameters[name]) }
}
