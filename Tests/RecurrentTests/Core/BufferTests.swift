// Growable arrays whose allocation can fail.

import Testing

@testable import Recurrent

@Suite struct BufferTests {
  private final class Counted {
    nonisolated(unsafe) static var live = 0
    init() { Counted.live += 1 }
    deinit { Counted.live -= 1 }
  }

  private func array<T>(_ buffer: borrowing Buffer<T>) -> [T] { Array(buffer.elements) }

  @Test func holdsWhatAnArrayHolds() throws {
    var buffer = Buffer<Int>(), expected: [Int] = []
    #expect(buffer.start == nil)
    for i in 0..<1000 {
      try buffer.append(i * i)
      expected.append(i * i)
    }
    #expect(array(buffer) == expected)
    try expected.withUnsafeBufferPointer { try buffer.append($0) }
    expected += expected
    buffer.removeFirst(3)
    buffer.removeLast(5)
    #expect(array(buffer) == Array(expected.dropFirst(3).dropLast(5)))
    var copy = try buffer.copy()
    copy[0] = -1
    #expect(array(buffer)[0] == 9 && array(copy) == [-1] + array(buffer).dropFirst())
    buffer.removeAll()
    #expect(array(buffer) == [])
    let sevens = try Buffer(repeating: 7, count: 3), none = try Buffer<Int>(UnsafeBufferPointer(start: nil, count: 0))
    #expect(array(sevens) == [7, 7, 7] && array(none) == [])
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
      #expect(Counted.live == 89 && array(copy).count == 89)
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
    #expect(array(buffer) == [5])
  }
}
