// RecurrentJS's saved models: the JSON of its demo page.
//
//     {hidden_sizes, generator, letter_size, model: {name: {n, d, w}},
//      solver: {decay_rate, smooth_eps, step_cache: {name: {n, d, w}}},
//      letterToIndex, indexToLetter, vocab}
//
// `w` is row-major, a list or an object {"0": …}: JavaScript writes its typed arrays as objects.

import Kernels

extension SentenceModel {
  /// Reads a model that RecurrentJS's page or `saveRecurrentJS` wrote; training resumes where it stopped.
  ///
  /// - Throws: `.io`; `.badFormat` naming a field that is missing, of the wrong type or of the wrong size.
  public static func loadRecurrentJS(_ path: String, dtype: DType = .float64) throws(RecurrentError) -> SentenceModel {
    try loadRecurrentJS(FilePath(path), dtype: dtype)
  }

  /// Reads a model from a file, whose name need not be UTF-8.
  package static func loadRecurrentJS(_ path: FilePath, dtype: DType) throws(RecurrentError) -> SentenceModel {
    let bytes = try File.read(path)
    return try SentenceModel(recurrentJS: UnsafeBufferPointer(bytes.elements), dtype: dtype)
  }

  /// Writes the model and the optimizer's cache as RecurrentJS's page does; a crash leaves the old file or the new one.
  ///
  /// - Parameters:
  ///   - path: the file; the target of a symlink is written.
  ///   - overwrite: whether a file that exists is replaced; its mode and owner are kept.
  /// - Throws: `.io`, also if the file exists and `overwrite` is false; `.notFinite` if a weight is not a finite
  ///   number, which JSON cannot hold.
  public func saveRecurrentJS(_ path: String, overwrite: Bool = false) throws(RecurrentError) {
    try saveRecurrentJS(FilePath(path), overwrite: overwrite)
  }

  /// Writes the model to a file, whose name need not be UTF-8.
  package func saveRecurrentJS(_ path: FilePath, overwrite: Bool) throws(RecurrentError) {
    let bytes = try recurrentJS()
    try File.write([UnsafeRawBufferPointer(bytes.elements)], to: path, overwrite: overwrite)
  }

  init(recurrentJS bytes: UnsafeBufferPointer<UInt8>, dtype: DType) throws(RecurrentError) {
    let file = try Field(JSON(parsing: bytes))
    try file.check(keys: SentenceModel.keys)
    try file.optional("solver")?.check(keys: ["decay_rate", "smooth_eps", "step_cache"])
    let generator = try file["generator"].string()
    guard let cell = BuiltinCell.allCases.first(where: { $0.generator == generator }) else {
      let known = BuiltinCell.allCases.map { $0.generator }.joined(separator: ", ")
      throw RecurrentError(.badFormat, "generator is unknown; expected one of \(known), got '\(generator)'")
    }
    let hiddenSizes = try file["hidden_sizes"].items().map { (size) throws(RecurrentError) in try size.size() }
    try require(!hiddenSizes.isEmpty, .badFormat, "hidden_sizes is empty; expected at least one layer, got none")
    try require(
      hiddenSizes.count <= Network.Settings.maxLayers, .badFormat,
      "hidden_sizes is too long; expected at most \(Network.Settings.maxLayers) layers, got \(hiddenSizes.count)")
    let letterSize = try file["letter_size"].size()
    let tokenizer = try Tokenizer(kind: .sentences, characters: SentenceModel.vocabulary(file))
    let optimizer = try SentenceModel.optimizer(file)

    // the matrices are checked first: a forged size allocates no memory
    let saved = try file["model"].members()
    try SentenceModel.check(
      saved, at: "model", cell, hiddenSizes, letterSize: letterSize, letters: tokenizer.count)
    let settings = TextModel.Settings(
      .sentences, cell: Cell(cell), hiddenSizes: hiddenSizes, embedding: letterSize, forgetBias: 0, dtype: dtype)
    let network = try Network(zeros: settings.network(tokenizer.count))
    try self.init(TextModel(tokenizer, network, dropout: 0, Random(seed: 0)))
    model.optimizer = optimizer
    for (name, matrix) in saved {
      let values = try matrix.matrix(dtype)
      try parameters[name]?.set(rows: UnsafeBufferPointer(values.elements))
    }

    guard let caches = try file.optional("solver")?.optional("step_cache")?.members(), !caches.isEmpty else { return }
    try SentenceModel.check(
      caches, at: "solver.step_cache", cell, hiddenSizes, letterSize: letterSize, letters: tokenizer.count)
    try optimizer.allocateState(of: parameters)
    for (name, matrix) in caches {
      let values = try matrix.matrix(dtype)
      try require(
        values.elements.allSatisfy { $0 >= 0 }, .badFormat,
        "\(matrix.path) has a negative element; expected means of squares, got \(values.elements.min() ?? 0)")
      try optimizer.state("step_cache", of: name)?.set(rows: UnsafeBufferPointer(values.elements))
    }
  }

  /// The members of a saved model.
  private static let keys = [
    "hidden_sizes", "generator", "letter_size", "model", "solver", "letterToIndex", "indexToLetter", "vocab",
  ]

  func recurrentJS() throws(RecurrentError) -> Buffer<UInt8> {
    guard let optimizer = model.optimizer, optimizer.stateNames == ["step_cache"], let letterSize = network.embedding
    else {
      throw RecurrentError(
        .badValue, "optimizer is not RecurrentJS's; expected recurrentjs and an embedding, got another model")
    }
    guard let cell = network.cell.builtin else {
      throw RecurrentError(
        .badValue, "cell has no form in RecurrentJS's files; expected a built-in cell, got \(network.cell.name)")
    }
    try require(
      network.options == Network.Options(), .badValue,
      "options of the layers have no form in RecurrentJS's files; expected none, "
        + "got \(network.options.names.joined(separator: ", "))")
    var matrices: [(key: String, value: JSON)] = []
    var caches: [(key: String, value: JSON)] = []
    for (name, mat) in parameters.all {
      matrices.append((name, try matrix(name, mat)))
      if let cache = optimizer.state("step_cache", of: name) {
        caches.append((name, try matrix("the step cache of \(name)", cache)))
      }
    }
    let numbers = JSON.List<JSON.Member>(), letters = JSON.List<JSON.Member>(), vocabulary = JSON.List<JSON>()
    for token in 1..<model.tokenizer.count {
      guard let letter = model.tokenizer.character(of: token).map({ String($0) }) else { continue }
      try numbers.append((letter, .number(Double(token))))
      try letters.append((String(token), .string(letter)))
      try vocabulary.append(.string(letter))
    }
    var bytes = Buffer<UInt8>()
    try JSON.object([
      ("hidden_sizes", .array(JSON.List(network.hiddenSizes.map { .number(Double($0)) }))),
      ("generator", .string(cell.generator)),
      ("letter_size", .number(Double(letterSize))),
      ("model", .object(JSON.List(matrices))),
      ("solver", .object(JSON.List(optimizer.algorithmSettings + [("step_cache", .object(JSON.List(caches)))]))),
      ("letterToIndex", .object(numbers)), ("indexToLetter", .object(letters)), ("vocab", .array(vocabulary)),
    ]).write(to: &bytes)
    return bytes
  }

  private func matrix(_ name: String, _ mat: Mat) throws(RecurrentError) -> JSON {
    try mat.evaluate()
    let values = JSON.List<JSON>()
    for i in 0..<mat.n {
      for j in 0..<mat.d {
        let value = mat.dtype.load(mat.wStart, j * mat.stride + i)
        try require(
          value.isFinite, .notFinite, "\(name) is not finite; expected finite elements, got \(value) at [\(i), \(j)]")
        try values.append(.number(value))
      }
    }
    return .object([("n", .number(Double(mat.n))), ("d", .number(Double(mat.d))), ("w", .array(values))])
  }

  /// Requires letterToIndex to number single characters by 1, 2, …, and the other two, if present, to agree.
  private static func vocabulary(_ file: Field) throws(RecurrentError) -> Buffer<Unicode.Scalar> {
    let members = try file["letterToIndex"].members()
    try require(!members.isEmpty, .badFormat, "letterToIndex is empty; expected at least one letter, got none")
    var letters = try Buffer<Unicode.Scalar?>(repeating: nil, count: members.count)
    let count = letters.count
    for (key, field) in members {
      let scalars = key.unicodeScalars
      guard let letter = scalars.first, scalars.count == 1 else {
        throw RecurrentError(.badFormat, "letterToIndex has an invalid key; expected single characters, got \"\(key)\"")
      }
      let number = try field.size()
      try require(
        number <= count && letters[number - 1] == nil, .badFormat,
        "\(field.path) is out of range or a duplicate; expected each of 1 to \(count) once, got \(number)")
      letters[number - 1] = letter
    }
    var vocabulary = Buffer<Unicode.Scalar>()
    for case let letter? in letters.elements { try vocabulary.append(letter) }
    if let members = try file.optional("indexToLetter")?.members() {
      try require(
        members.count == count, .badFormat,
        "indexToLetter has the wrong length; expected \(count), got \(members.count)")
      for (key, field) in members {
        let got = try field.string()
        guard let number = Int(key), number >= 1, number <= count else {
          throw RecurrentError(
            .badFormat, "\(field.path) does not agree with letterToIndex; expected 1 to \(count), got \(key)")
        }
        let letter = vocabulary[number - 1]
        try require(
          got.unicodeScalars.elementsEqual([letter]), .badFormat,
          "\(field.path) does not agree with letterToIndex; expected \"\(letter)\", got \"\(got)\"")
      }
    }
    if let items = try file.optional("vocab")?.items() {
      var agrees = items.count == count
      for (item, letter) in zip(items, vocabulary.elements) {
        if try !item.string().unicodeScalars.elementsEqual([letter]) { agrees = false }
      }
      try require(
        agrees, .badFormat, "vocab does not agree with letterToIndex; expected its keys in order, got another list")
    }
    return vocabulary
  }

  private static func optimizer(_ file: Field) throws(RecurrentError) -> Optimizer {
    guard let saved = try file.optional("solver") else { return try Optimizer.recurrentJS() }
    do {
      return try Optimizer.recurrentJS(
        decayRate: try saved["decay_rate"].number(), smoothEps: try saved["smooth_eps"].number())
    } catch {
      throw RecurrentError(.badFormat, "solver: \(error.description)")
    }
  }

  /// The members are exactly the model's matrices, each of the size that the settings ask for.
  private static func check(
    _ members: some RandomAccessCollection<(key: String, value: Field)>, at path: String, _ cell: BuiltinCell,
    _ hiddenSizes: [Int], letterSize: Int,
    letters: Int
  ) throws(RecurrentError) {
    var expected: [(String, Int, Int)] = [("Wil", letters, letterSize)]
    for (k, size) in hiddenSizes.enumerated() {
      for gate in cell.names(layer: "\(k)") {
        expected += [
          (gate.Wx, size, k == 0 ? letterSize : hiddenSizes[k - 1]), (gate.Wh, size, size), (gate.b, size, 1),
        ]
      }
      if let name = cell.resetBias(layer: "\(k)") { expected.append((name, size, 1)) }
    }
    expected += [("Whd", letters, hiddenSizes[hiddenSizes.count - 1]), ("bd", letters, 1)]
    var found: [String: Field] = [:]
    for (name, field) in members { found[name] = field }
    for (name, n, d) in expected {
      guard let field = found[name] else {
        throw RecurrentError(.badFormat, "\(path).\(name) is missing; expected \(n) x \(d), got none")
      }
      let (rows, columns) = (try field["n"].size(), try field["d"].size())
      try require(
        rows == n && columns == d, .badFormat,
        "\(field.path) has the wrong shape; expected \(n) x \(d), got \(rows) x \(columns)")
      try field.checkCount(n * d)
      try field.check(keys: ["n", "d", "w"])
    }
    try requireKnown(
      members.lazy.map { $0.key }, among: expected.map { $0.0 }, at: path,
      expected: "the matrices of the model's settings")
  }
}

extension BuiltinCell {
  /// Parity: RecurrentJS's "rnn" is ReLU.
  fileprivate var generator: String {
    switch self {
    case .rnnRelu: "rnn"
    case .gruResetBefore: "gru_before"
    default: name
    }
  }
}

extension Field {
  /// Checks that `w` has `expected` numbers without reading them.
  fileprivate func checkCount(_ expected: Int) throws(RecurrentError) {
    let w = try self["w"]
    let count: Int
    switch w.json {
    case .array(let items): count = items.count
    case .object(let members): count = members.count
    default: throw w.wrong("an array, or an object with the keys 0, 1, …")
    }
    try require(
      count == expected, .badFormat, "\(w.path) has the wrong length; expected \(expected), got \(count) numbers")
  }

  /// `numbers`, each of which `dtype` must be able to hold.
  fileprivate func matrix(_ dtype: DType) throws(RecurrentError) -> Buffer<Double> {
    let values = try numbers()
    if dtype == .float32 {
      for (at, value) in values.elements.enumerated() where !Float(value).isFinite {
        throw RecurrentError(.badFormat, "\(path).w[\(at)] is out of range; expected a float32, got \(value)")
      }
    }
    return values
  }

  /// The numbers of a matrix in reading order, from a list or from an object {"0": …, "1": …}.
  private func numbers() throws(RecurrentError) -> Buffer<Double> {
    let w = try self["w"]
    switch w.json {
    case .array(let items):
      var values = try Buffer<Double>(capacity: items.count)
      for (i, item) in items.enumerated() {
        if case .number(let value) = item {
          try values.append(value)
        } else {
          _ = try Field(item, "\(w.path)[\(i)]").number()
        }
      }
      return values
    case .object(let members):
      var values = try Buffer<Double>(repeating: 0, count: members.count)
      let count = members.count
      for (key, item) in members {
        // "+1" and "01" would be numbers too, and a second name for 1
        guard let index = Int(key), String(index) == key, index >= 0, index < count else {
          throw RecurrentError(
            .badFormat, "\(w.path) has an invalid key; expected 0 to \(count - 1), got \"\(key)\"")
        }
        values[index] = try Field(item, "\(w.path)[\(key)]").number()
      }
      return values
    default: throw w.wrong("an array, or an object with the keys 0, 1, …")
    }
  }
}
