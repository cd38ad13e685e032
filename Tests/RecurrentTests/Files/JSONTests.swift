// The JSON parser and writer.

import Foundation
import Testing

@testable import Recurrent

@Suite struct JSONTests {
  private func parse(_ text: String) throws -> JSON { try JSON(parsing: Array(text.utf8)) }

  private func written(_ text: String) throws -> String {
    let json = try parse(text)
    var bytes = Buffer<UInt8>()
    try json.write(to: &bytes)
    #expect(json.text == String(decoding: bytes.array(), as: UTF8.self))
    return json.text
  }

  @Test func readsAndWrites() throws {
    for text in [
      "null", "true", "false", "0", "-1", "20", "0.1", "1e-07", "\"\"", "\"a b\"", "[]", "{}",
      "[1,[2,[]],{}]",
      #"{"b":1,"a":[true,null]}"#, #""\"\\\u0001é😀""#, "-0.0", "5e-324", "1.7976931348623157e+308",
    ] {
      #expect(try written(text) == text)
    }
    #expect(try written(" \n\t\r[ 1 , 2 ]\n") == "[1,2]")
    #expect(try written(#"["\/\b\f\n\r\t\u00e9\uD83D\ude00"]"#) == #"["/\u0008\u000c\u000a\u000d\u0009é😀"]"#)
    #expect(try written("[1.0,1E2,1e+2,100e-2,-0]") == "[1,100,100,1,-0.0]")
    #expect(try JSON(parsing: [0xEF, 0xBB, 0xBF, UInt8(ascii: "1")]).text == "1")
  }

  @Test func doublesSurviveToTheLastBit() throws {
    var bits: UInt64 = 1
    for _ in 0..<5000 {
      bits = bits &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let value = Double(bitPattern: bits)
      if !value.isFinite { continue }
      guard case .number(let back) = try JSON(parsing: Array(JSON.number(value).text.utf8)) else {
        Issue.record("\(value) came back as something else")
        continue
      }
      #expect(back.bitPattern == value.bitPattern)
    }
  }

  @Test(arguments: [
    "", " ", "nul", "nulll", "True", "tru", "NaN", "Infinity", "-Infinity", "undefined", "'a'", "+1", "01",
    "-", "-a", ".5",
    "1.", "1.e3", "1e", "1e+", "0x10", "1_000", "--1", "1 2", "[1,]", "[,1]", "[1 2]", "[1", "[", "]", "{",
    "}",
    "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "\"", "\"a",
    "\"\\", "\"\\u",
    "\"\\u12", "\"\\u12g4\"", "\"\\x41\"", "\"\\U0041\"", "\"a\nb\"", "\"\t\"", "[1]]", "{}{}", "1,", "//",
    "/**/1", "[1/**/]",
    "1e999", "-1e999", "1e99999999999999999999", "[1e400]",
  ])
  func refusedText(_ text: String) {
    refused(.badFormat, "not valid JSON at byte") { try parse(text) }
  }

  @Test func numbersTooSmallAreZero() throws {
    for text in ["1e-999", "-1e-99999999999999999999", "0e999", "0.0e-999"] {
      guard case .number(let value) = try parse(text) else { continue }
      #expect(value == 0)
    }
  }

  @Test func loneSurrogatesAreRefused() {
    for text in [
      #""\ud800""#, #""\udfff""#, #""\ud83d\ud83d""#, #""\ud83dx""#, #""\ud83d\n""#, #""\ude00\ud83d""#,
      #""\ud83d\u0041""#,
      #"{"\ud83d":1}"#,
    ] {
      refused(.badFormat, "surrogate") { try parse(text) }
    }
  }

  @Test func badUTF8IsRefused() {
    for bytes: [UInt8] in [
      [0x80], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xE2, 0x82],
      [0xF0, 0x9F, 0x98],
    ] {
      refused(.badFormat, "UTF-8") { try JSON(parsing: [0x22] + bytes + [0x22]) }
      refused(.badFormat) { try JSON(parsing: bytes) }
    }
    refused(.badFormat) { try JSON(parsing: [0]) }
    refused(.badFormat) { try JSON(parsing: [0x22, 0, 0x22]) }
  }

  @Test func duplicateKeysAreRefused() throws {
    refused(.badFormat, "got \"a\" twice") { try parse(#"{"a":1,"b":2,"a":3}"#) }
    refused(.badFormat, "got \"a\" twice") { try parse(#"{"a":1,"\u0061":2}"#) }
    // different characters of the same appearance
    _ = try parse("{\"\u{E9}\":1,\"e\u{301}\":2}")
    _ = try parse(#"{"a":{"a":1},"b":{"a":1}}"#)
  }

  @Test(arguments: ["[", "{\"a\":"]) func nestingIsBounded(_ opening: String) throws {
    let closing = opening == "[" ? "]" : "}"
    let nest = { (depth: Int) in
      String(repeating: opening, count: depth) + "1" + String(repeating: closing, count: depth)
    }
    _ = try parse(nest(64))
    refused(.badFormat, "64 deep") { try parse(nest(65)) }
    refused(.badFormat, "64 deep") { try parse(nest(1_000_000)) }
    refused(.badFormat, "64 deep") { try parse(String(repeating: opening, count: 1_000_000)) }
    // depth is nesting, not length
    _ = try parse("[" + [String](repeating: "[[1],{}]", count: 1000).joined(separator: ",") + "]")
  }

  @Test func manyKeysTakeNoLongerThanTheyMust() throws {
    let text = "{" + (0..<50_000).map { "\"\($0)\":0" }.joined(separator: ",") + "}"
    let clock = ContinuousClock(), start = clock.now
    _ = try parse(text)
    #expect(clock.now - start < .seconds(20))
  }

  @Test func messagesSayWhere() {
    refused(.badFormat, "byte 4", "'x'") { try parse("[1, x]") }
    refused(.badFormat, "byte 3", "expected end of text, got ']'") { try parse("[] ]") }
    refused(.badFormat, "byte 1", "end of text") { try parse("-") }
  }
}
