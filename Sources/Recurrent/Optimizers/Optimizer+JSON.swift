// A solver's settings as text: the one form that C, Python and files share.
//
//     {"rule": "adam", "lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-08, "weight_decay": 0, "amsgrad": false,
//      "clipping": "value"}
//
// Names are torch.optim's.

extension Optimizer {
  /// From settings as `settings` writes them; "rule" must be there, what else is absent is the rule's default.
  ///
  /// - Throws: `.badFormat` if it is not JSON, `.badValue` naming what is unknown, of the wrong kind or out of range.
  public convenience init(settings: String) throws(RecurrentError) {
    try self.init(JSON(parsing: Array(settings.utf8)))
  }

  /// Everything that this solver is set to, as JSON.
  public var settings: String { String(decoding: json.bytes, as: UTF8.self) }

  convenience init(_ json: JSON) throws(RecurrentError) {
    guard case .object(let members) = json else {
      throw RecurrentError(.badValue, "the solver's settings are \(json.kind); expected an object")
    }
    guard case .string(let name)? = members.first(where: { $0.key == "rule" })?.value else {
      throw RecurrentError(.badValue, "the solver's settings lack \"rule\", a string")
    }
    guard let usual = Rule.all.first(where: { $0.name == name }) else {
      let known = Rule.all.map { $0.name }.joined(separator: ", ")
      throw RecurrentError(.badValue, "rule is '\(name)'; expected one of \(known)")
    }
    var settings = Settings(name, try Optimizer(usual).members)
    for (key, value) in members { try settings.set(key, value) }
    guard let clipping = Clipping(rawValue: settings.string("clipping")) else {
      let known = Clipping.allCases.map { $0.rawValue }.joined(separator: ", ")
      throw RecurrentError(.badValue, "clipping is '\(settings.string("clipping"))'; expected one of \(known)")
    }
    try self.init(Rule(usual, settings), learningRate: settings.number("lr"), clipping: clipping)
  }

  var json: JSON { .object(members) }

  private var members: [(key: String, value: JSON)] {
    [("rule", .string(rule.name)), ("lr", .number(learningRate))] + rule.members
      + [("clipping", .string(clipping.rawValue))]
  }
}

extension Optimizer.Rule {
  /// Every rule with its defaults.
  fileprivate static var all: [Optimizer.Rule] {
    [.recurrentJS(), .sgd(), .adagrad(), .rmsprop(), .adam(), .adamW()]
  }

  fileprivate var name: String {
    switch self {
    case .recurrentJS: "recurrentjs"
    case .sgd: "sgd"
    case .adagrad: "adagrad"
    case .rmsprop: "rmsprop"
    case .adam: "adam"
    case .adamW: "adamw"
    }
  }

  /// The settings by name.
  var members: [(key: String, value: JSON)] {
    switch self {
    case .recurrentJS(let decayRate, let smoothEps):
      [("decay_rate", .number(decayRate)), ("smooth_eps", .number(smoothEps))]
    case .sgd(let momentum, let dampening, let weightDecay, let nesterov):
      [
        ("momentum", .number(momentum)), ("dampening", .number(dampening)), ("weight_decay", .number(weightDecay)),
        ("nesterov", .bool(nesterov)),
      ]
    case .adagrad(let lrDecay, let weightDecay, let initialAccumulatorValue, let eps):
      [
        ("lr_decay", .number(lrDecay)), ("weight_decay", .number(weightDecay)),
        ("initial_accumulator_value", .number(initialAccumulatorValue)), ("eps", .number(eps)),
      ]
    case .rmsprop(let alpha, let eps, let weightDecay, let momentum, let centered, let biasCorrection):
      [
        ("alpha", .number(alpha)), ("eps", .number(eps)), ("weight_decay", .number(weightDecay)),
        ("momentum", .number(momentum)), ("centered", .bool(centered)), ("bias_correction", .bool(biasCorrection)),
      ]
    case .adam(let beta1, let beta2, let eps, let weightDecay, let amsgrad),
      .adamW(let beta1, let beta2, let eps, let weightDecay, let amsgrad):
      [
        ("betas", .array([.number(beta1), .number(beta2)])), ("eps", .number(eps)),
        ("weight_decay", .number(weightDecay)), ("amsgrad", .bool(amsgrad)),
      ]
    }
  }

  /// The same kind of rule as `usual`, with other settings.
  fileprivate init(_ usual: Optimizer.Rule, _ s: Settings) {
    switch usual {
    case .recurrentJS:
      self = .recurrentJS(decayRate: s.number("decay_rate"), smoothEps: s.number("smooth_eps"))
    case .sgd:
      self = .sgd(
        momentum: s.number("momentum"), dampening: s.number("dampening"), weightDecay: s.number("weight_decay"),
        nesterov: s.bool("nesterov"))
    case .adagrad:
      self = .adagrad(
        lrDecay: s.number("lr_decay"), weightDecay: s.number("weight_decay"),
        initialAccumulatorValue: s.number("initial_accumulator_value"), eps: s.number("eps"))
    case .rmsprop:
      self = .rmsprop(
        alpha: s.number("alpha"), eps: s.number("eps"), weightDecay: s.number("weight_decay"),
        momentum: s.number("momentum"), centered: s.bool("centered"), biasCorrection: s.bool("bias_correction"))
    case .adam:
      self = .adam(
        beta1: s.pair("betas").0, beta2: s.pair("betas").1, eps: s.number("eps"),
        weightDecay: s.number("weight_decay"), amsgrad: s.bool("amsgrad"))
    case .adamW:
      self = .adamW(
        beta1: s.pair("betas").0, beta2: s.pair("betas").1, eps: s.number("eps"),
        weightDecay: s.number("weight_decay"), amsgrad: s.bool("amsgrad"))
    }
  }
}

/// Settings by name: they start as the defaults, and each stays of its default's kind.
private struct Settings {
  private let rule: String
  private var values: [(key: String, value: JSON)]

  init(_ rule: String, _ defaults: [(key: String, value: JSON)]) { (self.rule, values) = (rule, defaults) }

  mutating func set(_ key: String, _ value: JSON) throws(RecurrentError) {
    guard let at = values.firstIndex(where: { $0.key == key }) else {
      let known = values.dropFirst().map { $0.key }.joined(separator: ", ")
      throw RecurrentError(.badValue, "\(rule) has no setting '\(key)'; it has \(known)")
    }
    switch (values[at].value, value) {
    case (.number, .number), (.bool, .bool), (.string, .string): break
    case (.array, .array(let items)):
      guard case (2, .number?, .number?) = (items.count, items.first, items.last) else {
        throw RecurrentError(.badValue, "\(key) is not two numbers")
      }
    case (let usual, _):
      throw RecurrentError(.badValue, "\(key) is \(value.kind); expected \(usual.kind)")
    }
    values[at].value = value
  }

  private subscript(key: String) -> JSON { values.first { $0.key == key }?.value ?? .null }

  func number(_ key: String) -> Double { if case .number(let value) = self[key] { value } else { .nan } }
  func bool(_ key: String) -> Bool { if case .bool(let value) = self[key] { value } else { false } }
  func string(_ key: String) -> String { if case .string(let value) = self[key] { value } else { "" } }
  func pair(_ key: String) -> (Double, Double) {
    guard case .array(let items) = self[key], case .number(let a)? = items.first, case .number(let b)? = items.last
    else { return (.nan, .nan) }
    return (a, b)
  }
}
