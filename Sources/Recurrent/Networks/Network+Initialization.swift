// Initial values of parameters: of a new network, and of the layers' matrices and biases by name.

import Kernels

extension Network {
  /// Initial values of the layers; nil keeps what is there.
  ///
  /// Matrices are those of single gates. That of a layer's input is named W…x, as `Wix0` and `Wx0`, or `Wxh0`; a recurrent
  /// one W…h, as `Wih0`, `Whh0` and `Wh0`.
  public struct Initialization: Equatable, Sendable {
    /// The values of a matrix.
    public enum Matrix: Equatable, Sendable {
      /// Uniform on ± the range, at least 0; RecurrentJS's is the default.
      case uniform(Double = 0.08)
      /// Orthonormal columns or rows, see `Mat.fillOrthogonal`.
      case orthogonal
      /// Uniform on ±√(6/(n + d)), see `Mat.fillGlorot`.
      case glorot
      /// The identity: of recurrent ReLU layers, Le et al., arXiv:1504.00941.
      case identity
    }

    /// Of the input's matrices.
    public var input: Matrix?
    /// Of the recurrent matrices.
    public var recurrent: Matrix?
    /// The longest memory in time steps, above 2: the biases of the gates are such that a unit forgets after u steps, with
    /// u uniform on [1, chrono − 1), one for each unit. Reference: Tallec and Ollivier, arXiv:1804.11188.
    public var chrono: Double?

    /// From the values.
    public init(input: Matrix? = nil, recurrent: Matrix? = nil, chrono: Double? = nil) {
      (self.input, self.recurrent, self.chrono) = (input, recurrent, chrono)
    }

    /// From a JSON object, `{"input": "glorot", "recurrent": "orthogonal", "chrono": 100}`; absent and null keys are nil.
    ///
    /// - Throws: `.badValue` for text that is not JSON, or naming a setting that is unknown or of the wrong type.
    public init(json: String) throws(RecurrentError) {
      var reader = try SettingsReader(json, owner: "initialization")
      input = try Matrix(&reader, "input")
      recurrent = try Matrix(&reader, "recurrent")
      chrono = try reader.optionalNumber("chrono")
      try reader.finish()
    }
  }

  /// Sets the layers' matrices and biases to new initial values.
  ///
  /// - Parameters:
  ///   - initialization: the values.
  ///   - random: draws the inputs' matrices in creation order, then the recurrent ones; then, layer by layer, one number for each unit.
  /// - Throws: `.badValue` for a cell without such matrices or gates, or `chrono` out of range; `.interrupted`. Weights and
  ///   `random` are unchanged.
  public func initialize(_ initialization: Initialization, random: Random) throws(RecurrentError) {
    var matrices: [(mat: Mat, kind: Initialization.Matrix)] = [], biases: [[(mat: Mat, sign: Double)]] = []
    if let kind = initialization.input {
      for (_, mat) in try self.matrices(ofInput: true) { matrices.append((mat, kind)) }
    }
    if let kind = initialization.recurrent {
      for (_, mat) in try self.matrices(ofInput: false) { matrices.append((mat, kind)) }
    }
    for (kind, key) in [(initialization.input, "input"), (initialization.recurrent, "recurrent")] {
      try kind?.validate(key, dtype)
    }
    let chrono = initialization.chrono ?? 3
    if initialization.chrono != nil { biases = try memoryBiases(chrono) }
    let before = try parameters.flat.copy()
    do throws(RecurrentError) {
      try Random.restoring(random) { () throws(RecurrentError) in
        for (mat, kind) in matrices { try kind.fill(mat, random) }
        for layer in biases {
          for unit in 0..<layer[0].mat.n {
            let logarithm = naturalLog(random.uniform(1, chrono - 1))
            for (mat, sign) in layer { try mat.view(row: unit, column: 0, n: 1, d: 1).fill(sign * logarithm) }
          }
        }
      }
    } catch {
      try parameters.flat.set(before)
      throw error
    }
  }

  /// Sets the parameters of a new network: those without an initial value of their own are drawn in creation order.
  ///
  /// - Throws: `.badValue` for a cell without recurrent matrices where these differ from others; `.interrupted`. `random`
  ///   is unchanged.
  func draw(_ settings: Settings, _ random: Random) throws(RecurrentError) {
    let kind = settings.initialization
    var recurrent: Set<String> = []
    if kind == .orthogonal || kind == .identity {
      recurrent = Set(try matrices(ofInput: false).map { $0.name })
    }
    try Random.restoring(random) { () throws(RecurrentError) in
      try parameters.initialize { (name, mat) throws(RecurrentError) in
        try kind.ofNewParameter(name, isRecurrent: recurrent.contains(name)).fill(mat, random)
      }
    }
    if let (name, sign) = settings.cell.forgetBias, settings.forgetBias != 0 {
      for suffix in suffixes { try parameters[name + suffix]?.fill(sign * settings.forgetBias) }
    }
  }

  /// The matrices of the layers' inputs, or the recurrent ones.
  private func matrices(ofInput isInput: Bool) throws(RecurrentError) -> [(name: String, mat: Mat)] {
    let found = parameters.all.filter { name, _ in
      guard let base = base(of: name), base.first == "W" else { return false }
      return isInput ? base.last == "x" || base == "Wxh" : base.last == "h" && base != "Wxh"
    }
    try require(
      !found.isEmpty, .badValue,
      "\(cell.name) has no \(isInput ? "input" : "recurrent") matrices; expected names such as "
        + "\(isInput ? "Wx0" : "Wh0"), got \(parameters.names.joined(separator: " "))")
    return found
  }

  /// A parameter's name without the suffix of its layer; nil for a parameter of no layer.
  private func base(of name: String) -> Substring? {
    var base = name[...]
    if options.bidirectional && base.last == "r" { base.removeLast() }
    let end = base.count
    while let last = base.last, ("0"..."9").contains(last) { base.removeLast() }
    return base.count < end ? base : nil
  }

  /// For each layer and direction the biases that decide how long a unit remembers, with the signs of log u in them.
  private func memoryBiases(_ chrono: Double) throws(RecurrentError) -> [[(mat: Mat, sign: Double)]] {
    try require(
      chrono > 2 && chrono.isFinite, .badValue, "chrono is out of range; expected a number above 2, got \(chrono)")
    try require(chrono, "chrono", fits: dtype)
    let signs = cell.memoryBiases
    let found = suffixes.map { suffix in
      signs.compactMap { name, sign in parameters[name + suffix].map { ($0, sign) } }
    }
    try require(
      !signs.isEmpty && found.allSatisfy { $0.count == signs.count }, .badValue,
      "\(cell.name) has no gates that forget; expected an LSTM, a GRU or a minimal one of them for chrono, "
        + "got \(cell.name)")
    return found
  }
}

extension Network.Initialization.Matrix {
  /// The values by their names in settings.
  private static let named: [(name: String, kind: Self)] = [
    ("uniform", .uniform()), ("orthogonal", .orthogonal), ("glorot", .glorot), ("identity", .identity),
  ]

  /// Reads a name, or a number: the range of a uniform distribution. nil for null and an absent key.
  init?(_ reader: inout SettingsReader, _ key: String) throws(RecurrentError) {
    switch try reader.any(key, default: .null) {
    case .null: return nil
    case .number(let range): self = .uniform(range)
    case .string(let name):
      guard let found = Self.named.first(where: { $0.name == name }) else {
        let known = Self.named.map { $0.name }.joined(separator: ", ")
        throw RecurrentError(.badValue, "\(key) is unknown; expected one of \(known), got '\(name)'")
      }
      self = found.kind
    case let json:
      throw RecurrentError(.badValue, "\(key) has the wrong type; expected a name or a number, got \(json.kind)")
    }
  }

  /// The member of settings, none of the default.
  var members: [JSON.Member] {
    switch self {
    case .uniform(0.08): []
    case .uniform(let range): [("init", .number(range))]
    default: Self.named.filter { $0.kind == self }.map { ("init", .string($0.name)) }
    }
  }

  /// - Throws: `.badValue` for a range below 0, or above half of the largest number of `dtype`.
  func validate(_ key: String, _ dtype: DType) throws(RecurrentError) {
    guard case .uniform(let range) = self else { return }
    let largest = dtype == .float32 ? Double(Float.greatestFiniteMagnitude) : Double.greatestFiniteMagnitude
    try require(range, key, in: 0...largest / 2)
  }

  /// The values of a parameter of a new network whose setting this is.
  ///
  /// A table's row is read by itself, so that its size says nothing of the range of its elements.
  func ofNewParameter(_ name: String, isRecurrent: Bool) -> Self {
    switch self {
    case .uniform: self
    case .glorot, .orthogonal, .identity: name == "Wil" ? .uniform() : isRecurrent ? self : .glorot
    }
  }

  /// Fills a matrix.
  func fill(_ mat: Mat, _ random: Random) throws(RecurrentError) {
    switch self {
    case .uniform(let range): try mat.fillUniform(-range, range, random)
    case .orthogonal: try mat.fillOrthogonal(random)
    case .glorot: try mat.fillGlorot(random)
    case .identity: try mat.fillIdentity()
    }
  }
}
