// Checkpoints: the safetensors files of networks and of text models, with what training needs to resume to the same bits.
//
//     metadata   format "recurrent", format_version, kind; model, training and, if there is one, optimizer, each JSON;
//                metadata.KEY, the caller's text; a text model's tokenizer, JSON
//     tensors    generator [11]; model.NAME [n, d]; optimizer.STATE.NAME [n, d]; then those of the kind
//
// See docs/file-format.md.

import Kernels

/// What the file of each kind of model has.
package struct Checkpoint {
  /// What a file describes.
  enum Kind: String, CaseIterable {
    case textModel = "text_model"
    case network

    /// The texts of a file besides its format, its optimizer and the caller's metadata.
    var texts: [String] { self == .network ? ["model", "training"] : ["model", "tokenizer", "training"] }

    /// The function that reads such a file, for messages.
    var reader: String { self == .network ? "Network.load" : "TextModel.load" }
  }

  /// The name, the type and the shape of a tensor.
  typealias Shape = (name: String, element: Safetensors.Element, shape: [Int])

  /// The version of the format that is written and read.
  static let formatVersion = 2
  static let metadataPrefix = "metadata."

  let network: Network
  /// Draws the masks of dropout.
  let random: Random
  /// The optimizer of the network; nil for none.
  let optimizer: Optimizer?
  /// The caller's texts by key.
  let metadata: [String: String]

  /// Returns the file, whose tensors of the kind are zeros.
  ///
  /// - Parameters:
  ///   - kind: what the file describes.
  ///   - texts: those before `training`, in their order.
  ///   - training: members of the JSON of `training`; the optimizer's steps follow.
  ///   - tensors: those of the kind, which follow the optimizer's.
  /// - Throws: `.notFinite` naming a weight or a state of the optimizer that is infinite or NaN, `.badValue` a negative
  ///   mean of squares: a reader refuses them.
  func file(
    _ kind: Kind, texts: [(key: String, value: String)], training: [JSON.Member] = [], tensors: [Shape] = []
  ) throws(RecurrentError) -> Safetensors {
    let parameters = network.parameters
    for (name, mat) in parameters.all {
      try mat.evaluate()
      try mat.requireFinite(name, .notFinite)
    }
    let state = try optimizer.map { (optimizer) throws(RecurrentError) in try optimizer.state(of: parameters) }
    if let state { try optimizer?.check(state, of: parameters) }
    var training = training
    if let state { training.append(("optimizer_steps", .array(JSON.List(state.steps.map { .number(Double($0)) })))) }
    var header = [
      (key: "format", value: "recurrent"), ("format_version", "\(Checkpoint.formatVersion)"), ("kind", kind.rawValue),
    ]
    header += texts + [("training", JSON.object(JSON.List(training)).text)]
    if let optimizer { header.append(("optimizer", optimizer.settings)) }
    header += metadata.sorted { $0.key < $1.key }.map { (Checkpoint.metadataPrefix + $0.key, $0.value) }

    let file = try Safetensors(
      metadata: header, Checkpoint.shapes(of: network, state?.tensors.map { $0.name } ?? []) + tensors)
    var places = file.tensors.makeIterator()
    if let place = places.next() {
      for (i, word) in random.state.words.enumerated() {
        file.start(of: place).storeBytes(of: word.littleEndian, toByteOffset: 8 * i, as: UInt64.self)
      }
    }
    for flat in [parameters.flat] + (state?.tensors.map { $0.flat } ?? []) {
      for mat in parameters.views(of: flat) {
        if let place = places.next() { mat.write(rowMajor: file.start(of: place)) }
      }
    }
    return file
  }

  /// The tensors of every kind in their order: the generator, the weights, the optimizer's state.
  static func shapes(of network: Network, _ stateNames: [String]) -> [Shape] {
    var shapes: [Shape] = [("generator", .uint64, [11])]
    for prefix in ["model."] + stateNames.map({ "optimizer.\($0)." }) {
      for (name, mat) in network.parameters.all {
        shapes.append((prefix + name, Safetensors.Element(network.dtype), [mat.n, mat.d]))
      }
    }
    return shapes
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
  func read(rowMajor p: UnsafeMutableRawPointer) {
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
