// A network in one safetensors file, with everything needed to resume training to the same bits. See docs/file-format.md.

extension Network {
  /// Writes the network, its metadata and the generator of its dropout to one file; a crash leaves the old file or the
  /// new one.
  ///
  /// - Parameters:
  ///   - path: the file; the target of a symlink is written.
  ///   - optimizer: that of the network, written with its state; nil leaves it out.
  ///   - random: the generator that is written for a network without dropout; nil for that of seed 0.
  ///   - overwrite: whether a file that exists is replaced; its mode and owner are kept.
  /// - Throws: `.io`, also if the file exists and `overwrite` is false; `.notFinite` naming a weight or a state of the
  ///   optimizer that is infinite or NaN, `.badValue` a negative mean of squares or the optimizer of another network:
  ///   `load` would refuse them. The old file is unchanged then.
  public func save(
    _ path: String, optimizer: Optimizer? = nil, random: Random? = nil, overwrite: Bool = false
  ) throws(RecurrentError) {
    try save(FilePath(path), optimizer: optimizer, random: random, overwrite: overwrite)
  }

  /// Writes the network to one file, whose name need not be UTF-8.
  package func save(
    _ path: FilePath, optimizer: Optimizer?, random: Random?, overwrite: Bool
  ) throws(RecurrentError) {
    try file(optimizer, random).write(to: path, overwrite: overwrite)
  }

  /// Calls a function with the bytes of the file that `save` writes.
  ///
  /// - Returns: what the function returns.
  /// - Throws: as `save`, without `.io`; `.noMemory`.
  public func withBytes<Result>(
    optimizer: Optimizer? = nil, random: Random? = nil, _ body: (Span<UInt8>) throws(RecurrentError) -> Result
  ) throws(RecurrentError) -> Result {
    let bytes = try bytes(optimizer: optimizer, random: random)
    return try body(bytes.span)
  }

  /// Returns the bytes of the file that `save` writes.
  package func bytes(optimizer: Optimizer?, random: Random?) throws(RecurrentError) -> Buffer<UInt8> {
    try file(optimizer, random).bytes()
  }

  private func file(_ optimizer: Optimizer?, _ random: Random?) throws(RecurrentError) -> Safetensors {
    let checkpoint = Checkpoint(
      network: self, random: dropout?.random ?? random ?? Random(seed: 0), optimizer: optimizer, metadata: metadata)
    return try checkpoint.file(.network, texts: [("model", settings.json)])
  }

  /// Reads a saved network; training resumes to the same bits.
  ///
  /// - Returns: the network, the optimizer that was saved with it, and the generator that was saved: it draws the dropout
  ///   of the network, if there is one.
  /// - Throws: `.io`; `.badFormat` for a file of another format, version or kind, or damaged or truncated anywhere;
  ///   `.noMemory`.
  public static func load(
    _ path: String
  ) throws(RecurrentError) -> (network: Network, optimizer: Optimizer?, random: Random) {
    try load(.file(FilePath(path)))
  }

  /// Reads the bytes of a saved network.
  ///
  /// - Returns: as for a file.
  /// - Throws: as for a file, without `.io`.
  public static func load(
    bytes: Span<UInt8>
  ) throws(RecurrentError) -> (network: Network, optimizer: Optimizer?, random: Random) {
    try bytes.withMemory { (memory) throws(RecurrentError) in try load(.memory(memory)) }
  }

  /// Reads a saved network from a file, whose name need not be UTF-8, or from memory.
  package static func load(
    _ source: ByteSource
  ) throws(RecurrentError) -> (network: Network, optimizer: Optimizer?, random: Random) {
    try Checkpoint.read(.network, from: source) { (file) throws(RecurrentError) in
      let settings = try Settings(Field("model", of: file).json), random = Random(seed: 0)
      let network = try Checkpoint.network(settings, of: file)
      let checkpoint = try Checkpoint(file, into: network, random)
      if settings.dropout > 0 || network.isRandom {
        network.dropout = try Dropout(rate: settings.dropout, random: random)
      }
      network.metadata = checkpoint.metadata
      return (network, checkpoint.optimizer, random)
    }
  }
}

extension Network {
  /// The metadata as a JSON object of texts, in the order of their keys.
  package var metadataJSON: String {
    JSON.object(JSON.List(metadata.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })).text
  }

  /// Replaces the metadata by the members of a JSON object of texts.
  ///
  /// - Throws: `.badValue` for text that is not such an object; the metadata are unchanged.
  package func setMetadata(json: String) throws(RecurrentError) {
    var metadata: [String: String] = [:]
    do {
      for (key, value) in try Field(JSON(parsing: Array(json.utf8), "metadata"), "metadata").members() {
        metadata[key] = try value.string()
      }
    } catch {
      throw RecurrentError(.badValue, error.description)
    }
    self.metadata = metadata
  }
}
