// The parameters of a network and their regions in one flat buffer.

extension Network.Settings {
  /// Validates every setting.
  ///
  /// - Throws: `.badShape` or `.badValue` naming the setting.
  func validate() throws(RecurrentError) {
    func atLeast1(_ size: Int, _ name: String) throws(RecurrentError) {
      try require(size > 0, .badShape, "\(name) is out of range; expected at least 1, got \(size)")
    }
    try atLeast1(inputSize, "input_size")
    try atLeast1(embedding ?? 1, "embedding")
    try atLeast1(outputSize ?? 1, "output_size")
    try require(!hiddenSizes.isEmpty, .badShape, "hidden_sizes is empty; expected at least one layer")
    for (k, size) in hiddenSizes.enumerated() { try atLeast1(size, "hidden_sizes[\(k)]") }
    try Dropout.validate(rate: dropout)
    try require(
      forgetBias.isFinite, .badValue, "forget_bias is not finite; expected a finite number, got \(forgetBias)")
    try require(forgetBias, "forget_bias", fits: dtype)
    if !tied { return }
    let top = hiddenSizes[hiddenSizes.count - 1]
    try require(
      embedding == top, .badShape,
      "embedding is wrong for a tied decoder; expected the top layer's width \(top), got \(embedding ?? 0)")
    try require(
      outputSize == inputSize, .badShape,
      "output_size is wrong for a tied decoder; expected the number of tokens \(inputSize), got \(outputSize ?? 0)")
  }
}

/// The parameters of a network: names in creation order and regions in one flat buffer.
struct ParameterLayout {
  /// The regions of one layer's stacked gate matrices.
  struct Layer {
    /// [G·H × I], [G·H × H], [G·H × 1].
    let Wx: Layout.Region, Wh: Layout.Region, b: Layout.Region
    /// [H × 1], the second bias of a GRU's candidate.
    let resetBias: Layout.Region?
  }

  /// Names and regions.
  private(set) var layout = Layout()
  /// The embedding table `Wil`.
  private(set) var embedding: Layout.Region?
  /// Lowest layer first.
  private(set) var layers: [Layer] = []
  /// The decoder; `Whd` is the embedding table if the decoder is tied.
  private(set) var decoder: (Whd: Layout.Region, bd: Layout.Region)?

  /// - Parameter settings: valid settings.
  /// - Throws: `.badShape` for more parameters than a Mat can hold.
  init(_ settings: Network.Settings) throws(RecurrentError) {
    let hiddenSizes = settings.hiddenSizes
    if let size = settings.embedding {
      embedding = try layout.stack(["Wil"], n: settings.inputSize, d: size)
      layout.create(["Wil"])
    }
    for (k, size) in hiddenSizes.enumerated() {
      let inputs = k == 0 ? settings.embedding ?? settings.inputSize : hiddenSizes[k - 1]
      try appendLayer(settings.cell, k, size: size, inputs: inputs)
    }
    guard let outputSize = settings.outputSize else { return }
    let Whd = settings.tied ? nil : try layout.stack(["Whd"], n: outputSize, d: hiddenSizes[hiddenSizes.count - 1])
    if let matrix = Whd ?? embedding { decoder = (matrix, try layout.stack(["bd"], n: outputSize, d: 1)) }
    layout.create(settings.tied ? ["bd"] : ["Whd", "bd"], biases: ["bd"])
  }

  private mutating func appendLayer(_ cell: Cell, _ k: Int, size: Int, inputs: Int) throws(RecurrentError) {
    let names = cell.names(layer: k)
    let Wx = try layout.stack(names.map { $0.Wx }, n: size, d: inputs)
    let Wh = try layout.stack(names.map { $0.Wh }, n: size, d: size)
    let b = try layout.stack(names.map { $0.b }, n: size, d: 1)
    for gate in names { layout.create([gate.Wx, gate.Wh, gate.b], biases: [gate.b]) }
    var resetBias: Layout.Region?
    if let name = cell.resetBias(layer: k) {
      resetBias = try layout.stack([name], n: size, d: 1)
      layout.create([name], biases: [name])
    }
    layers.append(Layer(Wx: Wx, Wh: Wh, b: b, resetBias: resetBias))
  }
}
