// A temporary folder of one test.

import Foundation

@testable import Recurrent

extension File {
  /// The bytes of a file as an array of Swift.
  static func bytes(_ path: String) throws -> [UInt8] { try read(FilePath(path)).array() }

  static func write(_ bytes: [UInt8], to path: String, overwrite: Bool) throws {
    try write(bytes, to: FilePath(path), overwrite: overwrite)
  }
}

extension Safetensors {
  func write(to path: String) throws { try write(to: FilePath(path), overwrite: true) }

  static func load(_ path: String) throws -> Safetensors { try load(.file(FilePath(path))) }
}

/// A folder that is removed with the object.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "recurrent-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }

  var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path))?.sorted() ?? [] }
}
