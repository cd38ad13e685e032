// Cells of the caller's own that the tests of layers, networks and models use beside the built-in ones.

import Recurrent

extension Cell {
  /// The built-in cells, and some that are steps.
  static let tested = Cell.builtin + TestCells.all.map { $0.cell }

  /// Those whose states, at most two, are as wide as the layer.
  static let regular = Cell.builtin + [TestCells.peephole.cell, TestCells.minimalGated.cell]
}

/// A cell with the closures that it was created from, for references that run its step operation by operation.
struct TestCell: Sendable {
  typealias Step =
    @Sendable (_ g: Graph, _ x: Mat, _ states: [Mat], _ p: [Mat]) throws(RecurrentError) -> [Mat]

  let cell: Cell
  let parameters: @Sendable (_ inputs: Int, _ units: Int) -> Cell.Sizes
  let step: Step

  init(
    _ name: String, _ states: [String], _ sizes: @escaping @Sendable (_ inputs: Int, _ units: Int) -> Cell.Sizes,
    _ step: @escaping Step
  ) {
    (parameters, self.step) = (sizes, step)
    do throws(RecurrentError) {
      cell = try Cell(name, states: states, sizes: { I, H throws(RecurrentError) in sizes(I, H) }, step: step)
    } catch {
      fatalError("\(error)")
    }
  }

  /// The names of the parameters, before the layer's number.
  var names: [String] { parameters(1, 1).parameters.map { $0.name } }
}

enum TestCells {
  static let all = [peephole, minimalGated, projected, wide, normalized]

  static func named(_ name: String) -> TestCell? { all.first { $0.cell.name == name } }

  /// An LSTM whose gates see the cell: two states.
  static let peephole = TestCell("peephole", ["h", "c"]) { I, H in
    Cell.Sizes(
      states: [H, H],
      parameters: [
        .init("Wx", 4 * H, I), .init("Wh", 4 * H, H), .init("b", 4 * H, 1, initial: 0), .init("pi", H, 1),
        .init("pf", H, 1), .init("po", H, 1),
      ])
  } _: { g, x, s, p throws(RecurrentError) in
    let H = s[0].n, z = try g.add(g.add(g.mul(p[0], x), g.mul(p[1], s[0])), p[2])
    func gate(_ k: Int) throws(RecurrentError) -> Mat { try g.sliceRows(z, k * H, H) }
    let i = try g.sigmoid(g.add(gate(0), g.eltmul(p[3], s[1]))), f = try g.sigmoid(g.add(gate(1), g.eltmul(p[4], s[1])))
    let c = try g.add(g.eltmul(f, s[1]), g.eltmul(i, g.tanh(gate(3))))
    return [try g.eltmul(g.sigmoid(g.add(gate(2), g.eltmul(p[5], c))), g.tanh(c)), c]
  }

  /// A minimal gated unit, arXiv:1603.09420: products of concatenated rows, one after another.
  static let minimalGated = TestCell("mgu", ["h"]) { I, H in
    Cell.Sizes(
      states: [H],
      parameters: [
        .init("Wf", H, I + H), .init("bf", H, 1, initial: 0.5), .init("Wn", H, I + H), .init("bn", H, 1, initial: 0),
      ])
  } _: { g, x, s, p throws(RecurrentError) in
    let f = try g.sigmoid(g.add(g.mul(p[0], g.concatRows([x, s[0]])), p[1]))
    let n = try g.tanh(g.add(g.mul(p[2], g.concatRows([x, g.eltmul(f, s[0])])), p[3]))
    return [try g.add(g.sub(s[0], g.eltmul(f, s[0])), g.eltmul(f, n))]
  }

  /// An LSTM without output gate whose output is a projection of the cell: states of different widths.
  static let projected = TestCell("projected", ["h", "c"]) { I, H in
    let P = (H + 1) / 2
    return Cell.Sizes(
      states: [P, H],
      parameters: [
        .init("Wx", 2 * H, I), .init("Wh", 2 * H, P), .init("b", 2 * H, 1, initial: 0), .init("Wp", P, H),
      ])
  } _: { g, x, s, p throws(RecurrentError) in
    let H = s[1].n, z = try g.add(g.add(g.mul(p[0], x), g.mul(p[1], s[0])), p[2])
    let f = try g.sigmoid(g.sliceRows(z, 0, H)), c = try g.add(g.eltmul(f, s[1]), g.tanh(g.sliceRows(z, H, H)))
    return [try g.mul(p[3], g.tanh(c)), c]
  }

  /// Three states, and rows of x outside of products.
  static let wide = TestCell("wide", ["y", "slow", "last"]) { I, H in
    Cell.Sizes(
      states: [H, H, 1], parameters: [.init("W", H, I + H), .init("V", H, H), .init("a", H, 1, initial: 0.3)])
  } _: { g, x, s, p throws(RecurrentError) in
    let n = try g.tanh(g.add(g.mul(p[0], g.concatRows([x, s[0]])), g.mul(p[1], s[1])))
    let slow = try g.add(s[1], g.eltmul(p[2], g.sub(n, s[1])))
    let last = try g.tanh(g.add(g.sliceRows(x, 0, 1), s[2]))
    return [try g.add(n, g.eltmul(slow, p[2])), slow, last]
  }

  /// A recurrent layer with layer normalization of all gates together and a softmax of two of them.
  static let normalized = TestCell("normalized", ["h"]) { I, H in
    Cell.Sizes(
      states: [H],
      parameters: [
        .init("Wx", 3 * H, I), .init("Wh", 3 * H, H), .init("gx", 3 * H, 1, initial: 1), .init("gh", 3 * H, 1),
        .init("b", 3 * H, 1, initial: 0), .init("mean", H, 1),
      ])
  } _: { g, x, s, p throws(RecurrentError) in
    let H = s[0].n, u = try g.layerNorm(g.mul(p[0], x), gain: p[2], bias: p[4], epsilon: 0.1)
    let v = try g.layerNorm(g.mul(p[1], s[0]), gain: p[3], bias: p[4], epsilon: 0.1), z = try g.add(u, v)
    let a = try g.softmax(g.concatRows([g.sliceRows(z, 0, H), g.neg(g.sliceRows(z, H, H))]))
    let n = try g.tanh(g.sliceRows(z, 2 * H, H)), mean = try g.mean(n, over: .rows)
    let kept = try g.eltmul(g.sliceRows(a, 0, H), s[0])
    return [try g.add(kept, g.sub(g.eltmul(g.sliceRows(a, H, H), n), g.mul(p[5], mean)))]
  }
}
