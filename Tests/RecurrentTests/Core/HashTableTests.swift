// Dictionaries whose allocation can fail.

import Testing

@testable import Recurrent

@Suite struct HashTableTests {
  @Test func holdsWhatADictionaryHolds() throws {
    var table = HashTable<Int, String>(), dictionary: [Int: String] = [:], key = 1
    for i in 0..<1000 {
      key = key &* 48271 % 700
      try table.set(key, to: "\(i)")
      dictionary[key] = "\(i)"
    }
    func check() {
      let count = table.count
      #expect(count == dictionary.count)
      for key in -5..<705 {
        let value = table[key]
        #expect(value == dictionary[key])
      }
    }
    check()
    table.removeAll()
    dictionary = [:]
    check()
    try table.set(3, to: "again")
    dictionary[3] = "again"
    check()
  }
}
