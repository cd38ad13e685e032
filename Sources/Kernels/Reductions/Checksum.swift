// CRC-64/XZ, eight bytes per step ("slicing by 8").
//
// Reference: Kounavis and Berry, IEEE Transactions on Computers 57 (2008), for slicing.

/// Returns the CRC-64/XZ of bytes. `crc64(b, crc64(a))` is the checksum of `a` followed by `b`.
///
/// Polynomial 42F0E1EBA9EA3693 (ECMA-182), reflected, complemented before and after. It detects
/// every burst of errors of up to 64 bits and any other damage with probability 1 − 2⁻⁶⁴.
@inline(never)
public func crc64(_ bytes: UnsafeRawBufferPointer, _ before: UInt64 = 0) -> UInt64 {
  guard let start = bytes.baseAddress else { return before }
  let table = UnsafePointer(crcTable)
  var crc = ~before
  var at = 0
  while at &+ 8 <= bytes.count {
    let word = crc ^ UInt64(littleEndian: (start + at).loadUnaligned(as: UInt64.self))
    crc = table[Int(truncatingIfNeeded: word >> 56)]
    var k = 1
    while k < 8 {
      let byte = Int(truncatingIfNeeded: word &>> UInt64(56 &- 8 &* k)) & 0xFF
      crc ^= table[k &* 256 &+ byte]
      k &+= 1
    }
    at &+= 8
  }
  while at < bytes.count {
    let byte = (start + at).load(as: UInt8.self)
    crc = crc >> 8 ^ table[Int(truncatingIfNeeded: crc ^ UInt64(byte)) & 0xFF]
    at &+= 1
  }
  return ~crc
}

/// Row k holds the CRC of each byte followed by k zero bytes.
// never freed: it lives as long as the process
nonisolated(unsafe) private let crcTable: UnsafeMutablePointer<UInt64> = {
  let table = UnsafeMutablePointer<UInt64>.allocate(capacity: 8 * 256)
  for byte in 0..<256 as Range<UInt64> {
    var crc = byte
    for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xC96C_5795_D787_0F42 }
    table[Int(byte)] = crc
  }
  for k in 256..<8 * 256 { table[k] = table[k - 256] >> 8 ^ table[Int(table[k - 256] & 0xFF)] }
  return table
}()
