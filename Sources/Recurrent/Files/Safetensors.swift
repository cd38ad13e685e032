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
  static let maxHeader = 1 << 25, maxTensors = 100_000, maxName = 256, maxRank = 8

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

  /// Whether a reader accepts the name of a tensor.
  static func isName(_ name: String) -> Bool {
    name.utf8.count <= maxName && name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
  }

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
  /// - Throws: `.io`; `.badValue` for what a reader refuses: too many tensors, a long name, a large header.
  func write(to path: FilePath, overwrite: Bool) throws(RecurrentError) {
    let front = try front()
    try File.write([UnsafeRawBufferPointer(front.elements), contents], to: path, overwrite: overwrite)
  }

  /// Returns the bytes of the file.
  ///
  /// - Throws: `.badValue` as for `write`; `.noMemory`.
  func bytes() throws(RecurrentError) -> Buffer<UInt8> {
    var bytes = try front()
    try bytes.append(contents.bindMemory(to: UInt8.self))
    return bytes
  }

  /// The data of the tensors.
  private var contents: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: data.start, count: size) }

  /// The bytes before the data, with the checksum.
  private func front() throws(RecurrentError) -> Buffer<UInt8> {
    try require(
      tensors.count <= Safetensors.maxTensors, .badValue,
      "the model has too many tensors; expected at most \(Safetensors.maxTensors), got \(tensors.count) tensors")
    for tensor in tensors {
      try require(
        Safetensors.isName(tensor.name), .badValue,
        "the name of \(tensor.name) is too long or has a control character; expected at most \(Safetensors.maxName) bytes, got \(tensor.name.utf8.count) bytes"
      )
    }
    let header = try header(), count = header.count - 8
    try require(
      count <= Safetensors.maxHeader, .badValue,
      "metadata is too large; expected at most \(Safetensors.maxHeader) bytes, got \(count)")
    let front = header.elements
    for i in 0..<8 { front[i] = UInt8(truncatingIfNeeded: count >> (8 * i)) }
    let sum = Safetensors.sum(UnsafeRawBufferPointer(front), contents)
    for (i, digit) in zip(Safetensors.sumRange, Safetensors.hex(sum)) { front[i] = digit }
    return header
  }

  /// The bytes before the data: eight for the length of the header, and the header, whose checksum is of zeros.
  private func header() throws(RecurrentError) -> Buffer<UInt8> {
    var header = try Buffer<UInt8>(repeating: 0, count: 8)
    try header.append(contentsOf: Safetensors.opening)
    try header.append(contentsOf: Safetensors.noSum)
    try header.append(contentsOf: "\"".utf8)
    for (key, value) in metadata {
      try header.append(contentsOf: ",".utf8)
      try JSON.string(key).write(to: &header)
      try header.append(contentsOf: ":".utf8)
      try JSON.string(value).write(to: &header)
    }
    try header.append(contentsOf: "}".utf8)
    for tensor in tensors {
      try header.append(contentsOf: ",".utf8)
      try JSON.string(tensor.name).write(to: &header)
      try header.append(contentsOf: ":".utf8)
      try JSON.object([
        ("dtype", .string(tensor.element.rawValue)),
        ("shape", .array(JSON.List(tensor.shape.map { .number(Double($0)) }))),
        (
          "data_offsets",
          .array([.number(Double(tensor.start)), .number(Double(tensor.start + tensor.bytes))])
        ),
      ]).write(to: &header)
    }
    try header.append(contentsOf: "}".utf8)
    // the data begin at a multiple of the alignment
    let line = Storage.alignment
    try header.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (line - header.count % line) % line))
    return header
  }

  /// The bytes of the checksum in the file.
  static var sumRange: Range<Int> { 8 + opening.count..<8 + opening.count + noSum.count }

  /// The checksum of a file: of the bytes before the data, with zeros in place of the checksum, and of the data.
  static func sum(_ front: UnsafeRawBufferPointer, _ data: UnsafeRawBufferPointer) -> UInt64 {
    var sum = crc64(UnsafeRawBufferPointer(rebasing: front[..<sumRange.lowerBound]))
    sum = noSum.withUnsafeBytes { crc64($0, sum) }
    return crc64(data, crc64(UnsafeRawBufferPointer(rebasing: front[sumRange.upperBound...]), sum))
  }

  static func hex(_ sum: UInt64) -> [UInt8] {
    let digits = Array(String(sum, radix: 16).utf8)
    return [UInt8](repeating: UInt8(ascii: "0"), count: 16 - digits.count) + digits
  }
}
