// Long short-term memory with options, as a step.

extension Cell.Step {
  /// Long short-term memory with options.
  ///
  ///     u = Wx·x                                 v = Wh·h          with norm: LN(u) ⊙ gx and LN(v) ⊙ gh
  ///     z = u + v + b
  ///     i = σ(zi + pi ⊙ c)                       f = σ(zf + pf ⊙ c), coupled: 1 − i
  ///     c̃ = f ⊙ c + i ⊙ tanh(zc)                 o = σ(zo + po ⊙ c̃)
  ///     r = o ⊙ tanh(c̃)                          with norm: tanh(LN(c̃) ⊙ gy + by)
  ///     h̃ = Whr·r with a projection, else r
  ///
  /// h′ and c′ are h̃ and c̃ after zoneout. x and h of the products, Wh and tanh(zc) may be dropped.
  ///
  /// Among the activations are i, f, o and the candidate g.
  static func lstm(_ options: CellOptions) -> Cell.Step {
    let gates = options.coupled ? ["i", "o", "c"] : ["i", "f", "o", "c"], G = gates.count
    return Cell.Step(forgetBias: options.coupled ? ("bi", -1) : ("bf", 1)) { (I, H) throws(RecurrentError) in
      let P = options.projection ?? H
      var parameters = options.parameters(gates, inputs: I, units: H, output: P)
      if options.norm != nil { parameters += [.init("gy", H, 1, initial: 1), .init("by", H, 1, initial: 0)] }
      if options.peephole {
        parameters += gates.dropLast().map { .init("p\($0)", H, 1, initial: 0) }
      }
      if options.projection != nil { parameters.append(.init("Whr", P, H)) }
      return Cell.Sizes(states: [P, H], parameters: parameters)
    } record: { (g, x, states, p) throws(RecurrentError) in
      let (h, c) = (states[0], states[1]), H = c.n
      // the parameters after Wx, Wh and b, in their order
      var rest = p.dropFirst(3)
      let gains = options.norm == nil ? nil : (x: rest.removeFirst(), h: rest.removeFirst())
      let cellNorm = options.norm == nil ? nil : (gain: rest.removeFirst(), bias: rest.removeFirst())
      let peepholes = options.peephole ? Array(rest.prefix(G - 1)) : []
      let u = try options.product(g, p[0], options.input(g, x), gates: G, gain: gains?.x)
      let v = try options.product(g, options.weights(g, p[1]), options.recurrent(g, h), gates: G, gain: gains?.h)
      let z = try g.add(g.add(u, v), p[2])
      func block(_ k: Int) throws(RecurrentError) -> Mat { try g.sliceRows(z, k * H, H) }
      func gate(_ k: Int, _ cell: Mat) throws(RecurrentError) -> Mat {
        try g.sigmoid(peepholes.isEmpty ? block(k) : g.add(block(k), g.eltmul(peepholes[k], cell)))
      }
      let i = try g.name(gate(0, c), "i"), new: Mat
      func candidate() throws(RecurrentError) -> Mat {
        try g.dropout(g.name(g.tanh(block(G - 1)), "g"), rate: options.candidateDropout)
      }
      if options.coupled {
        new = try g.add(c, g.eltmul(i, g.sub(candidate(), c)))
      } else {
        let f = try g.name(gate(1, c), "f")
        new = try g.add(g.eltmul(f, c), g.eltmul(i, candidate()))
      }
      let o = try g.name(gate(G - 2, new), "o")
      var shown = new
      if let cellNorm {
        shown = try g.layerNorm(new, gain: cellNorm.gain, bias: cellNorm.bias, epsilon: CellOptions.epsilon)
      }
      let r = try g.eltmul(o, g.tanh(shown))
      let output = options.projection == nil ? r : try g.mul(p[p.count - 1], r)
      return [
        try g.zoneout(output, h, rate: options.zoneoutH), try g.zoneout(new, c, rate: options.zoneoutC),
      ]
    }
  }
}
