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

/// A class of objects with handles. The objects' own locks provide exclusive use.
protocol HandleObject: AnyObject {
  static var kind: Kind { get }
}

extension Random: HandleObject { static var kind: Kind { .random } }
extension Graph: HandleObject { static var kind: Kind { .graph } }
extension Network: HandleObject { static var kind: Kind { .network } }
extension Optimizer: HandleObject { static var kind: Kind { .optimizer } }
extension TextModel: HandleObject { static var kind: Kind { .textModel } }
extension Generator: HandleObject { static var kind: Kind { .generator } }
extension Pin: HandleObject { static var kind: Kind { .pin } }
extension ProgramRecorder: HandleObject { static var kind: Kind { .step } }
extension Program: HandleObject { static var kind: Kind { .program } }

/// What a handle refers to.
enum Object: @unchecked Sendable {
  /// A Mat is a value: it lies in the table.
  case mat(Mat)
  case reference(any HandleObject)

  var kind: Kind {
    switch self {
    case .mat: .mat
    case .reference(let object): type(of: object).kind
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
    /// The kind of the object; nil for a vacant slot.
    var kind: Kind?
    /// The object: a Mat lies in the table, others are references.
    var mat: Mat?
    var reference: (any HandleObject)?

    var object: Object? { mat.map { .mat($0) } ?? reference.map { .reference($0) } }

    /// Removes the object.
    mutating func take() -> Object? {
      kind = nil
      return mat.take().map { .mat($0) } ?? reference.take().map { .reference($0) }
    }
  }

  private var slots = Buffer<Slot>()
  /// The slot that was vacated last; −1 for none.
  private var vacant: Int32 = -1
  private(set) var count = 0
  /// The largest number of slots, at most 2²⁸.
  private let capacity: Int

  init(capacity: Int = 1 << 28) { self.capacity = capacity }

  mutating func add(_ object: consuming Object) throws(RecurrentError) -> UInt64 {
    if vacant < 0 {
      guard slots.count < capacity else {
        throw RecurrentError(.noMemory, "out of handles; expected at most \(capacity) objects, got one more")
      }
      try slots.append(Slot())
      vacant = Int32(slots.count - 1)
    }
    let slot = Int(vacant), p = slots.start.unsafelyUnwrapped + slot
    vacant = p.pointee.nextVacant
    let kind = object.kind
    p.pointee.kind = kind
    switch consume object {
    case .mat(let mat): p.pointee.mat = mat
    case .reference(let reference): p.pointee.reference = reference
    }
    count += 1
    return UInt64(p.pointee.generation) << 32 | kind.rawValue << 28 | UInt64(slot)
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

  /// Returns a Mat. The caller's reference keeps its memory alive even if another thread frees the handle.
  @inline(__always)
  func mat(_ handle: UInt64, _ name: StaticString) throws(RecurrentError) -> Mat {
    if let slot = slot(handle, .mat), let mat = slot.pointee.mat { return mat }
    throw wrongKind(try object(handle, name), expected: .mat, name)
  }

  /// Returns an object of a class. The caller's reference keeps it alive even if another thread frees the handle.
  @inline(__always)
  func reference<T: HandleObject>(_ handle: UInt64, _ name: StaticString) throws(RecurrentError) -> T {
    if let slot = slot(handle, T.kind), let found = slot.pointee.reference as? T { return found }
    throw wrongKind(try object(handle, name), expected: T.kind, name)
  }

  /// Returns the object of a handle, of the kind that the handle says.
  @inline(never)
  func object(_ handle: UInt64, _ name: StaticString) throws(RecurrentError) -> Object {
    if handle == 0 { throw RecurrentError(.nullArgument, "\(name) is a null handle; expected an object, got 0") }
    guard let kind = Kind(rawValue: handle >> 28 & 15), let object = slot(handle, kind)?.pointee.object else {
      throw RecurrentError(.badHandle, "\(name) is not a live handle; expected an object, got \(handle)")
    }
    return object
  }

  mutating func remove(_ handle: UInt64, _ kind: Kind) throws(RecurrentError) -> Object {
    guard let p = slot(handle, kind), let object = p.pointee.take() else {
      throw wrongKind(try object(handle, "the handle"), expected: kind, "the handle")
    }
    count -= 1
    // a slot is retired after its last generation
    if p.pointee.generation < .max {
      p.pointee.generation += 1
      p.pointee.nextVacant = vacant
      vacant = Int32(handle & (1 << 28 - 1))
    }
    return object
  }

  /// The slot of a live handle of a kind, nil for another handle.
  @inline(__always)
  private func slot(_ handle: UInt64, _ kind: Kind) -> UnsafeMutablePointer<Slot>? {
    let slot = Int(handle & (1 << 28 - 1))
    guard slot < slots.count, let p = slots.start, p[slot].generation == handle >> 32,
      p[slot].kind == kind, kind.rawValue == handle >> 28 & 15
    else { return nil }
    return p + slot
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
