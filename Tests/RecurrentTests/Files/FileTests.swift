// Files are read and written whole; a failed write leaves the old file.

import Foundation
import Testing

@testable import Recurrent

@Suite struct FileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func comesBack() throws {
    let path = folder.file("a b é.bin")
    for count in [0, 1, 4095, 4096, 100_001] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      try File.write(bytes, to: path)
      #expect(try File.read(path) == bytes)
    }
    // no temporary file is left
    #expect(folder.names == ["a b é.bin"])
  }

  @Test func aPathWithoutAFolderIsRelative() throws {
    let name = "recurrent-file-test-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: name) }
    try File.write([1, 2, 3], to: name)
    #expect(try File.read(name) == [1, 2, 3])
  }

  private func refusedIO(
    _ number: Int32, _ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    do {
      try body()
      Issue.record("nothing was refused", sourceLocation: sourceLocation)
    } catch let error as RecurrentError {
      #expect(
        error.kind == .io && error.errno == number, "\(error), \(error.errno)", sourceLocation: sourceLocation
      )
      #expect(error.description.contains("'/"), "\(error)", sourceLocation: sourceLocation)
    } catch {
      Issue.record("\(error)", sourceLocation: sourceLocation)
    }
  }

  @Test func whatCannotBeReadIsRefused() throws {
    refusedIO(ENOENT) { _ = try File.read(folder.file("missing")) }
    refusedIO(ENOENT) { _ = try SentenceModel.loadRecurrentJS(folder.file("missing")) }
    refusedIO(EISDIR) { _ = try File.read(folder.path) }
    refusedIO(EISDIR) { _ = try File.read(folder.path + "/") }
    try File.write([1], to: folder.file("plain"))
    refusedIO(ENOTDIR) { _ = try File.read(folder.file("plain/inside")) }
    refusedIO(ENAMETOOLONG) { _ = try File.read(folder.file(String(repeating: "a", count: 300))) }
    // reading these would not end
    refusedIO(EINVAL) { _ = try File.read("/dev/zero") }
    #expect(mkfifo(folder.file("pipe"), 0o600) == 0)
    refusedIO(EINVAL) { _ = try File.read(folder.file("pipe")) }
    for path in ["", "a\0b"] {
      refused(.badValue, "path") { try File.read(path) }
      refused(.badValue, "path") { try File.write([1], to: path) }
    }
  }

  @Test func aFileTooLargeIsRefusedBeforeItIsRead() throws {
    let path = folder.file("huge")
    #expect(FileManager.default.createFile(atPath: path, contents: nil))
    // sparse: it has a length and no blocks
    #expect(truncate(path, File.maxBytes + 1) == 0)
    refusedIO(EFBIG) { _ = try File.read(path) }
  }

  @Test func whatCannotBeWrittenIsRefusedAndTheOldFileStays() throws {
    refusedIO(ENOENT) { try File.write([1], to: folder.file("no/such/folder")) }
    try File.write([1, 2], to: folder.file("plain"))
    refusedIO(ENOTDIR) { try File.write([1], to: folder.file("plain/inside")) }
    let inner = folder.file("inner")
    try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: true)
    refusedIO(EISDIR) { try File.write([1], to: inner) }
    #expect(try File.read(folder.file("plain")) == [1, 2])
    #expect(folder.names == ["inner", "plain"])

    // a folder without write permission, which the superuser ignores
    try File.write([3], to: inner + "/kept")
    chmod(inner, 0o500)
    defer { chmod(inner, 0o700) }
    if getuid() != 0 { refusedIO(EACCES) { try File.write([9], to: inner + "/kept") } }
    refusedIO(EACCES == EPERM ? EACCES : ENOENT) { try File.write([9], to: "/proc/self/recurrent/none") }
    #expect(try getuid() == 0 || File.read(inner + "/kept") == [3])
  }

  @Test func failedWritesLeaveNoFile() throws {
    // a name that is too long for the temporary file's
    let name = String(repeating: "n", count: 250)
    refusedIO(ENAMETOOLONG) { try File.write([1], to: folder.file(name)) }
    #expect(folder.names == [])
  }

  /// With several writers of one path the file is always one writer's, never a mixture.
  @Test func writersAtOnceDoNotMix() async throws {
    let path = folder.file("shared")
    await withTaskGroup(of: Void.self) { group in
      for writer in 0..<4 as Range<UInt8> {
        group.addTask {
          for _ in 0..<25 {
            do {
              try File.write([UInt8](repeating: writer, count: 300_000), to: path)
              let bytes = try File.read(path)
              if bytes.count != 300_000 || bytes.contains(where: { $0 != bytes[0] }) {
                Issue.record("a mixture")
              }
            } catch {
              Issue.record("\(error)")
            }
          }
        }
      }
    }
    #expect(folder.names == ["shared"])
  }

  @Test func failedSavesLeaveTheOldFile() throws {
    let sm = try SentenceModel(
      ["ab"], TextModel.Settings(.sentences, hiddenSizes: [2], embedding: 1, forgetBias: 0), random: Random(seed: 1))
    let path = folder.file("model.json")
    try sm.saveRecurrentJS(path)
    let before = try File.read(path)
    try #require(sm.parameters["bd"]).set(rows: [0, .infinity, 0])
    refused(.notFinite, "bd", "inf", "[1, 0]") { try sm.saveRecurrentJS(path) }
    #expect(try File.read(path) == before)
    #expect(folder.names == ["model.json"])
  }
}
