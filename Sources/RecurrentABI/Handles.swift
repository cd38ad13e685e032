// Objects behind numbers: a handle says which slot, what kind, and which tenant of the slot.

import Recurrent
import Synchronization

/// The kinds of object; the numbers are part of every handle.
enum Kind: UInt64 {
  case random = 1
  case mat = 2
  case graph = 3
  case model = 4
  case solver = 5
  case sentenceModel = 6
  case textModel = 7

  var name: String {
    switch self {
    case .random: "random"
    case .mat: "mat"
    case .graph: "graph"
    case .model: "model"
    case .solver: "solver"
    case .sentenceModel: "sentence_model"
    case .textModel: "text_model"
    }
  }
}

/// What a handle stands for. Exclusive use is the business of the objects' locks, not of the table's.
enum Object: @unchecked Sendable {
  case random(Random)
  case mat(Mat)
  case graph(Graph)
  case model(Network)
  case solver(Optimizer)
  case sentenceModel(SentenceModel)
  case textModel(TextModel)

  var kind: Kind {
    switch self {
    case .random: .random
    case .mat: .mat
    case .graph: .graph
    case .model: .model
    case .solver: .solver
    case .sentenceModel: .sentenceModel
    case .textModel: .textModel
    }
  }
}

/// generation (32 bits) | kind (4) | slot (28): a freed handle never comes back, because its slot's generation moves on.
struct Handles: Sendable {
  private struct Slot {
    var generation: UInt32 = 1
    var object: Object?
  }

  private var slots: ContiguousArray<Slot> = []
  private var vacant: ContiguousArray<Int> = []
  private(set) var count = 0
  private static let maxSlots = 1 << 28

  mutating func add(_ object: Object) throws(RecurrentError) -> UInt64 {
    let slot: Int
    if let reused = vacant.popLast() {
      slot = reused
    } else {
      guard slots.count < Handles.maxSlots else {
        throw RecurrentError(.noMemory, "there are \(Handles.maxSlots) objects, the most there can be; free some")
      }
      slot = slots.count
      slots.append(Slot())
    }
    slots[slot].object = object
    count += 1
    return UInt64(slots[slot].generation) << 32 | object.kind.rawValue << 28 | UInt64(slot)
  }

  /// The object, kept alive for the caller even if another thread frees the handle meanwhile.
  func object(_ handle: UInt64, _ name: StaticString) throws(RecurrentError) -> Object {
    if handle == 0 { throw RecurrentError(.nullArgument, "\(name) is 0, which is no object") }
    let slot = Int(handle & (1 << 28 - 1))
    guard slot < slots.count, slots[slot].generation == UInt32(handle >> 32), let object = slots[slot].object,
      (1...7).contains(handle >> 28 & 15)
    else { throw RecurrentError(.badHandle, "\(name) is not a live handle: it was freed, or never given out") }
    return object
  }

  mutating func remove(_ handle: UInt64, _ kind: Kind) throws(RecurrentError) -> Object {
    let object = try self.object(handle, "the handle")
    try checkKind(object, handle, kind, "the handle")
    let slot = Int(handle & (1 << 28 - 1))
    slots[slot].object = nil
    count -= 1
    // a slot whose generations are used up is retired
    if slots[slot].generation < .max {
      slots[slot].generation += 1
      vacant.append(slot)
    }
    return object
  }

}

/// A handle's own kind must be its object's (else it is forged), and the one that is wanted.
func checkKind(_ object: Object, _ handle: UInt64, _ kind: Kind, _ name: StaticString) throws(RecurrentError) {
  if handle >> 28 & 15 != object.kind.rawValue {
    throw RecurrentError(.badHandle, "\(name) is not a live handle: it was freed, or never given out")
  }
  if object.kind != kind {
    throw RecurrentError(.wrongKind, "\(name) is a \(object.kind.name) handle; expected a \(kind.name)")
  }
}

/// All objects of the process.
let handles = Mutex(Handles())
