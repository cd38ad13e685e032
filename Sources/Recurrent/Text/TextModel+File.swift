// A text model in one safetensors file, with everything needed to resume training to the same bits.
//
//     metadata   format "recurrent", kind "text_model", format_version; model, tokenizer, training and, if there is one,
//                optimizer, each JSON; metadata.KEY, the caller's text
//     tensors    generator [11]; model.NAME [n, d]; optimizer.STATE.NAME [n, d]; state.hK and state.cK [batch size, H]
//
// See docs/file-format.md.

import Kernels

extension TextModel {
  /// The version of the format that is written and read.
  static let formatVersion = 2
  private static let metadataPrefix = "metadata."
  private static let metadataKeys = [
    "format", "format_version", "kind", "model", "tokenizer", "training", "optimizer", "metadata.KEY",
  ]

  /// Writes the model to one file; a crash leaves the old file or the new one.
  ///
  /// - Parameters:
  ///   - path: the file; the target of a symlink is written.
  ///   - overwrite: whether a file that exists is replaced; its mode and owner are kept.
  /// - Throws: `.io`, also if the file exists and `overwrite` is false; `.notFinite` naming a weight, a state of the
  ///   optimizer or a carried state that is infinite or NaN, `.badValue` a negative mean of squares: `load` would refuse
  ///   them. The old file is unchanged then.
  public func save(_ path: String, overwrite: Bool = false) throws(RecurrentError) {
    try save(FilePath(path), overwrite: overwrite)
  }

  /// Writes the model to one file, whose name need not be UTF-8.
  package func save(_ path: FilePath, overwrite: Bool) throws(RecurrentError) {
    for (name, mat) in parameters.all {
      try mat.evaluate()
      try mat.requireFinite(name, .notFinite)
    }
    let state = try optimizer.map { (optimizer) throws(RecurrentError) in try optimizer.state(of: parameters) }
    if let state { try optimizer?.check(state, of: parameters) }
    if let carriedState { try checkFinite(carriedState, batchSize, .notFinite) }
    let file = try Safetensors(metadata: header(state), contents(state?.tensors.map { $0.name } ?? [], batchSize))
    var tensors = file.tensors.makeIterator()
    if let tensor = tensors.next() {
      for (i, word) in random.state.words.enumerated() {
        file.start(of: tensor).storeBytes(of: word.littleEndian, toByteOffset: 8 * i, as: UInt64.self)
      }
    }
    for flat in [parameters.flat] + (state?.tensors.map { $0.flat } ?? []) {
      for mat in parameters.views(of: flat) {
        if let tensor = tensors.next() { mat.write(rowMajor: file.start(of: tensor)) }
      }
    }
    var offset = 0
    while let tensor = tensors.next(), let carriedState {
      file.start(of: tensor).copyMemory(from: carriedState.start + offset, byteCount: tensor.bytes)
      offset += tensor.bytes
    }
    try file.write(to: path, overwrite: overwrite)
  }

  /// Reads a saved model; training resumes to the same bits.
  ///
  /// - Throws: `.io`; `.badFormat` for a file of another format or version, or damaged or truncated anywhere;
  ///   `.noMemory`.
  public static func load(_ path: String) throws(RecurrentError) -> TextModel { try load(FilePath(path)) }

  /// Reads a saved model from a file, whose name need not be UTF-8.
  package static func load(_ path: FilePath) throws(RecurrentError) -> TextModel {
    let file = try Safetensors.load(path)
    do {
      try identify(file)
      return try read(file)
    } catch {
      if error.kind == .noMemory { throw error }
      throw RecurrentError(.badFormat, "cannot load '\(path)': \(error.description)")
    }
  }

  private static func identify(_ file: Safetensors) throws(RecurrentError) {
    try require(
      file.text("format") == "recurrent", .badFormat,
      "the file has the wrong format; expected a model of recurrent, got a safetensors file of another program")
    let version = file.text("format_version") ?? "missing"
    guard let number = Int(version), number >= 1 else {
      throw RecurrentError(
        .badFormat, "format_version is invalid; expected \(formatVersion), got \(version.prefix(40))")
    }
    try require(
      number == formatVersion, .badFormat,
      "format_version is not supported; expected \(formatVersion), got \(number), from "
        + (number > formatVersion ? "a newer recurrent" : "recurrent 0.1"))
    try require(
      file.isChecked, .badFormat, "the checksum is missing; expected one, got a file that is damaged or was rewritten")
    let kind = file.text("kind") ?? "missing"
    try require(kind == "text_model", .badFormat, "kind is unknown; expected text_model, got \(kind.prefix(40))")
  }

  private static func read(_ file: Safetensors) throws(RecurrentError) -> TextModel {
    try requireKnown(
      file.metadata.map { $0.key }.filter { !$0.hasPrefix(metadataPrefix) }, among: metadataKeys, at: "__metadata__")
    let model = try TextModel(file), training = try Field("training", of: file)
    let batchSize = try training["batch_size"].whole(0...Int(Int32.max))
    let optimizer = try file.text("optimizer").map { (settings) throws(RecurrentError) in
      try Optimizer(settings: settings)
    }
    let stateNames = optimizer?.stateNames ?? []
    try model.check(file, model.contents(stateNames, batchSize))
    try training.check(keys: ["step", "batch_size"] + (optimizer == nil ? [] : ["optimizer_steps"]))

    if let tensor = file["generator"] {
      let words = (0..<11).map {
        UInt64(littleEndian: file.start(of: tensor).load(fromByteOffset: 8 * $0, as: UInt64.self))
      }
      guard let state = Random.State(words) else {
        throw RecurrentError(.badFormat, "generator[10] is out of range; expected 0 to 4, got \(words[10])")
      }
      model.random.state = state
    }
    try model.read(into: model.parameters.flat, "model.", file)
    for (name, mat) in model.parameters.all { try mat.requireFinite(name, .badFormat) }
    if let optimizer {
      var steps: [Int] = [], tensors: [(name: String, flat: Mat)] = []
      for item in try training["optimizer_steps"].items() { steps.append(try item.whole(0...1 << 53)) }
      for name in stateNames {
        let flat = try model.parameters.zerosLike().flat
        try model.read(into: flat, "optimizer.\(name).", file)
        tensors.append((name, flat))
      }
      try optimizer.restore(Optimizer.State(tensors: tensors, steps: steps), of: model.parameters)
    }
    var carriedState: Storage?, offset = 0
    if batchSize > 0 {
      let state = try model.newState(batchSize: batchSize)
      for (name, _, _) in model.states(batchSize) {
        guard let tensor = file[name] else { continue }
        (state.start + offset).copyMemory(from: file.start(of: tensor), byteCount: tensor.bytes)
        offset += tensor.bytes
      }
      try model.checkFinite(state, batchSize, .badFormat)
      carriedState = state
    }
    var metadata: [String: String] = [:]
    for (key, value) in file.metadata where key.hasPrefix(metadataPrefix) {
      metadata[String(key.dropFirst(metadataPrefix.count))] = value
    }
    model.restore(
      optimizer, step: try training["step"].whole(0...1 << 53), carriedState: carriedState, batchSize: batchSize,
      metadata: metadata)
    return model
  }

  // MARK: Header

  private func header(_ state: Optimizer.State?) -> [(key: String, value: String)] {
    var training: [(key: String, value: JSON)] = [
      ("step", .number(Double(step))), ("batch_size", .number(Double(batchSize))),
    ]
    if let state { training.append(("optimizer_steps", .array(JSON.List(state.steps.map { .number(Double($0)) })))) }
    var texts = [
      (key: "format", value: "recurrent"), ("format_version", "\(TextModel.formatVersion)"), ("kind", "text_model"),
      ("model", settings.json), ("tokenizer", tokenizer.json.text), ("training", JSON.object(JSON.List(training)).text),
    ]
    if let optimizer { texts.append(("optimizer", optimizer.settings)) }
    return texts + metadata.sorted { $0.key < $1.key }.map { (TextModel.metadataPrefix + $0.key, $0.value) }
  }

  /// Creates a model of zeros of the kind that a file's settings describe.
  private convenience init(_ file: Safetensors) throws(RecurrentError) {
    let field = try Field("model", of: file), settings = try Settings(field.json)
    try require(
      settings.hiddenSizes.count <= file.tensors.count, .badFormat,
      "hidden_sizes has more layers than the file has tensors; expected at most \(file.tensors.count), "
        + "got \(settings.hiddenSizes.count)")
    let tokenizer = try Tokenizer(settings.tokenizer, Field("tokenizer", of: file))
    let network = try Network(zeros: settings.network(tokenizer.count))
    try self.init(tokenizer, network, dropout: settings.dropout, Random(seed: 0))
  }

  // MARK: Tensors

  private typealias Shape = (name: String, element: Safetensors.Element, shape: [Int])

  /// Every tensor in its order: the generator, the weights, the optimizer's state, the carried state.
  private func contents(_ stateNames: [String], _ batchSize: Int) -> [Shape] {
    var shapes: [Shape] = [("generator", .uint64, [11])]
    for prefix in ["model."] + stateNames.map({ "optimizer.\($0)." }) {
      for (name, mat) in parameters.all {
        shapes.append((prefix + name, Safetensors.Element(network.dtype), [mat.n, mat.d]))
      }
    }
    return shapes + states(batchSize)
  }

  private func states(_ batchSize: Int) -> [Shape] {
    if batchSize == 0 { return [] }
    return network.cell.states.enumerated().flatMap { s, state in
      network.layers.enumerated().map { k, layer in
        ("state.\(state)\(k)", Safetensors.Element(network.dtype), [batchSize, layer.states[s]])
      }
    }
  }

  /// Requires a finite carried state.
  private func checkFinite(_ state: Storage, _ batchSize: Int, _ kind: RecurrentError.Kind) throws(RecurrentError) {
    var offset = 0
    for (name, element, shape) in states(batchSize) {
      let count = shape.reduce(1, *)
      for i in 0..<count {
        let value = network.dtype.load(state.start + offset, i)
        try require(
          value.isFinite, kind,
          "\(name) is not finite; expected finite elements, got \(value) at "
            + "[\(i / shape[1]), \(i % shape[1])]")
      }
      offset += count * element.size
    }
  }

  /// Requires exactly the tensors that the settings describe.
  private func check(_ file: Safetensors, _ expected: [Shape]) throws(RecurrentError) {
    for (name, element, shape) in expected {
      guard let tensor = file[name] else {
        throw RecurrentError(
          .badFormat, "tensor \(name) is missing; expected \(element.rawValue) of shape \(shape), got none")
      }
      try require(
        tensor.element == element && tensor.shape == shape, .badFormat,
        "\(name) has the wrong type or shape; expected \(element.rawValue) of \(shape), got \(tensor.element.rawValue) "
          + "of \(tensor.shape)")
    }
    try requireKnown(
      file.tensors.lazy.map { $0.name }, among: expected.map { $0.name }, at: "",
      expected: "the tensors of the model's settings")
  }

  /// Reads a flat buffer in the layout of the weights.
  private func read(into flat: Mat, _ prefix: String, _ file: Safetensors) throws(RecurrentError) {
    for (name, mat) in zip(parameters.names, parameters.views(of: flat)) {
      if let tensor = file[prefix + name] { mat.read(rowMajor: file.start(of: tensor)) }
    }
  }
}

extension Mat {
  /// Writes the elements row by row, without gaps.
  fileprivate func write(rowMajor p: UnsafeMutableRawPointer) {
    switch dtype {
    case .float32: transpose(operandRef.w(Float.self), to: transposed(p))
    case .float64: transpose(operandRef.w(Double.self), to: transposed(p))
    }
  }

  /// Reads the elements row by row, without gaps.
  fileprivate func read(rowMajor p: UnsafeMutableRawPointer) {
    switch dtype {
    case .float32: transpose(transposed(p), to: operandRef.w(Float.self))
    case .float64: transpose(transposed(p), to: operandRef.w(Double.self))
    }
  }

  /// A view of row-major memory as the transposed matrix.
  private func transposed<T: Real>(_ p: UnsafeMutableRawPointer) -> MatrixView<T> {
    MatrixView(p.assumingMemoryBound(to: T.self), rows: d, columns: n, columnStride: d)
  }
}

extension Tokenizer {
  /// The vocabulary as one text in the order of the tokens, null for bytes.
  fileprivate var json: JSON {
    .object([
      ("vocabulary", kind == .bytes ? .null : .string(String(String.UnicodeScalarView(characters))))
    ])
  }

  fileprivate init(_ kind: Kind, _ saved: Field) throws(RecurrentError) {
    let vocabulary = try saved["vocabulary"]
    try saved.check(keys: ["vocabulary"])
    if kind == .bytes {
      guard case .null = vocabulary.json else { throw vocabulary.wrong("null, as a token is a byte") }
      self = .bytes
      return
    }
    var characters = Buffer<Unicode.Scalar>()
    try characters.append(contentsOf: vocabulary.string().unicodeScalars)
    let count = characters.count
    try require(count > 0, .badFormat, "tokenizer.vocabulary is empty; expected at least 1 character, got 0")
    if kind == .characters {
      for (a, b) in zip(characters.elements, characters.elements.dropFirst()) {
        try require(
          a < b, .badFormat,
          "tokenizer.vocabulary is not in order; expected ascending code points, got \(name(of: b)) after \(name(of: a))"
        )
      }
    } else {
      try require(
        Set(characters.elements).count == count, .badFormat,
        "tokenizer.vocabulary has a duplicate; expected distinct characters, got one twice")
    }
    try self.init(kind: kind, characters: characters)
  }
}

extension Field {
  /// The JSON document in one of a file's texts.
  fileprivate init(_ key: String, of file: Safetensors) throws(RecurrentError) {
    guard let text = file.text(key) else {
      throw RecurrentError(.badFormat, "\(key) is missing; expected JSON in the file's metadata, got none")
    }
    self.init(try JSON(parsing: Array(text.utf8), key), key)
  }
}

extension Random.State {
  /// The state as 11 words: key, counter, block, used.
  var words: [UInt64] {
    [key.0, key.1, counter.0, counter.1, counter.2, counter.3, block.0, block.1, block.2, block.3, UInt64(used)]
  }

  /// From 11 words; nil unless the last is 0 to 4.
  init?(_ p: [UInt64]) {
    guard p.count == 11, p[10] <= 4 else { return nil }
    self.init(
      key: (p[0], p[1]), counter: (p[2], p[3], p[4], p[5]), block: (p[6], p[7], p[8], p[9]), used: Int(p[10]))
  }
}
