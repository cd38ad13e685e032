// One call across the C interface: validation of arguments, locks of objects, the status of a failure.

import CRecurrent
import Recurrent

/// Runs the body of an exported function.
///
/// The locks of its objects are released when it returns; a second thread gets RECURRENT_BUSY meanwhile. No error crosses
/// the interface.
func call(_ body: (inout Call) throws(RecurrentError) -> Void) -> recurrent_status {
  var call = Call()
  defer { call.releaseAll() }
  do {
    try body(&call)
    return recurrent_status(RECURRENT_OK)
  } catch {
    var message = error.description
    message.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { text in
        cr_set_last_error(text.baseAddress, Int64(text.count), error.errno)
      }
    }
    return error.kind.rawValue
  }
}

/// The locks that a call has acquired.
struct Call {
  /// Most calls acquire at most three locks, which need no allocation. Not an `InlineArray`: its elements are destroyed
  /// by a call of the runtime for each.
  private var locks: (Unmanaged<Lock>?, Unmanaged<Lock>?, Unmanaged<Lock>?) = (nil, nil, nil)
  private var moreLocks: [Lock] = []
  /// The lock of a network that the call only reads.
  private var shared: (lock: Unmanaged<Lock>, acquisition: Lock.Shared)?

  mutating func random(_ handle: UInt64, _ name: StaticString = "random") throws(RecurrentError) -> Random {
    let random: Random = try reference(handle, name)
    try acquire(random.lock)
    return random
  }

  mutating func mat(_ handle: UInt64, _ name: StaticString) throws(RecurrentError) -> Mat {
    let mat = try HandleTable.withLock { (handles) throws(RecurrentError) in try handles.mat(handle, name) }
    try acquire(mat.lock)
    return mat
  }

  mutating func mats(_ p: UnsafePointer<UInt64>?, _ count: Int64) throws(RecurrentError) -> [Mat] {
    var mats: [Mat] = []
    for handle in try input(p, count, "mats") { mats.append(try mat(handle, "a Mat")) }
    return mats
  }

  /// Mats of which 0 stands for none.
  mutating func optionalMats(_ p: UnsafePointer<UInt64>?, _ count: Int64) throws(RecurrentError) -> [Mat?] {
    var mats: [Mat?] = []
    for handle in try input(p, count, "mats") { mats.append(handle == 0 ? nil : try mat(handle, "a Mat")) }
    return mats
  }

  mutating func graph(_ handle: UInt64) throws(RecurrentError) -> Graph {
    let graph: Graph = try reference(handle, "graph")
    try acquire(graph.lock)
    return graph
  }

  mutating func network(_ handle: UInt64) throws(RecurrentError) -> Network {
    let network: Network = try reference(handle, "network")
    try acquire(network.parameters.flat.lock)
    return network
  }

  /// A network that the call only reads, together with other such calls.
  mutating func readNetwork(_ handle: UInt64) throws(RecurrentError) -> Network {
    let network: Network = try reference(handle, "network")
    try acquireShared(network.parameters.flat.lock)
    return network
  }

  /// A network whose training steps draw from the generator of its dropout.
  mutating func trainableNetwork(_ handle: UInt64) throws(RecurrentError) -> Network {
    let network = try network(handle)
    if let random = network.dropout?.random { try acquire(random.lock) }
    return network
  }

  mutating func optimizer(_ handle: UInt64) throws(RecurrentError) -> Optimizer {
    let optimizer: Optimizer = try reference(handle, "optimizer")
    try acquire(optimizer.lock)
    return optimizer
  }

  mutating func textModel(_ handle: UInt64) throws(RecurrentError) -> TextModel {
    let model: TextModel = try reference(handle, "model")
    try acquire(model.lock)
    try acquire(model.random.lock)
    if let optimizer = model.optimizer { try acquire(optimizer.lock) }
    return model
  }

  /// A model that the call only reads, together with other such calls.
  mutating func readTextModel(_ handle: UInt64) throws(RecurrentError) -> TextModel {
    let model: TextModel = try reference(handle, "model")
    try acquireShared(model.lock)
    return model
  }

  mutating func generator(_ handle: UInt64) throws(RecurrentError) -> Generator {
    let generator: Generator = try reference(handle, "generator")
    try acquire(generator.lock)
    try acquireShared(generator.network.parameters.flat.lock)
    if let random = generator.random { try acquire(random.lock) }
    return generator
  }

  /// Generators of one network.
  mutating func generators(_ p: UnsafePointer<UInt64>?, _ count: Int64) throws(RecurrentError) -> [Generator] {
    guard count >= 1, count <= Generator.maximumCount else {
      throw RecurrentError(
        .badShape, "count is out of range; expected 1 to \(Generator.maximumCount), got \(count)")
    }
    var generators: [Generator] = []
    for handle in try input(p, count, "generators") {
      let generator: Generator = try reference(handle, "a generator")
      // another network would need a second lock
      guard generators.isEmpty || generator.network === generators[0].network else {
        throw RecurrentError(
          .badValue,
          "generators[\(generators.count)] has another network; expected that of generators[0], got a different one")
      }
      generators.append(try self.generator(handle))
    }
    return generators
  }

  mutating func step(_ handle: UInt64) throws(RecurrentError) -> ProgramRecorder {
    let step: ProgramRecorder = try reference(handle, "step")
    try acquire(step.graph.lock)
    return step
  }

  /// A program, which no call changes.
  func program(_ handle: UInt64) throws(RecurrentError) -> Program {
    try reference(handle, "program")
  }

  func releaseAll() {
    release(locks.0)
    release(locks.1)
    release(locks.2)
    for lock in moreLocks { lock.release() }
    guard let (lock, acquisition) = shared else { return }
    lock._withUnsafeGuaranteedRef { $0.releaseShared(acquisition) }
    lock.release()
  }

  private mutating func acquire(_ lock: Lock) throws(RecurrentError) {
    // a graph and its results share one
    if isHeld(lock, locks.0) || isHeld(lock, locks.1) || isHeld(lock, locks.2) { return }
    try lock.acquire()
    // the function that may interrupt a call must not change the objects of that call
    if lock.isNested && Interrupt.isChecking {
      lock.release()
      throw RecurrentError(
        .busy, "object is in use by a call of this thread; expected another object in its interrupt check, got the same"
      )
    }
    if locks.0 == nil {
      locks.0 = Unmanaged.passRetained(lock)
    } else if locks.1 == nil {
      locks.1 = Unmanaged.passRetained(lock)
    } else if locks.2 == nil {
      locks.2 = Unmanaged.passRetained(lock)
    } else {
      moreLocks.append(lock)
    }
  }

  private mutating func acquireShared(_ lock: Lock) throws(RecurrentError) {
    if isHeld(lock, shared?.lock) { return }
    // the thread itself may change the object, in a call that this one is part of
    if lock.isOwned { return try acquire(lock) }
    let acquisition = try lock.acquireShared()
    shared = (.passRetained(lock), acquisition)
  }

  @inline(__always) private func isHeld(_ lock: Lock, _ held: Unmanaged<Lock>?) -> Bool {
    held?.toOpaque() == UnsafeMutableRawPointer(Unmanaged.passUnretained(lock).toOpaque())
  }

  @inline(__always) private func release(_ lock: Unmanaged<Lock>?) {
    guard let lock else { return }
    lock._withUnsafeGuaranteedRef { $0.release() }
    lock.release()
  }

  @inline(__always)
  private func reference<T: HandleObject>(_ handle: UInt64, _ name: StaticString) throws(RecurrentError) -> T {
    try HandleTable.withLock { (handles) throws(RecurrentError) in try handles.reference(handle, name) }
  }
}

// MARK: Outputs

/// An output pointer that must not be NULL.
func output<T>(_ p: UnsafeMutablePointer<T>?, _ name: StaticString) throws(RecurrentError) -> UnsafeMutablePointer<T> {
  guard let p else { throw RecurrentError(.nullArgument, "\(name) is NULL; expected a pointer, got NULL") }
  guard UInt(bitPattern: p) % UInt(MemoryLayout<T>.alignment) == 0 else {
    throw RecurrentError(
      .badValue, "\(name) is not aligned; expected a multiple of \(MemoryLayout<T>.alignment), got \(p)")
  }
  return p
}

/// Writes a new handle of an object.
func register(_ object: any HandleObject, _ out: UnsafeMutablePointer<UInt64>) throws(RecurrentError) {
  out.pointee = try HandleTable.withLock { (handles) throws(RecurrentError) in try handles.add(.reference(object)) }
}

/// Writes a new handle of a Mat.
func register(_ mat: Mat, _ out: UnsafeMutablePointer<UInt64>) throws(RecurrentError) {
  out.pointee = try HandleTable.withLock { (handles) throws(RecurrentError) in try handles.add(.mat(mat)) }
}

/// Writes new handles of several Mats: all of them or none.
func register(_ mats: [(Mat, UnsafeMutablePointer<UInt64>)]) throws(RecurrentError) {
  try register(mats.map { (Object.mat($0.0), $0.1) })
}

/// Writes new handles of several objects: all of them or none.
func register(_ objects: [(Object, UnsafeMutablePointer<UInt64>)]) throws(RecurrentError) {
  let new = try HandleTable.withLock { (handles) throws(RecurrentError) in try handles.add(objects.map { $0.0 }) }
  for (handle, (_, out)) in zip(new, objects) { out.pointee = handle }
}

/// Removes an object from the table; 0 does nothing.
func free(_ handle: UInt64, _ kind: Kind) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    if handle == 0 { return }
    // the object is released after the table's lock: its release may free other memory
    _ = try HandleTable.withLock { (handles) throws(RecurrentError) in try handles.remove(handle, kind) }
  }
}

// MARK: Inputs

/// More bytes than the addresses of a process: 47 bits on x86-64, at most 48 elsewhere.
private let endOfMemory = 1 << 47

/// A size, at least 0, of elements of `stride` bytes that a process can have.
func size(_ value: Int64, _ name: StaticString, stride: Int = 1) throws(RecurrentError) -> Int {
  guard value >= 0 else {
    throw RecurrentError(.badShape, "\(name) is out of range; expected at least 0, got \(value)")
  }
  guard value < endOfMemory / stride else {
    throw RecurrentError(.badShape, "\(name) is too large; expected what memory holds, got \(value)")
  }
  return Int(value)
}

/// Requires a caller's buffer for `needed` elements of `stride` bytes.
func checkCapacity(
  _ capacity: Int64, for needed: Int, _ elements: @autoclosure () -> String, stride: Int = 1,
  _ name: StaticString = "capacity"
) throws(RecurrentError) {
  guard capacity >= needed else {
    throw RecurrentError(
      .shortBuffer, "\(name) is too small; expected at least \(needed) \(elements()), got \(capacity)")
  }
  _ = try size(capacity, name, stride: stride)
}

/// A buffer of `count` elements; NULL is valid for 0.
func input<T>(
  _ p: UnsafePointer<T>?, _ count: Int64, _ name: StaticString
) throws(RecurrentError) -> UnsafeBufferPointer<T> {
  let count = try size(count, "count", stride: MemoryLayout<T>.stride)
  if count == 0 { return UnsafeBufferPointer(start: nil, count: 0) }
  guard let p else { throw RecurrentError(.nullArgument, "\(name) is NULL; expected a pointer, got NULL") }
  guard UInt(bitPattern: p) % UInt(MemoryLayout<T>.alignment) == 0 else {
    throw RecurrentError(
      .badValue, "\(name) is not aligned; expected a multiple of \(MemoryLayout<T>.alignment), got \(p)")
  }
  return UnsafeBufferPointer(start: p, count: count)
}

/// A buffer of `count` indices.
func indices(
  _ p: UnsafePointer<Int64>?, _ count: Int64, _ name: StaticString
) throws(RecurrentError) -> UnsafeBufferPointer<Int> {
  let elements = try input(p, count, name)
  // an Int is an Int64: their memory is the same
  return UnsafeRawBufferPointer(elements).assumingMemoryBound(to: Int.self)
}

/// Text in UTF-8.
func text(_ p: UnsafePointer<CChar>?, _ length: Int64, _ name: StaticString) throws(RecurrentError) -> String {
  // a copy: another thread may write into the caller's memory between the validation and the use
  let bytes = try Array(RecurrentABI.bytes(p, length, name))
  guard let text = String(validating: bytes, as: UTF8.self) else {
    var parser = Unicode.UTF8.ForwardParser()
    var iterator = bytes.makeIterator()
    var at = 0
    while case .valid(let letter) = parser.parseScalar(from: &iterator) { at += letter.count }
    throw RecurrentError(
      .badValue, "\(name) is not valid UTF-8; expected a complete character at byte \(at), got another byte")
  }
  return text
}

/// The path of a file.
func path(_ p: UnsafePointer<CChar>?, _ length: Int64) throws(RecurrentError) -> FilePath {
  try FilePath(bytes(p, length, "path"))
}

/// The tokenizer of a model's settings: of the characters of several texts, of bytes, which need none, or of the text that
/// is its JSON.
func tokenizer(
  _ settings: TextModel.Settings, _ texts: UnsafePointer<UnsafePointer<CChar>?>?, _ lengths: UnsafePointer<Int64>?,
  _ count: Int64, _ name: StaticString
) throws(RecurrentError) -> Tokenizer {
  let kind = settings.tokenizer
  if kind.isNumeric {
    var found = [String]()
    for (text, length) in zip(try input(texts, count, name), try input(lengths, count, "lengths")) {
      try found.append(RecurrentABI.text(text, length, name))
    }
    return try settings.tokenizer(texts: found)
  }
  try settings.requireVocabularySize()
  if kind == .bytes { return .bytes }
  var characters = try CharacterSet(for: kind)
  for (text, length) in zip(try input(texts, count, name), try input(lengths, count, "lengths")) {
    try characters.insert(bytes(text, length, name))
  }
  return try Tokenizer(kind, characters)
}

/// 0 or 1.
func flag(_ value: Int32, _ name: StaticString) throws(RecurrentError) -> Bool {
  guard value == 0 || value == 1 else {
    throw RecurrentError(.badValue, "\(name) is out of range; expected 0 or 1, got \(value)")
  }
  return value == 1
}

/// The type of elements.
func dtype(_ value: Int32) throws(RecurrentError) -> DType {
  guard let dtype = DType(rawValue: value) else {
    throw RecurrentError(.badValue, "dtype is out of range; expected 0 (float32) or 1 (float64), got \(value)")
  }
  return dtype
}

/// `count` elements of type `dtype`, nil for NULL.
@_lifetime(immortal)
func elements(
  _ p: UnsafeRawPointer?, _ count: Int, _ dtype: DType, _ name: StaticString
) throws(RecurrentError) -> Elements? {
  guard let p else { return nil }
  try checkAlignment(p, dtype, name)
  return Elements(p, count: count, dtype)
}

/// `count` elements of type `dtype` that the call writes, nil for NULL.
@_lifetime(immortal)
func elements(
  _ p: UnsafeMutableRawPointer?, _ count: Int, _ dtype: DType, _ name: StaticString
) throws(RecurrentError) -> MutableElements? {
  guard let p else { return nil }
  try checkAlignment(UnsafeRawPointer(p), dtype, name)
  return MutableElements(p, count: count, dtype)
}

/// `count` elements of type `dtype` that the call writes; the pointer must not be NULL.
@_lifetime(immortal)
func output(
  _ p: UnsafeMutableRawPointer?, _ count: Int, _ dtype: DType, _ name: StaticString
) throws(RecurrentError) -> MutableElements {
  let p = try output(p, name)
  try checkAlignment(UnsafeRawPointer(p), dtype, name)
  return MutableElements(p, count: count, dtype)
}

/// A pointer that must not be NULL.
func output<P: _Pointer>(_ p: P?, _ name: StaticString) throws(RecurrentError) -> P {
  guard let p else { throw RecurrentError(.nullArgument, "\(name) is NULL; expected a pointer, got NULL") }
  return p
}

private func checkAlignment(_ p: UnsafeRawPointer, _ dtype: DType, _ name: StaticString) throws(RecurrentError) {
  guard UInt(bitPattern: p) % UInt(dtype.size) == 0 else {
    throw RecurrentError(.badValue, "\(name) is not aligned; expected a multiple of \(dtype.size), got \(p)")
  }
}

/// The text of settings; NULL with length 0 is an empty object.
func settings(_ p: UnsafePointer<CChar>?, _ length: Int64) throws(RecurrentError) -> String {
  p == nil && length == 0 ? "{}" : try text(p, length, "settings")
}

/// A buffer of `count` elements that must not be NULL.
func required<T>(
  _ p: UnsafePointer<T>?, _ count: Int64, _ name: StaticString
) throws(RecurrentError) -> UnsafeBufferPointer<T> {
  try input(p, count, name)
}

/// Text that is not yet known to be UTF-8.
func bytes(
  _ p: UnsafePointer<CChar>?, _ length: Int64, _ name: StaticString
) throws(RecurrentError) -> UnsafeBufferPointer<UInt8> {
  let text = try input(p, length, name)
  let start = UnsafeRawPointer(text.baseAddress)?.assumingMemoryBound(to: UInt8.self)
  return UnsafeBufferPointer(start: start, count: text.count)
}

/// Copies a text into the caller's buffer.
func write(
  _ string: String, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int64, _ length: UnsafeMutablePointer<Int64>?,
  _ name: StaticString
) throws(RecurrentError) {
  try Array(string.utf8).withUnsafeBufferPointer { (bytes) throws(RecurrentError) in
    try write(bytes, buffer, capacity, length, name)
  }
}

/// Copies bytes into the caller's buffer.
func write(
  _ bytes: borrowing Buffer<UInt8>, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>?, _ name: StaticString
) throws(RecurrentError) {
  try write(UnsafeBufferPointer(bytes.elements), buffer, capacity, length, name)
}

private func write(
  _ bytes: UnsafeBufferPointer<UInt8>, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>?, _ name: StaticString
) throws(RecurrentError) {
  let p = try output(buffer, name), length = try output(length, "length")
  try checkCapacity(capacity, for: bytes.count, "bytes for \(name)")
  if let start = bytes.baseAddress { UnsafeMutableRawPointer(p).copyMemory(from: start, byteCount: bytes.count) }
  length.pointee = Int64(bytes.count)
}
