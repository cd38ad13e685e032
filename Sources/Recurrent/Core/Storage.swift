// Aligned memory that never moves.

import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A block of 64-byte aligned memory, zeroed at creation, that lives as long as any Mat that refers to it.
final class Storage {
  /// The first byte; a multiple of 64.
  let start: UnsafeMutableRawPointer
  /// The size in bytes.
  let bytes: Int
  /// Exclusive-use lock: a second thread gets `.busy`. All Mats of one storage share it.
  let lock: Lock
  /// A graph with recorded reads of this memory whose values it still needs. Written only under `lock`.
  private var pendingReader: GraphIdentity?
  /// The graphs besides `pendingReader`: rarely any.
  private var otherReaders: [GraphIdentity] = []
  /// The graph whose arena owns this memory; nil for memory that a Mat owns.
  let owner: GraphIdentity?
  /// The number of graphs that hold recorded reads of this arena memory.
  let readerCount = Atomic<Int>(0)
  /// The number of pins.
  let pinCount = Atomic<Int>(0)
  /// The addresses that pins cover; under `ForkSafeLock.pins`.
  private var pins = Buffer<Pin.Span>()

  private let block: UnsafeMutableRawPointer
  static let alignment = 64

  /// - Throws: `.noMemory` if the allocation fails.
  init(bytes: Int, lock: Lock = Lock(), owner: GraphIdentity? = nil) throws(RecurrentError) {
    // calloc maps pages on first use: the gradient of a large Mat that is never written costs no memory
    let (size, overflow) = bytes.addingReportingOverflow(Storage.alignment)
    guard !overflow, bytes >= 0, let block = calloc(1, size) else {
      throw RecurrentError(.noMemory, "out of memory: could not allocate \(bytes) bytes")
    }
    let alignment = UInt(Storage.alignment)
    let address = (UInt(bitPattern: block) + alignment - 1) & ~(alignment - 1)
    self.block = block
    start = block + Int(address - UInt(bitPattern: block))
    self.bytes = bytes
    (self.lock, self.owner) = (lock, owner)
  }

  deinit { free(block) }

  /// The bytes of `count` elements of `size` bytes, rounded up to the alignment; nil on overflow.
  static func bytes(_ count: Int, of size: Int) -> Int? {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
    return overflow || bytes > Int.max - alignment ? nil : (bytes + alignment - 1) & ~(alignment - 1)
  }

  /// Whether an address lies in this memory.
  func holds(_ p: UnsafeMutableRawPointer) -> Bool { p >= start && p - start < bytes }

  /// Whether two blocks have the same bytes.
  static func isEqual(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ bytes: Int) -> Bool { memcmp(a, b, bytes) == 0 }
}

// MARK: Readers

extension Storage {
  /// Whether a graph is registered as a reader.
  func isRead(by graph: GraphIdentity) -> Bool {
    pendingReader === graph || !otherReaders.isEmpty && otherReaders.contains { $0 === graph }
  }

  /// Registers a graph as a reader, in the place of one that is freed if there is any.
  func add(reader graph: GraphIdentity) {
    if pendingReader?.graph == nil { return pendingReader = graph }
    otherReaders.removeAll { $0.graph == nil }
    otherReaders.append(graph)
  }

  /// Removes a graph as a reader.
  func remove(reader graph: GraphIdentity) {
    if pendingReader === graph { pendingReader = nil }
    if !otherReaders.isEmpty { otherReaders.removeAll { $0.graph == nil || $0 === graph } }
  }

  /// Calls `body` with every reader that is not freed.
  func forEachReader(_ body: (Graph) throws(RecurrentError) -> Void) throws(RecurrentError) {
    if let graph = pendingReader?.graph { try body(graph) }
    for reader in otherReaders {
      if let graph = reader.graph { try body(graph) }
    }
  }
}

// MARK: Pins

extension Storage {
  func pin(_ span: Pin.Span) throws(RecurrentError) {
    ForkSafeLock.pins.acquire()
    defer { ForkSafeLock.pins.release() }
    try pins.append(span)
    pinCount.wrappingAdd(1, ordering: .releasing)
  }

  /// Removes one pin of `span`. Any thread may release a pin.
  func unpin(_ span: Pin.Span) {
    ForkSafeLock.pins.acquire()
    if let at = pins.elements.lastIndex(of: span) {
      pins.elements.swapAt(at, pins.count - 1)
      pins.removeLast()
    }
    ForkSafeLock.pins.release()
    pinCount.wrappingSubtract(1, ordering: .releasing)
  }

  /// Whether a pin overlaps `span`.
  @inline(__always) func isPinned(_ span: @autoclosure () -> Pin.Span) -> Bool {
    pinCount.load(ordering: .acquiring) != 0 && overlapsPin(span())
  }

  @inline(never) private func overlapsPin(_ span: Pin.Span) -> Bool {
    ForkSafeLock.pins.acquire()
    defer { ForkSafeLock.pins.release() }
    return pins.elements.contains { $0.overlaps(span) }
  }
}
