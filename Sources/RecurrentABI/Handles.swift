// The table of objects. A handle holds the index, the kind and the generation of its slot.

import Recurrent

/// The kinds of object; the raw values are part of every handle.
enum Kind: UInt64 {
  case random = 1
  case mat = 2
  case graph = 3
  case network = 4
  case optimizer = 5
  case textModel = 6
  case generator = 7
  case pin = 8
  case step = 9
  case program = 10

  var name: String {
    switch self {
    case .random: "random"
    case .mat: "mat"
    case .graph: "graph"
    case .network: "network"
    case .optimizer: "optimizer"
    case .textModel: "text_model"
    case .generator: "generator"
    case .pin: "pin"
    case .step: "step"
    case .program: "program"
    }
  }
}

/// The object of a handle. The objects' own locks provide exclusive use.
enum Object: @unchecked Sendable {
  case random(Random)
  case mat(Mat)
  case graph(Graph)
  case network(Network)
  case optimizer(Optimizer)
  case textModel(TextModel)
  case generator(Generator)
  case pin(Pin)
  case step(ProgramRecorder)
  case program(Program)

  var kind: Kind {
    switch self {
    case .random: .random
    case .mat: .mat
    case .graph: .graph
    case .network: .network
    case .optimizer: .optimizer
    case .textModel: .textModel
    case .generator: .generator
    case .pin: .pin
    case .step: .step
    case .program: .program
    }
  }
}

/// A handle is generation (32 bits) | kind (4) | slot (28). Freeing increments the generation of the slot, so that a freed
/// handle never becomes valid again.
struct Handles: ~Copyable {
  private struct Slot {
    var generation: UInt32 = 1
    /// The vacant slot that was vacated before this one; −1 for none.
    var nextVacant: Int32 = -1
    var object: Object?
  }

  private var slots = Buffer<Slot>()
  /// The slot that was vacated last; −1 for none.
  private var vacant: Int32 = -1
  private(set) var count = 0
  /// The largest number of slots, at most 2²⁸.
  private let capacity: Int

  init(capacity: Int = 1 << 28) { self.capacity = capacity }

  mutating func add(_ object: Object) throws(RecurrentError) -> UInt64 {
    if vacant < 0 {
      guard slots.count < capacity else {
        throw RecurrentError(.noMemory, "out of handles; expected at most \(capacity) objects, got one more")
      }
      try slots.append(Slot())
      vacant = Int32(slots.count - 1)
    }
    let slot = Int(vacant), p = slots.start.unsafelyUnwrapped + slot
    vacant = p.pointee.nextVacant
    p.pointee.object = object
    count += 1
    return UInt64(p.pointee.generation) << 32 | object.kind.rawValue << 28 | UInt64(slot)
  }

  /// Adds several objects: all of them or none.
  mutating func add(_ objects: [Object]) throws(RecurrentError) -> [UInt64] {
    var new: [UInt64] = []
    do throws(RecurrentError) {
      for object in objects { new.append(try add(object)) }
    } catch {
      for (handle, object) in zip(new, objects) { _ = try remove(handle, object.kind) }
      throw error
    }
    return new
  }

  /// Returns the object of a handle with its kind. The caller's reference keeps it alive even if another thread frees the
  /// handle.
  func object(_ handle: UInt64, _ name: StaticString) throws(RecurrentError) -> Object {
    if handle == 0 { throw RecurrentError(.nullArgument, "\(name) is a null handle; expected an object, got 0") }
    let slot = Int(handle & (1 << 28 - 1))
    guard slot < slots.count, let p = slots.start, p[slot].generation == UInt32(handle >> 32),
      let object = p[slot].object, object.kind.rawValue == handle >> 28 & 15
    else { throw RecurrentError(.badHandle, "\(name) is not a live handle; expected an object, got \(handle)") }
    return object
  }

  mutating func remove(_ handle: UInt64, _ kind: Kind) throws(RecurrentError) -> Object {
    let object = try self.object(handle, "the handle")
    if object.kind != kind { throw wrongKind(object, expected: kind, "the handle") }
    let slot = Int32(handle & (1 << 28 - 1)), p = slots.start.unsafelyUnwrapped + Int(slot)
    p.pointee.object = nil
    count -= 1
    // a slot is retired after its last generation
    if p.pointee.generation < .max {
      p.pointee.generation += 1
      p.pointee.nextVacant = vacant
      vacant = slot
    }
    return object
  }
}

/// The error of an object of another kind than the expected one.
func wrongKind(_ object: Object, expected kind: Kind, _ name: StaticString) -> RecurrentError {
  RecurrentError(.wrongKind, "\(name) has the wrong kind; expected a \(kind.name), got a \(object.kind.name)")
}

/// The objects of the process.
enum HandleTable {
  // the lock makes accesses exclusive; the runtime's check would run at every call
  @exclusivity(unchecked) private nonisolated(unsafe) static var handles = Handles()

  /// Runs `body` with exclusive use of the table.
  @inline(__always)
  static func withLock<R, E: Error>(_ body: (inout Handles) throws(E) -> R) throws(E) -> R {
    ForkSafeLock.handles.acquire()
    defer { ForkSafeLock.handles.release() }
    return try body(&handles)
  }
}
