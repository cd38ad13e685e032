// Long short-term memory with coupled input and forget gates.

extension Cell {
  /// Long short-term memory that forgets as much as it reads: Greff et al., arXiv:1503.04069.
  ///
  ///     i = σ(Wix·x + Wih·h + bi), o = σ(Wox·x + Woh·h + bo)
  ///     c′ = (1 − i) ⊙ c + i ⊙ tanh(Wcx·x + Wch·h + bc)
  ///     h′ = o ⊙ tanh(c′)
  public static let coupledLSTM = Cell(named: "lstm_coupled", states: ["h", "c"]) { (I, H) throws(RecurrentError) in
    Cell.Sizes(
      states: [H, H],
      parameters: [
        .init("Wx", 3 * H, I, parts: ["Wix", "Wox", "Wcx"]), .init("Wh", 3 * H, H, parts: ["Wih", "Woh", "Wch"]),
        .init("b", 3 * H, 1, initial: 0, parts: ["bi", "bo", "bc"]),
      ])
  } step: { (g, x, states, p) throws(RecurrentError) in
    let (h, c) = (states[0], states[1]), H = h.n
    let z = try g.add(g.add(g.mul(p[0], x), g.mul(p[1], h)), p[2])
    let i = try g.sigmoid(g.sliceRows(z, 0, H)), o = try g.sigmoid(g.sliceRows(z, H, H))
    let next = try g.add(c, g.eltmul(i, g.sub(g.tanh(g.sliceRows(z, 2 * H, H)), c)))
    return [try g.eltmul(o, g.tanh(next)), next]
  }
}
