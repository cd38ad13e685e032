// Gated recurrent units with options, as steps.

extension Cell.Step {
  private static let gruGates = ["r", "z", "n"]

  /// A gated recurrent unit that resets after the recurrent product, with options.
  ///
  ///     u = Wx·x, v = Wh·h                       with norm: LN(u) ⊙ gx and LN(v) ⊙ gh
  ///     r = σ(ur + vr + br), z = σ(uz + vz + bz)
  ///     n = tanh(un + bn + r ⊙ (vn + bnh))
  ///     h̃ = n + z ⊙ (h − n)
  ///
  /// h′ is h̃ after zoneout. x and h of the products, Wh and n may be dropped. Among the activations are r, z and n.
  static func gru(_ options: CellOptions) -> Cell.Step {
    Cell.Step { (I, H) throws(RecurrentError) in
      Cell.Sizes(
        states: [H],
        parameters: options.parameters(gruGates, inputs: I, units: H, output: H) + [.init("bnh", H, 1, initial: 0)])
    } record: { (g, x, states, p) throws(RecurrentError) in
      let h = states[0], H = h.n, gains = options.norm == nil ? nil : (x: p[3], h: p[4]), bnh = p[p.count - 1]
      let u = try options.product(g, p[0], options.input(g, x), gates: 3, gain: gains?.x)
      let v = try options.product(g, options.weights(g, p[1]), options.recurrent(g, h), gates: 3, gain: gains?.h)
      let open = try g.sigmoid(
        g.add(g.add(g.sliceRows(u, 0, 2 * H), g.sliceRows(v, 0, 2 * H)), g.sliceRows(p[2], 0, 2 * H)))
      let r = try g.name(g.sliceRows(open, 0, H), "r"), z = try g.name(g.sliceRows(open, H, H), "z")
      let input = try g.add(g.sliceRows(u, 2 * H, H), g.sliceRows(p[2], 2 * H, H))
      let reset = try g.eltmul(r, g.add(g.sliceRows(v, 2 * H, H), bnh))
      return [try options.output(g, g.name(g.tanh(g.add(input, reset)), "n"), z, h)]
    }
  }

  /// A gated recurrent unit that resets before the recurrent product, with options.
  ///
  ///     r = σ(Wrx·x + Wrh·h + br), z = σ(Wzx·x + Wzh·h + bz)
  ///     n = tanh(Wnx·x + Wnh·(r ⊙ h) + bn)
  ///     h̃ = n + z ⊙ (h − n)
  static func gruResetBefore(_ options: CellOptions) -> Cell.Step {
    Cell.Step { (I, H) throws(RecurrentError) in
      Cell.Sizes(states: [H], parameters: options.parameters(gruGates, inputs: I, units: H, output: H))
    } record: { (g, x, states, p) throws(RecurrentError) in
      let h = states[0], H = h.n, input = try options.input(g, x), kept = try options.recurrent(g, h)
      let Wh = try options.weights(g, p[1])
      func sum(_ row: Int, _ rows: Int, _ v: Mat) throws(RecurrentError) -> Mat {
        let u = try g.mul(g.sliceRows(p[0], row, rows), input)
        return try g.add(g.add(u, g.mul(g.sliceRows(Wh, row, rows), v)), g.sliceRows(p[2], row, rows))
      }
      let open = try g.sigmoid(sum(0, 2 * H, kept))
      let r = try g.name(g.sliceRows(open, 0, H), "r"), z = try g.name(g.sliceRows(open, H, H), "z")
      let n = try g.name(g.tanh(sum(2 * H, H, g.eltmul(r, kept))), "n")
      return [try options.output(g, n, z, h)]
    }
  }
}

extension CellOptions {
  /// n + z ⊙ (h − n) for a candidate n, with its dropout and zoneout.
  fileprivate func output(_ g: Graph, _ candidate: Mat, _ z: Mat, _ h: Mat) throws(RecurrentError) -> Mat {
    let n = try g.dropout(candidate, rate: candidateDropout)
    return try g.zoneout(g.add(n, g.eltmul(z, g.sub(h, n))), h, rate: zoneoutH)
  }
}
