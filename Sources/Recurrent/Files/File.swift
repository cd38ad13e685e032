// Files read whole and written whole: after a crash there is the old file or the new one, never a mixture.

import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

enum File {
  /// The most bytes that are read.
  static let maxBytes = 1 << 30

  /// The contents of a regular file.
  ///
  /// - Throws: as `Reader.init`; `.io` for a file beyond `maxBytes`.
  static func read(_ path: String) throws(RecurrentError) -> [UInt8] {
    let reader = try Reader(path)
    if reader.size > maxBytes {
      throw RecurrentError(
        .io, "cannot read '\(path)': it has \(reader.size) bytes, the most is \(maxBytes)", errno: EFBIG)
    }
    var bytes = [UInt8](repeating: 0, count: reader.size)
    var have = 0
    try bytes.withUnsafeMutableBufferPointer { (buffer) throws(RecurrentError) in
      have = try reader.read(into: UnsafeMutableRawBufferPointer(buffer))
    }
    bytes.removeLast(bytes.count - have)
    return bytes
  }

  /// A regular file, read from its start; closed with the last reference.
  final class Reader {
    /// Bytes in the file when it was opened.
    let size: Int
    private let path: String
    private let file: Int32

    /// - Throws: `.io` with the system's reason, and for a directory, a pipe or a device, which would never end.
    init(_ path: String) throws(RecurrentError) {
      try check(path)
      // not to wait for a writer if this is a pipe
      let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
      if file < 0 { throw failure("cannot open", path) }
      do throws(RecurrentError) {
        var status = stat()
        if fstat(file, &status) != 0 { throw failure("cannot examine", path) }
        if status.st_mode & S_IFMT == S_IFDIR { throw failure("cannot read", path, EISDIR) }
        if status.st_mode & S_IFMT != S_IFREG {
          throw RecurrentError(.io, "cannot read '\(path)': it is not a regular file", errno: EINVAL)
        }
        size = Int(status.st_size)
      } catch {
        close(file)
        throw error
      }
      (self.path, self.file) = (path, file)
    }

    deinit { close(file) }

    /// Fills the buffer from where the last reading ended.
    ///
    /// - Returns: how many bytes there were, fewer only at the file's end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(RecurrentError) -> Int {
      guard let start = buffer.baseAddress else { return 0 }
      var have = 0
      while have < buffer.count {
        let count = systemRead(file, start + have, buffer.count - have)
        if count == 0 { break }
        if count < 0 {
          if errno == EINTR { continue }
          throw failure("cannot read", path)
        }
        have += count
      }
      return have
    }
  }

  /// Replaces the file at `path`: a temporary file beside it is written, synchronized and renamed.
  ///
  /// - Throws: `.io` with the system's reason; then the old file, if any, is untouched and no temporary is left.
  static func write(_ bytes: [UInt8], to path: String) throws(RecurrentError) {
    try bytes.withUnsafeBufferPointer { (bytes) throws(RecurrentError) in
      try write([UnsafeRawBufferPointer(bytes)], to: path)
    }
  }

  /// As the other `write`, from pieces that follow each other.
  static func write(_ pieces: [UnsafeRawBufferPointer], to path: String) throws(RecurrentError) {
    try check(path)
    // a name of its own for every write, so that two threads may save to one path
    let temporary = path + ".tmp.\(getpid()).\(writes.wrappingAdd(1, ordering: .relaxed).newValue)"
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    if file < 0 { throw failure("cannot write", path) }
    do throws(RecurrentError) {
      for piece in pieces {
        guard let start = piece.baseAddress else { continue }
        var done = 0
        while done < piece.count {
          let count = systemWrite(file, start + done, piece.count - done)
          if count < 0 && errno == EINTR { continue }
          if count <= 0 { throw failure("cannot write", path) }
          done += count
        }
      }
      if fsync(file) != 0 { throw failure("cannot write", path) }
    } catch {
      close(file)
      unlink(temporary)
      throw error
    }
    if close(file) != 0 || rename(temporary, path) != 0 {
      let reason = failure("cannot write", path)
      unlink(temporary)
      throw reason
    }
    // the name itself must reach the disk too
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), parent = slash.map { String(path[...$0]) } ?? "./"
    let folder = open(parent, O_RDONLY | O_CLOEXEC)
    if folder >= 0 {
      fsync(folder)
      close(folder)
    }
    removeLeftovers(of: slash.map { String(path[path.utf8.index(after: $0)...]) } ?? path, in: parent)
  }

  /// Removes the temporary files of writers of `name` that were killed: their process is gone, and nobody has written
  /// to them for a minute (another machine's processes cannot be asked).
  private static func removeLeftovers(of name: String, in parent: String) {
    guard let folder = opendir(parent) else { return }
    defer { closedir(folder) }
    let beginning = Array("\(name).tmp.".utf8), now = time(nil)
    while let entry = readdir(folder) {
      let found = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      guard found.starts(with: beginning) else { continue }
      let rest = found.dropFirst(beginning.count).split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      guard rest.count == 2, let pid = Int32(String(decoding: rest[0], as: UTF8.self)), pid > 0,
        Int(String(decoding: rest[1], as: UTF8.self)) != nil, kill(pid, 0) != 0, errno == ESRCH
      else { continue }
      let path = parent + String(decoding: found, as: UTF8.self)
      var status = stat()
      if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, now - modified(status) > 60 { unlink(path) }
    }
  }

  /// When a file was written to last, in seconds.
  private static func modified(_ status: stat) -> time_t {
    #if canImport(Darwin)
      status.st_mtimespec.tv_sec
    #else
      status.st_mtim.tv_sec
    #endif
  }

  private static func check(_ path: String) throws(RecurrentError) {
    try require(!path.isEmpty, .badValue, "the path is empty")
    try require(!path.utf8.contains(0), .badValue, "the path contains a NUL character")
  }

  private static func failure(_ what: String, _ path: String, _ code: Int32 = errno) -> RecurrentError {
    RecurrentError(.io, "\(what) '\(path)': \(String(cString: strerror(code)))", errno: code)
  }
}

/// How many writes there have been.
private let writes = Atomic<Int>(0)

// the C functions, which File's own names hide
private let systemRead = read
private let systemWrite = write
