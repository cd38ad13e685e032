// Safetensors from anywhere: nothing is believed before it is checked, and nothing large is allocated before that.

import Kernels

extension Safetensors {
  /// The contents of a file.
  ///
  /// - Throws: `.io`; `.badFormat` saying what is wrong and where: a header that is not strict JSON or has a key twice,
  ///   tensors that overlap, leave a gap or do not fill the file, a wrong checksum; `.noMemory`.
  static func load(_ path: String) throws(RecurrentError) -> Safetensors {
    let reader = try File.Reader(path)
    do {
      return try read(reader)
    } catch {
      throw error.kind == .badFormat ? RecurrentError(.badFormat, "cannot load '\(path)': \(error.description)") : error
    }
  }

  private static func read(_ reader: File.Reader) throws(RecurrentError) -> Safetensors {
    let length = try bytes(8, from: reader, "which is less than the 8 bytes that begin a safetensors file")
    if let stranger = stranger(length) { throw RecurrentError(.badFormat, stranger) }
    var count: UInt64 = 0
    for byte in length.reversed() { count = count << 8 | UInt64(byte) }
    try require(
      count <= UInt64(maxHeader), .badFormat,
      "it is not a safetensors file, or damaged: its header would have \(count) bytes, the most is \(maxHeader)")
    try require(
      count <= UInt64(reader.size - 8), .badFormat,
      "it is truncated: its header should have \(count) bytes, and \(reader.size - 8) are there")
    let header = try bytes(Int(count), from: reader, "which is too short for its header")
    try require(
      header.first == UInt8(ascii: "{"), .badFormat, "it is not a safetensors file: its header does not begin with '{'")
    let document = Field(try JSON(parsing: header, wholeNumbers: true), "the header")
    var metadata: [(key: String, value: String)] = []
    for (key, value) in try document.optional("__metadata__")?.members() ?? [] where key != "crc64" {
      metadata.append((key, try value.string()))
    }
    let tensors = try tensors(document)
    let size = tensors.last.map { $0.start + $0.bytes } ?? 0, have = reader.size - 8 - header.count
    try require(
      have == size, .badFormat,
      "\(have < size ? "it is truncated" : "it has bytes too many"): its tensors have \(size) bytes, and \(have) are there"
    )
    let data = try Storage(bytes: size)
    let read = try reader.read(into: UnsafeMutableRawBufferPointer(start: data.start, count: size))
    try require(read == size, .badFormat, "it became shorter while it was read")
    let isChecked = try check(length, header, UnsafeRawBufferPointer(start: data.start, count: size))
    return Safetensors(metadata, tensors, data, size, isChecked: isChecked)
  }

  private static func bytes(
    _ count: Int, from reader: File.Reader, _ otherwise: String
  ) throws(RecurrentError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count), have = 0
    try bytes.withUnsafeMutableBufferPointer { (buffer) throws(RecurrentError) in
      have = try reader.read(into: UnsafeMutableRawBufferPointer(buffer))
    }
    try require(have == count, .badFormat, "it has \(reader.size) bytes, \(otherwise)")
    return bytes
  }

  /// Formats that are often taken for this one, by their first bytes.
  private static func stranger(_ start: [UInt8]) -> String? {
    if start.starts(with: [0x50, 0x4B]) {
      return "it is a zip archive, such as PyTorch and NumPy write; only safetensors files are loaded"
    }
    if start[0] == 0x80 && (2...5).contains(start[1]) {
      return "it is a pickle; loading one runs what it says, so that is never done"
    }
    if start.starts(with: [0x93, 0x4E]) { return "it is a NumPy array; only safetensors files are loaded" }
    if start[0] == UInt8(ascii: "{") && start[7] != 0 {
      return "it is JSON; a model of RecurrentJS is loaded by SentenceModel.load_recurrentjs"
    }
    return nil
  }

  /// What the header says of the tensors, in the order of their data: one after the other from 0, without a gap.
  private static func tensors(_ document: Field) throws(RecurrentError) -> [Tensor] {
    let members = try document.members().filter { $0.key != "__metadata__" }
    try require(
      members.count <= maxTensors, .badFormat, "it has \(members.count) tensors, the most is \(maxTensors)")
    var tensors: [(tensor: Tensor, end: Int)] = []
    for (name, field) in members {
      try require(
        name.utf8.count <= maxName && name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, .badFormat,
        "a tensor's name has \(name.utf8.count) bytes or a control character; the most is \(maxName) bytes")
      for (key, _) in try field.members() where !["dtype", "shape", "data_offsets"].contains(key) {
        throw RecurrentError(.badFormat, "\(field.path) has the key \"\(key)\"; expected dtype, shape, data_offsets")
      }
      let code = try field["dtype"].string()
      guard let element = Element(rawValue: code) else {
        throw RecurrentError(.badFormat, "\(field.path).dtype is \"\(code)\", which is not a type of safetensors")
      }
      var shape: [Int] = []
      for item in try field["shape"].items() { shape.append(try item.whole(0...maxOffset)) }
      try require(
        shape.count <= maxRank, .badFormat,
        "\(field.path).shape has \(shape.count) dimensions, the most is \(maxRank)")
      let offsets = try field["data_offsets"].items()
      try require(
        offsets.count == 2, .badFormat,
        "\(field.path).data_offsets has \(offsets.count) numbers; expected 2, begin and end")
      let (begin, end) = (try offsets[0].whole(0...maxOffset), try offsets[1].whole(0...maxOffset))
      guard let (count, bytes) = extent(shape, element), begin <= end, end - begin == bytes else {
        throw RecurrentError(
          .badFormat, "\(field.path) has data from \(begin) to \(end), which does not fit \(code) of shape \(shape)")
      }
      tensors.append((Tensor(name: name, element: element, shape: shape, count: count, start: begin), end))
    }
    // an empty tensor comes before the one that begins where it does
    tensors.sort { ($0.tensor.start, $0.end) < ($1.tensor.start, $1.end) }
    var at = 0
    for (tensor, end) in tensors {
      try require(
        tensor.start == at, .badFormat,
        "the data of \(tensor.name) begin at \(tensor.start); expected \(at), without a gap or an overlap")
      at = end
    }
    return tensors.map { $0.tensor }
  }

  /// The largest offset that a JSON number holds exactly.
  private static var maxOffset: Int { 1 << 53 }

  /// Whether there is a checksum, which must be right.
  private static func check(
    _ length: [UInt8], _ header: [UInt8], _ data: UnsafeRawBufferPointer
  ) throws(RecurrentError) -> Bool {
    guard header.starts(with: opening), header.count >= place.upperBound else { return false }
    var blank = header
    blank.replaceSubrange(place, with: noSum)
    let expected = hex(sum(length, blank, data)), found = header[place]
    try require(
      expected.elementsEqual(found), .badFormat,
      "it is damaged: its checksum is \(String(decoding: found, as: UTF8.self)), its contents come to \(String(decoding: expected, as: UTF8.self))"
    )
    return true
  }
}
