// The bytes that a reader reads: of a file, or in memory.

/// Where the bytes of a checkpoint are.
package enum ByteSource: CustomStringConvertible {
  case file(FilePath)
  /// Memory that is valid during the call.
  case memory(UnsafeRawBufferPointer)

  /// The source in messages.
  package var description: String {
    switch self {
    case .file(let path): "'\(path)'"
    case .memory: "the bytes"
    }
  }

  /// Opens the source at its start.
  ///
  /// - Throws: as `File.Reader.init`.
  func open() throws(RecurrentError) -> Reader {
    switch self {
    case .file(let path): .file(try File.Reader(path))
    case .memory(let bytes): .memory(bytes, at: 0)
    }
  }

  /// A source that is read from its start.
  enum Reader {
    case file(File.Reader)
    case memory(UnsafeRawBufferPointer, at: Int)

    /// Bytes in total.
    var size: Int {
      switch self {
      case .file(let reader): reader.size
      case .memory(let bytes, _): bytes.count
      }
    }

    /// Fills the buffer from the end of the previous read.
    ///
    /// - Returns: the number of bytes, smaller than the buffer only at the end.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(RecurrentError) -> Int {
      switch self {
      case .file(let reader): return try reader.read(into: buffer)
      case .memory(let bytes, let at):
        let count = min(buffer.count, bytes.count - at)
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[at..<at + count]))
        self = .memory(bytes, at: at + count)
        return count
      }
    }
  }
}

extension Span<UInt8> {
  /// Calls a function with the memory of the elements.
  func withMemory<Result>(
    _ body: (UnsafeRawBufferPointer) throws(RecurrentError) -> Result
  ) throws(RecurrentError) -> Result {
    try withUnsafeBufferPointer { (bytes) throws(RecurrentError) in try body(UnsafeRawBufferPointer(bytes)) }
  }
}
