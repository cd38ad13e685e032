// The minimal long short-term memory.

extension Cell {
  /// Minimal long short-term memory, whose gates depend on the input alone: Feng et al., arXiv:2410.01201.
  ///
  ///     i = σ(Wix·x + bi), f = σ(Wfx·x + bf)
  ///     h′ = f/(f + i) ⊙ h + i/(f + i) ⊙ g(Wcx·x + bc)          g as in `minGRU`
  ///
  /// f/(f + i) = σ(softplus(−ki) − softplus(−kf)) for the gates' pre-activations ki and kf: no 0/0 where both are closed.
  public static let minLSTM = Cell(named: "min_lstm", states: ["h"]) { (I, H) throws(RecurrentError) in
    Cell.Sizes(
      states: [H],
      parameters: [
        .init("Wx", 3 * H, I, parts: ["Wix", "Wfx", "Wcx"]),
        .init("b", 3 * H, 1, initial: 0, parts: ["bi", "bf", "bc"]),
      ])
  } step: { (g, x, states, p) throws(RecurrentError) in
    let h = states[0], H = h.n, u = try g.add(g.mul(p[0], x), p[1])
    func open(_ k: Int) throws(RecurrentError) -> Mat { try g.softplus(g.neg(g.sliceRows(u, k * H, H))) }
    let keep = try g.sigmoid(g.sub(open(0), open(1))), n = try g.positive(g.sliceRows(u, 2 * H, H))
    return [try g.add(n, g.eltmul(keep, g.sub(h, n)))]
  }
}
