// Growable arrays whose allocation can fail.

import Testing

@testable import Recurrent

@Suite struct BufferTests {
  private final class Counted {
    nonisolated(unsafe) static var live = 0
    init() { Counted.live += 1 }
    deinit { Counted.live -= 1 }
  }

  @Test func holdsWhatAnArrayHolds() throws {
    var buffer = Buffer<Int>(), expected: [Int] = []
    #expect(buffer.start == nil)
    for i in 0..<1000 {
      try buffer.append(i * i)
      expected.append(i * i)
    }
    #expect(buffer.array() == expected)
    try expected.withUnsafeBufferPointer { try buffer.append($0) }
    expected += expected
    buffer.removeFirst(3)
    buffer.removeLast(5)
    #expect(buffer.array() == Array(expected.dropFirst(3).dropLast(5)))
    for i in [0, 500, buffer.count + 2] {
      try buffer.insert(-i, at: i)
      #expect(buffer.array()[i] == -i)
    }
    #expect(buffer.array().filter { $0 > 0 } == Array(expected.dropFirst(3).dropLast(5)).filter { $0 > 0 })
    buffer.removeFirst(1)
    var copy = try buffer.copy()
    copy[0] = -1
    #expect(buffer.array()[0] == 9 && copy.array() == [-1] + buffer.array().dropFirst())
    buffer.removeAll()
    #expect(buffer.array() == [])
    let sevens = try Buffer(repeating: 7, count: 3), none = try Buffer<Int>(UnsafeBufferPointer(start: nil, count: 0))
    #expect(sevens.array() == [7, 7, 7] && none.array() == [])
  }

  @Test func elementsAreReleased() throws {
    do {
      var buffer = Buffer<Counted>()
      for _ in 0..<100 { try buffer.append(Counted()) }
      buffer.removeFirst(10)
      buffer.removeLast()
      #expect(Counted.live == 89)
      let copy = try buffer.copy()
      buffer.removeAll()
      #expect(Counted.live == 89 && copy.array().count == 89)
    }
    #expect(Counted.live == 0)
  }

  @Test func memoryThatNoProcessHas() throws {
    var buffer = Buffer<Int>()
    try buffer.append(5)
    for count in [1 << 50, 1 << 60, .max] {
      do {
        try buffer.reserve(count)
        Issue.record("\(count) elements were allocated")
      } catch {
        #expect(error.kind == .noMemory && "\(error)".contains("\(count)"))
      }
    }
    #expect(buffer.array() == [5])
  }
}
