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
      try File.write(bytes, to: path, overwrite: true)
      #expect(try File.bytes(path) == bytes)
    }
    // no temporary file is left
    #expect(folder.names == ["a b é.bin"])
  }

  @Test func aPathWithoutAFolderIsRelative() throws {
    let name = "recurrent-file-test-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: name) }
    try File.write([1, 2, 3], to: name, overwrite: true)
    #expect(try File.bytes(name) == [1, 2, 3])
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
    refusedIO(ENOENT) { _ = try File.bytes(folder.file("missing")) }
    refusedIO(ENOENT) { _ = try SentenceModel.loadRecurrentJS(folder.file("missing")) }
    refusedIO(EISDIR) { _ = try File.bytes(folder.path) }
    refusedIO(EISDIR) { _ = try File.bytes(folder.path + "/") }
    try File.write([1], to: folder.file("plain"), overwrite: true)
    refusedIO(ENOTDIR) { _ = try File.bytes(folder.file("plain/inside")) }
    refusedIO(ENAMETOOLONG) { _ = try File.bytes(folder.file(String(repeating: "a", count: 300))) }
    // reading these would not end
    refusedIO(EINVAL) { _ = try File.bytes("/dev/zero") }
    #expect(mkfifo(folder.file("pipe"), 0o600) == 0)
    refusedIO(EINVAL) { _ = try File.bytes(folder.file("pipe")) }
    for path in ["", "a\0b"] {
      refused(.badValue, "path") { try File.bytes(path) }
      refused(.badValue, "path") { try File.write([1], to: path, overwrite: true) }
    }
  }

  @Test func aFileTooLargeIsRefusedBeforeItIsRead() throws {
    let path = folder.file("huge")
    #expect(FileManager.default.createFile(atPath: path, contents: nil))
    // sparse: it has a length and no blocks
    #expect(truncate(path, File.maxBytes + 1) == 0)
    refusedIO(EFBIG) { _ = try File.bytes(path) }
  }

  @Test func whatCannotBeWrittenIsRefusedAndTheOldFileStays() throws {
    refusedIO(ENOENT) { try File.write([1], to: folder.file("no/such/folder"), overwrite: true) }
    try File.write([1, 2], to: folder.file("plain"), overwrite: true)
    refusedIO(ENOTDIR) { try File.write([1], to: folder.file("plain/inside"), overwrite: true) }
    let inner = folder.file("inner")
    try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: true)
    refusedIO(EISDIR) { try File.write([1], to: inner, overwrite: true) }
    #expect(try File.bytes(folder.file("plain")) == [1, 2])
    #expect(folder.names == ["inner", "plain"])

    // a folder without write permission, which the superuser ignores
    try File.write([3], to: inner + "/kept", overwrite: true)
    chmod(inner, 0o500)
    defer { chmod(inner, 0o700) }
    if getuid() != 0 { refusedIO(EACCES) { try File.write([9], to: inner + "/kept", overwrite: true) } }
    refusedIO(ENOENT) {
      try File.write([9], to: "/proc/self/recurrent/none", overwrite: true)
    }
    #expect(try getuid() == 0 || File.bytes(inner + "/kept") == [3])
  }

  @Test func theLongestName() throws {
    let name = String(repeating: "n", count: 255)
    for overwrite in [false, true] { try File.write([1], to: folder.file(name), overwrite: overwrite) }
    refusedIO(ENAMETOOLONG) { try File.write([1], to: folder.file(name + "n"), overwrite: false) }
    #expect(folder.names == [name])
  }

  @Test func theLongestPath() throws {
    refusedIO(ENAMETOOLONG) { _ = try File.bytes("/" + String(repeating: "n", count: Int(PATH_MAX) - 2)) }
    refused(.io, "path is too long; expected at most \(PATH_MAX - 1) bytes, got 1000000") {
      try File.bytes(String(repeating: "n", count: 1_000_000))
    }
  }

  /// Bytes that are not UTF-8: in a name, in a folder's name, in the target of a symlink.
  @Test func namesOfAnyBytes() throws {
    func path(_ name: String) throws -> FilePath { try FilePath(name) }
    let inner = try path(folder.path + "/").file([0xff, 0x41]), file = try path("\(folder.path)/").file([0xfe, 0xc3])
    #expect(mkdir(inner.cString, 0o700) == 0)
    #expect(inner.description == "\(folder.path)/\\xffA" && file.description == "\(folder.path)/\\xfe\\xc3")
    #expect(inner.file(Array("/é".utf8)).folder.cString == inner.file(Array("/".utf8)).cString)
    try File.write([1], to: file, overwrite: false)
    try File.write([2], to: file, overwrite: true)
    #expect(try File.read(file).array() == [2])
    #expect(symlink(inner.file(Array("/new".utf8)).cString, try path(folder.file("absolute")).cString) == 0)
    #expect(
      symlink([CChar(bitPattern: 0xfe), CChar(bitPattern: 0xc3), 0], try path(folder.file("relative")).cString) == 0)
    try File.write([3], to: folder.file("absolute"), overwrite: false)
    try File.write([4], to: folder.file("relative"), overwrite: true)
    #expect(try File.read(inner.file(Array("/new".utf8))).array() == [3] && File.read(file).array() == [4])
    refused(.io, "path exists; expected a new file, or overwrite, got '\(folder.path)/\\xfe\\xc3'") {
      try File.write([5], to: file, overwrite: false)
    }
  }

  @Test func aFileThatExistsIsReplacedOnlyOnDemand() throws {
    let path = folder.file("a")
    try File.write([1], to: path, overwrite: false)
    let sentence = "path exists; expected a new file, or overwrite, got '\(path)'"
    refused(.io, sentence) { try File.write([2], to: path, overwrite: false) }
    refusedIO(EEXIST) { try File.write([2], to: path, overwrite: false) }
    #expect(try File.bytes(path) == [1])
    try File.write([3], to: path, overwrite: true)
    #expect(try File.bytes(path) == [3] && folder.names == ["a"])
  }

  /// A file that appears between the check and the save stays, on file systems with and without hard links.
  @Test(arguments: [true, false]) func aNameThatIsTaken(_ hasLinks: Bool) throws {
    let (new, old) = (folder.file("new"), folder.file("old"))
    try File.write([1], to: new, overwrite: false)
    try File.write([2], to: old, overwrite: false)
    #expect(try !File.place(FilePath(new), at: FilePath(old), hasLinks: hasLinks) && errno == EEXIST)
    #expect(try File.bytes(old) == [2] && File.bytes(new) == [1])
    #expect(try File.place(FilePath(new), at: FilePath(folder.file("free")), hasLinks: hasLinks))
    #expect(try File.bytes(folder.file("free")) == [1] && folder.names == ["free", "old"])
    // a failed rename leaves no empty file
    #expect(try !File.place(FilePath(new), at: FilePath(folder.file("none")), hasLinks: hasLinks) && errno == ENOENT)
    #expect(folder.names == ["free", "old"])
  }

  @Test func pipesDevicesAndSocketsAreRefused() throws {
    let pipe = folder.file("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    for path in [pipe, "/dev/null"] {
      for overwrite in [false, true] {
        refusedIO(EINVAL) { try File.write([1], to: path, overwrite: overwrite) }
        refused(.io, "cannot write '\(path)': expected a regular file, got another kind") {
          try File.write([1], to: path, overwrite: overwrite)
        }
      }
    }
    var status = stat()
    #expect(lstat(pipe, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
    #expect(folder.names == ["pipe"])
  }

  /// The target is written: a file, none, a pipe; a loop is refused.
  @Test func symlinks() throws {
    let files = FileManager.default
    try files.createDirectory(atPath: folder.file("inner"), withIntermediateDirectories: true)
    try File.write([1], to: folder.file("inner/target"), overwrite: false)
    // relative to the link's folder, through another link
    try files.createSymbolicLink(atPath: folder.file("inner/second"), withDestinationPath: "target")
    try files.createSymbolicLink(atPath: folder.file("first"), withDestinationPath: "inner/second")
    refusedIO(EEXIST) { try File.write([2], to: folder.file("first"), overwrite: false) }
    try File.write([2], to: folder.file("first"), overwrite: true)
    #expect(try File.bytes(folder.file("inner/target")) == [2])
    for link in ["first", "inner/second"] {
      #expect(throws: Never.self) { try files.destinationOfSymbolicLink(atPath: folder.file(link)) }
    }
    try files.createSymbolicLink(atPath: folder.file("nowhere"), withDestinationPath: folder.file("inner/new"))
    try File.write([3], to: folder.file("nowhere"), overwrite: false)
    #expect(try File.bytes(folder.file("inner/new")) == [3])
    #expect(mkfifo(folder.file("pipe"), 0o600) == 0)
    try files.createSymbolicLink(atPath: folder.file("piped"), withDestinationPath: "pipe")
    refusedIO(EINVAL) { try File.write([3], to: folder.file("piped"), overwrite: true) }
    try files.createSymbolicLink(atPath: folder.file("loop"), withDestinationPath: "loop")
    refusedIO(ELOOP) { try File.write([3], to: folder.file("loop"), overwrite: true) }
    #expect(folder.names == ["first", "inner", "loop", "nowhere", "pipe", "piped"])
  }

  @Test func modeAndOwnerAreKept() throws {
    let path = folder.file("private")
    var status = stat()
    for mode in [0o600, 0o640, 0o604] as [mode_t] {
      try File.write([1], to: path, overwrite: true)
      chmod(path, mode)
      if getuid() == 0 { chown(path, 1234, 4321) }
      try File.write([2], to: path, overwrite: true)
      #expect(stat(path, &status) == 0 && status.st_mode & 0o7777 == mode)
      #expect(getuid() != 0 || status.st_uid == 1234 && status.st_gid == 4321)
    }
    // a new file takes the process's mask
    let mask = umask(0o027)
    defer { umask(mask) }
    try File.write([1], to: folder.file("new"), overwrite: false)
    #expect(stat(folder.file("new"), &status) == 0 && status.st_mode & 0o7777 == 0o640)
  }

  /// The temporary file of a killed writer goes with the next write of its folder; those of others stay.
  @Test func leftovers() throws {
    // no process has the largest number
    let names = [
      ".recurrent-\(Int32.max)-0123456789abcdef", ".recurrent-\(getpid())-0123456789abcdef",
      ".recurrent-\(Int32.max)-0123456789abcdeg", ".recurrent-\(Int32.max)-0", ".recurrent-x",
      ".recurrent-\(Int32.max)-00000000000000aa",
    ]
    let old = Date(timeIntervalSinceNow: -120)
    for name in names {
      #expect(FileManager.default.createFile(atPath: folder.file(name), contents: nil))
      if name == names.last { continue }
      try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: folder.file(name))
    }
    try File.write([1], to: folder.file("a"), overwrite: false)
    #expect(folder.names == (names.dropFirst() + ["a"]).sorted())
  }

  /// With several writers of one path the file is always one writer's, never a mixture.
  @Test func writersAtOnceDoNotMix() async throws {
    let path = folder.file("shared")
    await withTaskGroup(of: Void.self) { group in
      for writer in 0..<4 as Range<UInt8> {
        group.addTask {
          for _ in 0..<25 {
            do {
              try File.write([UInt8](repeating: writer, count: 300_000), to: path, overwrite: true)
              let bytes = try File.bytes(path)
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
    refusedIO(EEXIST) { try sm.saveRecurrentJS(path) }
    let before = try File.bytes(path)
    try #require(sm.parameters["bd"]).set(rows: [0, .infinity, 0])
    refused(.notFinite, "bd", "inf", "[1, 0]") { try sm.saveRecurrentJS(path, overwrite: true) }
    #expect(try File.bytes(path) == before)
    #expect(folder.names == ["model.json"])
  }
}
