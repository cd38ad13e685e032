// A dictionary whose allocation can fail.

/// Values by key, in a table that is at most half full; a search starts at the key's hash value.
struct HashTable<Key: Hashable, Value>: ~Copyable {
  /// The number of keys.
  private(set) var count = 0
  private var slots = Buffer<(key: Key, value: Value)?>()

  init() {}

  /// The value of a key, or nil.
  subscript(key: Key) -> Value? {
    if count == 0 { return nil }
    return slots[place(of: key)]?.value
  }

  /// Sets the value of a key.
  ///
  /// - Throws: `.noMemory`; the table is unchanged.
  mutating func set(_ key: Key, to value: Value) throws(RecurrentError) {
    if 2 * (count + 1) > slots.count { try grow() }
    let place = place(of: key)
    if slots[place] == nil { count += 1 }
    slots[place] = (key, value)
  }

  /// Removes all keys, and the memory.
  mutating func removeAll() {
    if count > 0 { self = HashTable() }
  }

  /// The slot of a key, or the vacant slot where it belongs.
  private func place(of key: Key) -> Int {
    let last = slots.count - 1
    var place = key.hashValue & last
    while let slot = slots[place], slot.key != key { place = (place + 1) & last }
    return place
  }

  private mutating func grow() throws(RecurrentError) {
    var larger = HashTable()
    // a power of two
    larger.slots = try Buffer(repeating: nil, count: max(16, 2 * slots.count))
    for slot in slots.elements {
      if let slot { larger.slots[larger.place(of: slot.key)] = slot }
    }
    larger.count = count
    self = larger
  }
}
