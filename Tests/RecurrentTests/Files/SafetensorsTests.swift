// Safetensors: written, read back, damaged in every bit, and forged in every way that has been seen to work elsewhere.

import Campaigns
import Foundation
import Testing

@testable import Recurrent

@Suite struct SafetensorsTests {
  private let folder: TemporaryFolder
  private var path: String { folder.file("t.safetensors") }

  init() throws { folder = try TemporaryFolder() }

  private func write(_ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(filePath: path)) }

  private func sample() throws -> Safetensors {
    let file = try Safetensors(
      metadata: [("what", "é\n\"\\\u{0}"), ("empty", "")],
      [("words", .uint64, [2]), ("a.b", .float64, [1, 3]), ("c", .float32, [2, 1]), ("none", .float32, [0, 4])])
    for tensor in file.tensors {
      for i in 0..<tensor.bytes { file.start(of: tensor).storeBytes(of: UInt8(i + 1), toByteOffset: i, as: UInt8.self) }
    }
    return file
  }

  /// A file by hand.
  private func forge(_ header: String, data: Int = 0, length: UInt64? = nil) throws {
    let count = length ?? UInt64(header.utf8.count)
    try write(
      (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + Array(header.utf8)
        + [UInt8](repeating: 0, count: data))
  }

  @Test func comesBack() throws {
    try sample().write(to: path)
    let file = try Safetensors.load(path)
    #expect(file.isChecked)
    #expect(file.text("what").map { Array($0.utf8) } == Array("é\n\"\\\u{0}".utf8))
    #expect(file.text("empty") == "" && file.text("crc64") == nil)
    #expect(file.tensors.map { $0.name } == ["words", "a.b", "c", "none"])
    #expect(file.tensors.map { $0.shape } == [[2], [1, 3], [2, 1], [0, 4]])
    let tensor = try #require(file["a.b"])
    #expect(tensor.element == .float64 && tensor.count == 3)
    for tensor in file.tensors {
      for i in 0..<tensor.bytes { #expect(file.start(of: tensor).load(fromByteOffset: i, as: UInt8.self) == i + 1) }
    }
    // the data begin on a line of memory
    let bytes = try File.bytes(path), length = bytes[0..<8].enumerated().reduce(0) { $0 | Int($1.1) << (8 * $1.0) }
    #expect((8 + length) % 64 == 0)
    try Safetensors(metadata: [], []).write(to: path)
    #expect(try Safetensors.load(path).isChecked)
  }

  @Test func everyFlippedBitAndEveryTruncationIsFound() throws {
    try sample().write(to: path)
    let good = try File.bytes(path)
    try campaign("Damaged checkpoints accepted") { count in
      for at in good.indices {
        for bit in 0..<8 {
          var bad = good
          bad[at] ^= 1 << bit
          try write(bad)
          // without the name of the checksum it is a file of another program, for the caller to refuse
          let passes = (try? Safetensors.load(path).isChecked) ?? false
          #expect(!passes, "bit \(bit) of byte \(at)")
          count.failures += passes ? 1 : 0
        }
        try write(Array(good.prefix(at)))
        refused(.badFormat, path) { try Safetensors.load(path) }
        count.cases += 9
      }
    }
    try write(good + [0])
    refused(.badFormat, "too long") { try Safetensors.load(path) }
    var late = good
    late[good.count - 1] ^= 1
    try write(late)
    refused(.badFormat, "damaged", "checksum") { try Safetensors.load(path) }
    try write(good)
    #expect(try Safetensors.load(path).isChecked)
  }

  @Test func filesOfOtherPrograms() throws {
    try forge(
      #"{"b":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"#
        + #""a":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}  "#, data: 8)
    let file = try Safetensors.load(path)
    #expect(!file.isChecked && file["b"]?.count == 1 && file["a"]?.count == 0)
    for (start, words) in [
      ("PK\u{3}\u{4}abcdefgh", "zip"), ("{\"hidden_sizes\":[1]}", "JSON"), ("\u{93}NUMPY\u{1}", "damaged"),
    ] {
      try write(Array(start.utf8))
      refused(.badFormat, words) { try Safetensors.load(path) }
    }
    try write([0x80, 0x04, 0x95] + [UInt8](repeating: 0, count: 20))
    refused(.badFormat, "pickle") { try Safetensors.load(path) }
    try write([0x93] + Array("NUMPY\u{1}\u{0}".utf8))
    refused(.badFormat, "NumPy") { try Safetensors.load(path) }
  }

  @Test func lengths() throws {
    for count in [UInt64(Safetensors.maxHeader) + 1, 1 << 40, .max, UInt64(Int.max), UInt64(Int.max) + 1] {
      try forge("{}", length: count)
      refused(.badFormat, "header", "\(count)") { try Safetensors.load(path) }
    }
    try forge("{}", length: 3)
    refused(.badFormat, "truncated") { try Safetensors.load(path) }
    for header in ["", "[]", " {}", "{", "nul"] {
      try forge(header)
      refused(.badFormat) { try Safetensors.load(path) }
    }
    for count in 0..<8 {
      try write([UInt8](repeating: 1, count: count))
      refused(.badFormat, "\(count) bytes") { try Safetensors.load(path) }
    }
  }

  @Test func forgeries() throws {
    func entry(_ name: String, _ dtype: String, _ shape: String, _ offsets: String) -> String {
      #""\#(name)":{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":\#(offsets)}"#
    }
    func tensor(_ dtype: String, _ shape: String, _ offsets: String) -> String {
      "{\(entry("t", dtype, shape, offsets))}"
    }
    func bytes(_ entries: (name: String, shape: String, offsets: String)...) -> String {
      "{" + entries.map { entry($0.name, "U8", $0.shape, $0.offsets) }.joined(separator: ",") + "}"
    }
    let cases: [(header: String, words: [String])] = [
      // wraps to 4 where products are not checked
      (tensor("F32", "[4194305,4194305,211106198978564]", "[0,16]"), ["t.data_offsets does not fit"]),
      (tensor("F32", "[4]", "[0,12]"), ["does not fit"]),
      (tensor("F32", "[4]", "[4,20]"), ["expected a start at 0, got 4"]),
      (tensor("F32", "[4]", "[16,0]"), ["does not fit"]),
      (tensor("F32", "[4]", "[-16,0]"), ["data_offsets[0]", "-16"]),
      (tensor("F32", "[-4]", "[0,16]"), ["shape[0]", "-4"]),
      (tensor("F32", "[4.0]", "[0,16]"), ["4.0", "whole number"]),
      (tensor("F32", "[4e0]", "[0,16]"), ["whole number"]),
      (tensor("F32", "[99999999999999999999]", "[0,16]"), ["whole number"]),
      (tensor("F32", "[9007199254740993]", "[0,16]"), []),
      (tensor("F32", "[4]", "[0]"), ["1 numbers"]),
      (tensor("F32", "[4]", "[0,16,16]"), ["3 numbers"]),
      (tensor("F32", "4", "[0,16]"), ["shape", "a number", "an array"]),
      (tensor("F32", "[\"4\"]", "[0,16]"), ["a string"]),
      (tensor("F99", "[4]", "[0,16]"), ["F99"]),
      (tensor("f32", "[4]", "[0,16]"), ["f32"]),
      (tensor("F32", "[1,1,1,1,1,1,1,1,4]", "[0,16]"), ["9 dimensions"]),
      (tensor("F32", "[5]", "[0,20]"), ["truncated", "20 bytes"]),
      (tensor("F32", "[3]", "[0,12]"), ["too long"]),
      (#"{"t":{"dtype":"F32","shape":[4]}}"#, ["data_offsets", "missing"]),
      (
        #"{"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16],"x":1}}"#,
        ["the header.t.x is unknown; expected dtype, shape, data_offsets, got one more"]
      ),
      (#"{"t":[]}"#, ["the header.t", "an array"]),
      (bytes(("t", "[8]", "[0,8]"), ("t", "[8]", "[8,16]")), ["twice"]),
      (bytes(("t", "[16]", "[0,16]"), ("u", "[8]", "[8,16]")), ["data of u", "got 8"]),
      (bytes(("t", "[4]", "[0,4]"), ("u", "[8]", "[8,16]")), ["gap"]),
      (bytes(("t", "[16]", "[0,16]"), ("u", "[0]", "[8,8]")), ["data of u", "got 8"]),
      (bytes(("a\\u0000", "[16]", "[0,16]")), ["control"]),
      (bytes((String(repeating: "n", count: 257), "[16]", "[0,16]")), ["257 bytes"]),
      (#"{"__metadata__":{"a":1}}"#, ["__metadata__.a", "a number"]),
      (#"{"__metadata__":[]}"#, ["__metadata__"]),
      ("{\"t\":" + String(repeating: "[", count: 100_000), ["nested"]),
      (#"{"t":{"dtype":"U8","shape":[16],"data_offsets":[0,16]}} x"#, ["expected end of text, got 'x'"]),
    ]
    for (header, words) in cases {
      try forge(header, data: 16)
      do throws(RecurrentError) {
        _ = try Safetensors.load(.file(FilePath(path)))
        Issue.record("\(header.prefix(200)) was not refused")
      } catch {
        #expect(error.kind == .badFormat, "\(error)")
        for word in words { #expect(error.description.contains(word), "\"\(error)\" lacks \"\(word)\"") }
      }
    }
    var many = "{"
    for i in 0...Safetensors.maxTensors {
      many += #""\#(i)":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"#
    }
    try forge(many.dropLast() + "}")
    refused(.badFormat, "\(Safetensors.maxTensors + 1) tensors") { try Safetensors.load(path) }
  }

  /// A sparse file claims to be huge: refused by its header, before memory is taken for it.
  @Test func aHugeFileIsRefusedByItsHeader() throws {
    try forge(#"{"t":{"dtype":"F64","shape":[1000000000000],"data_offsets":[0,8000000000000]}}"#)
    refused(.badFormat, "truncated", "8000000000000") { try Safetensors.load(path) }
    try forge("")
    #expect(truncate(path, 1 << 42) == 0)
    refused(.badFormat) { try Safetensors.load(path) }
  }

  @Test func whatCannotBeWritten() throws {
    refused(.badShape, "t") { try Safetensors(metadata: [], [("t", .float64, [Int.max, 2])]) }
    let huge = String(repeating: "x", count: Safetensors.maxHeader)
    refused(.badValue, "expected at most") {
      try Safetensors(metadata: [("notes", huge)], []).write(to: path)
    }
    for name in [String(repeating: "n", count: Safetensors.maxName + 1), "a\u{7f}"] {
      refused(.badValue, "is too long or has a control character") {
        try Safetensors(metadata: [], [(name, .float32, [1])]).write(to: path)
      }
    }
    refused(.badValue, "too many tensors; expected at most \(Safetensors.maxTensors)") {
      try Safetensors(metadata: [], (0...Safetensors.maxTensors).map { ("\($0)", .float32, [0]) }).write(to: path)
    }
    refused(.io, "/nowhere") { try Safetensors(metadata: [], []).write(to: "/nowhere/t") }
    #expect(folder.names == [])
    refused(.io) { try Safetensors.load(folder.path) }
  }
}
