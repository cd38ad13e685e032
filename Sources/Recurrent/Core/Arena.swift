// Memory that is handed out in order and taken back all at once.

/// A graph's memory: chunks that grow by doubling, are reused from the first byte after `reset`, and never move.
///
/// A Mat that outlives its graph keeps its chunk alive, so its pointers stay valid.
struct Arena {
  private var chunks: [Storage] = []
  private var current = 0
  private var offset = 0
  private static let firstChunk = 64 << 10

  /// `bytes` of memory (a multiple of the alignment) and the chunk they are in. Not zeroed after a reset.
  mutating func take(_ bytes: Int, _ graph: Graph) throws(RecurrentError) -> (UnsafeMutableRawPointer, Storage) {
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
    let grown = chunks.last.map { min($0.bytes, Int.max / 4) * 2 } ?? Arena.firstChunk
    let chunk = try Storage(bytes: max(bytes, grown), lock: graph.lock)
    chunk.arena = graph
    chunk.isChunk = true
    chunks.append(chunk)
    offset = bytes
    return (chunk.start, chunk)
  }

  /// All memory is free again. Chunks that other graphs still read, or walk back into, are left to them.
  mutating func reset() {
    chunks.removeAll { chunk in
      let isRead = chunk.readers.load(ordering: .acquiring) > 0
      if isRead { chunk.arena = nil }
      return isRead
    }
    current = 0
    offset = 0
  }
}
