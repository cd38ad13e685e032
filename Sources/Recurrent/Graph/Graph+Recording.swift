// Recording: operands and nodes are appended, results get memory.

import Kernels

/// A recorded operation with its operands and result. Trivial, so that a reset costs nothing per node.
struct Node {
  var operation: any GraphOperation.Type
  /// The settings, an `operation`; or their address in the arena if they exceed 16 bytes.
  var settings: (UInt64, UInt64)
  /// The operands are `operands[first ..< first + count]`.
  var first: Int
  var count: Int
  var result: OperandRef
  /// Whether the backward pass has reached the node from a gradient.
  var isReached = false
  /// Memory that `forward` fills for `backward`; undefined for operations that requested none.
  var scratch: UnsafeMutableRawPointer

  /// The settings, whose type is `operation`.
  @inline(__always) func settings<O: GraphOperation>(_: O.Type) -> O {
    withUnsafeBytes(of: settings) { bytes in
      MemoryLayout<O>.size <= bytes.count
        ? bytes.load(as: O.self) : bytes.load(as: UnsafeRawPointer.self).load(as: O.self)
    }
  }
}

/// Addresses and shape of a Mat, without ownership or state. The graph's `inputStorages` keep the memory alive.
struct OperandRef {
  var w: UnsafeMutableRawPointer
  /// The values as they were recorded; `w` unless that is a copy of them.
  let recordedW: UnsafeMutableRawPointer
  var dw: UnsafeMutableRawPointer
  var n: Int
  var d: Int
  /// Elements between columns; 0 for a broadcast column.
  var stride: Int
  /// Index of the producing node of this graph; −1 for an input.
  var node: Int

  init(w: UnsafeMutableRawPointer, dw: UnsafeMutableRawPointer, n: Int, d: Int, stride: Int, node: Int) {
    (self.w, recordedW, self.dw) = (w, w, dw)
    (self.n, self.d, self.stride, self.node) = (n, d, stride, node)
  }

  @inline(__always) func w<T: Real>(_: T.Type) -> MatrixView<T> {
    MatrixView(w.assumingMemoryBound(to: T.self), rows: n, columns: d, columnStride: stride)
  }

  @inline(__always) func dw<T: Real>(_: T.Type) -> MatrixView<T> {
    MatrixView(dw.assumingMemoryBound(to: T.self), rows: n, columns: d, columnStride: stride)
  }
}

extension Graph {
  /// Runs one recording; on failure the graph is as it was before.
  func recording<R>(_ body: () throws(RecurrentError) -> R) throws(RecurrentError) -> R {
    let before = (nodes: nodes.count, operands: operands.count, dtype: dtype)
    do {
      return try body()
    } catch {
      nodes.removeLast(nodes.count - before.nodes)
      operands.removeLast(operands.count - before.operands)
      if let recorded = recordedOperands { recordedOperands = Array(recorded.prefix(before.operands)) }
      pinnedOperands.removeAll()
      if before.nodes == 0 { saved.removeAll() }
      // a pinned operand may have had nodes evaluated
      evaluated = Swift.min(evaluated, before.nodes)
      if let schedule { evaluated = Swift.min(evaluated, schedule.removeLast(to: before.nodes)) }
      dtype = before.dtype
      throw error
    }
  }

  /// Records an operation of one operand, `m`.
  func record(
    _ operation: some GraphOperation, _ m: Mat, n: Int, d: Int, scratch: Int = 0
  ) throws(RecurrentError) -> Mat {
    try recording { () throws(RecurrentError) in
      let mark = operands.count
      try appendOperand(m, "m")
      return try appendNode(operation, since: mark, n: n, d: d, scratch: scratch)
    }
  }

  /// Records an operation of two operands, `a` and `b`. With `columns`, a single column is broadcast to that many.
  func record(
    _ operation: some GraphOperation, _ a: Mat, _ b: Mat, n: Int, d: Int, broadcastTo columns: Int? = nil,
    scratch: Int = 0
  ) throws(RecurrentError) -> Mat {
    try recording { () throws(RecurrentError) in
      let mark = operands.count
      try appendOperand(a, "a", columns: columns)
      try appendOperand(b, "b", columns: columns)
      return try appendNode(operation, since: mark, n: n, d: d, scratch: scratch)
    }
  }

  /// Appends an operand. With `columns`, a single column is broadcast to that many.
  func appendOperand(_ m: Mat, _ name: StaticString, columns: Int? = nil) throws(RecurrentError) {
    try m.checkValid()
    let owner = m.storage.owner, isOwn = owner === identity
    let dtype = self.dtype ?? m.dtype
    try require(
      m.dtype == dtype, .badType, "\(name) has the wrong dtype; expected \(dtype) as the other Mats, got \(m.dtype)")
    if recordedOperands != nil {
      recordedOperands?.append(m)
    } else if !isOwn {
      // an input, or a result of another graph, which evaluates it now
      if let owner {
        if needsBackprop { try requireConstant(m, name, of: owner) }
        try m.evaluate()
      }
      if needsBackprop && !holdsInputs { try registerReader(of: m.storage) }
    }
    if m.storage.isPinned(m.span) && keepsRecordedValues { try pinnedOperands.append(operands.count) }
    self.dtype = dtype
    var operand = m.operandRef
    // a node index of another graph has no meaning in this one
    if !isOwn { operand.node = -1 }
    if let columns, columns != m.d {
      operand.d = columns
      operand.stride = 0
    }
    try operands.append(operand)
  }

  /// Appends an operand from `constants`.
  func appendConstant(_ m: Mat) throws(RecurrentError) {
    let dtype = self.dtype ?? m.dtype
    try require(
      m.dtype == dtype, .badType, "dtype is wrong; expected \(dtype) as the other Mats, got \(m.dtype)")
    self.dtype = dtype
    try operands.append(m.operandRef)
  }

  /// Refuses a result of another graph whose backward pass is to come: the gradient would end at the border between the
  /// graphs. After its backward pass the result is a constant.
  private func requireConstant(_ m: Mat, _ name: StaticString, of owner: GraphIdentity) throws(RecurrentError) {
    guard m.node >= 0, let other = owner.graph, !other.backwardDone else { return }
    let node = other.nodes[m.node]
    throw RecurrentError(
      .badValue,
      "\(name) is a result of another graph; expected a Mat or a result of this graph (of \(count) operations), got the "
        + "\(node.operation.name(node)) of a graph of \(other.count) operations, where the gradient would end: record both on one graph, "
        + "or copy the result to use it as a constant")
  }

  /// Appends the node of the operands since `mark`; returns its result, n rows by d columns.
  ///
  /// - Parameter count: elements of scratch that `forward` and `backward` share.
  func appendNode<O: GraphOperation>(
    _ operation: O, since mark: Int, n: Int, d: Int, scratch count: Int = 0
  ) throws(RecurrentError) -> Mat {
    let dtype = self.dtype ?? .float32
    let scratch = count == 0 ? nil : try allocate(count, dtype)
    let settings = try store(operation)
    let result = try makeResult(n, d, dtype, node: nodes.count)
    try nodes.append(
      Node(
        operation: O.self, settings: settings, first: mark, count: operands.count - mark, result: result.operandRef,
        scratch: scratch ?? result.wStart))
    if !pinnedOperands.isEmpty { try evaluatePinned() }
    if !needsBackprop {
      _ = try runForward(from: 0)
      schedule?.removeAll()
      nodes.removeAll()
      operands.removeAll()
      arena.reset()
      self.dtype = nil
      try Interrupt.ofThread.throwIfRequested()
    }
    return result
  }

  /// Evaluates the last node, whose operands the caller can write to at any time, and copies what its backward pass reads.
  private func evaluatePinned() throws(RecurrentError) {
    try evaluate()
    try saveValues(ofOperands: UnsafeBufferPointer(pinnedOperands.elements))
    pinnedOperands.removeAll()
  }

  /// A Mat of zeros that belongs to this recording, for operands that the caller does not keep.
  func zeros(_ n: Int, _ d: Int, _ dtype: DType) throws(RecurrentError) -> Mat {
    let m = try makeResult(n, d, dtype, node: -1)
    // memory of its own is zero already
    guard m.storage.owner != nil else { return m }
    switch dtype {
    case .float32: fill(m.operandRef.w(Float.self), with: 0)
    case .float64: fill(m.operandRef.w(Double.self), with: 0)
    }
    return m
  }

  /// An uninitialized Mat of this recording without a gradient.
  func constants(_ n: Int, _ d: Int, _ dtype: DType) throws(RecurrentError) -> Mat {
    if !needsBackprop { return try Mat(n, d, dtype) }
    try Mat.check(n, d)
    let (w, chunk) = try arena.allocate(try size(n * d, dtype), self)
    return Mat(n, d, stride: n, dtype, chunk, w: w, dw: w, node: -1, generation: generation)
  }

  /// Wraps memory of the caller as a Mat; it must outlive this recording.
  func wrapExternal(_ p: UnsafeRawPointer, _ n: Int, _ d: Int, _ dtype: DType) throws(RecurrentError) -> Mat {
    try Mat.check(n, d)
    let gradient = try holdsInputs ? constants(1, 1, dtype) : zeros(n, d, dtype)
    return Mat(
      n, d, stride: n, dtype, gradient.storage, w: UnsafeMutableRawPointer(mutating: p), dw: gradient.dwStart, node: -1,
      generation: gradient.generation)
  }

  /// Memory of the arena for some indices.
  func indices(_ count: Int) throws(RecurrentError) -> UnsafeMutablePointer<Int32> {
    guard let bytes = Storage.bytes(count, of: 4) else {
      throw RecurrentError(.noMemory, "out of memory: could not allocate \(count) indices")
    }
    return try arena.allocate(bytes, self).0.bindMemory(to: Int32.self, capacity: count)
  }

  /// Copies indices into the arena. Each is read once: the copy that is checked is the copy that is used, whatever
  /// another thread writes into the caller's array.
  ///
  /// - Parameters:
  ///   - count: the number of indices.
  ///   - name: of the argument, for messages.
  ///   - place: the subscript of an element in the argument; its position where absent.
  /// - Throws: `.badIndex` for the first index outside `lowest ..< bound`, `.badShape` for another number of indices.
  func copyIndices<C: Collection>(
    _ indices: C, count: Int, below bound: Int, from lowest: Int = 0, _ name: StaticString,
    at place: (Int) -> String = { "\($0)" }
  ) throws(RecurrentError) -> UnsafeMutablePointer<Int32> where C.Element: BinaryInteger {
    let mark = arena.mark
    do throws(RecurrentError) {
      let p = try self.indices(count)
      var copied = 0
      for index in indices {
        if copied == count { throw wrongLength(name, expected: count, copied + 1) }
        if index < lowest || index >= bound {
          throw RecurrentError(
            .badIndex,
            "\(name)[\(place(copied))] is out of range; expected \(lowest) to \(bound - 1), got \(index)")
        }
        p[copied] = Int32(truncatingIfNeeded: index)
        copied += 1
      }
      if copied < count { throw wrongLength(name, expected: count, copied) }
      return p
    } catch {
      arena.release(to: mark)
      throw error
    }
  }

  /// The settings as a node stores them: 16 bytes, or their address in the arena.
  private func store<O: GraphOperation>(_ operation: O) throws(RecurrentError) -> (UInt64, UInt64) {
    assert(_isPOD(O.self), "settings must be trivial: they are never destroyed")
    var settings: (UInt64, UInt64) = (0, 0)
    if MemoryLayout<O>.size <= 16 {
      withUnsafeMutableBytes(of: &settings) { $0.storeBytes(of: operation, as: O.self) }
    } else {
      let bytes = (MemoryLayout<O>.size + Storage.alignment - 1) & ~(Storage.alignment - 1)
      let p = try arena.allocate(bytes, self).0
      p.storeBytes(of: operation, as: O.self)
      settings.0 = UInt64(UInt(bitPattern: p))
    }
    return settings
  }

  /// Uninitialized memory of the arena for `count` elements.
  func allocate(_ count: Int, _ dtype: DType) throws(RecurrentError) -> UnsafeMutableRawPointer {
    try arena.allocate(try size(count, dtype), self).0
  }

  /// Memory for a result: in the arena with a gradient of zeros, or its own if no history is kept.
  private func makeResult(_ n: Int, _ d: Int, _ dtype: DType, node: Int) throws(RecurrentError) -> Mat {
    if !needsBackprop { return try Mat(n, d, dtype) }
    try Mat.check(n, d)
    let half = try size(n * d, dtype)
    if holdsInputs {
      let (w, chunk) = try arena.allocate(half, self)
      return Mat(n, d, stride: n, dtype, chunk, w: w, dw: w, node: node, generation: generation)
    }
    let (w, chunk) = try arena.allocate(2 * half, self)
    (w + half).initializeMemory(as: UInt8.self, repeating: 0, count: half)
    return Mat(n, d, stride: n, dtype, chunk, w: w, dw: w + half, node: node, generation: generation)
  }

  @inline(__always) private func size(_ count: Int, _ dtype: DType) throws(RecurrentError) -> Int {
    guard let bytes = Storage.bytes(count, of: dtype.size) else {
      throw RecurrentError(.noMemory, "out of memory: could not allocate \(count) elements of \(dtype)")
    }
    return bytes
  }
}
