// A growable array whose allocation can fail.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A growable array of what grows with the user's data. Where Swift's arrays end the process, it throws `.noMemory`, and
/// is unchanged.
///
/// Indices are not checked.
package struct Buffer<Element>: ~Copyable {
  /// The number of elements.
  package private(set) var count = 0
  private var capacity = 0
  /// The first element; nil before the first allocation.
  package private(set) var start: UnsafeMutablePointer<Element>?

  /// An empty array without memory.
  package init() {}

  /// An empty array with memory for `capacity` elements.
  package init(capacity: Int) throws(RecurrentError) { try reserve(capacity) }

  /// `count` times the same element.
  package init(repeating element: Element, count: Int) throws(RecurrentError) {
    try reserve(count)
    start?.initialize(repeating: element, count: count)
    self.count = count
  }

  /// A copy of elements.
  package init(_ elements: UnsafeBufferPointer<Element>) throws(RecurrentError) { try append(elements) }

  deinit {
    start?.deinitialize(count: count)
    free(start)
  }

  /// Whether there is no element.
  package var isEmpty: Bool { count == 0 }

  /// The elements of a variable, valid until the next change of their number. Not of a temporary, which is freed before
  /// they are read.
  package var elements: UnsafeMutableBufferPointer<Element> { UnsafeMutableBufferPointer(start: start, count: count) }

  /// The elements, for reading.
  package var span: Span<Element> {
    @_lifetime(borrow self)
    get { _overrideLifetime(Span(_unsafeElements: UnsafeBufferPointer(elements)), borrowing: self) }
  }

  package subscript(i: Int) -> Element {
    @inline(__always) get { start.unsafelyUnwrapped[i] }
    @inline(__always) set { start.unsafelyUnwrapped[i] = newValue }
    @inline(__always) _modify { yield &start.unsafelyUnwrapped[i] }
  }

  /// The last element, nil without one.
  package var last: Element? { isEmpty ? nil : self[count - 1] }

  /// Appends an element.
  @inline(__always)
  package mutating func append(_ element: Element) throws(RecurrentError) {
    if count == capacity { try grow(to: count + 1) }
    (start.unsafelyUnwrapped + count).initialize(to: element)
    count += 1
  }

  /// Appends `count` times the same element.
  package mutating func append(repeating element: Element, count: Int) throws(RecurrentError) {
    if count > capacity - self.count { try grow(to: self.count + count) }
    (start.unsafelyUnwrapped + self.count).initialize(repeating: element, count: count)
    self.count += count
  }

  /// Appends a copy of elements outside this array.
  package mutating func append(_ elements: UnsafeBufferPointer<Element>) throws(RecurrentError) {
    guard let first = elements.baseAddress, !elements.isEmpty else { return }
    if elements.count > capacity - count { try grow(to: count + elements.count) }
    (start.unsafelyUnwrapped + count).initialize(from: first, count: elements.count)
    count += elements.count
  }

  /// Appends elements one by one.
  package mutating func append(contentsOf elements: some Sequence<Element>) throws(RecurrentError) {
    for element in elements { try append(element) }
  }

  /// Inserts an element before the element of index `i`.
  package mutating func insert(_ element: Element, at i: Int) throws(RecurrentError) {
    if count == capacity { try grow(to: count + 1) }
    let place = start.unsafelyUnwrapped + i
    (place + 1).moveInitialize(from: place, count: count - i)
    place.initialize(to: element)
    count += 1
  }

  /// Removes the last `n` elements; keeps the memory.
  package mutating func removeLast(_ n: Int = 1) {
    count -= n
    if let start { (start + count).deinitialize(count: n) }
  }

  /// Removes all elements; keeps the memory.
  package mutating func removeAll() { removeLast(count) }

  /// Removes the first `n` elements.
  package mutating func removeFirst(_ n: Int) {
    guard let start else { return }
    start.deinitialize(count: n)
    count -= n
    start.moveInitialize(from: start + n, count: count)
  }

  /// Returns the elements as an array of Swift.
  package func array() -> [Element] { Array(elements) }

  /// Returns a copy.
  package func copy() throws(RecurrentError) -> Buffer { try Buffer(UnsafeBufferPointer(elements)) }

  /// Allocates memory for `capacity` elements in total.
  package mutating func reserve(_ capacity: Int) throws(RecurrentError) {
    if capacity <= self.capacity { return }
    let (bytes, overflow) = capacity.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    guard !overflow, let memory = malloc(bytes) else {
      throw RecurrentError(
        .noMemory, "out of memory: could not allocate \(capacity) elements of \(MemoryLayout<Element>.stride) bytes")
    }
    let new = memory.bindMemory(to: Element.self, capacity: capacity)
    if let start { new.moveInitialize(from: start, count: count) }
    free(start)
    (start, self.capacity) = (new, capacity)
  }

  @inline(never)
  private mutating func grow(to least: Int) throws(RecurrentError) {
    try reserve(max(least, 2 * capacity, 64 / max(1, MemoryLayout<Element>.stride)))
  }
}
