// Memory that never moves and that can be refused.

import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A block of zeroed, 64-byte aligned memory, alive as long as any Mat that looks into it.
final class Storage {
  /// The first byte; a multiple of 64.
  let start: UnsafeMutableRawPointer
  /// The size.
  let bytes: Int
  /// Who may use the numbers now. Every Mat of one storage shares it.
  let lock: Lock
  /// The graph that has recorded a reading of these numbers and not done it yet; nil once that graph is gone.
  ///
  /// Weak, as a graph may go on one thread while another looks at a Mat; written only by who holds `lock`.
  weak var pending: Graph?
  /// The graph whose arena this is; nil for memory of its own, and once that graph is gone.
  weak var arena: Graph?
  /// Whether this is, or was, part of an arena; and how many recordings of other graphs reach into it.
  var isChunk = false
  let readers = Atomic<Int>(0)

  private let block: UnsafeMutableRawPointer
  static let alignment = 64

  /// - Throws: `.noMemory` if the system has none to give.
  init(bytes: Int, lock: Lock = Lock()) throws(RecurrentError) {
    // calloc's pages are touched only when used: a large gradient that nobody wants costs nothing
    let (size, overflow) = bytes.addingReportingOverflow(Storage.alignment)
    guard !overflow, bytes >= 0, let block = calloc(1, size) else {
      throw RecurrentError(.noMemory, "\(bytes) bytes of memory could not be had")
    }
    let alignment = UInt(Storage.alignment)
    let address = (UInt(bitPattern: block) + alignment - 1) & ~(alignment - 1)
    self.block = block
    start = block + Int(address - UInt(bitPattern: block))
    self.bytes = bytes
    self.lock = lock
  }

  deinit { free(block) }

  /// `count` numbers of `size` bytes, rounded up to the alignment; nil on overflow.
  static func bytes(_ count: Int, of size: Int) -> Int? {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
    return overflow || bytes > Int.max - alignment ? nil : (bytes + alignment - 1) & ~(alignment - 1)
  }
}
