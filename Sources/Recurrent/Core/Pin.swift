// A pointer into the memory of a Mat that the caller keeps.

/// Keeps what a pointer to the values or gradients of a Mat shows, until it is released: a graph's `reset()` leaves the
/// memory to the pin, and what a backward pass reads of pinned values is copied when an operation on them is recorded.
public final class Pin {
  private let storage: Storage
  private let span: Span

  init(_ storage: Storage, _ span: Span) throws(RecurrentError) {
    try storage.pin(span)
    (self.storage, self.span) = (storage, span)
  }

  deinit { storage.unpin(span) }

  /// The addresses from the first element to the last.
  typealias Span = Range<UInt>
}

extension Mat {
  /// The values, evaluated first if necessary, as `wPointer`; the pin covers writes that follow a later recording.
  package func pinW() throws(RecurrentError) -> (pin: Pin, w: UnsafeMutableRawPointer) {
    let w = try wPointer()
    return (try Pin(storage, span), w)
  }

  /// The gradients, as `dwPointer`.
  package func pinDw() throws(RecurrentError) -> (pin: Pin, dw: UnsafeMutableRawPointer) {
    let dw = try dwPointer()
    var gradients = operandRef
    gradients.w = dw
    return (try Pin(storage, gradients.span(dtype)), dw)
  }

  /// The addresses of the values.
  var span: Pin.Span { operandRef.span(dtype) }
}

extension OperandRef {
  /// The addresses of the values, from the first element to the last.
  func span(_ dtype: DType) -> Pin.Span {
    let start = UInt(bitPattern: w)
    return start..<start + UInt(((d - 1) * stride + n) * dtype.size)
  }
}
