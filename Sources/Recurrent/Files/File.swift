// Whole files: a write gives the new file at once, or leaves the old one.

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
  static func read(_ path: FilePath) throws(RecurrentError) -> Buffer<UInt8> {
    let reader = try Reader(path)
    if reader.size > maxBytes {
      throw RecurrentError(
        .io, "cannot read '\(path)': expected at most \(maxBytes) bytes, got \(reader.size)", errno: EFBIG)
    }
    var bytes = try Buffer<UInt8>(repeating: 0, count: reader.size)
    let have = try reader.read(into: UnsafeMutableRawBufferPointer(bytes.elements))
    bytes.removeLast(bytes.count - have)
    return bytes
  }

  /// A regular file, read from its start; closed with the last reference.
  final class Reader {
    /// Bytes in the file when it was opened.
    let size: Int
    private let path: FilePath
    private let file: Int32

    /// - Throws: `.io` with the system's reason, and for a directory, a pipe or a device, whose reading may not end.
    init(_ path: FilePath) throws(RecurrentError) {
      // O_NONBLOCK: opening a pipe does not wait for a writer
      let file = open(path.cString, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
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

  /// Writes a file: a temporary file beside it is written, synchronized and renamed. The target of a symlink is
  /// written, and the mode and the owner of a file that is replaced are kept.
  ///
  /// - Parameter overwrite: whether a file that exists is replaced. Without it the file is new, or nothing is written,
  ///   even if another program creates one meanwhile.
  /// - Throws: `.io` with the system's reason, and for a directory, a pipe or a device; then the old file, if any, is
  ///   untouched and no temporary is left.
  static func write(_ bytes: [UInt8], to path: FilePath, overwrite: Bool) throws(RecurrentError) {
    try bytes.withUnsafeBufferPointer { (bytes) throws(RecurrentError) in
      try write([UnsafeRawBufferPointer(bytes)], to: path, overwrite: overwrite)
    }
  }

  /// Writes the concatenation of pieces to a file.
  static func write(
    _ pieces: [UnsafeRawBufferPointer], to path: FilePath, overwrite: Bool
  ) throws(RecurrentError) {
    let target = try resolve(path), old = try status(target, of: path)
    if let old {
      if old.st_mode & S_IFMT == S_IFDIR { throw failure("cannot write", path, EISDIR) }
      if old.st_mode & S_IFMT != S_IFREG {
        throw RecurrentError(.io, "cannot write '\(path)': expected a regular file, got another kind", errno: EINVAL)
      }
      if !overwrite { throw exists(path) }
    }
    let folder = target.folder, temporary = folder.file(try temporaryName(path).utf8)
    // the mode of a private file is never wider, not even before it is complete
    let file = open(temporary.cString, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, old == nil ? 0o666 : 0o600)
    if file < 0 { throw failure("cannot write", path) }
    do throws(RecurrentError) {
      for piece in pieces { try write(piece, to: file, path) }
      if let old { try keep(old, of: path, in: file) }
      if fsync(file) != 0 { throw failure("cannot write", path) }
    } catch {
      close(file)
      unlink(temporary.cString)
      throw error
    }
    if close(file) != 0 || !(overwrite ? rename(temporary.cString, target.cString) == 0 : place(temporary, at: target))
    {
      let reason = !overwrite && errno == EEXIST ? exists(path) : failure("cannot write", path)
      unlink(temporary.cString)
      throw reason
    }
    // the directory entry is synchronized too
    let directory = open(folder.cString, O_RDONLY | O_CLOEXEC)
    if directory >= 0 {
      fsync(directory)
      close(directory)
    }
    removeLeftovers(in: folder)
  }

  private static func write(
    _ piece: UnsafeRawBufferPointer, to file: Int32, _ path: FilePath
  ) throws(RecurrentError) {
    guard let start = piece.baseAddress else { return }
    var done = 0
    while done < piece.count {
      let count = systemWrite(file, start + done, piece.count - done)
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { throw failure("cannot write", path) }
      done += count
    }
  }

  /// Gives a new file the owner and the mode of the file that it replaces.
  private static func keep(_ old: stat, of path: FilePath, in file: Int32) throws(RecurrentError) {
    var new = stat()
    if fstat(file, &new) != 0 { throw failure("cannot examine", path) }
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid), fchown(file, old.st_uid, old.st_gid) != 0 {
      throw failure("cannot keep the owner of", path)
    }
    if new.st_mode != old.st_mode, fchmod(file, old.st_mode & 0o7777) != 0 {
      throw failure("cannot keep the mode of", path)
    }
  }

  /// Gives a file its name, unless the name is taken; then returns false, with `errno`.
  ///
  /// - Parameter hasLinks: whether hard links are tried first. On file systems without them the name is reserved by an
  ///   empty file, which a crash may leave.
  static func place(_ temporary: FilePath, at target: FilePath, hasLinks: Bool = true) -> Bool {
    if hasLinks {
      if link(temporary.cString, target.cString) == 0 {
        unlink(temporary.cString)
        return true
      }
      if errno == EEXIST { return false }
    }
    let reserved = open(target.cString, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    if reserved < 0 { return false }
    close(reserved)
    if rename(temporary.cString, target.cString) == 0 { return true }
    let code = errno
    unlink(target.cString)
    errno = code
    return false
  }

  // MARK: Paths

  /// The status of the file at `target`, nil without a file.
  private static func status(_ target: FilePath, of path: FilePath) throws(RecurrentError) -> stat? {
    var status = stat()
    if lstat(target.cString, &status) == 0 { return status }
    if errno == ENOENT { return nil }
    throw failure("cannot write", path)
  }

  /// The path that symlinks at the end of `path` lead to, which need not exist.
  private static func resolve(_ path: FilePath) throws(RecurrentError) -> FilePath {
    var target = path
    let buffer = try Buffer<UInt8>(repeating: 0, count: Int(PATH_MAX)), bytes = buffer.elements
    // the limit of Linux
    for _ in 0..<40 {
      let count = UnsafeMutableRawPointer(bytes.baseAddress.unsafelyUnwrapped).withMemoryRebound(
        to: CChar.self, capacity: bytes.count
      ) { readlink(target.cString, $0, bytes.count) }
      if count < 0 {
        // no symlink, or no file
        if errno == EINVAL || errno == ENOENT { return target }
        throw failure("cannot write", path)
      }
      target = target.link(to: bytes.prefix(count))
    }
    throw failure("cannot write", path, ELOOP)
  }

  // MARK: Temporary files

  /// The start of their names. The rest is the process and 16 random digits: no other program can create the file
  /// first, and the length does not depend on the file's name, which may be the longest possible.
  private static let temporaryPrefix = ".recurrent-"

  private static func temporaryName(_ path: FilePath) throws(RecurrentError) -> String {
    var number: UInt64 = 0
    if getentropy(&number, MemoryLayout<UInt64>.size) != 0 { throw failure("cannot write", path) }
    let digits = String(number, radix: 16)
    return "\(temporaryPrefix)\(getpid())-\(String(repeating: "0", count: 16 - digits.utf8.count))\(digits)"
  }

  /// Removes the temporary files of killed writers: their process does not exist, and the last write was more than a
  /// minute ago (processes of other machines cannot be queried).
  private static func removeLeftovers(in parent: FilePath) {
    guard let folder = opendir(parent.cString) else { return }
    defer { closedir(folder) }
    let beginning = Array(temporaryPrefix.utf8), now = time(nil)
    while let entry = readdir(folder) {
      let found = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      guard found.starts(with: beginning) else { continue }
      let rest = found.dropFirst(beginning.count).split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
      guard rest.count == 2, let pid = Int32(String(decoding: rest[0], as: UTF8.self)), pid > 0,
        rest[1].count == 16, UInt64(String(decoding: rest[1], as: UTF8.self), radix: 16) != nil,
        kill(pid, 0) != 0, errno == ESRCH
      else { continue }
      let path = parent.file(found).cString
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

  private static func exists(_ path: FilePath) -> RecurrentError {
    RecurrentError(.io, "path exists; expected a new file, or overwrite, got '\(path)'", errno: EEXIST)
  }

  private static func failure(_ what: String, _ path: FilePath, _ code: Int32 = errno) -> RecurrentError {
    RecurrentError(.io, "\(what) '\(path)': \(String(cString: strerror(code)))", errno: code)
  }
}

// the C functions, which File's methods hide
private let systemRead = read
private let systemWrite = write
