// One call across the interface: arguments checked, objects held, failures turned into a status.

import CRecurrent
import Recurrent

/// Runs the body of an exported function.
///
/// Objects that it asks for are held until it ends, so that a second thread gets RECURRENT_BUSY. Nothing is thrown
/// across the interface.
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

/// The objects that a call holds.
struct Call {
  private var first: Lock?
  private var second: Lock?
  private var third: Lock?
  private var more: [Lock] = []

  mutating func random(_ handle: UInt64, _ name: StaticString = "random") throws(RecurrentError) -> Random {
    guard case .random(let random) = try find(handle, .random, name) else { throw impossible }
    try hold(random.lock)
    return random
  }

  mutating func mat(_ handle: UInt64, _ name: StaticString) throws(RecurrentError) -> Mat {
    guard case .mat(let mat) = try find(handle, .mat, name) else { throw impossible }
    try hold(mat.lock)
    return mat
  }

  mutating func mats(_ p: UnsafePointer<UInt64>?, _ count: Int64) throws(RecurrentError) -> [Mat] {
    var mats: [Mat] = []
    for handle in try input(p, count, "mats") { mats.append(try mat(handle, "a Mat")) }
    return mats
  }

  mutating func graph(_ handle: UInt64) throws(RecurrentError) -> Graph {
    guard case .graph(let graph) = try find(handle, .graph, "graph") else { throw impossible }
    try hold(graph.lock)
    return graph
  }

  mutating func model(_ handle: UInt64) throws(RecurrentError) -> Network {
    guard case .model(let model) = try find(handle, .model, "model") else { throw impossible }
    try hold(model.parameters.flat.lock)
    return model
  }

  /// A model whose training draws from its dropout's generator.
  mutating func learner(_ handle: UInt64) throws(RecurrentError) -> Network {
    let model = try model(handle)
    if let random = model.dropout?.random { try hold(random.lock) }
    return model
  }

  mutating func solver(_ handle: UInt64) throws(RecurrentError) -> Optimizer {
    guard case .solver(let solver) = try find(handle, .solver, "solver") else { throw impossible }
    try hold(solver.lock)
    return solver
  }

  mutating func sentenceModel(_ handle: UInt64) throws(RecurrentError) -> SentenceModel {
    guard case .sentenceModel(let model) = try find(handle, .sentenceModel, "model") else { throw impossible }
    try hold(model.lock)
    try hold(model.solver.lock)
    return model
  }

  mutating func textModel(_ handle: UInt64) throws(RecurrentError) -> TextModel {
    guard case .textModel(let model) = try find(handle, .textModel, "model") else { throw impossible }
    try hold(model.lock)
    try hold(model.random.lock)
    if let solver = model.solver { try hold(solver.lock) }
    return model
  }

  func releaseAll() {
    first?.release()
    second?.release()
    third?.release()
    for lock in more { lock.release() }
  }

  private mutating func hold(_ lock: Lock) throws(RecurrentError) {
    try lock.acquire()
    if first == nil {
      first = lock
    } else if second == nil {
      second = lock
    } else if third == nil {
      third = lock
    } else {
      more.append(lock)
    }
  }

  private func find(_ handle: UInt64, _ kind: Kind, _ name: StaticString) throws(RecurrentError) -> Object {
    let object = try handles.withLock { (handles) throws(RecurrentError) in try handles.object(handle, name) }
    try checkKind(object, handle, kind, name)
    return object
  }

  /// The kind was checked before; this is here because the compiler cannot know.
  private var impossible: RecurrentError { RecurrentError(.badHandle, "the handle's kind changed during the call") }
}

// MARK: Outputs

/// An output that must be there.
func output<T>(_ p: UnsafeMutablePointer<T>?, _ name: StaticString) throws(RecurrentError) -> UnsafeMutablePointer<T> {
  guard let p else { throw RecurrentError(.nullArgument, "\(name) is NULL") }
  guard UInt(bitPattern: p) % UInt(MemoryLayout<T>.alignment) == 0 else {
    throw RecurrentError(.badValue, "\(name) is not aligned for its type")
  }
  return p
}

/// A new handle, written where the caller wants it.
func give(_ object: Object, _ out: UnsafeMutablePointer<UInt64>) throws(RecurrentError) {
  out.pointee = try handles.withLock { (handles) throws(RecurrentError) in try handles.add(object) }
}

/// New handles for several Mats: all of them or none.
func give(_ mats: [(Mat, UnsafeMutablePointer<UInt64>)]) throws(RecurrentError) {
  let new = try handles.withLock { (handles) throws(RecurrentError) in
    var new: [UInt64] = []
    do throws(RecurrentError) {
      for (mat, _) in mats { new.append(try handles.add(.mat(mat))) }
    } catch {
      for handle in new { _ = try handles.remove(handle, .mat) }
      throw error
    }
    return new
  }
  for (handle, (_, out)) in zip(new, mats) { out.pointee = handle }
}

/// Takes an object from the table; 0 is nothing to free.
func free(_ handle: UInt64, _ kind: Kind) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    if handle == 0 { return }
    // the object goes after the table's lock does: its end may free other memory
    _ = try handles.withLock { (handles) throws(RecurrentError) in try handles.remove(handle, kind) }
  }
}

// MARK: Inputs

/// A 64-bit size that is not negative.
func size(_ value: Int64, _ name: StaticString) throws(RecurrentError) -> Int {
  guard value >= 0, let size = Int(exactly: value) else {
    throw RecurrentError(.badShape, "\(name) is \(value); expected 0 or more")
  }
  return size
}

/// A buffer of `count` elements; NULL is fine for none.
func input<T>(
  _ p: UnsafePointer<T>?, _ count: Int64, _ name: StaticString
) throws(RecurrentError) -> UnsafeBufferPointer<T> {
  let count = try size(count, "count")
  if count == 0 { return UnsafeBufferPointer(start: nil, count: 0) }
  guard let p else { throw RecurrentError(.nullArgument, "\(name) is NULL") }
  guard UInt(bitPattern: p) % UInt(MemoryLayout<T>.alignment) == 0 else {
    throw RecurrentError(.badValue, "\(name) is not aligned for its type")
  }
  guard !count.multipliedReportingOverflow(by: MemoryLayout<T>.stride).overflow else {
    throw RecurrentError(.badShape, "\(name) has \(count) elements, more than memory can hold")
  }
  return UnsafeBufferPointer(start: p, count: count)
}

/// Text in UTF-8.
func text(_ p: UnsafePointer<CChar>?, _ length: Int64, _ name: StaticString) throws(RecurrentError) -> String {
  let bytes = try input(p, length, name)
  return try bytes.withMemoryRebound(to: UInt8.self) { (bytes) throws(RecurrentError) in
    guard let text = String(validating: bytes, as: UTF8.self) else {
      var parser = Unicode.UTF8.ForwardParser()
      var iterator = bytes.makeIterator()
      var at = 0
      while case .valid(let letter) = parser.parseScalar(from: &iterator) { at += letter.count }
      throw RecurrentError(.badValue, "\(name) is not valid UTF-8 at byte \(at)")
    }
    return text
  }
}

/// Several texts.
func texts(
  _ p: UnsafePointer<UnsafePointer<CChar>?>?, _ lengths: UnsafePointer<Int64>?, _ count: Int64, _ name: StaticString
) throws(RecurrentError) -> [String] {
  let pointers = try input(p, count, name), lengths = try input(lengths, count, "lengths")
  var texts: [String] = []
  for (pointer, length) in zip(pointers, lengths) { texts.append(try text(pointer, length, name)) }
  return texts
}

/// A type of numbers.
func dtype(_ value: Int32) throws(RecurrentError) -> DType {
  guard let dtype = DType(rawValue: value) else {
    throw RecurrentError(.badValue, "dtype is \(value); expected 0 (float32) or 1 (float64)")
  }
  return dtype
}

/// A kind of layer.
func cell(_ value: Int32) throws(RecurrentError) -> Cell {
  guard let cell = cells.indices.contains(Int(value)) ? cells[Int(value)] : nil else {
    throw RecurrentError(.badValue, "cell is \(value); expected 0 to \(cells.count - 1), see recurrent.h")
  }
  return cell
}

/// The number of a kind of layer.
func number(_ cell: Cell) -> Int32 { Int32(cells.firstIndex(of: cell) ?? -1) }

/// The kinds of layer in the order of their numbers.
private let cells: [Cell] = [.rnnRelu, .lstm, .rnnTanh, .gru, .gruResetBefore]

/// Numbers of a model's type, or nil for NULL.
func numbers<P: _Pointer>(_ p: P?, _ dtype: DType, _ name: StaticString) throws(RecurrentError) -> P? {
  guard let p else { return nil }
  guard UInt(bitPattern: Int(bitPattern: p)) % UInt(dtype.size) == 0 else {
    throw RecurrentError(.badValue, "\(name) is not aligned for \(dtype)")
  }
  return p
}

/// Copies a short text into the caller's buffer.
func write(
  _ string: String, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int64, _ length: UnsafeMutablePointer<Int64>?,
  _ name: StaticString
) throws(RecurrentError) {
  let buffer = try output(buffer, name), length = try output(length, "length")
  let bytes = Array(string.utf8)
  guard capacity >= bytes.count else {
    throw RecurrentError(.shortBuffer, "capacity is \(capacity); \(name) needs \(bytes.count) bytes")
  }
  for (i, byte) in bytes.enumerated() { buffer[i] = CChar(bitPattern: byte) }
  length.pointee = Int64(bytes.count)
}

/// Copies a short list into the caller's buffer.
func copy<T>(
  _ values: [T], _ buffer: UnsafeMutablePointer<T>?, _ capacity: Int64, _ name: StaticString
) throws(RecurrentError) {
  let buffer = try output(buffer, name)
  guard capacity >= values.count else {
    throw RecurrentError(.shortBuffer, "capacity is \(capacity); \(name) needs room for \(values.count)")
  }
  for (i, value) in values.enumerated() { buffer[i] = value }
}
