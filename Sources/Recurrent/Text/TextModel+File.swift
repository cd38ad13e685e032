// A text model in one safetensors file: all that it takes to go on to the same bits.
//
//     metadata   format "recurrent", kind "text_model", format_version; model, alphabet, training and, where there is
//                one, solver, each JSON; notes, the caller's text
//     tensors    generator [11]; model.NAME [n, d]; solver.SLOT.NAME [n, d]; state.hK and state.cK [streams, H]

import Kernels

extension TextModel {
  /// The version of the file that is written, and the latest that is read.
  static let formatVersion = 1

  /// Writes everything to one file; a crash leaves the old file or the new one.
  ///
  /// - Throws: `.io`; `.notFinite` naming a weight that is infinite or NaN. Then the old file is as it was.
  public func save(_ path: String) throws(RecurrentError) {
    for (name, mat) in parameters.all {
      try mat.synchronize()
      if let (i, j, value) = mat.firstNonFinite {
        throw RecurrentError(.notFinite, "\(name) is \(value) at [\(i), \(j)]; nothing was saved")
      }
    }
    let memory = try solver.map { (solver) throws(RecurrentError) in try solver.state(of: parameters) }
    let file = try Safetensors(
      metadata: metadata(memory), contents(slots: memory?.tensors.map { $0.name } ?? [], columns: columns))
    var tensors = file.tensors.makeIterator()
    if let tensor = tensors.next() {
      for (i, word) in random.state.words.enumerated() {
        file.start(of: tensor).storeBytes(of: word.littleEndian, toByteOffset: 8 * i, as: UInt64.self)
      }
    }
    for slab in [parameters.flat] + (memory?.tensors.map { $0.flat } ?? []) {
      for mat in parameters.views(of: slab) {
        if let tensor = tensors.next() { mat.write(rowMajor: file.start(of: tensor)) }
      }
    }
    var offset = 0
    while let tensor = tensors.next(), let carried {
      file.start(of: tensor).copyMemory(from: carried.start + offset, byteCount: tensor.bytes)
      offset += tensor.bytes
    }
    try file.write(to: path)
  }

  /// A model that was saved, ready to go on where it stood.
  ///
  /// - Throws: `.io`; `.badFormat` for what is no such file, is damaged or truncated in whatever place, comes from a
  ///   newer version, or is not what it says of itself; `.noMemory`.
  public static func load(_ path: String) throws(RecurrentError) -> TextModel {
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
      file.text("format") == "recurrent", .badFormat, "it is a safetensors file, but not one of recurrent's models")
    let version = file.text("format_version") ?? "missing"
    guard let number = Int(version), number >= 1 else {
      throw RecurrentError(.badFormat, "its format_version is \(version.prefix(40)); expected a whole number")
    }
    try require(
      number <= formatVersion, .badFormat,
      "it is of version \(number) of the format, from a newer recurrent; this one reads up to version \(formatVersion)")
    try require(
      file.isChecked, .badFormat, "it has no checksum: it is damaged, or another program has written it anew")
    let kind = file.text("kind") ?? "missing"
    try require(kind == "text_model", .badFormat, "its kind is \(kind.prefix(40)); expected text_model")
  }

  private static func read(_ file: Safetensors) throws(RecurrentError) -> TextModel {
    let text = try TextModel(file), training = try Field("training", of: file)
    let columns = try training["streams"].whole(0...Int(Int32.max))
    let solver = try file.text("solver").map { (settings) throws(RecurrentError) in try optimizer(settings) }
    let slots = solver?.stateNames ?? []
    try text.check(file, text.contents(slots: slots, columns: columns))

    if let tensor = file["generator"] {
      let words = (0..<11).map {
        UInt64(littleEndian: file.start(of: tensor).load(fromByteOffset: 8 * $0, as: UInt64.self))
      }
      guard let state = Random.State(words) else {
        throw RecurrentError(.badFormat, "generator[10] is \(words[10]); expected 0 to 4")
      }
      text.random.state = state
    }
    try text.read(into: text.parameters.flat, "model.", file)
    for (name, mat) in text.parameters.all {
      if let (i, j, value) = mat.firstNonFinite {
        throw RecurrentError(.badFormat, "\(name) is \(value) at [\(i), \(j)]; the model had diverged")
      }
    }
    if let solver {
      var steps: [Int] = [], memory: [(name: String, flat: Mat)] = []
      for item in try training["solver_steps"].items() { steps.append(try item.whole(0...1 << 53)) }
      for slot in slots {
        let flat = try text.parameters.zerosLike().flat
        try text.read(into: flat, "solver.\(slot).", file)
        memory.append((slot, flat))
      }
      try solver.restore(Optimizer.State(tensors: memory, steps: steps), of: text.parameters)
    }
    var carried: Storage?, offset = 0
    if columns > 0 {
      let state = try text.newState(columns: columns)
      for (name, _, _) in text.states(columns: columns) {
        guard let tensor = file[name] else { continue }
        (state.start + offset).copyMemory(from: file.start(of: tensor), byteCount: tensor.bytes)
        offset += tensor.bytes
      }
      carried = state
    }
    text.restore(
      solver, step: try training["step"].whole(0...1 << 53), carried: carried, columns: columns,
      notes: file.text("notes") ?? "")
    return text
  }

  /// An optimizer from a file's settings; earlier versions wrote other keys.
  private static func optimizer(_ settings: String) throws(RecurrentError) -> Optimizer {
    let json = try JSON(parsing: Array(settings.utf8)),
      names = ["rule": "name", "lr": "learning_rate", "lr_decay": "learning_rate_decay"]
    guard case .object(let members) = json else { return try Optimizer(json) }
    return try Optimizer(.object(members.map { (names[$0.key] ?? $0.key, $0.value) }))
  }

  // MARK: What is in a file

  private typealias Shape = (name: String, element: Safetensors.Element, shape: [Int])

  /// Every tensor in its order: the generator, the weights, the solver's slots, the state of the streams.
  private func contents(slots: [String], columns: Int) -> [Shape] {
    var shapes: [Shape] = [("generator", .uint64, [11])]
    for prefix in ["model."] + slots.map({ "solver.\($0)." }) {
      for (name, mat) in parameters.all {
        shapes.append((prefix + name, Safetensors.Element(model.dtype), [mat.n, mat.d]))
      }
    }
    return shapes + states(columns: columns)
  }

  private func states(columns: Int) -> [Shape] {
    if columns == 0 { return [] }
    return (model.cell.hasCell ? ["h", "c"] : ["h"]).flatMap { kind in
      model.hiddenSizes.enumerated().map { k, size in
        ("state.\(kind)\(k)", Safetensors.Element(model.dtype), [columns, size])
      }
    }
  }

  /// The file's tensors are exactly those that its settings ask for.
  private func check(_ file: Safetensors, _ expected: [Shape]) throws(RecurrentError) {
    for (name, element, shape) in expected {
      guard let tensor = file[name] else { throw RecurrentError(.badFormat, "the tensor \(name) is missing") }
      try require(
        tensor.element == element && tensor.shape == shape, .badFormat,
        "\(name) is \(tensor.element.rawValue) of shape \(tensor.shape); expected \(element.rawValue) of \(shape)")
    }
    let known = Set(expected.map { $0.name })
    if let extra = file.tensors.first(where: { !known.contains($0.name) }) {
      throw RecurrentError(.badFormat, "the tensor \(extra.name) is not of this model")
    }
  }

  /// Fills a slab laid out as the weights are.
  private func read(into slab: Mat, _ prefix: String, _ file: Safetensors) throws(RecurrentError) {
    for (name, mat) in zip(parameters.names, parameters.views(of: slab)) {
      if let tensor = file[prefix + name] { mat.read(rowMajor: file.start(of: tensor)) }
    }
  }
}

extension Mat {
  /// Copies the numbers out row by row, without gaps.
  fileprivate func write(rowMajor p: UnsafeMutableRawPointer) {
    switch dtype {
    case .float32: transpose(operandRef.w(Float.self), to: turned(p))
    case .float64: transpose(operandRef.w(Double.self), to: turned(p))
    }
  }

  /// Copies the numbers in, row by row, without gaps.
  fileprivate func read(rowMajor p: UnsafeMutableRawPointer) {
    switch dtype {
    case .float32: transpose(turned(p), to: operandRef.w(Float.self))
    case .float64: transpose(turned(p), to: operandRef.w(Double.self))
    }
  }

  private func turned<T: Real>(_ p: UnsafeMutableRawPointer) -> MatrixView<T> {
    MatrixView(p.assumingMemoryBound(to: T.self), rows: d, columns: n, columnStride: d)
  }

  fileprivate var firstNonFinite: (row: Int, column: Int, value: Double)? {
    switch dtype {
    case .float32:
      let w = operandRef.w(Float.self), (i, j) = Kernels.firstNonFinite(w)
      return i < 0 ? nil : (i, j, Double(w.p[j * stride + i]))
    case .float64:
      let w = operandRef.w(Double.self), (i, j) = Kernels.firstNonFinite(w)
      return i < 0 ? nil : (i, j, w.p[j * stride + i])
    }
  }
}
