// Long short-term memory with peepholes.

extension Cell {
  /// Long short-term memory whose gates see the cell: Gers and Schmidhuber, IJCNN 2000; Graves, arXiv:1308.0850.
  ///
  ///     i = σ(Wix·x + Wih·h + bi + pi ⊙ c)
  ///     f = σ(Wfx·x + Wfh·h + bf + pf ⊙ c)
  ///     c′ = f ⊙ c + i ⊙ tanh(Wcx·x + Wch·h + bc)
  ///     o = σ(Wox·x + Woh·h + bo + po ⊙ c′)
  ///     h′ = o ⊙ tanh(c′)
  public static let peepholeLSTM = Cell(named: "lstm_peephole", states: ["h", "c"]) { (I, H) throws(RecurrentError) in
    Cell.Sizes(
      states: [H, H],
      parameters: [
        .init("Wx", 4 * H, I, parts: ["Wix", "Wfx", "Wox", "Wcx"]),
        .init("Wh", 4 * H, H, parts: ["Wih", "Wfh", "Woh", "Wch"]),
        .init("b", 4 * H, 1, initial: 0, parts: ["bi", "bf", "bo", "bc"]), .init("pi", H, 1, initial: 0),
        .init("pf", H, 1, initial: 0), .init("po", H, 1, initial: 0),
      ])
  } step: { (g, x, states, p) throws(RecurrentError) in
    let (h, c) = (states[0], states[1]), H = h.n
    let z = try g.add(g.add(g.mul(p[0], x), g.mul(p[1], h)), p[2])
    func gate(_ k: Int, _ cell: Mat) throws(RecurrentError) -> Mat {
      try g.sigmoid(g.add(g.sliceRows(z, k * H, H), g.eltmul(p[3 + k], cell)))
    }
    let next = try g.add(g.eltmul(gate(1, c), c), g.eltmul(gate(0, c), g.tanh(g.sliceRows(z, 3 * H, H))))
    return [try g.eltmul(gate(2, next), g.tanh(next)), next]
  }
}
