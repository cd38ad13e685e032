// The minimal gated unit.

extension Cell {
  /// Minimal gated unit, a GRU whose gate both resets and updates: Zhou et al., arXiv:1603.09420.
  ///
  ///     f = σ(Wfx·x + Wfh·h + bf)
  ///     n = tanh(Wnx·x + Wnh·(f ⊙ h) + bn)
  ///     h′ = (1 − f) ⊙ h + f ⊙ n
  public static let mgu = Cell(named: "mgu", states: ["h"]) { (I, H) throws(RecurrentError) in
    Cell.Sizes(
      states: [H],
      parameters: [
        .init("Wx", 2 * H, I, parts: ["Wfx", "Wnx"]), .init("Wfh", H, H), .init("Wnh", H, H),
        .init("b", 2 * H, 1, initial: 0, parts: ["bf", "bn"]),
      ])
  } step: { (g, x, states, p) throws(RecurrentError) in
    let h = states[0], H = h.n, u = try g.add(g.mul(p[0], x), p[3])
    let f = try g.sigmoid(g.add(g.sliceRows(u, 0, H), g.mul(p[1], h)))
    let n = try g.tanh(g.add(g.sliceRows(u, H, H), g.mul(p[2], g.eltmul(f, h))))
    return [try g.add(h, g.eltmul(f, g.sub(n, h)))]
  }
}
