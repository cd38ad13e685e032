// The checksum against its definition, bit by bit.

import Kernels
import Testing

@Suite struct ChecksumTests {
  private func crc(_ bytes: [UInt8], _ before: UInt64 = 0) -> UInt64 { bytes.withUnsafeBytes { crc64($0, before) } }

  /// The definition: one bit at a time.
  private func twin(_ bytes: [UInt8]) -> UInt64 {
    var crc = UInt64.max
    for byte in bytes {
      crc ^= UInt64(byte)
      for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xC96C_5795_D787_0F42 }
    }
    return ~crc
  }

  @Test func theCheckValue() {
    // the check value of CRC-64/XZ in the catalogue of CRC algorithms
    #expect(crc(Array("123456789".utf8)) == 0x995D_C9BB_DF19_39FA)
    #expect(crc([]) == 0)
  }

  @Test func agreesWithTheDefinition() {
    let bytes = (0..<100).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
    for from in 0..<9 {
      for to in from..<bytes.count {
        let part = Array(bytes[from..<to]), unaligned = bytes.withUnsafeBytes { crc64(.init(rebasing: $0[from..<to])) }
        #expect(crc(part) == twin(part))
        #expect(unaligned == twin(part))
        #expect(crc(Array(bytes[to...]), crc(part)) == twin(Array(bytes[from...])))
      }
    }
  }
}
