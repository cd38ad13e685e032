// Reads checkpoints: nothing of a file is used before all of it is known to fit.

import Kernels

extension Checkpoint {
  /// Reads a file of one kind.
  ///
  /// - Parameter body: creates the model; its errors name the file.
  /// - Throws: `.io`; `.badFormat` for a file of another format, version or kind, or damaged or truncated anywhere;
  ///   `.noMemory`.
  static func read<Model>(
    _ kind: Kind, from source: ByteSource, _ body: (Safetensors) throws(RecurrentError) -> Model
  ) throws(RecurrentError) -> Model {
    let file = try Safetensors.load(source)
    do {
      let found = try identify(file.metadata)
      try require(
        file.isChecked, .badFormat, "the checksum is missing; expected one, got a file that is damaged or was rewritten"
      )
      try require(
        found == kind, .badFormat,
        "kind is wrong; expected \(kind.rawValue), got \(found.rawValue), which \(found.reader) reads")
      try requireKnown(
        file.metadata.map { $0.key }.filter { !$0.hasPrefix(metadataPrefix) },
        among: ["format", "format_version", "kind"] + kind.texts + ["optimizer", "metadata.KEY"], at: "__metadata__")
      return try body(file)
    } catch {
      if error.kind == .noMemory { throw error }
      throw RecurrentError(.badFormat, "cannot load \(source): \(error.description)")
    }
  }

  /// Returns the kind of a file, from its header alone: `text_model` or `network`, or `recurrentjs` for the JSON of
  /// RecurrentJS.
  ///
  /// - Throws: `.io`; `.badFormat` for a file of another format or version.
  package static func kind(of path: FilePath) throws(RecurrentError) -> String {
    let source = ByteSource.file(path)
    guard let metadata = try Safetensors.metadata(of: source) else { return "recurrentjs" }
    do {
      return try identify(metadata).rawValue
    } catch {
      throw RecurrentError(.badFormat, "cannot load \(source): \(error.description)")
    }
  }

  /// Returns the kind that the texts of a file name.
  private static func identify(_ texts: [(key: String, value: String)]) throws(RecurrentError) -> Kind {
    func text(_ key: String) -> String? { texts.first { $0.key == key }?.value }
    try require(
      text("format") == "recurrent", .badFormat,
      "the file has the wrong format; expected a model of recurrent, got a safetensors file of another program")
    let version = text("format_version") ?? "missing"
    guard let number = Int(version), number >= 1 else {
      throw RecurrentError(
        .badFormat, "format_version is invalid; expected \(formatVersion), got \(version.prefix(40))")
    }
    try require(
      number == formatVersion, .badFormat,
      "format_version is not supported; expected \(formatVersion), got \(number), from "
        + (number > formatVersion ? "a newer recurrent" : "recurrent 0.1"))
    let name = text("kind") ?? "missing"
    guard let kind = Kind(rawValue: name) else {
      let known = Kind.allCases.map { $0.rawValue }.joined(separator: " or ")
      throw RecurrentError(.badFormat, "kind is unknown; expected \(known), got \(name.prefix(40))")
    }
    return kind
  }

  /// Creates a network of zeros from settings in a file.
  ///
  /// - Throws: `.badFormat` for more layers than the file has tensors, before any is recorded.
  static func network(_ settings: Network.Settings, of file: Safetensors) throws(RecurrentError) -> Network {
    try require(
      settings.hiddenSizes.count <= file.tensors.count, .badFormat,
      "hidden_sizes has more layers than the file has tensors; expected at most \(file.tensors.count), "
        + "got \(settings.hiddenSizes.count)")
    return try Network(zeros: settings)
  }

  /// Reads the weights into a network of zeros, the generator into `random`, the optimizer and the metadata.
  ///
  /// - Parameters:
  ///   - file: one of the kind whose network this is.
  ///   - training: the keys of the JSON of `training` besides the optimizer's steps.
  ///   - tensors: those of the kind.
  init(
    _ file: Safetensors, into network: Network, _ random: Random, training keys: [String] = [], tensors: [Shape] = []
  ) throws(RecurrentError) {
    let parameters = network.parameters, training = try Field("training", of: file)
    let optimizer = try file.text("optimizer").map { (settings) throws(RecurrentError) in
      try Optimizer(settings: settings)
    }
    let stateNames = optimizer?.stateNames ?? []
    try Checkpoint.check(file, Checkpoint.shapes(of: network, stateNames) + tensors)
    try training.check(keys: keys + (optimizer == nil ? [] : ["optimizer_steps"]))

    if let tensor = file["generator"] {
      let words = (0..<11).map {
        UInt64(littleEndian: file.start(of: tensor).load(fromByteOffset: 8 * $0, as: UInt64.self))
      }
      guard let state = Random.State(words) else {
        throw RecurrentError(.badFormat, "generator[10] is out of range; expected 0 to 4, got \(words[10])")
      }
      random.state = state
    }
    Checkpoint.read(file, "model.", parameters, into: parameters.flat)
    for (name, mat) in parameters.all { try mat.requireFinite(name, .badFormat) }
    if let optimizer {
      var steps: [Int] = [], states: [(name: String, flat: Mat)] = []
      for item in try training["optimizer_steps"].items() { steps.append(try item.whole(0...1 << 53)) }
      for name in stateNames {
        let flat = try parameters.zerosLike().flat
        Checkpoint.read(file, "optimizer.\(name).", parameters, into: flat)
        states.append((name, flat))
      }
      try optimizer.restore(Optimizer.State(tensors: states, steps: steps), of: parameters)
    }
    var metadata: [String: String] = [:]
    for (key, value) in file.metadata where key.hasPrefix(Checkpoint.metadataPrefix) {
      metadata[String(key.dropFirst(Checkpoint.metadataPrefix.count))] = value
    }
    (self.network, self.random, self.optimizer, self.metadata) = (network, random, optimizer, metadata)
  }

  /// Requires exactly the tensors that the settings describe.
  private static func check(_ file: Safetensors, _ expected: [Shape]) throws(RecurrentError) {
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
  private static func read(_ file: Safetensors, _ prefix: String, _ parameters: Parameters, into flat: Mat) {
    for (name, mat) in zip(parameters.names, parameters.views(of: flat)) {
      if let tensor = file[prefix + name] { mat.read(rowMajor: file.start(of: tensor)) }
    }
  }
}

extension Field {
  /// The JSON document in one of a file's texts.
  init(_ key: String, of file: Safetensors) throws(RecurrentError) {
    guard let text = file.text(key) else {
      throw RecurrentError(.badFormat, "\(key) is missing; expected JSON in the file's metadata, got none")
    }
    self.init(try JSON(parsing: Array(text.utf8), key), key)
  }
}
