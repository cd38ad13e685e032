// The independently recurrent network.

extension Cell {
  /// Independently recurrent layer, each unit of which reads its own output only: Li et al., arXiv:1803.04831.
  ///
  ///     h′ = tanh(Wxh·x + uhh ⊙ h + bhh)
  ///
  /// `uhh` begins at 1: a unit remembers.
  public static let indRNN = Cell(named: "ind_rnn", states: ["h"]) { (I, H) throws(RecurrentError) in
    Cell.Sizes(
      states: [H],
      parameters: [.init("Wxh", H, I), .init("uhh", H, 1, initial: 1), .init("bhh", H, 1, initial: 0)])
  } step: { (g, x, states, p) throws(RecurrentError) in
    [try g.tanh(g.add(g.add(g.mul(p[0], x), g.eltmul(p[1], states[0])), p[2]))]
  }
}
