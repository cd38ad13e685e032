// The options of a network's layers, in its settings and in those of a text model.

extension Network {
  /// The options of a network's layers, which work with every cell. All are off by default.
  public struct Options: Equatable, Sendable {
    /// Whether the initial states are parameters: `hs0` is that of state h of layer 0, [H × 1], 0 at first, the same for
    /// all sequences that begin.
    public var learnedInitialState: Bool
    /// Whether each layer above the lowest adds its input to its output; its state is that of the cell. All layers have
    /// one width. Reference: He et al., arXiv:1512.03385; in stacks of LSTM layers, Wu et al., arXiv:1609.08144.
    public var residual: Bool
    /// Whether dropout masks the input of every layer, the lowest one's too, with one mask for all time steps of a
    /// sequence. Reference: Gal and Ghahramani, arXiv:1512.05287.
    public var variational: Bool
    /// Whether each layer runs in both directions, the reverse one from the last valid time step to the first: its
    /// parameters and states have the suffix r, `Wix0r`. The layer above reads both outputs, the forward one on top.
    /// Networks over whole sequences only: generation, single steps and text models read no future. Reference: Schuster
    /// and Paliwal, IEEE Transactions on Signal Processing 45 (1997).
    public var bidirectional: Bool

    /// From the options.
    public init(
      learnedInitialState: Bool = false, residual: Bool = false, variational: Bool = false, bidirectional: Bool = false
    ) {
      (self.learnedInitialState, self.residual) = (learnedInitialState, residual)
      (self.variational, self.bidirectional) = (variational, bidirectional)
    }

    /// The directions of each layer.
    var directions: Int { bidirectional ? 2 : 1 }

    init(_ reader: inout SettingsReader, defaults: Options = Options()) throws(RecurrentError) {
      learnedInitialState = try reader.flag("learned_initial_state", default: defaults.learnedInitialState)
      residual = try reader.flag("residual", default: defaults.residual)
      variational = try reader.flag("variational", default: defaults.variational)
      bidirectional = try reader.flag("bidirectional", default: defaults.bidirectional)
    }

    /// The names of the options that are on.
    var names: [String] {
      [
        ("learned_initial_state", learnedInitialState), ("residual", residual), ("variational", variational),
        ("bidirectional", bidirectional),
      ].filter { $0.1 }.map { $0.0 }
    }

    /// The options that are on: files without options are those of versions that had none.
    var members: [JSON.Member] { names.map { ($0, .bool(true)) } }
  }

  /// Refuses a network that needs whole sequences: its states do not hold all that a time step reads.
  func requireStates(_ use: StaticString) throws(RecurrentError) {
    try require(
      !options.bidirectional, .badValue, "network is bidirectional; expected one direction for \(use), got two")
    for layer in layers { try layer.program.requireNoPast(use) }
  }
}
