// The settings of a text model, as a structure and as JSON.

extension TextModel {
  /// The settings that a text model is created from.
  public struct Settings: Equatable, Sendable {
    /// What a token stands for.
    public var tokenizer: Tokenizer.Kind
    /// The number of tokens of `.words`, `.bpe` and `.custom`; nil for the other kinds, whose texts tell it.
    public var vocabularySize: Int?
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
    /// The initial bias of an LSTM's forget gates, see `Network.Settings`.
    public var forgetBias: Double
    /// What the weights are drawn from, see `Network.Settings`.
    public var initialization: Network.Initialization.Matrix
    /// The options of the layers.
    public var options: Network.Options
    /// The type of the elements.
    public var dtype: DType

    /// Stores the settings; `TextModel.init` validates them.
    public init(
      _ tokenizer: Tokenizer.Kind = .characters, vocabularySize: Int? = nil, cell: Cell = .lstm,
      hiddenSizes: [Int] = [128, 128],
      embedding: Int? = nil, tied: Bool = false, dropout: Double = 0,
      forgetBias: Double = Network.Settings.defaultForgetBias,
      initialization: Network.Initialization.Matrix = .uniform(), options: Network.Options = Network.Options(),
      dtype: DType = .float32
    ) {
      (self.tokenizer, self.vocabularySize) = (tokenizer, vocabularySize)
      (self.cell, self.hiddenSizes) = (cell, hiddenSizes)
      (self.embedding, self.tied, self.dropout) = (embedding, tied, dropout)
      (self.forgetBias, self.initialization, self.options, self.dtype) = (forgetBias, initialization, options, dtype)
    }

    /// From a JSON object; absent keys take the defaults shown:
    ///
    ///     {"tokenizer": "characters", "cell": "lstm", "hidden_sizes": [128, 128], "embedding": null, "tied": false,
    ///      "dropout": 0, "forget_bias": 1, "init": "uniform", "learned_initial_state": false,
    ///      "residual": false, "variational": false, "dtype": "float32"}
    ///
    /// `"vocabulary_size"` is the number of tokens of "words", "bpe" and "custom", and of these alone.
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
      vocabularySize = try reader.optionalInteger("vocabulary_size", default: defaults.vocabularySize)
      cell = try Cell(reader.any("cell", default: defaults.cell.json))
      hiddenSizes = try reader.integers("hidden_sizes", default: defaults.hiddenSizes)
      embedding = try reader.optionalInteger("embedding", default: defaults.embedding)
      tied = try reader.flag("tied", default: defaults.tied)
      dropout = try reader.number("dropout", default: defaults.dropout)
      forgetBias = try reader.number("forget_bias", default: defaults.forgetBias)
      initialization = try Network.Initialization.Matrix(&reader, "init") ?? defaults.initialization
      options = try Network.Options(&reader, defaults: defaults.options)
      dtype =
        dtypes[
          try reader.choice("dtype", of: dtypes.map { $0.description }, default: dtypes.firstIndex(of: defaults.dtype))]
      try reader.finish()
    }

    /// The settings as a JSON object in the form that `init(json:)` reads: every key, the options that are on, and
    /// `init` where it is not the default.
    public var json: String { members.text }

    private var members: JSON {
      let size: [JSON.Member] = vocabularySize.map { [("vocabulary_size", .number(Double($0)))] } ?? []
      let members: [JSON.Member] = [
        ("cell", cell.json),
        ("hidden_sizes", .array(JSON.List(hiddenSizes.map { .number(Double($0)) }))),
        ("embedding", embedding.map { .number(Double($0)) } ?? .null), ("tied", .bool(tied)),
        ("dropout", .number(dropout)), ("forget_bias", .number(forgetBias)),
      ]
      let tokens: [JSON.Member] = [("tokenizer", .string(tokenizer.rawValue))] + size
      return .object(
        JSON.List(
          tokens + members + initialization.members + options.members + [("dtype", .string(dtype.description))]))
    }

    /// The tokenizer of some texts: of their characters, or of the one text that is the JSON of its kind.
    ///
    /// - Throws: `.badValue` for a number of tokens, or of texts, that does not fit the kind.
    package func tokenizer(texts: [String]) throws(RecurrentError) -> Tokenizer {
      try requireVocabularySize()
      guard let vocabularySize else { return try Tokenizer(tokenizer, texts: texts) }
      try require(
        texts.count == 1, .badValue,
        "texts has the wrong length; expected 1, the JSON of the tokenizer \(tokenizer.rawValue), got \(texts.count)")
      return try Tokenizer(tokenizer, json: texts[0], count: vocabularySize)
    }

    /// Requires the number of tokens where the texts do not tell it, and only there.
    package func requireVocabularySize() throws(RecurrentError) {
      try require(
        (vocabularySize != nil) == tokenizer.isNumeric, .badValue,
        tokenizer.isNumeric
          ? "vocabulary_size is missing; expected the number of tokens of \(tokenizer.rawValue), got none"
          : "vocabulary_size is without effect; expected none, as the texts tell it for \(tokenizer.rawValue), got "
            + "\(vocabularySize ?? 0)")
    }

    /// The settings of the network over a vocabulary of `count` tokens.
    func network(_ count: Int) -> Network.Settings {
      Network.Settings(
        cell, inputSize: count, embedding: embedding, hiddenSizes: hiddenSizes, outputSize: count, tied: tied,
        dropout: 0, forgetBias: forgetBias, initialization: initialization, options: options, dtype: dtype)
    }
  }

  /// The settings that a text model of the same kind is created from, with the default `initialization`.
  public var settings: Settings {
    let network = network.settings
    return Settings(
      tokenizer.kind, vocabularySize: tokenizer.kind.isNumeric ? tokenizer.count : nil, cell: network.cell,
      hiddenSizes: network.hiddenSizes, embedding: network.embedding,
      tied: network.tied, dropout: dropout, forgetBias: network.forgetBias, options: network.options,
      dtype: network.dtype)
  }
}
