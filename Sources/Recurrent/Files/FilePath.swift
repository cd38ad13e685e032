// Paths of files. To the system a path is bytes: a name that another program chose need not be UTF-8.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The path of a file: any bytes but zero.
package struct FilePath: CustomStringConvertible {
  /// The bytes with a zero at the end, for the functions of C.
  let cString: [CChar]

  /// - Throws: `.badValue` for an empty path and one with a zero; `.io` for one beyond the limit of the system.
  package init(_ bytes: some Collection<UInt8>) throws(RecurrentError) {
    try require(!bytes.isEmpty, .badValue, "path is empty; expected at least 1 character, got 0")
    if bytes.count >= Int(PATH_MAX) {
      throw RecurrentError(
        .io, "path is too long; expected at most \(PATH_MAX - 1) bytes, got \(bytes.count)", errno: ENAMETOOLONG)
    }
    // a copy: another thread may write into the caller's memory between the check and the use
    let copy = Array(bytes)
    try require(!copy.contains(0), .badValue, "path has a NUL character; expected none, got one")
    self.init(bytes: copy)
  }

  init(_ path: String) throws(RecurrentError) { try self.init(path.utf8) }

  private init(bytes: some Sequence<UInt8>) {
    cString = bytes.map { CChar(bitPattern: $0) } + [0]
  }

  private var bytes: some RandomAccessCollection<UInt8> { cString.dropLast().lazy.map { UInt8(bitPattern: $0) } }

  /// The path in messages; a byte that is not UTF-8 is written as `\xff`.
  package var description: String {
    let bytes = Array(bytes)
    var text = "", at = 0, parser = Unicode.UTF8.ForwardParser(), iterator = bytes.makeIterator()
    while true {
      switch parser.parseScalar(from: &iterator) {
      case .emptyInput: return text
      case .valid(let letter):
        text.unicodeScalars.append(Unicode.UTF8.decode(letter))
        at += letter.count
      case .error(let length):
        for byte in bytes[at..<at + length] { text += "\\x" + String(byte, radix: 16) }
        at += length
      }
    }
  }

  /// The folder, with a slash at its end.
  var folder: FilePath {
    let bytes = bytes
    return FilePath(bytes: bytes.lastIndex(of: UInt8(ascii: "/")).map { Array(bytes[...$0]) } ?? Array("./".utf8))
  }

  /// The path of a file in this folder.
  func file(_ name: some Sequence<UInt8>) -> FilePath { FilePath(bytes: Array(bytes) + name) }

  /// The path that a symlink at this path means by its text.
  func link(to text: some Collection<UInt8>) -> FilePath {
    text.first == UInt8(ascii: "/") ? FilePath(bytes: text) : folder.file(text)
  }
}
