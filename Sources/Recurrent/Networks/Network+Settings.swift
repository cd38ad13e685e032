// The settings of a network, as a structure and as JSON.

extension Network {
  /// The settings that a network is created from.
  public struct Settings: Equatable, Sendable {
    /// The kind of layer.
    public var cell: Cell
    /// Rows of the input; the number of tokens if the input is tokens. At least 1.
    public var inputSize: Int
    /// The width of each layer, lowest first; at least one.
    public var hiddenSizes: [Int]
    /// Rows of the decoder's output; nil for no decoder.
    public var outputSize: Int?
    /// Elements of each token's embedding; nil for an input of vectors or one-hot tokens.
    public var embedding: Int?
    /// Whether the embedding table is the decoder's matrix. Requires `embedding` equal to the top layer's width and
    /// `outputSize` equal to `inputSize`.
    public var tied: Bool
    /// The fraction of activations that training steps drop between layers, at least 0 and below 1.
    public var dropout: Double
    /// The initial bias of the forget gates of an LSTM and its variants; −1 times it of the input gates that are coupled
    /// to forget gates. Other cells ignore it. Reference: Jozefowicz et al., ICML 2015.
    public var forgetBias: Double
    /// What the parameters without an initial value of their own are drawn from, in creation order.
    ///
    /// `.uniform` is that of all of them. The others are those of single gates: with `.glorot` each matrix of the layers
    /// and the decoder is; with `.orthogonal` and `.identity` the recurrent matrices, W…h, are, and the others Glorot's.
    /// The table of an embedding, tied or not, is then uniform on ±0.08.
    public var initialization: Initialization.Matrix
    /// The options of the layers.
    public var options: Options
    /// The type of the elements.
    public var dtype: DType

    /// Stores the settings; `Network.init` validates them.
    public init(
      _ cell: Cell, inputSize: Int, embedding: Int? = nil, hiddenSizes: [Int], outputSize: Int? = nil,
      tied: Bool = false, dropout: Double = 0, forgetBias: Double = Settings.defaultForgetBias,
      initialization: Initialization.Matrix = .uniform(), options: Options = Options(), dtype: DType = .float32
    ) {
      (self.cell, self.inputSize, self.embedding, self.hiddenSizes) = (cell, inputSize, embedding, hiddenSizes)
      (self.outputSize, self.tied, self.dropout) = (outputSize, tied, dropout)
      (self.forgetBias, self.initialization, self.options, self.dtype) = (forgetBias, initialization, options, dtype)
    }

    /// The forget bias of every network that is created without another one, but for RecurrentJS's sentence model.
    public static let defaultForgetBias = 1.0

    /// From a JSON object:
    ///
    ///     {"cell": "lstm", "input_size": 65, "hidden_sizes": [128, 128], "output_size": 65, "embedding": null,
    ///      "tied": false, "dropout": 0, "forget_bias": 1, "init": "uniform", "learned_initial_state": false,
    ///      "residual": false, "variational": false, "bidirectional": false, "dtype": "float32"}
    ///
    /// `cell`, `input_size` and `hidden_sizes` are required; other absent keys take the defaults shown, with no
    /// decoder. null means none. `init` is "uniform", a number for another range of it, "glorot", "orthogonal" or
    /// "identity".
    ///
    /// - Throws: `.badValue` for text that is not JSON, or naming a setting that is unknown or of the wrong
    ///   type.
    public init(json: String) throws(RecurrentError) { try self.init(SettingsReader.parse(json)) }

    init(_ json: JSON) throws(RecurrentError) {
      var reader = try SettingsReader(json, owner: "network")
      cell = try Cell(reader.any("cell"))
      inputSize = try reader.integer("input_size")
      hiddenSizes = try reader.integers("hidden_sizes")
      outputSize = try reader.optionalInteger("output_size")
      embedding = try reader.optionalInteger("embedding")
      tied = try reader.flag("tied", default: false)
      dropout = try reader.number("dropout", default: 0)
      forgetBias = try reader.number("forget_bias", default: Settings.defaultForgetBias)
      initialization = try Initialization.Matrix(&reader, "init") ?? .uniform()
      options = try Options(&reader)
      dtype = DType.allCases[try reader.choice("dtype", of: DType.allCases.map { $0.description }, default: 0)]
      try reader.finish()
    }

    /// The settings as a JSON object in the form that `init(json:)` reads: every key, the options that are on, and
    /// `init` where it is not the default.
    ///
    /// A cell of the caller's own is an object, unless its steps are not recorded yet: then only its name.
    public var json: String { members.text }

    var members: JSON {
      func size(_ value: Int?) -> JSON { value.map { .number(Double($0)) } ?? .null }
      let members: [JSON.Member] = [
        ("cell", cell.json), ("input_size", size(inputSize)),
        ("hidden_sizes", .array(JSON.List(hiddenSizes.map(size)))),
        ("output_size", size(outputSize)), ("embedding", size(embedding)), ("tied", .bool(tied)),
        ("dropout", .number(dropout)), ("forget_bias", .number(forgetBias)),
      ]
      return .object(
        JSON.List(members + initialization.members + options.members + [("dtype", .string(dtype.description))]))
    }
  }
}
