// Objects for a call to work on, and memory for its outputs.

import CRecurrent
import Synchronization
import Testing

/// The kind of object that a function's parameter takes.
enum ArgumentKind: Equatable {
  case random
  case mat(Int, Int)
  case graph
  /// A graph with an operation of one operand.
  case usedGraph
  /// A 1 x 1 result of the graph before it.
  case loss
  case network, rnnNetwork, optimizer
  /// A text model with a "sentences" tokenizer.
  case sentences
  /// A text model with an optimizer.
  case text
  /// A network after a sequence of two steps of two; one that reads and scores six tokens.
  case ranNetwork, tokenNetwork
  /// An optimizer after a step of a Mat called "w".
  case steppedOptimizer
  /// A generator of tokens, and one of text.
  case generator, textGenerator
  /// A pin of the values of a freed Mat.
  case pin
  /// A step, and one with a value to finish it.
  case step, recordedStep
  /// A program of two rows of x and two of one state, with a parameter.
  case program

  func handle(after others: [UInt64]) -> UInt64 {
    switch self {
    case .random: return make { recurrent_random_create(7, $0) }
    case .mat(let n, let d): return newMat(n, d, (0..<n * d).map { 0.5 + Double($0) / 8 })
    case .graph: return make { recurrent_graph_create(1, $0) }
    case .usedGraph:
      let graph = ArgumentKind.graph.handle(after: [])
      ok(recurrent_mat_free(ArgumentKind.loss.handle(after: [graph])))
      return graph
    case .loss:
      let x = newMat(2, 2, [1, 2, 3, 4])
      defer { ok(recurrent_mat_free(x)) }
      return make { recurrent_graph_sum(others[others.count - 1], x, -1, $0) }
    case .network: return newNetwork(#""cell": "lstm", "input_size": 3, "hidden_sizes": [4, 2], "output_size": 5"#)
    case .rnnNetwork: return newNetwork(#""cell": "rnn_relu", "input_size": 3, "hidden_sizes": [4], "output_size": 5"#)
    case .ranNetwork:
      let network = ArgumentKind.network.handle(after: []), x = [Double](repeating: 0.5, count: 12)
      var y = [Double](repeating: 0, count: 20)
      ok(recurrent_network_forward_sequence(network, x, nil, 2, 2, nil, nil, nil, 0, &y, nil))
      return network
    case .tokenNetwork:
      return newNetwork(#""cell": "gru", "input_size": 6, "embedding": 2, "hidden_sizes": [3], "output_size": 6"#)
    case .optimizer: return newOptimizer(#"{"name": "recurrentjs"}"#)
    case .steppedOptimizer:
      let optimizer = ArgumentKind.optimizer.handle(after: [])
      ArgumentKind.mat(2, 2).with { RecurrentABITests.step(optimizer, "w", $0) }
      return optimizer
    case .text:
      let model = newText(["hello"])
      ArgumentKind.optimizer.with { ok(recurrent_text_model_set_optimizer(model, $0)) }
      return model
    case .sentences:
      let settings = #"{"hidden_sizes": [4], "embedding": 3, "dtype": "float64"}"#
      return make { out in
        ArgumentKind.random.with { random in
          RecurrentABITests.with(["hello", "help"]) { texts, lengths in
            RecurrentABITests.with(settings) { recurrent_sentence_model_create($0, $1, texts, lengths, 2, random, out) }
          }
        }
      }
    case .generator:
      return make { out in
        ArgumentKind.tokenNetwork.with { network in
          ArgumentKind.random.with { recurrent_generator_create(network, nil, 0, [1, 2], 2, nil, 0, nil, $0, out) }
        }
      }
    case .pin:
      var w: UnsafeMutableRawPointer?
      return make { out in ArgumentKind.mat(2, 2).with { recurrent_mat_pin_w($0, &w, out) } }
    case .recordedStep: return newStep()
    case .step:
      let step = newStep()
      ok(recurrent_mat_free(takeValue(of: step)))
      return step
    case .program:
      let step = newStep(), value = takeValue(of: step)
      defer { ok(recurrent_step_free(step)) }
      defer { ok(recurrent_mat_free(value)) }
      return make { recurrent_step_finish(step, [value], 1, $0) }
    case .textGenerator: return make { out in ArgumentKind.text.with { newGenerator($0, "{}", prompt: "he", out) } }
    }
  }

  func free(_ handle: UInt64) -> recurrent_status {
    switch self {
    case .random: recurrent_random_free(handle)
    case .mat, .loss: recurrent_mat_free(handle)
    case .step, .recordedStep:
      {
        ok(recurrent_mat_free(takeValue(of: handle)))
        return recurrent_step_free(handle)
      }()
    case .program: recurrent_program_free(handle)
    case .graph, .usedGraph: recurrent_graph_free(handle)
    case .network, .rnnNetwork, .ranNetwork, .tokenNetwork: recurrent_network_free(handle)
    case .optimizer, .steppedOptimizer: recurrent_optimizer_free(handle)
    case .sentences, .text: recurrent_text_model_free(handle)
    case .generator, .textGenerator: recurrent_generator_free(handle)
    case .pin: recurrent_pin_free(handle)
    }
  }

  /// An object of another kind.
  var other: ArgumentKind { self == .random ? .graph : .random }

  /// One of each kind of object.
  static let kinds: [ArgumentKind] = [
    .random, .mat(2, 2), .graph, .network, .optimizer, .text, .generator, .pin, .step, .program,
  ]

  /// Calls `body` with an object, which is then freed.
  func with<R>(_ body: (UInt64) -> R) -> R {
    let handle = handle(after: [])
    defer { ok(free(handle)) }
    return body(handle)
  }
}

/// The value of each step that lives.
private let stepValues = Mutex<[UInt64: UInt64]>([:])

/// The value of a step; 0 for another handle.
func value(of step: UInt64) -> UInt64 { stepValues.withLock { $0[step] ?? 0 } }

/// Takes the value of a step out of the table; 0 if it is not there.
private func takeValue(of step: UInt64) -> UInt64 { stepValues.withLock { $0.removeValue(forKey: step) ?? 0 } }

/// A step in float64 with h' = tanh(W x + h), whose value is in the table.
private func newStep() -> UInt64 {
  var graph: UInt64 = 0, x: UInt64 = 0, state: UInt64 = 0, parameter: UInt64 = 0
  let settings =
    #"{"inputs": 2, "states": [2], "parameters": [{"name": "W", "n": 2, "d": 2}], "dtype": "float64"}"#
  let step = make { out in
    with(settings) { recurrent_step_create($0, $1, out, &graph, &x, &state, 1, &parameter, 1) }
  }
  let product = make { recurrent_graph_mul(graph, parameter, x, $0) }
  let sum = make { recurrent_graph_binary(graph, recurrent_binary(RECURRENT_ADD), product, state, $0) }
  let value = make { recurrent_graph_unary(graph, recurrent_unary(RECURRENT_TANH), sum, 0, $0) }
  for mat in [x, state, parameter, product, sum] { ok(recurrent_mat_free(mat)) }
  ok(recurrent_graph_free(graph))
  stepValues.withLock { $0[step] = value }
  return step
}

/// A network in float64 with the settings that are the members of a JSON object.
func newNetwork(_ settings: String) -> UInt64 {
  make { out in
    ArgumentKind.random.with { random in
      with("{\(settings), \"dtype\": \"float64\"}") { recurrent_network_create($0, $1, random, out) }
    }
  }
}

func newOptimizer(_ settings: String) -> UInt64 {
  make { out in with(settings) { recurrent_optimizer_create($0, $1, out) } }
}

/// A text model over the characters of texts, of two small layers with dropout between them, in float64.
func newText(_ texts: [String], _ tokenizer: String = "characters") -> UInt64 {
  let settings =
    "{\"tokenizer\": \"\(tokenizer)\", \"hidden_sizes\": [4, 2], \"embedding\": 3, \"dropout\": 0.25, "
    + "\"dtype\": \"float64\"}"
  return make { out in
    ArgumentKind.random.with { random in
      with(texts) { texts, lengths in
        with(settings) { recurrent_text_model_create($0, $1, texts, lengths, Int64(lengths.count), random, out) }
      }
    }
  }
}

/// A generator of text; the seed of its random generator, or nil for none.
func newGenerator(
  _ model: UInt64, _ settings: String, prompt: String = "", seed: UInt64? = 7, _ out: UnsafeMutablePointer<UInt64>
) -> recurrent_status {
  let random = seed.map { seed in make { recurrent_random_create(seed, $0) } } ?? 0
  defer { ok(recurrent_random_free(random)) }
  return with(prompt) { prompt, length in
    with(settings) { recurrent_generator_create_text(model, $0, $1, prompt, length, random, out) }
  }
}

/// The text of one call of a generator.
func nextText(_ generator: UInt64, _ count: Int64, sourceLocation: SourceLocation = #_sourceLocation) -> String {
  var text = [CChar](repeating: 0, count: 4 * (Int(count) + 64)), length: Int64 = 0, hasEnded: Int32 = 0
  ok(
    recurrent_generator_next_text(generator, count, &text, Int64(text.count), &length, &hasEnded),
    sourceLocation: sourceLocation)
  return string(text, length)
}

/// A text from a buffer.
func string(_ text: [CChar], _ length: Int64) -> String {
  String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// The text that a function writes to a buffer of 512 bytes.
func described(
  _ write: (UnsafeMutablePointer<CChar>, Int64, UnsafeMutablePointer<Int64>) -> recurrent_status
) -> String {
  var text = [CChar](repeating: 0, count: 512), length: Int64 = 0
  ok(write(&text, 512, &length))
  return string(text, length)
}

/// One step of one Mat.
func step(_ optimizer: UInt64, _ name: String, _ mat: UInt64) {
  with([name]) { names, lengths in
    ok(recurrent_optimizer_step(optimizer, names, lengths, [mat], 1, 0.1, 0, 5, nil))
  }
}

/// Memory for a function's outputs, filled with a pattern that shows whether the function wrote to it.
final class Outputs {
  private static let size = 1024
  private static let pattern: UInt8 = 0xA5
  private let start: UnsafeMutableRawPointer
  private let count: Int
  /// The output for which NULL is passed, if any.
  var missing: Int?
  /// Bytes by which every output is shifted.
  var shift = 0

  init(_ count: Int) {
    self.count = count
    start = .allocate(byteCount: max(1, count) * Self.size, alignment: 16)
    start.initializeMemory(as: UInt8.self, repeating: Self.pattern, count: max(1, count) * Self.size)
  }

  deinit { start.deallocate() }

  /// The address of output `i`.
  func callAsFunction<T>(_ i: Int, _: T.Type = T.self) -> UnsafeMutablePointer<T>? {
    precondition(i < count)
    return i == missing ? nil : (start + i * Self.size + shift).assumingMemoryBound(to: T.self)
  }

  func handle(_ i: Int) -> UInt64 { (start + i * Self.size).load(as: UInt64.self) }

  var areUntouched: Bool {
    (0..<count * Self.size).allSatisfy { (start + $0).load(as: UInt8.self) == Self.pattern }
  }
}
