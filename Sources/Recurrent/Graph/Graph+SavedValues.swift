// Values as they were recorded: copies of what a backward pass reads, taken before a write.

/// The values that a graph has copied because its backward pass reads them and the caller may write to them.
struct SavedValues: ~Copyable {
  /// The newest copy of each matrix.
  fileprivate var copies = HashTable<Source, Copy>()
  /// The index of the current pass over operands; nothing is written during a pass.
  fileprivate var pass = 0

  struct Source: Hashable {
    let w: UnsafeMutableRawPointer, n: Int, d: Int, stride: Int
  }

  struct Copy {
    let w: UnsafeMutableRawPointer
    /// The pass that last found the copy equal to its source.
    var pass: Int
  }

  /// Discards the copies.
  mutating func removeAll() { copies.removeAll() }
}

extension Graph {
  /// Whether a backward pass that reads recorded values may follow a write of the caller.
  var keepsRecordedValues: Bool { keepsValues && needsBackprop && !backwardDone }

  /// Copies the recorded values in `span` that the backward pass reads, from node `first` on, before the caller writes.
  func saveValues(in span: Pin.Span, from first: Int = 0) throws(RecurrentError) {
    // the lock comes before the question: another thread may be in the backward pass
    try lock.acquire()
    defer { lock.release() }
    if !keepsRecordedValues { return }
    let dtype = dtype ?? .float32
    saved.pass += 1
    for i in Swift.max(0, first)..<Swift.max(0, first, evaluated) {
      let node = nodes[i]
      if node.result.span(dtype).overlaps(span), node.operation.backwardReads(node).result {
        nodes[i].result.w = try copyValues(of: node.result)
      }
      for k in node.first..<node.first + node.count where operands[k].span(dtype).overlaps(span) {
        if node.operation.backwardReads(node).contains(k - node.first) { try saveOperand(k) }
      }
    }
  }

  /// Copies the operands at `indices`, of the last node, that its backward pass reads.
  func saveValues(ofOperands indices: UnsafeBufferPointer<Int>) throws(RecurrentError) {
    guard let node = nodes.last else { return }
    saved.pass += 1
    for k in indices where node.operation.backwardReads(node).contains(k - node.first) { try saveOperand(k) }
  }

  private func saveOperand(_ k: Int) throws(RecurrentError) {
    operands[k].w = try copyValues(of: operands[k])
  }

  /// Returns the newest copy of the values if it equals them, else a new one in the arena.
  ///
  /// A copy has the column stride of its source, which is that of the gradient too.
  private func copyValues(of m: OperandRef) throws(RecurrentError) -> UnsafeMutableRawPointer {
    let dtype = dtype ?? .float32
    // a broadcast column is copied once
    let columns = m.stride == 0 ? 1 : m.d, bytes = m.n * dtype.size, stride = m.stride * dtype.size
    let source = SavedValues.Source(w: m.w, n: m.n, d: columns, stride: m.stride)
    if var copy = saved.copies[source] {
      let isEqual =
        copy.pass == saved.pass
        || (0..<columns).allSatisfy { Storage.isEqual(m.w + $0 * stride, copy.w + $0 * stride, bytes) }
      if isEqual {
        copy.pass = saved.pass
        try saved.copies.set(source, to: copy)
        return copy.w
      }
    }
    guard let total = Storage.bytes((columns - 1) * m.stride + m.n, of: dtype.size) else {
      throw RecurrentError(.noMemory, "out of memory: could not allocate \(m.n) x \(columns) elements of \(dtype)")
    }
    let w = try arena.allocate(total, self).0
    for j in 0..<columns { (w + j * stride).copyMemory(from: m.w + j * stride, byteCount: bytes) }
    try saved.copies.set(source, to: SavedValues.Copy(w: w, pass: saved.pass))
    return w
  }
}
