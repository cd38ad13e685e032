// A text model's settings as the texts in its file.

extension TextModel {
  /// The file's texts.
  func metadata(_ memory: Optimizer.State?) -> [(key: String, value: String)] {
    var training: [(key: String, value: JSON)] = [
      ("step", .number(Double(step))), ("streams", .number(Double(columns))),
    ]
    if let memory { training.append(("solver_steps", .array(memory.steps.map { .number(Double($0)) }))) }
    var texts = [
      (key: "format", value: "recurrent"), ("format_version", "\(TextModel.formatVersion)"), ("kind", "text_model"),
      ("model", settings.text), ("alphabet", alphabet.json.text), ("training", JSON.object(training).text),
    ]
    if let solver { texts.append(("solver", solver.settings)) }
    return texts + [("notes", notes)]
  }

  private var settings: JSON {
    .object([
      ("cell", .string(model.cell.word)),
      ("hidden_sizes", .array(model.hiddenSizes.map { .number(Double($0)) })),
      ("embedding", model.embedding.map { .number(Double($0)) } ?? .null),
      ("tied", .bool(model.isTied)),
      ("dropout", .number(dropout)),
      ("dtype", .string(model.dtype.description)),
    ])
  }

  /// A model of zeros, of the kind that a file's settings ask for.
  convenience init(_ file: Safetensors) throws(RecurrentError) {
    let alphabet = try Tokenizer(Field("alphabet", of: file)), settings = try Field("model", of: file)
    let cell = try settings["cell"].one(of: Cell.allCases) { $0.word }
    let dtype = try settings["dtype"].one(of: DType.allCases) { $0.description }
    var sizes: [Int] = []
    for item in try settings["hidden_sizes"].items() { sizes.append(try item.size()) }
    try require(
      sizes.count <= file.tensors.count, .badFormat,
      "hidden_sizes has \(sizes.count) layers, and there are only \(file.tensors.count) tensors")
    let field = try settings["embedding"]
    let embedding = if case .null = field.json { nil as Int? } else { try field.size() }
    let model = try Network(
      zeros: Network.Settings(
        cell, inputSize: alphabet.count, embedding: embedding, hiddenSizes: sizes, outputSize: alphabet.count,
        tied: settings["tied"].bool(), dtype: dtype))
    try self.init(alphabet, model, dropout: settings["dropout"].number(), Random(seed: 0))
  }
}

extension Cell {
  /// Python's word for it: unlike RecurrentJS, the field means tanh by a plain layer.
  fileprivate var word: String {
    switch self {
    case .rnnTanh: "rnn"
    case .gruResetBefore: "gru_before"
    default: name
    }
  }
}

extension Tokenizer {
  /// The kind, and the letters as one text in the order of their numbers.
  var json: JSON {
    .object([
      ("kind", .string(kind.description)),
      ("letters", kind == .bytes ? .null : .string(String(String.UnicodeScalarView(letters)))),
    ])
  }

  init(_ saved: Field) throws(RecurrentError) {
    guard try saved["kind"].one(of: Kind.allCases, { $0.description }) == .characters else {
      self = .bytes
      return
    }
    let letters = Array(try saved["letters"].string().unicodeScalars)
    try require(!letters.isEmpty, .badFormat, "alphabet.letters is empty; expected at least one")
    for (a, b) in zip(letters, letters.dropFirst()) {
      try require(
        a < b, .badFormat, "alphabet.letters has \(name(of: b)) after \(name(of: a)); expected ascending code points")
    }
    self.init(kind: .characters, letters: letters)
  }
}

extension Field {
  /// The JSON document in one of a file's texts.
  init(_ key: String, of file: Safetensors) throws(RecurrentError) {
    guard let text = file.text(key) else { throw RecurrentError(.badFormat, "the text \(key) is missing") }
    do {
      self.init(try JSON(parsing: Array(text.utf8)), key)
    } catch {
      throw RecurrentError(.badFormat, "\(key): \(error.description)")
    }
  }

  /// The case whose word this is.
  fileprivate func one<T>(of cases: [T], _ word: (T) -> String) throws(RecurrentError) -> T {
    let said = try string()
    guard let found = cases.first(where: { word($0) == said }) else {
      let known = cases.map(word).joined(separator: ", ")
      throw RecurrentError(.badFormat, "\(path) is \"\(said.prefix(40))\"; expected one of \(known)")
    }
    return found
  }

  fileprivate func bool() throws(RecurrentError) -> Bool {
    guard case .bool(let value) = json else { throw wrong("a boolean") }
    return value
  }
}

extension JSON {
  fileprivate var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension Random.State {
  /// All of it: key, counter, block, used.
  var words: [UInt64] {
    [key.0, key.1, counter.0, counter.1, counter.2, counter.3, block.0, block.1, block.2, block.3, UInt64(used)]
  }

  /// From eleven words; nil if the last is not 0 to 4.
  init?(_ p: [UInt64]) {
    guard p.count == 11, p[10] <= 4 else { return nil }
    self.init(
      key: (p[0], p[1]), counter: (p[2], p[3], p[4], p[5]), block: (p[6], p[7], p[8], p[9]), used: Int(p[10]))
  }
}
