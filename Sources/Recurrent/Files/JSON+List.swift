// The items of a JSON array and the members of an object.

extension JSON {
  /// A member of an object.
  typealias Member = (key: String, value: JSON)

  /// Items in order: a Swift array of the library's own values, or what `append` has added, in memory that can be
  /// refused.
  final class List<Element: Sendable>: RandomAccessCollection, ExpressibleByArrayLiteral, @unchecked Sendable {
    private let own: [Element]
    private var parsed = Buffer<Element>()

    init(_ own: [Element] = []) { self.own = own }

    convenience init(arrayLiteral elements: Element...) { self.init(elements) }

    /// Appends an item of a text, before another object has the list.
    func append(_ element: Element) throws(RecurrentError) { try parsed.append(element) }

    var startIndex: Int { 0 }
    var endIndex: Int { own.count + parsed.count }
    subscript(i: Int) -> Element { i < own.count ? own[i] : parsed[i - own.count] }
  }
}

/// The keys of an object that were seen. Bytes, not String: canonically equivalent strings are equal in Swift.
struct Key: Hashable {
  let text: String

  static func == (a: Key, b: Key) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }

  func hash(into hasher: inout Hasher) {
    for byte in text.utf8 { hasher.combine(byte) }
  }
}
