// The parameters of a network and their regions in one flat buffer.

extension Network.Settings {
  /// The largest number of layers: a file holds the tensors of a model with as many, and of its optimizer.
  static let maxLayers = 1000

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
    try require(
      hiddenSizes.count <= Network.Settings.maxLayers, .badShape,
      "hidden_sizes is too long; expected at most \(Network.Settings.maxLayers) layers, got \(hiddenSizes.count)")
    for (k, size) in hiddenSizes.enumerated() { try atLeast1(size, "hidden_sizes[\(k)]") }
    try Dropout.validate(rate: dropout)
    try require(
      forgetBias.isFinite, .badValue, "forget_bias is not finite; expected a finite number, got \(forgetBias)")
    try require(forgetBias, "forget_bias", fits: dtype)
    try initialization.validate("init", dtype)
    try require(
      !tied || outputSize == inputSize, .badShape,
      "output_size is wrong for a tied decoder; expected the number of tokens \(inputSize), got \(outputSize ?? 0)")
  }

  /// The settings with the programs of the cell.
  ///
  /// - Throws: `.badShape` or `.badValue` for a cell that does not fit.
  func recorded() throws(RecurrentError) -> Network.Settings {
    var recorded = self
    recorded.cell = try cell.recorded(
      inputs: embedding ?? inputSize, hiddenSizes: hiddenSizes, directions: options.directions, dtype: dtype)
    let widths = recorded.widths, top = widths[hiddenSizes.count - 1]
    if options.residual {
      for k in widths.indices.dropFirst() {
        try require(
          widths[k] == widths[k - 1], .badShape,
          "hidden_sizes[\(k)] is wrong for a residual connection; expected layers of one width, \(widths[k - 1]), "
            + "got \(widths[k])")
      }
    }
    try require(
      !tied || embedding == top, .badShape,
      "embedding is wrong for a tied decoder; expected the top layer's width \(top), got \(embedding ?? 0)")
    return recorded
  }

  /// Rows of each layer's output, of recorded settings: those of both directions.
  var widths: [Int] {
    let one = if case .programs(let programs) = cell.kind { programs.map { $0.states[0] } } else { hiddenSizes }
    return options.bidirectional ? one.map { 2 * $0 } : one
  }

  /// The suffixes of the layers' parameters and states, lowest layer first, of each the forward direction first.
  var suffixes: [String] {
    hiddenSizes.indices.flatMap { k in options.bidirectional ? ["\(k)", "\(k)r"] : ["\(k)"] }
  }
}

extension Program.Parameter {
  /// The names in a network's parameters: of the parts, or its own, with the layer's suffix.
  func layerNames(_ k: String) -> [String] { (parts.isEmpty ? [name] : parts).map { "\($0)\(k)" } }
}

/// The parameters of a network: names in creation order and regions in one flat buffer.
struct ParameterLayout {
  /// The regions of one layer.
  struct Layer {
    let program: Program
    /// The program's parameters.
    let parameters: [Layout.Region]
    /// The learned initial states; none without.
    let initialStates: [Layout.Region]

    func layer(_ all: Parameters) -> Recurrent.Layer {
      Recurrent.Layer(
        program, parameters.map { all.stack($0) }, initialStates: initialStates.map { all.stack($0) })
    }
  }

  /// Names and regions.
  private(set) var layout = Layout()
  /// The embedding table `Wil`.
  private(set) var embedding: Layout.Region?
  /// Lowest layer first, of each the forward direction first.
  private(set) var layers: [Layer] = []
  /// The decoder; `Whd` is the embedding table if the decoder is tied.
  private(set) var decoder: (Whd: Layout.Region, bd: Layout.Region)?

  /// - Parameter settings: valid settings whose cell is recorded.
  /// - Throws: `.badShape` for more parameters than a Mat can hold.
  init(_ settings: Network.Settings) throws(RecurrentError) {
    let widths = settings.widths
    if let size = settings.embedding {
      embedding = try layout.stack(["Wil"], n: settings.inputSize, d: size)
      layout.create(["Wil"])
    }
    for (i, suffix) in settings.suffixes.enumerated() {
      let k = i / settings.options.directions, size = settings.hiddenSizes[k]
      let inputs = k == 0 ? settings.embedding ?? settings.inputSize : widths[k - 1]
      let program: Program, regions: [Layout.Region]
      switch settings.cell.kind {
      case .builtin(let cell):
        regions = try append(cell, suffix, size: size, inputs: inputs)
        program = try cell.step().program(inputs: inputs, units: size, dtype: settings.dtype)
      case .programs(let programs): (program, regions) = (programs[k], try append(programs[k], suffix))
      case .step: continue
      }
      var initialStates: [Layout.Region] = []
      if settings.options.learnedInitialState {
        for (name, rows) in zip(settings.cell.states, program.states) {
          initialStates.append(try append(["\(name)s\(suffix)"], n: rows, d: 1, initial: 0))
        }
      }
      layers.append(Layer(program: program, parameters: regions, initialStates: initialStates))
    }
    guard let outputSize = settings.outputSize else {
      try require(layout.count > 0, .badShape, "the network has no parameters; expected at least one, got none")
      return
    }
    let Whd = settings.tied ? nil : try layout.stack(["Whd"], n: outputSize, d: widths[widths.count - 1])
    if let matrix = Whd ?? embedding { decoder = (matrix, try layout.stack(["bd"], n: outputSize, d: 1)) }
    layout.create(settings.tied ? ["bd"] : ["Whd", "bd"], initial: ["bd": 0])
  }

  /// Appends the parameters of a built-in cell, in RecurrentJS's order: gate by gate.
  private mutating func append(
    _ cell: BuiltinCell, _ k: String, size: Int, inputs: Int
  ) throws(RecurrentError) -> [Layout.Region] {
    let names = cell.names(layer: k)
    let Wx = try layout.stack(names.map { $0.Wx }, n: size, d: inputs)
    let Wh = try layout.stack(names.map { $0.Wh }, n: size, d: size)
    let b = try layout.stack(names.map { $0.b }, n: size, d: 1)
    for gate in names { layout.create([gate.Wx, gate.Wh, gate.b], initial: [gate.b: 0]) }
    guard let name = cell.resetBias(layer: k) else { return [Wx, Wh, b] }
    let resetBias = try layout.stack([name], n: size, d: 1)
    layout.create([name], initial: [name: 0])
    return [Wx, Wh, b, resetBias]
  }

  private mutating func append(_ program: Program, _ k: String) throws(RecurrentError) -> [Layout.Region] {
    var regions: [Layout.Region] = []
    for parameter in program.settings.parameters {
      let names = parameter.layerNames(k)
      regions.append(try append(names, n: parameter.n / names.count, d: parameter.d, initial: parameter.initial))
    }
    return regions
  }

  /// Appends parameters of [n × d], stacked, with new names.
  private mutating func append(
    _ names: [String], n: Int, d: Int, initial: Double?
  ) throws(RecurrentError) -> Layout.Region {
    for name in names {
      try require(
        layout.regions[name] == nil, .badValue,
        "parameter \(name) exists twice; expected names that differ, got two of them")
    }
    let region = try layout.stack(names, n: n, d: d)
    let values = initial.map { value in Dictionary(uniqueKeysWithValues: names.map { ($0, value) }) }
    layout.create(names, initial: values ?? [:])
    return region
  }
}
