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
  /// The graph with recorded reads of this memory that it has not evaluated yet; nil without one or once it is freed.
  ///
  /// Weak because a graph may be freed by one thread while another reads a Mat. Written only under `lock`.
  weak var pendingReader: Graph?
  /// The graph whose arena owns this memory; nil for memory that a Mat owns, and once that graph is freed.
  weak var arena: Graph?
  /// Whether this memory belongs, or belonged, to an arena.
  var isArenaMemory = false
  /// The number of graphs that hold recorded reads of this arena memory.
  let readerCount = Atomic<Int>(0)

  private let block: UnsafeMutableRawPointer
  static let alignment = 64

  /// - Throws: `.noMemory` if the allocation fails.
  init(bytes: Int, lock: Lock = Lock()) throws(RecurrentError) {
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
    self.lock = lock
  }

  deinit { free(block) }

  /// The bytes of `count` elements of `size` bytes, rounded up to the alignment; nil on overflow.
  static func bytes(_ count: Int, of size: Int) -> Int? {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
    return overflow || bytes > Int.max - alignment ? nil : (bytes + alignment - 1) & ~(alignment - 1)
  }
}
