// Plain recurrent layers with options, as a step.

extension Cell.Step {
  /// n = f(Wxh·x + Whh·h + bhh), with norm f(LN(Wxh·x) ⊙ gxh + LN(Whh·h) ⊙ ghh + bhh); h̃ = n, with a leak
  /// h + leak (n − h), the leaky integrator of Jaeger et al., Neural Networks 20 (2007); h′ is h̃ after zoneout.
  static func rnn(_ function: UnaryOperation, _ options: CellOptions) -> Cell.Step {
    Cell.Step { (I, H) throws(RecurrentError) in
      Cell.Sizes(states: [H], parameters: options.parameters(["h"], inputs: I, units: H, output: H))
    } record: { (g, x, states, p) throws(RecurrentError) in
      let h = states[0], gains = options.norm == nil ? nil : (x: p[3], h: p[4])
      let u = try options.product(g, p[0], options.input(g, x), gates: 1, gain: gains?.x)
      let v = try options.product(g, options.weights(g, p[1]), options.recurrent(g, h), gates: 1, gain: gains?.h)
      var new = try g.unary(function, g.add(g.add(u, v), p[2]))
      if options.leak < 1 { new = try g.add(h, g.scale(g.sub(new, h), by: options.leak)) }
      return [try g.zoneout(new, h, rate: options.zoneoutH)]
    }
  }
}
