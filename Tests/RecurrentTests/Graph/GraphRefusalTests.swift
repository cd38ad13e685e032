// Invalid arguments of operations: each is refused with the values, and the graph is unchanged.

import Recurrent
import Testing

@Suite struct GraphRefusalTests {
  private let a = try? Mat(2, 3, .float64, rows: [1, 2, 3, 4, 5, 6])

  /// Expects a refusal by graphs with and without history, empty and not, that work as before afterwards.
  private func refusedByGraph(
    _ kind: RecurrentError.Kind, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (Graph) throws -> Mat
  ) throws {
    for needsBackprop in [true, false] {
      for isEmpty in [true, false] {
        let g = Graph(needsBackprop: needsBackprop), x = try Mat(2, 2, .float64, rows: [1, 2, 3, 4])
        let y = isEmpty ? x : try g.square(x), count = g.count
        do {
          _ = try body(g)
          Issue.record("nothing was refused", sourceLocation: sourceLocation)
        } catch let error as RecurrentError {
          #expect(error.kind == kind, "\(error)", sourceLocation: sourceLocation)
          for word in words {
            #expect(
              error.description.contains(word), "\"\(error)\" lacks \"\(word)\"",
              sourceLocation: sourceLocation)
          }
        }
        #expect(g.count == count, sourceLocation: sourceLocation)
        let z = try g.sum(g.mul(y, x))
        #expect(try z.rows() == (isEmpty ? [54] : [170]), sourceLocation: sourceLocation)
        if needsBackprop { try g.backward(from: z) }
        // an empty graph has no dtype, even after a refusal
        if isEmpty {
          g.reset()
          _ = try? body(g)
          #expect(throws: Never.self, sourceLocation: sourceLocation) { try g.tanh(Mat(1, 1, .float32)) }
          g.reset()
          _ = try? body(g)
          #expect(throws: Never.self, sourceLocation: sourceLocation) { try g.tanh(Mat(1, 1, .float64)) }
        }
      }
    }
  }

  @Test func shapes() throws {
    let a = try #require(a), wide = try Mat(2, 4, .float64), tall = try Mat(3, 3, .float64),
      row = try Mat(1, 4, .float64)
    for pair in [
      Graph.add, Graph.sub, Graph.eltmul, Graph.div, Graph.maximum, Graph.minimum, Graph.greater, Graph.equal,
    ] {
      try refusedByGraph(.badShape, "2 x 3", "2 x 4") { try pair($0)(a, wide) }
      try refusedByGraph(.badShape, "2 x 3", "3 x 3") { try pair($0)(a, tall) }
      // a row is broadcast to rows of as many columns
      try refusedByGraph(.badShape, "2 x 3", "1 x 4") { try pair($0)(a, row) }
    }
    try refusedByGraph(.badShape, "condition, a and b of where", "2 x 3, 2 x 3 and 1 x 4") { try $0.where(a, a, row) }
    try refusedByGraph(.badShape, "condition, a and b of where", "3 x 3, 2 x 3 and 2 x 3") { try $0.where(tall, a, a) }
    for (n, d) in [(4, -1), (-1, -1), (0, 6), (-1, 0), (2, 4), (Int.max, 2), (Int.max, -1), (-1, Int.min), (-2, -3)] {
      try refusedByGraph(.badShape, "shape does not fit; expected 6 elements", "got \(n) x \(d)") {
        try $0.reshape(a, n, d)
      }
    }
    try refusedByGraph(.badShape, "mats[1] has the wrong shape; expected 2 x 3", "got 2 x 4") {
      try $0.stack([a, wide], over: .rows)
    }
    try refusedByGraph(.badShape, "at least one") { try $0.stack([], over: .columns) }
    try refusedByGraph(.badShape, "batches is out of range; expected a divisor", "3 and 4, got 2") {
      try $0.bmm(a, wide, 2)
    }
    for batches in [0, -1, Int.min, Int.max] {
      try refusedByGraph(.badShape, "batches is out of range", "got \(batches)") { try $0.bmm(a, a, batches) }
    }
    try refusedByGraph(.badShape, "as many columns in a as rows in b, got 2 x 3 and 2 x 3") { try $0.bmm(a, a, 1) }
    try refusedByGraph(.badShape, "as many rows in a as rows in b, got 2 x 3 and 3 x 3") {
      try $0.bmm(a, tall, 3, transposeA: true)
    }
    try refusedByGraph(.badShape, "2 x 3", "2 x 4") { try $0.mul(a, wide) }
    try refusedByGraph(.badShape, "2 x 3", "2 x 4") { try $0.dot(a, wide) }
    try refusedByGraph(.badShape, "2 x 3", "2 x 4") { try $0.squaredError(a, wide) }
    try refusedByGraph(.badShape, "at least one") { try $0.concatRows([]) }
    try refusedByGraph(.badShape, "at least one") { try $0.concatColumns([]) }
    try refusedByGraph(.badShape, "2 x 4", "3") { try $0.concatRows([a, a, wide]) }
    try refusedByGraph(.badShape, "3 x 3", "2") { try $0.concatColumns([a, tall]) }
    try refusedByGraph(.badShape, "gain", "3 x 3", "2 x 1") {
      try $0.layerNorm(a, gain: tall, bias: Mat(2, 1, .float64))
    }
    try refusedByGraph(.badShape, "bias", "2 x 3") { try $0.layerNorm(a, gain: Mat(2, 1, .float64), bias: a) }
  }

  /// Indices that change from read to read are read once: those that are checked are those that are used.
  @Test func indicesAreReadOnce() throws {
    let m = try Mat(3, 2, .float64, rows: [1, 2, 3, 4, 5, 6])
    for needsBackprop in [true, false] {
      let graph = Graph(needsBackprop: needsBackprop)
      let good = Alternating([2, 0], [1 << 40, -1])
      #expect(try graph.rowPluck(m, good).rows() == [5, 1, 6, 2] && good.reads == 1)
      #expect(try graph.crossEntropy(m, Alternating([2, 0], [1 << 40, -1])).rows()[0].isFinite)
      // the other way round
      refused(.badIndex, "rows[0] is out of range; expected 0 to 2, got \(1 << 40)") {
        try graph.rowPluck(m, Alternating([1 << 40, -1], [2, 0]))
      }
      refused(.badIndex, "targets[1] is out of range") {
        try graph.crossEntropy(m, Alternating([0, -1], [2, 0]))
      }
      // collections whose count is wrong
      for elements in [[0], [0, 1, 2]] {
        refused(.badShape, "rows has the wrong length; expected 2, got \(elements.count)") {
          try graph.rowPluck(m, Alternating(elements, elements, count: 2))
        }
        refused(.badShape, "targets has the wrong length; expected 2, got \(elements.count)") {
          try graph.crossEntropy(m, Alternating(elements, elements, count: 2))
        }
      }
    }
  }

  /// Tokens of a prompt and a history too.
  @Test func tokensAreReadOnce() throws {
    let network = try Network(
      Network.Settings(.gru, inputSize: 3, hiddenSizes: [2], outputSize: 3), random: Random(seed: 1))
    func generator(_ prompt: Alternating<Int64>, _ history: Alternating<Int64>) throws -> Generator {
      try Generator(network, prompt: prompt, history: history, Sampler(repetitionPenalty: 2), random: nil)
    }
    let bad: [Int64] = [1 << 40, -1], good: [Int64] = [1, 2]
    let steady = try generator(Alternating(good, good), Alternating(good, good)).next(9)
    #expect(try generator(Alternating(good, bad), Alternating(good, bad)).next(9) == steady)
    refused(.badIndex, "prompt[0]") { try generator(Alternating(bad, good), Alternating(good, good)) }
    refused(.badIndex, "history[0]") { try generator(Alternating(good, good), Alternating(bad, good)) }
    refused(.badShape, "prompt is empty") { try generator(Alternating([], good, count: 2), Alternating(good, good)) }
    #expect(try network.beamSearch(prompt: Alternating(good, bad), count: 3, beams: 2).count == 2)
  }

  @Test func indices() throws {
    let a = try #require(a)
    for row in [-1, 2, Int.max, Int.min] {
      try refusedByGraph(.badIndex, "\(row)", "0 to 1") { try $0.rowPluck(a, row) }
      try refusedByGraph(.badIndex, "rows[2]", "\(row)", "0 to 1") { try $0.rowPluck(a, [0, 1, row]) }
      try refusedByGraph(.badIndex, "targets[1]", "\(row)", "0 to 1") { try $0.crossEntropy(a, [0, row, 1]) }
    }
    try refusedByGraph(.badShape, "rows is empty", "at least 1") { try $0.rowPluck(a, []) }
    try refusedByGraph(.badShape, "targets", "expected 3", "2 x 3", "got 2") { try $0.crossEntropy(a, [0, 1]) }
    for (start, count) in [(0, 3), (2, 1), (-1, 1), (0, 0), (0, -1), (1, Int.max), (Int.max, 1)] {
      try refusedByGraph(.badIndex, "\(start)", "0..<2") { try $0.sliceRows(a, start, count) }
    }
    for (start, count) in [(0, 4), (3, 1), (-1, 1), (0, 0), (2, Int.max)] {
      try refusedByGraph(.badIndex, "\(start)", "0..<3") { try $0.sliceColumns(a, start, count) }
    }
  }

  @Test func axesAndLimits() throws {
    let a = try #require(a)
    try refusedByGraph(.badValue, "axis is -1 (all); expected 0 (rows) or 1 (columns)") { try $0.cumsum(a, over: .all) }
    try refusedByGraph(.badValue, "axis is -1 (all)") { try $0.stack([a], over: .all) }
    try refusedByGraph(.badValue, "axis is -1 (all)") { try $0.indexSelect(a, [0], over: .all) }
    try refusedByGraph(.badValue, "low is above high; expected at most 1.0, got 2.0") {
      try $0.clip(a, low: 2, high: 1)
    }
    try refusedByGraph(.badValue, "low is not a number", "got nan") { try $0.clip(a, low: .nan) }
    try refusedByGraph(.badValue, "high is not a number", "got nan") { try $0.clip(a, high: .nan) }
    for bad in [Double.nan, .infinity, -.infinity] {
      try refusedByGraph(.badValue, "exponent is not finite", "\(bad)") { try $0.pow(a, bad) }
    }
    for index in [-1, 2, Int.max, Int.min] {
      try refusedByGraph(.badIndex, "indices[1] is out of range; expected 0 to 1", "got \(index)") {
        try $0.indexSelect(a, [0, index], over: .rows)
      }
    }
    try refusedByGraph(.badIndex, "indices[0] is out of range; expected 0 to 2", "got 3") {
      try $0.indexSelect(a, [3], over: .columns)
    }
    try refusedByGraph(.badShape, "indices is empty; expected at least 1 index") {
      try $0.indexSelect(a, [Int](), over: .columns)
    }
  }

  @Test func settings() throws {
    let a = try #require(a), one = try Mat(2, 1, .float64), random = Random(seed: 1)
    for bad in [Double.nan, .infinity, -.infinity] {
      try refusedByGraph(.badValue, "negative_slope", "\(bad)") { try $0.leakyRelu(a, negativeSlope: bad) }
      try refusedByGraph(.badValue, "factor", "\(bad)") { try $0.scale(a, by: bad) }
      try refusedByGraph(.badValue, "dropout", "\(bad)") { try $0.dropout(a, rate: bad, random) }
      try refusedByGraph(.badValue, "epsilon", "\(bad)") {
        try $0.layerNorm(a, gain: one, bias: one, epsilon: bad)
      }
    }
    // a parameter that the operation does not use is refused, not ignored
    try refusedByGraph(.badValue, "parameter is unused by tanh", "got 0.5") { try $0.unary(.tanh, a, parameter: 0.5) }
    for rate in [-0.1, 1, 2] {
      try refusedByGraph(.badValue, "dropout", "\(rate)") { try $0.dropout(a, rate: rate, random) }
    }
    for epsilon in [0, -1.0] {
      try refusedByGraph(.badValue, "epsilon") { try $0.layerNorm(a, gain: one, bias: one, epsilon: epsilon) }
    }
    #expect(random.state == Random(seed: 1).state)
  }

  @Test func types() throws {
    let wide = try Mat(2, 2, .float64), narrow = try Mat(2, 2, .float32)
    try refusedByGraph(.badType, "b", "float32", "float64") { try $0.mul(wide, narrow) }
    try refusedByGraph(.badType, "float32", "float64") { try $0.concatRows([wide, narrow]) }
    let g = Graph()
    _ = try g.tanh(wide)
    refused(.badType, "m has the wrong dtype", "expected float64", "got float32") { try g.tanh(narrow) }
    g.reset()
    _ = try g.tanh(narrow)
    // a refused dropout leaves the random state unchanged
    let random = Random(seed: 1)
    refused(.badType) { try g.dropout(wide, rate: 0.5, random) }
    #expect(random.state == Random(seed: 1).state)
  }

  @Test func cells() throws {
    let x = try Mat(3, 2, .float64), h = try Mat(4, 2, .float64), Wx = try Mat(4, 3, .float64)
    let Wh = try Mat(4, 4, .float64), b = try Mat(4, 1, .float64), odd = try Mat(5, 5, .float64)
    try refusedByGraph(.badShape, "rnn", "5 x 5") { try $0.rnn(odd, h, Wx: Wx, Wh: Wh, b: b) }
    try refusedByGraph(.badShape, "Wx", "5 x 5", "4 x 3") { try $0.rnn(x, h, Wx: odd, Wh: Wh, b: b) }
    try refusedByGraph(.badShape, "Wh", "5 x 5", "4 x 4") { try $0.rnn(x, h, Wx: Wx, Wh: odd, b: b) }
    try refusedByGraph(.badShape, "b of rnn", "expected 4 x 1", "got 5 x 5") {
      try $0.rnn(x, h, Wx: Wx, Wh: Wh, b: odd)
    }
    try refusedByGraph(.badShape, "Wx of lstm", "expected 16 x 3", "got 4 x 3") {
      try $0.lstm(x, h, h, Wx: Wx, Wh: Wh, b: b).h
    }
    try refusedByGraph(.badShape, "c of lstm", "expected 4 x 2", "got 5 x 5") {
      try $0.lstm(x, h, odd, Wx: Wx, Wh: Wh, b: b).h
    }
    let b32 = try Mat(4, 1, .float32)
    try refusedByGraph(.badType, "b has the wrong dtype", "got float32") { try $0.rnn(x, h, Wx: Wx, Wh: Wh, b: b32) }
  }

  @Test func resultsTooLarge() throws {
    // 2³¹ elements from operands that fit: refused before any allocation
    let tall = try Mat(1 << 16, 1, .float32), flat = try Mat(1, 1 << 15, .float32)
    let g = Graph()
    refused(.badShape, "65536 x 32768") { try g.mul(tall, flat) }
    #expect(g.count == 0)
    refused(.badShape) {
      try g.concatRows([Mat](repeating: flat.view(row: 0, column: 0, n: 1, d: 1 << 15), count: 1 << 16))
    }
    #expect(g.count == 0)
  }
}

/// Indices that another thread changes between two reads: the elements of the first enumeration differ from those of the
/// later ones.
private final class Alternating<Element>: Collection {
  private let first: [Element], later: [Element]
  private(set) var reads = 0
  let startIndex = 0, endIndex: Int

  init(_ first: [Element], _ later: [Element], count: Int? = nil) {
    (self.first, self.later, endIndex) = (first, later, count ?? first.count)
  }

  func index(after i: Int) -> Int { i + 1 }

  subscript(i: Int) -> Element { first[i] }

  func makeIterator() -> IndexingIterator<[Element]> {
    reads += 1
    return (reads == 1 ? first : later).makeIterator()
  }
}
