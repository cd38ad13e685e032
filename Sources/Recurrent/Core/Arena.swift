// A bump allocator for the memory of a graph.

/// The memory of a graph: chunks of doubling size that never move and are reused after `reset`.
///
/// A Mat that outlives its graph keeps its chunk alive, so its pointers stay valid.
struct Arena {
  private var chunks: [Storage] = []
  /// Index of the chunk in use, and the number of its bytes that are allocated.
  private var current = 0
  private var offset = 0
  private static let firstChunkBytes = 64 << 10
  /// The bytes that were allocated since the last reset.
  private(set) var bytes = 0

  /// Allocates uninitialized memory.
  ///
  /// - Parameters:
  ///   - bytes: a multiple of `Storage.alignment`.
  ///   - graph: the owner of new chunks.
  /// - Returns: the memory and its chunk.
  mutating func allocate(
    _ bytes: Int, _ graph: Graph
  ) throws(RecurrentError) -> (UnsafeMutableRawPointer, Storage) {
    let place = try self.place(bytes, graph)
    self.bytes += bytes
    return place
  }

  private mutating func place(
    _ bytes: Int, _ graph: Graph
  ) throws(RecurrentError) -> (UnsafeMutableRawPointer, Storage) {
    while current < chunks.count {
      let chunk = chunks[current]
      if bytes <= chunk.bytes - offset {
        let p = chunk.start + offset
        offset += bytes
        return (p, chunk)
      }
      current += 1
      offset = 0
    }
    let grown = chunks.last.map { min($0.bytes, Int.max / 4) * 2 } ?? Arena.firstChunkBytes
    let chunk = try Storage(bytes: max(bytes, grown), lock: graph.lock, owner: graph.identity)
    chunks.append(chunk)
    offset = bytes
    return (chunk.start, chunk)
  }

  /// The chunk that an address lies in; nil if it lies in none.
  func chunk(holding p: UnsafeMutableRawPointer) -> Storage? { chunks.first { $0.holds(p) } }

  /// The place of the next allocation.
  struct Mark: Equatable { fileprivate let current: Int, offset: Int }

  var mark: Mark { Mark(current: current, offset: offset) }

  /// Makes memory that was allocated since `mark` available again.
  mutating func release(to mark: Mark) { (current, offset) = (mark.current, mark.offset) }

  /// Makes all memory available again. Chunks that other graphs still read or backpropagate into, and chunks with pins,
  /// are dropped instead; the graph's generation invalidates their Mats.
  mutating func reset() {
    chunks.removeAll {
      $0.readerCount.load(ordering: .acquiring) > 0 || $0.pinCount.load(ordering: .acquiring) > 0
    }
    current = 0
    offset = 0
    bytes = 0
  }
}
