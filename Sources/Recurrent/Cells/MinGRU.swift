// The minimal gated recurrent unit.

extension Cell {
  /// Minimal gated recurrent unit, whose gate and candidate depend on the input alone: Feng et al., arXiv:2410.01201.
  ///
  ///     z = σ(Wzx·x + bz)
  ///     h′ = (1 − z) ⊙ h + z ⊙ g(Wnx·x + bn)          g(v) = v + ½ for v ≥ 0, σ(v) below
  ///
  /// All products are computed before the first time step.
  public static let minGRU = Cell(named: "min_gru", states: ["h"]) { (I, H) throws(RecurrentError) in
    Cell.Sizes(
      states: [H],
      parameters: [
        .init("Wx", 2 * H, I, parts: ["Wzx", "Wnx"]), .init("b", 2 * H, 1, initial: 0, parts: ["bz", "bn"]),
      ])
  } step: { (g, x, states, p) throws(RecurrentError) in
    let h = states[0], H = h.n, u = try g.add(g.mul(p[0], x), p[1])
    let z = try g.sigmoid(g.sliceRows(u, 0, H)), n = try g.positive(g.sliceRows(u, H, H))
    return [try g.add(h, g.eltmul(z, g.sub(n, h)))]
  }
}

extension Graph {
  /// g(v) = v + ½ for v ≥ 0, σ(v) below: continuous and positive.
  func positive(_ v: Mat) throws(RecurrentError) -> Mat {
    let above = try relu(v)
    return try add(above, sigmoid(sub(v, above)))
  }
}
