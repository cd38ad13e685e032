// Safetensors files: named tensors and texts.

import Kernels

/// The contents of a safetensors file: texts by name, and tensors by name, row-major.
///
///     header's length, 8 bytes, little-endian
///     header, JSON: {"__metadata__": {key: text, …}, name: {dtype, shape, data_offsets: [begin, end]}, …}, spaces
///     data, the tensors in order, without gaps
///
/// The first text is `crc64`, the CRC-64/XZ of the whole file with sixteen zeros in place of the checksum: it detects
/// any flipped bit of header and data. A file without it, from another program, is valid too.
///
/// Reference: https://github.com/huggingface/safetensors, format of version 0.3 and later.
final class Safetensors {
  /// The types of elements.
  enum Element: String, CaseIterable {
    case bool = "BOOL"
    case uint8 = "U8"
    case int8 = "I8"
    case int16 = "I16"
    case uint16 = "U16"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int32 = "I32"
    case uint32 = "U32"
    case float32 = "F32"
    case float64 = "F64"
    case int64 = "I64"
    case uint64 = "U64"

    /// Bytes per element.
    var size: Int {
      switch self {
      case .bool, .uint8, .int8: 1
      case .int16, .uint16, .float16, .bfloat16: 2
      case .int32, .uint32, .float32: 4
      case .float64, .int64, .uint64: 8
      }
    }

    init(_ dtype: DType) { self = dtype == .float32 ? .float32 : .float64 }
  }

  /// The name, type, shape and location of a tensor.
  struct Tensor {
    let name: String
    let element: Element
    let shape: [Int]
    /// Elements, and the offset in bytes from the start of the data.
    let count: Int, start: Int
    var bytes: Int { count * element.size }
  }

  /// The largest header in bytes, number of tensors, name in bytes, and number of dimensions.
  static let maxHeader = 1 << 25, maxTensors = 10_000, maxName = 256, maxRank = 8

  let metadata: [(key: String, value: String)]
  /// In the order of their data.
  let tensors: [Tensor]
  /// Whether the file has a checksum, which was valid.
  let isChecked: Bool
  private let data: Storage
  private let size: Int
  private let byName: [String: Int]

  /// Creates tensors of zeros; `start(of:)` gives access to their elements.
  ///
  /// - Parameters:
  ///   - metadata: texts by key.
  ///   - shapes: names, types and shapes, larger types first, so that all tensors are aligned.
  init(
    metadata: [(key: String, value: String)], _ shapes: [(name: String, element: Element, shape: [Int])]
  ) throws(RecurrentError) {
    var tensors: [Tensor] = [], start = 0
    for (name, element, shape) in shapes {
      guard let (count, bytes) = Safetensors.extent(shape, element), Int.max - bytes >= start else {
        throw RecurrentError(
          .badShape,
          "tensor \(name) is too large; expected what memory holds, got \(element.rawValue) of shape \(shape)")
      }
      tensors.append(Tensor(name: name, element: element, shape: shape, count: count, start: start))
      start += bytes
    }
    (self.metadata, self.tensors, isChecked) = (metadata, tensors, true)
    (data, size, byName) = (try Storage(bytes: start), start, Safetensors.index(tensors))
  }

  init(
    _ metadata: [(key: String, value: String)], _ tensors: [Tensor], _ data: Storage, _ size: Int, isChecked: Bool
  ) {
    (self.metadata, self.tensors, self.data, self.size) = (metadata, tensors, data, size)
    (self.isChecked, byName) = (isChecked, Safetensors.index(tensors))
  }

  subscript(name: String) -> Tensor? { byName[name].map { tensors[$0] } }

  /// Returns the text of a key, or nil.
  func text(_ key: String) -> String? { metadata.first { $0.key == key }?.value }

  /// Returns the address of a tensor's elements; valid as long as this object.
  func start(of tensor: Tensor) -> UnsafeMutableRawPointer { data.start + tensor.start }

  private static func index(_ tensors: [Tensor]) -> [String: Int] {
    var indices: [String: Int] = [:]
    for (i, tensor) in tensors.enumerated() { indices[tensor.name] = i }
    return indices
  }

  /// Returns the elements and bytes of a shape; nil on overflow.
  static func extent(_ shape: [Int], _ element: Element) -> (count: Int, bytes: Int)? {
    var count = 1
    for size in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      if overflow || size < 0 { return nil }
      count = product
    }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: element.size)
    return overflow ? nil : (count, bytes)
  }

  // MARK: Writing

  static let opening = Array(#"{"__metadata__":{"crc64":""#.utf8)
  static let noSum = Array("0000000000000000".utf8)

  /// Writes the file, as `File.write` does; a crash leaves the old file or the new one.
  ///
  /// - Throws: `.io`; `.badValue` for a header larger than a reader accepts.
  func write(to path: String, overwrite: Bool) throws(RecurrentError) {
    var header = Safetensors.opening + Safetensors.noSum
    let rest = JSON.object(metadata.map { ($0.key, .string($0.value)) }).bytes.dropFirst()
    header += metadata.isEmpty ? "\"".utf8 : "\",".utf8
    header += rest
    for tensor in tensors {
      let described = JSON.object([
        (
          tensor.name,
          .object([
            ("dtype", .string(tensor.element.rawValue)),
            ("shape", .array(tensor.shape.map { .number(Double($0)) })),
            ("data_offsets", .array([tensor.start, tensor.start + tensor.bytes].map { .number(Double($0)) })),
          ])
        )
      ]).bytes
      header.append(UInt8(ascii: ","))
      header += described.dropFirst().dropLast()
    }
    header.append(UInt8(ascii: "}"))
    // the data begin at a multiple of the alignment
    let line = Storage.alignment
    header += [UInt8](repeating: UInt8(ascii: " "), count: (line - (8 + header.count) % line) % line)
    try require(
      header.count <= Safetensors.maxHeader, .badValue,
      "metadata is too large; expected at most \(Safetensors.maxHeader) bytes, got \(header.count)")
    let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
    let data = UnsafeRawBufferPointer(start: self.data.start, count: size)
    header.replaceSubrange(Safetensors.sumRange, with: Safetensors.hex(Safetensors.sum(length, header, data)))
    try (length + header).withUnsafeBufferPointer { (front) throws(RecurrentError) in
      try File.write([UnsafeRawBufferPointer(front), data], to: path, overwrite: overwrite)
    }
  }

  /// The bytes of the checksum in the header.
  static var sumRange: Range<Int> { opening.count..<opening.count + noSum.count }

  static func sum(_ length: [UInt8], _ header: [UInt8], _ data: UnsafeRawBufferPointer) -> UInt64 {
    let front = length.withUnsafeBytes { crc64($0) }
    return crc64(data, header.withUnsafeBytes { crc64($0, front) })
  }

  static func hex(_ sum: UInt64) -> [UInt8] {
    let digits = Array(String(sum, radix: 16).utf8)
    return [UInt8](repeating: UInt8(ascii: "0"), count: 16 - digits.count) + digits
  }
}
