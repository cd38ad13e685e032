// Aligned memory and its sizes.

import Testing

@testable import Recurrent

@Suite struct StorageTests {
  @Test func isZeroedAndAligned() throws {
    for bytes in [0, 1, 63, 64, 65, 100_000] {
      let storage = try Storage(bytes: bytes)
      #expect(UInt(bitPattern: storage.start) % 64 == 0 && storage.bytes == bytes)
      #expect(UnsafeRawBufferPointer(start: storage.start, count: bytes).allSatisfy { $0 == 0 })
    }
  }

  @Test func sizesRoundUpToTheAlignment() {
    #expect(Storage.bytes(0, of: 4) == 0 && Storage.bytes(1, of: 4) == 64 && Storage.bytes(16, of: 4) == 64)
    #expect(Storage.bytes(17, of: 4) == 128 && Storage.bytes(8, of: 8) == 64)
    #expect(Storage.bytes(.max, of: 4) == nil && Storage.bytes(.max, of: 1) == nil)
  }

  @Test func impossibleSizesAreOutOfMemory() {
    for bytes in [Int.max, Int.max - 64, -1] {
      refused(.noMemory, "out of memory: could not allocate \(bytes) bytes") { try Storage(bytes: bytes) }
    }
  }
}
