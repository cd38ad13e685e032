// A text model in one safetensors file, with everything needed to resume training to the same bits.
//
// Besides what every checkpoint has (Checkpoint.swift): the tokenizer, JSON, of `.words`, `.bpe` and `.custom` that of the
// `tokenizers` package; the step and the batch size; and the carried
// state, tensors state.hK and state.cK [batch size, H]. See docs/file-format.md.

import Kernels

extension TextModel {
  /// Writes the model to one file; a crash leaves the old file or the new one.
  ///
  /// - Parameters:
  ///   - path: the file; the target of a symlink is written.
  ///   - overwrite: whether a file that exists is replaced; its mode and owner are kept.
  ///   - weightsOnly: whether the file leaves out the optimizer.
  /// - Throws: `.io`, also if the file exists and `overwrite` is false; `.notFinite` naming a weight, a state of the
  ///   optimizer or a carried state that is infinite or NaN, `.badValue` a negative mean of squares: `load` would refuse
  ///   them. The old file is unchanged then.
  public func save(_ path: String, overwrite: Bool = false, weightsOnly: Bool = false) throws(RecurrentError) {
    try save(FilePath(path), overwrite: overwrite, weightsOnly: weightsOnly)
  }

  /// Writes the model to one file, whose name need not be UTF-8.
  package func save(_ path: FilePath, overwrite: Bool, weightsOnly: Bool) throws(RecurrentError) {
    try file(weightsOnly: weightsOnly).write(to: path, overwrite: overwrite)
  }

  /// Calls a function with the bytes of the file that `save` writes.
  ///
  /// - Returns: what the function returns.
  /// - Throws: as `save`, without `.io`; `.noMemory`.
  public func withBytes<Result>(
    weightsOnly: Bool = false, _ body: (Span<UInt8>) throws(RecurrentError) -> Result
  ) throws(RecurrentError) -> Result {
    let bytes = try bytes(weightsOnly: weightsOnly)
    return try body(bytes.span)
  }

  /// Returns the bytes of the file that `save` writes.
  package func bytes(weightsOnly: Bool) throws(RecurrentError) -> Buffer<UInt8> {
    try file(weightsOnly: weightsOnly).bytes()
  }

  private func file(weightsOnly: Bool) throws(RecurrentError) -> Safetensors {
    if let carriedState { try checkFinite(carriedState, batchSize, .notFinite) }
    let checkpoint = Checkpoint(
      network: network, random: random, optimizer: weightsOnly ? nil : optimizer, metadata: metadata)
    let file = try checkpoint.file(
      .textModel, texts: [("model", settings.json), ("tokenizer", tokenizer.json ?? tokenizer.members.text)],
      training: [("step", .number(Double(step))), ("batch_size", .number(Double(batchSize)))],
      tensors: states(batchSize))
    var offset = 0
    for (name, _, _) in states(batchSize) {
      guard let tensor = file[name], let carriedState else { continue }
      file.start(of: tensor).copyMemory(from: carriedState.start + offset, byteCount: tensor.bytes)
      offset += tensor.bytes
    }
    return file
  }

  /// Reads a saved model; training resumes to the same bits.
  ///
  /// - Throws: `.io`; `.badFormat` for a file of another format, version or kind, or damaged or truncated anywhere;
  ///   `.noMemory`.
  public static func load(_ path: String) throws(RecurrentError) -> TextModel { try load(.file(FilePath(path))) }

  /// Reads the bytes of a saved model.
  ///
  /// - Throws: as for a file, without `.io`.
  public static func load(bytes: Span<UInt8>) throws(RecurrentError) -> TextModel {
    try bytes.withMemory { (memory) throws(RecurrentError) in try load(.memory(memory)) }
  }

  /// Reads a saved model from a file, whose name need not be UTF-8, or from memory.
  package static func load(_ source: ByteSource) throws(RecurrentError) -> TextModel {
    try Checkpoint.read(.textModel, from: source, read)
  }

  private static func read(_ file: Safetensors) throws(RecurrentError) -> TextModel {
    let settings = try Settings(Field("model", of: file).json)
    let tokenizer = try tokenizer(settings, file)
    let network = try Checkpoint.network(settings.network(tokenizer.count), of: file)
    let model = try TextModel(tokenizer, network, dropout: settings.dropout, Random(seed: 0))
    let training = try Field("training", of: file)
    let step = try training["step"].whole(0...1 << 53), batchSize = try training["batch_size"].whole(0...Int(Int32.max))
    let states = model.states(batchSize)
    let checkpoint = try Checkpoint(
      file, into: network, model.random, training: ["step", "batch_size"], tensors: states)
    var carriedState: Storage?, offset = 0
    if batchSize > 0 {
      let state = try model.newState(batchSize: batchSize)
      for (name, _, _) in states {
        guard let tensor = file[name] else { continue }
        (state.start + offset).copyMemory(from: file.start(of: tensor), byteCount: tensor.bytes)
        offset += tensor.bytes
      }
      try model.checkFinite(state, batchSize, .badFormat)
      carriedState = state
    }
    model.restore(
      checkpoint.optimizer, step: step, carriedState: carriedState, batchSize: batchSize, metadata: checkpoint.metadata)
    return model
  }

  private static func tokenizer(_ settings: Settings, _ file: Safetensors) throws(RecurrentError) -> Tokenizer {
    if !settings.tokenizer.isNumeric {
      try settings.requireVocabularySize()
      return try Tokenizer(settings.tokenizer, Field("tokenizer", of: file))
    }
    guard let text = file.text("tokenizer") else {
      throw RecurrentError(.badFormat, "tokenizer is missing; expected JSON in the file's metadata, got none")
    }
    return try settings.tokenizer(texts: [text])
  }

  // MARK: Carried state

  private func states(_ batchSize: Int) -> [Checkpoint.Shape] {
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
}

extension Tokenizer {
  /// The vocabulary as one text in the order of the tokens, null for bytes.
  fileprivate var members: JSON {
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
