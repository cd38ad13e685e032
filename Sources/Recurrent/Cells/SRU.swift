// The simple recurrent unit.

extension Cell {
  /// Simple recurrent unit, whose products are the input's alone: Lei et al., arXiv:1709.02755.
  ///
  ///     f = σ(Wfx·x + vf ⊙ c + bf), r = σ(Wrx·x + vr ⊙ c + br)
  ///     c′ = f ⊙ c + (1 − f) ⊙ Wcx·x
  ///     h′ = r ⊙ c′ + (1 − r) ⊙ x, or Wkx·x where the input is not as wide as the layer
  ///
  /// All products are computed before the first time step.
  public static let sru = Cell(named: "sru", states: ["h", "c"]) { (I, H) throws(RecurrentError) in
    let parts = ["Wcx", "Wfx", "Wrx"] + (I == H ? [] : ["Wkx"])
    return Cell.Sizes(
      states: [H, H],
      parameters: [
        .init("Wx", parts.count * H, I, parts: parts), .init("vf", H, 1, initial: 0), .init("bf", H, 1, initial: 0),
        .init("vr", H, 1, initial: 0), .init("br", H, 1, initial: 0),
      ])
  } step: { (g, x, states, p) throws(RecurrentError) in
    let c = states[1], H = c.n, u = try g.mul(p[0], x)
    func gate(_ k: Int) throws(RecurrentError) -> Mat {
      try g.sigmoid(g.add(g.add(g.sliceRows(u, k * H, H), p[2 * k]), g.eltmul(p[2 * k - 1], c)))
    }
    let new = try g.sliceRows(u, 0, H), skip = try u.n == 3 * H ? x : g.sliceRows(u, 3 * H, H)
    let after = try g.add(new, g.eltmul(gate(1), g.sub(c, new)))
    return [try g.add(skip, g.eltmul(gate(2), g.sub(after, skip))), after]
  }
}
