// Objects for a call to work on, and memory for what it writes.

import CRecurrent
import Testing

/// An object that a function's parameter wants.
enum Ingredient: Equatable {
  case random
  case mat(Int, Int)
  case graph
  /// A graph with an operation of one operand.
  case usedGraph
  /// A 1 x 1 result of the graph before it.
  case loss
  case model, rnnModel, solver, sentences
  /// A text model with a solver.
  case text
  /// A model that has run a sequence of two steps of two, and one that reads and scores six tokens.
  case ranModel, tokenModel
  /// A solver that has stepped a Mat called "w".
  case steppedSolver

  func handle(after others: [UInt64]) -> UInt64 {
    switch self {
    case .random: return make { recurrent_random_create(7, $0) }
    case .mat(let n, let d): return newMat(n, d, (0..<n * d).map { 0.5 + Double($0) / 8 })
    case .graph: return make { recurrent_graph_create(1, $0) }
    case .usedGraph:
      let graph = Ingredient.graph.handle(after: [])
      ok(recurrent_mat_free(Ingredient.loss.handle(after: [graph])))
      return graph
    case .loss:
      let x = newMat(2, 2, [1, 2, 3, 4])
      defer { ok(recurrent_mat_free(x)) }
      return make { recurrent_graph_sum(others[others.count - 1], x, -1, $0) }
    case .model:
      return make { out in
        Ingredient.random.with { recurrent_model_create(1, 1, 3, 0, [4, 2], 2, 5, $0, out) }
      }
    case .rnnModel:
      return make { out in Ingredient.random.with { recurrent_model_create(0, 1, 3, 0, [4], 1, 5, $0, out) } }
    case .ranModel:
      let model = Ingredient.model.handle(after: []), x = [Double](repeating: 0.5, count: 12)
      var y = [Double](repeating: 0, count: 20)
      ok(recurrent_model_forward_sequence(model, x, nil, 2, 2, nil, nil, &y, nil))
      return model
    case .tokenModel:
      return make { out in Ingredient.random.with { recurrent_model_create(3, 1, 6, 2, [3], 1, 6, $0, out) } }
    case .solver: return make { recurrent_solver_create(0.999, 1e-8, $0) }
    case .steppedSolver:
      let solver = Ingredient.solver.handle(after: [])
      Ingredient.mat(2, 2).with { step(solver, "w", $0) }
      return solver
    case .text:
      let model = newText("hello")
      Ingredient.solver.with { ok(recurrent_text_model_set_solver(model, $0)) }
      return model
    case .sentences:
      return make { out in
        Ingredient.random.with { random in
          RecurrentABITests.with(["hello", "help"]) {
            recurrent_sentence_model_create($0, $1, 2, 1, 1, [4], 1, 3, random, out)
          }
        }
      }
    }
  }

  func free(_ handle: UInt64) -> recurrent_status {
    switch self {
    case .random: recurrent_random_free(handle)
    case .mat, .loss: recurrent_mat_free(handle)
    case .graph, .usedGraph: recurrent_graph_free(handle)
    case .model, .rnnModel, .ranModel, .tokenModel: recurrent_model_free(handle)
    case .solver, .steppedSolver: recurrent_solver_free(handle)
    case .sentences: recurrent_sentence_model_free(handle)
    case .text: recurrent_text_model_free(handle)
    }
  }

  /// Something of another kind.
  var other: Ingredient { self == .random ? .graph : .random }

  /// Calls `body` with one, which is then freed.
  func with<R>(_ body: (UInt64) -> R) -> R {
    let handle = handle(after: [])
    defer { ok(free(handle)) }
    return body(handle)
  }
}

/// A text model on the characters of a text, of two small layers with dropout between them, in float64.
func newText(_ text: String, _ alphabet: Int32 = 0) -> UInt64 {
  make { out in
    Ingredient.random.with { random in
      RecurrentABITests.with(text) { p, n in
        recurrent_text_model_create(p, n, alphabet, 1, 1, [4, 2], 2, 3, 0, 0.25, random, out)
      }
    }
  }
}

/// One step of one Mat.
func step(_ solver: UInt64, _ name: String, _ mat: UInt64) {
  with([name]) { names, lengths in
    ok(recurrent_solver_step(solver, names, lengths, [mat], 1, 0.1, 0, 5, nil))
  }
}

/// Memory for what a function writes, filled with a pattern that shows whether it did.
final class Outputs {
  private static let room = 256
  private static let pattern: UInt8 = 0xA5
  private let start: UnsafeMutableRawPointer
  private let count: Int
  /// The output for which NULL is passed, if any.
  var missing: Int?
  /// Bytes by which every output is off its place.
  var shift = 0

  init(_ count: Int) {
    self.count = count
    start = .allocate(byteCount: max(1, count) * Self.room, alignment: 16)
    start.initializeMemory(as: UInt8.self, repeating: Self.pattern, count: max(1, count) * Self.room)
  }

  deinit { start.deallocate() }

  /// Where output `i` goes.
  func callAsFunction<T>(_ i: Int, _: T.Type = T.self) -> UnsafeMutablePointer<T>? {
    precondition(i < count)
    return i == missing ? nil : (start + i * Self.room + shift).assumingMemoryBound(to: T.self)
  }

  func handle(_ i: Int) -> UInt64 { (start + i * Self.room).load(as: UInt64.self) }

  var areUntouched: Bool {
    (0..<count * Self.room).allSatisfy { (start + $0).load(as: UInt8.self) == Self.pattern }
  }
}
