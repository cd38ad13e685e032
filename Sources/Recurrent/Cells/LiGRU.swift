// The light gated recurrent unit.

extension Cell {
  /// Light gated recurrent unit, without reset gate and with ReLU: Ravanelli et al., arXiv:1803.10225.
  ///
  ///     z = σ(LN(Wzx·x) ⊙ gz + bz + Wzh·h)
  ///     n = relu(LN(Wnx·x) ⊙ gn + bn + Wnh·h)
  ///     h′ = z ⊙ h + (1 − z) ⊙ n
  ///
  /// The input's products are normalized for each sequence and time step, layer by layer: normalization over the batch, as
  /// in the paper, would make a sequence's outputs depend on the others.
  public static let liGRU = Cell(named: "li_gru", states: ["h"]) { (I, H) throws(RecurrentError) in
    Cell.Sizes(
      states: [H],
      parameters: [
        .init("Wx", 2 * H, I, parts: ["Wzx", "Wnx"]), .init("Wh", 2 * H, H, parts: ["Wzh", "Wnh"]),
        .init("g", 2 * H, 1, initial: 1, parts: ["gz", "gn"]), .init("b", 2 * H, 1, initial: 0, parts: ["bz", "bn"]),
      ])
  } step: { (g, x, states, p) throws(RecurrentError) in
    let h = states[0], H = h.n, u = try g.mul(p[0], x), v = try g.mul(p[1], h)
    func sum(_ k: Int) throws(RecurrentError) -> Mat {
      func rows(_ m: Mat) throws(RecurrentError) -> Mat { try g.sliceRows(m, k * H, H) }
      return try g.add(g.layerNorm(rows(u), gain: rows(p[2]), bias: rows(p[3])), rows(v))
    }
    let n = try g.relu(sum(1))
    return [try g.add(n, g.eltmul(g.sigmoid(sum(0)), g.sub(h, n)))]
  }
}
