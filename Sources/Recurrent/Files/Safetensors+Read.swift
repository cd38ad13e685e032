// Reads untrusted safetensors files: every field is validated before use, and no large buffer is allocated before
// validation.

import Kernels

extension Safetensors {
  /// Reads a file.
  ///
  /// - Throws: `.io`; `.badFormat` naming the fault: a header that is not strict JSON or has a duplicate key, tensors
  ///   that overlap, leave a gap or do not fill the file, a wrong checksum; `.noMemory`.
  static func load(_ source: ByteSource) throws(RecurrentError) -> Safetensors {
    try naming(source) { () throws(RecurrentError) in
      var reader = try source.open()
      return try read(&reader)
    }
  }

  /// Reads the texts of a file's header, without the data and the checksum; nil for JSON, as RecurrentJS writes it.
  static func metadata(of source: ByteSource) throws(RecurrentError) -> [(key: String, value: String)]? {
    try naming(source) { () throws(RecurrentError) in
      var reader = try source.open()
      var front = try Buffer<UInt8>(repeating: 0, count: 8)
      try fill(front.elements, from: &reader)
      if isJSON(UnsafeBufferPointer(front.elements)) { return nil }
      return try texts(header(&front, &reader))
    }
  }

  /// Names the source in errors of the format.
  private static func naming<T>(
    _ source: ByteSource, _ body: () throws(RecurrentError) -> T
  ) throws(RecurrentError) -> T {
    do {
      return try body()
    } catch {
      throw error.kind == .badFormat ? RecurrentError(.badFormat, "cannot load \(source): \(error.description)") : error
    }
  }

  private static func read(_ reader: inout ByteSource.Reader) throws(RecurrentError) -> Safetensors {
    var front = try Buffer<UInt8>(repeating: 0, count: 8)
    try fill(front.elements, from: &reader)
    let document = try header(&front, &reader), metadata = try texts(document), tensors = try tensors(document)
    let size = tensors.last.map { $0.start + $0.bytes } ?? 0, have = reader.size - front.count
    try require(
      have == size, .badFormat,
      "the file is \(have < size ? "truncated" : "too long"); expected \(size) bytes of tensors, got \(have)"
    )
    let data = try Storage(bytes: size)
    let read = try reader.read(into: UnsafeMutableRawBufferPointer(start: data.start, count: size))
    try require(
      read == size, .badFormat, "the file was truncated during the read; expected \(size) bytes of tensors, got \(read)"
    )
    let isChecked = try check(
      UnsafeRawBufferPointer(front.elements), UnsafeRawBufferPointer(start: data.start, count: size))
    return Safetensors(metadata, tensors, data, size, isChecked: isChecked)
  }

  /// Reads the header, whose length is in the first eight bytes, and appends it to these.
  private static func header(
    _ front: inout Buffer<UInt8>, _ reader: inout ByteSource.Reader
  ) throws(RecurrentError) -> Field {
    if let message = foreignFormatMessage(UnsafeBufferPointer(front.elements)) {
      throw RecurrentError(.badFormat, message)
    }
    var count: UInt64 = 0
    for byte in front.elements.reversed() { count = count << 8 | UInt64(byte) }
    try require(
      count <= UInt64(maxHeader), .badFormat,
      "the file is not safetensors, or is damaged; expected a header of at most \(maxHeader) bytes, got \(count)")
    try require(
      count <= UInt64(reader.size - 8), .badFormat,
      "the file is truncated; expected a header of \(count) bytes, got \(reader.size - 8)")
    try front.append(repeating: 0, count: Int(count))
    let header = UnsafeMutableBufferPointer(rebasing: front.elements[8...])
    try fill(header, from: &reader)
    try require(
      header.first == UInt8(ascii: "{"), .badFormat,
      "the file is not safetensors; expected a header that begins with '{', got another byte")
    return Field(try JSON(parsing: UnsafeBufferPointer(header), "the header", wholeNumbers: true), "the header")
  }

  /// Returns the texts of a header besides the checksum.
  private static func texts(_ document: Field) throws(RecurrentError) -> [(key: String, value: String)] {
    var metadata: [(key: String, value: String)] = []
    if let texts = try document.optional("__metadata__")?.members() {
      for (key, value) in texts where key != "crc64" { metadata.append((key, try value.string())) }
    }
    return metadata
  }

  /// Reads the next bytes of the header.
  private static func fill(
    _ bytes: UnsafeMutableBufferPointer<UInt8>, from reader: inout ByteSource.Reader
  ) throws(RecurrentError) {
    let have = try reader.read(into: UnsafeMutableRawBufferPointer(bytes))
    try require(
      have == bytes.count, .badFormat,
      "the file is truncated; expected a header of \(bytes.count) bytes, got \(have) bytes")
  }

  /// Returns a message for a common format of another kind, detected by its first bytes.
  private static func foreignFormatMessage(_ start: UnsafeBufferPointer<UInt8>) -> String? {
    if start.starts(with: [0x50, 0x4B]) {
      return "the file is a zip archive, as PyTorch and NumPy write them; expected safetensors"
    }
    if start[0] == 0x80 && (2...5).contains(start[1]) {
      return "the file is a pickle, whose loading executes code; expected safetensors"
    }
    if start.starts(with: [0x93, 0x4E]) { return "the file is a NumPy array; expected safetensors" }
    if isJSON(start) {
      return "the file is JSON; expected safetensors (SentenceModel.load_recurrentjs reads RecurrentJS's JSON)"
    }
    return nil
  }

  /// Whether the first eight bytes begin a JSON object: no header is as long as they would mean.
  private static func isJSON(_ start: UnsafeBufferPointer<UInt8>) -> Bool {
    start.first { $0 != UInt8(ascii: " ") && !(9...13).contains($0) } == UInt8(ascii: "{") && start[7] != 0
  }

  /// Returns the tensors that the header describes in the order of their data, which begin at 0 and have no gaps.
  private static func tensors(_ document: Field) throws(RecurrentError) -> [Tensor] {
    let count = try document.members().count - (document.optional("__metadata__") == nil ? 0 : 1)
    try require(
      count <= maxTensors, .badFormat,
      "the file has too many tensors; expected at most \(maxTensors), got \(count) tensors")
    var tensors: [(tensor: Tensor, end: Int)] = []
    for (name, field) in try document.members() where name != "__metadata__" {
      try require(
        isName(name), .badFormat,
        "a tensor's name is too long or has a control character; expected at most \(maxName) bytes, got \(name.utf8.count) bytes"
      )
      try field.check(keys: ["dtype", "shape", "data_offsets"])
      let code = try field["dtype"].string()
      guard let element = Element(rawValue: code) else {
        throw RecurrentError(
          .badFormat, "\(field.path).dtype is unknown; expected a type of safetensors, got \"\(code)\"")
      }
      var shape: [Int] = []
      for item in try field["shape"].items() { shape.append(try item.whole(0...maxOffset)) }
      try require(
        shape.count <= maxRank, .badFormat,
        "\(field.path).shape is too long; expected at most \(maxRank) dimensions, got \(shape.count) dimensions")
      let offsets = try Array(field["data_offsets"].items())
      try require(
        offsets.count == 2, .badFormat,
        "\(field.path).data_offsets has the wrong length; expected begin and end, got \(offsets.count) numbers")
      let (begin, end) = (try offsets[0].whole(0...maxOffset), try offsets[1].whole(0...maxOffset))
      guard let (count, bytes) = extent(shape, element), begin <= end, end - begin == bytes else {
        throw RecurrentError(
          .badFormat,
          "\(field.path).data_offsets does not fit; expected the bytes of \(code) of shape \(shape), got \(begin) to \(end)"
        )
      }
      tensors.append((Tensor(name: name, element: element, shape: shape, count: count, start: begin), end))
    }
    // an empty tensor precedes another one with the same start
    tensors.sort { ($0.tensor.start, $0.end) < ($1.tensor.start, $1.end) }
    var at = 0
    for (tensor, end) in tensors {
      try require(
        tensor.start == at, .badFormat,
        "the data of \(tensor.name) have a gap or an overlap; expected a start at \(at), got \(tensor.start)")
      at = end
    }
    return tensors.map { $0.tensor }
  }

  /// The largest offset that a JSON number holds exactly.
  private static var maxOffset: Int { 1 << 53 }

  /// Returns whether the file has a checksum; a wrong one is an error.
  private static func check(
    _ front: UnsafeRawBufferPointer, _ data: UnsafeRawBufferPointer
  ) throws(RecurrentError) -> Bool {
    guard front.dropFirst(8).starts(with: opening), front.count >= sumRange.upperBound else { return false }
    let expected = hex(sum(front, data)), found = front[sumRange]
    try require(
      expected.elementsEqual(found), .badFormat,
      "the file is damaged; expected the checksum \(String(decoding: expected, as: UTF8.self)), got \(String(decoding: found, as: UTF8.self))"
    )
    return true
  }
}
