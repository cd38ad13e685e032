// Whole files: a write replaces the old file at once, or leaves it.

import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

enum File {
  /// The largest file that is read, in bytes.
  static let maxBytes = 1 << 30

  /// Reads a regular file.
  ///
  /// - Throws: as `Reader.init`; `.io` for a file beyond `maxBytes`.
  static func read(_ path: String) throws(RecurrentError) -> [UInt8] {
    let reader = try Reader(path)
    if reader.size > maxBytes {
      throw RecurrentError(
        .io, "cannot read '\(path)': expected at most \(maxBytes) bytes, got \(reader.size)", errno: EFBIG)
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

    /// - Throws: `.io` with the system's reason, and for a directory, a pipe or a device, whose reading may not end.
    init(_ path: String) throws(RecurrentError) {
      try check(path)
      // O_NONBLOCK: opening a pipe does not wait for a writer
      let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
      if file < 0 { throw failure("cannot open", path) }
      do throws(RecurrentError) {
        var status = stat()
        if fstat(file, &status) != 0 { throw failure("cannot examine", path) }
        if status.st_mode & S_IFMT == S_IFDIR { throw failure("cannot read", path, EISDIR) }
        if status.st_mode & S_IFMT != S_IFREG {
          throw RecurrentError(.io, "cannot read '\(path)': expected a regular file, got another kind", errno: EINVAL)
        }
        size = Int(status.st_size)
      } catch {
        close(file)
        throw error
      }
      (self.path, self.file) = (path, file)
    }

    deinit { close(file) }

    /// Fills the buffer from the end of the previous read.
    ///
    /// - Returns: the number of bytes, smaller than the buffer only at the end of the file.
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

  /// Replaces the file at `path` with the concatenation of pieces.
  static func write(_ pieces: [UnsafeRawBufferPointer], to path: String) throws(RecurrentError) {
    try check(path)
    // a unique name for every write: two threads may save to one path
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
    // the directory entry is synchronized too
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), parent = slash.map { String(path[...$0]) } ?? "./"
    let folder = open(parent, O_RDONLY | O_CLOEXEC)
    if folder >= 0 {
      fsync(folder)
      close(folder)
    }
    removeLeftovers(of: slash.map { String(path[path.utf8.index(after: $0)...]) } ?? path, in: parent)
  }

  /// Removes the temporary files of killed writers of `name`: their process does not exist, and the last write was more
  /// than a minute ago (processes of other machines cannot be queried).
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

  /// The time of the last write, in seconds.
  private static func modified(_ status: stat) -> time_t {
    #if canImport(Darwin)
      status.st_mtimespec.tv_sec
    #else
      status.st_mtim.tv_sec
    #endif
  }

  private static func check(_ path: String) throws(RecurrentError) {
    try require(!path.isEmpty, .badValue, "path is empty; expected at least 1 character, got 0")
    try require(!path.utf8.contains(0), .badValue, "path has a NUL character; expected none, got one")
  }

  private static func failure(_ what: String, _ path: String, _ code: Int32 = errno) -> RecurrentError {
    RecurrentError(.io, "\(what) '\(path)': \(String(cString: strerror(code)))", errno: code)
  }
}

/// The number of writes so far.
private let writes = Atomic<Int>(0)

// the C functions, which File's methods hide
private let systemRead = read
private let systemWrite = write
