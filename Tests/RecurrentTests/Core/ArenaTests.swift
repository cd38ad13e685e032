// The bump allocator of a graph.

import Testing

@testable import Recurrent

@Suite struct ArenaTests {
  @Test func allocatesInOrderAndReusesTheSameMemory() throws {
    let graph = Graph()
    var arena = Arena()
    func allocate() throws -> [UnsafeMutableRawPointer] {
      // 64 KB, then a chunk of 128 KB, then a chunk of its own size
      try [64, 128, 60 << 10, 100 << 10, 1 << 20].map { try arena.allocate($0, graph).0 }
    }
    let first = try allocate()
    #expect(first[1] == first[0] + 64 && first[2] == first[1] + 128)
    for _ in 0..<3 {
      arena.reset()
      #expect(try allocate() == first)
    }
  }

  @Test func releasesToAMark() throws {
    let graph = Graph()
    var arena = Arena()
    _ = try arena.allocate(64, graph)
    let mark = arena.mark, p = try arena.allocate(64, graph).0
    arena.release(to: mark)
    #expect(try arena.allocate(64, graph).0 == p)
    // across chunks
    arena.release(to: mark)
    _ = try arena.allocate(1 << 20, graph)
    arena.release(to: mark)
    #expect(try arena.allocate(64, graph).0 == p)
  }

  @Test func chunksBelongToTheGraph() throws {
    let graph = Graph()
    var arena = Arena()
    let chunk = try arena.allocate(64, graph).1
    #expect(chunk.owner?.graph === graph && chunk.lock === graph.lock)
  }

  @Test func aChunkWithReadersIsDropped() throws {
    let graph = Graph()
    var arena = Arena()
    let (p, chunk) = try arena.allocate(64, graph)
    chunk.readerCount.wrappingAdd(1, ordering: .relaxed)
    arena.reset()
    #expect(try arena.allocate(64, graph).0 != p)
  }

  @Test func aChunkWithPinsIsDropped() throws {
    let graph = Graph()
    var arena = Arena()
    let (p, chunk) = try arena.allocate(64, graph)
    let span = UInt(bitPattern: p)..<UInt(bitPattern: p) + 64
    try chunk.pin(span)
    try chunk.pin(span)
    chunk.unpin(span)
    #expect(chunk.isPinned(span) && !chunk.isPinned(span.upperBound..<span.upperBound + 64))
    arena.reset()
    #expect(try arena.allocate(64, graph).0 != p)
  }
}
