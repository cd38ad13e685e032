// The settings of a text model, as a structure and as JSON.

extension TextModel {
  /// The settings that a text model is created from.
  public struct Settings: Equatable, Sendable {
    /// What a token stands for.
    public var tokenizer: Tokenizer.Kind
    /// The kind of layer.
    public var cell: Cell
    /// The units of each layer, bottom layer first.
    public var hiddenSizes: [Int]
    /// Elements of each token's embedding; nil for one-hot columns.
    public var embedding: Int?
    /// Whether the embedding table is the decoder's matrix.
    public var tied: Bool
    /// The fraction of activations that training steps drop between layers, at least 0 and below 1.
    public var dropout: Double
    /// The initial bias of an LSTM's forget gates.
    public var forgetBias: Double
    /// The options of the layers.
    public var options: Network.Options
    /// The type of the elements.
    public var dtype: DType

    /// Stores the settings; `TextModel.init` validates them.
    public init(
      _ tokenizer: Tokenizer.Kind = .characters, cell: Cell = .lstm, hiddenSizes: [Int] = [128, 128],
      embedding: Int? = nil, tied: Bool = false, dropout: Double = 0, forgetBias: Double = 1,
      options: Network.Options = Network.Options(), dtype: DType = .float32
    ) {
      (self.tokenizer, self.cell, self.hiddenSizes) = (tokenizer, cell, hiddenSizes)
      (self.embedding, self.tied, self.dropout) = (embedding, tied, dropout)
      (self.forgetBias, self.options, self.dtype) = (forgetBias, options, dtype)
    }

    /// From a JSON object; absent keys take the defaults shown:
    ///
    ///     {"tokenizer": "characters", "cell": "lstm", "hidden_sizes": [128, 128], "embedding": null, "tied": false,
    ///      "dropout": 0, "forget_bias": 1, "learned_initial_state": false,
    ///      "residual": false, "variational": false, "dtype": "float32"}
    ///
    /// - Parameters:
    ///   - json: the object, in UTF-8.
    ///   - defaults: the values of absent keys.
    /// - Throws: `.badValue` for text that is not JSON, or naming a setting that is unknown or of the wrong
    ///   type.
    public init(json: String, defaults: Settings = Settings()) throws(RecurrentError) {
      try self.init(SettingsReader.parse(json), defaults: defaults)
    }

    init(_ json: JSON, defaults: Settings = Settings()) throws(RecurrentError) {
      var reader = try SettingsReader(json, owner: "text model")
      let kinds = Tokenizer.Kind.allCases, dtypes = DType.allCases
      tokenizer =
        kinds[
          try reader.choice(
            "tokenizer", of: kinds.map { $0.rawValue }, default: kinds.firstIndex(of: defaults.tokenizer))]
      cell = try Cell(reader.any("cell", default: defaults.cell.json))
      hiddenSizes = try reader.integers("hidden_sizes", default: defaults.hiddenSizes)
      embedding = try reader.optionalInteger("embedding", default: defaults.embedding)
      tied = try reader.flag("tied", default: defaults.tied)
      dropout = try reader.number("dropout", default: defaults.dropout)
      forgetBias = try reader.number("forget_bias", default: defaults.forgetBias)
      options = try Network.Options(&reader, defaults: defaults.options)
      dtype =
        dtypes[
          try reader.choice("dtype", of: dtypes.map { $0.description }, default: dtypes.firstIndex(of: defaults.dtype))]
      try reader.finish()
    }

    /// The settings as a JSON object in the form that `init(json:)` reads: every key, and the options that are on.
    public var json: String { members.text }

    private var members: JSON {
      let members: [JSON.Member] = [
        ("tokenizer", .string(tokenizer.rawValue)), ("cell", cell.json),
        ("hidden_sizes", .array(JSON.List(hiddenSizes.map { .number(Double($0)) }))),
        ("embedding", embedding.map { .number(Double($0)) } ?? .null), ("tied", .bool(tied)),
        ("dropout", .number(dropout)), ("forget_bias", .number(forgetBias)),
      ]
      return .object(JSON.List(members + options.members + [("dtype", .string(dtype.description))]))
    }

    /// The settings of the network over a vocabulary of `count` tokens.
    func network(_ count: Int) -> Network.Settings {
      Network.Settings(
        cell, inputSize: count, embedding: embedding, hiddenSizes: hiddenSizes, outputSize: count, tied: tied,
        dropout: 0, forgetBias: forgetBias, options: options, dtype: dtype)
    }
  }

  /// The settings that a text model of the same kind is created from.
  public var settings: Settings {
    let network = network.settings
    return Settings(
      tokenizer.kind, cell: network.cell, hiddenSizes: network.hiddenSizes, embedding: network.embedding,
      tied: network.tied, dropout: dropout, forgetBias: network.forgetBias, options: network.options,
      dtype: network.dtype)
  }
}
