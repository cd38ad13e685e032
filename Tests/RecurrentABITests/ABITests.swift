// The C interface, called by its C names. One test at a time: the table of objects is the process's.

import CRecurrent
import Testing

@Suite(.serialized) struct ABITests {}

/// The last failure's message on this thread.
var lastError: String { String(cString: recurrent_last_error()) }

/// Expects success; reports the message otherwise.
func ok(_ status: recurrent_status, sourceLocation: SourceLocation = #_sourceLocation) {
  #expect(status == 0, "\(lastError)", sourceLocation: sourceLocation)
}

/// Expects a failure of one kind, whose message contains all `words`.
func fails(
  _ code: Int, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation,
  _ call: () -> recurrent_status
) {
  let status = call()
  #expect(Int(status) == code, "\(status): \(lastError)", sourceLocation: sourceLocation)
  for word in words {
    #expect(
      lastError.contains(word), "\"\(lastError)\" does not say \"\(word)\"", sourceLocation: sourceLocation)
  }
}

/// The content of an output that was not written.
let pattern: UInt64 = 0xA5A5_A5A5_A5A5_A5A5

/// Expects a failure of a call that creates an object: no handle is written and no object remains.
func fails(
  _ code: Int, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation,
  _ call: (UnsafeMutablePointer<UInt64>) -> recurrent_status
) {
  var out = pattern
  let count = recurrent_object_count(), status = Int(call(&out))
  #expect(status == code, "\(status): \(lastError)", sourceLocation: sourceLocation)
  for word in words {
    #expect(
      lastError.contains(word), "\"\(lastError)\" does not say \"\(word)\"", sourceLocation: sourceLocation)
  }
  #expect(out == pattern && recurrent_object_count() == count, sourceLocation: sourceLocation)
}

/// A new handle from a function that writes one.
func make(_ create: (UnsafeMutablePointer<UInt64>) -> recurrent_status) -> UInt64 {
  var handle: UInt64 = 0
  ok(create(&handle))
  return handle
}

/// A float64 Mat with elements in row-major order.
func newMat(_ n: Int, _ d: Int, _ rows: [Double]) -> UInt64 {
  let columns = (0..<d).flatMap { j in (0..<n).map { rows[$0 * d + j] } }
  return make { recurrent_mat_create_from(1, Int64(n), Int64(d), columns, Int64(columns.count), $0) }
}

/// A float64 Mat's elements in row-major order.
func rows(_ mat: UInt64, gradients: Bool = false) -> [Double] {
  var info = recurrent_mat_info()
  var p: UnsafeMutableRawPointer?
  ok(recurrent_mat_describe(mat, &info))
  ok(gradients ? recurrent_mat_dw(mat, &p) : recurrent_mat_w(mat, &p))
  guard let w = p?.assumingMemoryBound(to: Double.self), info.dtype == 1 else { return [] }
  return (0..<Int(info.n)).flatMap { i in (0..<Int(info.d)).map { w[$0 * Int(info.stride) + i] } }
}

/// Calls `body` with a text as pointer and length.
func with<R>(_ text: String, _ body: (UnsafePointer<CChar>, Int64) -> R) -> R {
  var text = text
  return text.withUTF8 { bytes in
    // an empty text may have no address
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { buffer in
      for (i, byte) in bytes.enumerated() { buffer[i] = CChar(bitPattern: byte) }
      return buffer.baseAddress.map { body($0, Int64(bytes.count)) } ?? body([0], 0)
    }
  }
}

/// Calls `body` with texts as pointers and lengths.
func with<R>(_ texts: [String], _ body: ([UnsafePointer<CChar>?], [Int64]) -> R) -> R {
  let copies = texts.map { text in
    let bytes = Array(text.utf8)
    let p = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
    for (i, byte) in bytes.enumerated() { p[i] = CChar(bitPattern: byte) }
    return p
  }
  defer { for p in copies { p.deallocate() } }
  return body(copies.map { UnsafePointer($0) }, texts.map { Int64($0.utf8.count) })
}
