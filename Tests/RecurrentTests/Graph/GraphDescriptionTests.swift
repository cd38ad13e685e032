// Descriptions of recorded operations.

import Kernels
import Testing

@testable import Recurrent

@Suite struct GraphDescriptionTests {
  private func w(_ m: Mat) -> UnsafeRawPointer { UnsafeRawPointer(m.wStart) }

  @Test func operandsNameTheirProducers() throws {
    let g = Graph(), W = try Mat(3, 2), x = try Mat(2, 4), b = try Mat(3, 1)
    let y = try g.add(try g.mul(W, x), b), t = try g.tanh(y)
    #expect(g.count == 3)
    let product = try g.operation(at: 0), sum = try g.operation(at: 1), last = try g.operation(at: 2)
    #expect(product.name == "mul" && sum.name == "add" && last.name == "tanh")
    #expect(
      product.operands == [
        .init(operation: nil, w: w(W), n: 3, d: 2), .init(operation: nil, w: w(x), n: 2, d: 4),
      ])
    // a broadcast column is described as one column
    #expect(sum.operands[0].operation == 0 && sum.operands[1] == .init(operation: nil, w: w(b), n: 3, d: 1))
    #expect(sum.result == .init(operation: 1, w: w(y), n: 3, d: 4) && last.operands == [sum.result])
    #expect(last.result == .init(operation: 2, w: w(t), n: 3, d: 4))
  }

  @Test func viewsBelongToTheProducerOfTheWhole() throws {
    let g = Graph(), x = try Mat(2, 3), h = try Mat(4, 3)
    let state = try g.lstm(x, h, h, Wx: try Mat(16, 2), Wh: try Mat(16, 4), b: try Mat(16, 1))
    _ = try g.eltmul(state.c, state.h)
    _ = try g.sum(try g.sliceColumns(try g.sliceRows(state.c, 1, 2), 2, 1))
    // a view of an input is an input
    _ = try g.sum(try g.sliceRows(h, 1, 2))
    let tick = try g.operation(at: 0), product = try g.operation(at: 1)
    #expect(tick.name == "lstm" && tick.operands.count == 6 && tick.result.n == 8)
    #expect(
      product.operands == [
        .init(operation: 0, w: w(state.c), n: 4, d: 3), .init(operation: 0, w: w(state.h), n: 4, d: 3),
      ])
    #expect(state.c.wStart == state.h.wStart + 16)
    #expect(
      try g.operation(at: 2).operands == [.init(operation: 0, w: w(state.c) + (2 * 8 + 1) * 4, n: 2, d: 1)])
    #expect(try g.operation(at: 3).operands == [.init(operation: nil, w: w(h) + 4, n: 2, d: 3)])
  }

  @Test func meansAreNamedMeans() throws {
    let g = Graph(), one = try Mat(1, 1), m = try Mat(2, 3)
    for axis in [Axis.all, .rows, .columns] {
      for mat in [one, m] {
        _ = try g.sum(mat, over: axis)
        _ = try g.mean(mat, over: axis)
        #expect(try g.operation(at: g.count - 2).name == "sum" && g.operation(at: g.count - 1).name == "mean")
      }
    }
  }

  @Test func elementwiseNamesAreThoseOfC() throws {
    let g = Graph(), m = try Mat(2, 2)
    for operation in UnaryOperation.allCases { _ = try g.unary(operation, m) }
    for operation in BinaryOperation.allCases { _ = try g.binary(operation, m, m) }
    #expect(
      try (0..<g.count).map { try g.operation(at: $0).name } == [
        "tanh", "sigmoid", "relu", "leaky_relu", "gelu", "silu", "softplus", "neg", "scale", "exp", "log", "sqrt",
        "square", "abs", "shift", "sin", "cos", "pow", "add", "sub", "eltmul", "div", "maximum", "minimum", "greater",
        "greater_equal", "less", "less_equal", "equal", "not_equal",
      ])
    #expect(UnaryOperation.leakyRelu.rawValue == 3 && UnaryOperation.pow.rawValue == 17)
    #expect(BinaryOperation.div.rawValue == 3 && BinaryOperation.notEqual.rawValue == 11)
  }

  @Test func resultsOfAnotherGraphAreInputs() throws {
    let first = Graph(), second = Graph(), m = try Mat(2, 2)
    let y = try first.tanh(try first.tanh(m))
    try first.backward()
    _ = try second.neg(y)
    _ = try second.neg(y)
    #expect(try second.operation(at: 1).operands[0].operation == nil)
    #expect(try second.operation(at: 1).operands[0].w == w(y))
  }

  @Test func operandsAreViewsOfTheRecordedMats() throws {
    let g = Graph(), whole = try Mat(4, 3, .float64, rows: (0..<12).map(Double.init))
    let m = try whole.view(row: 1, column: 1, n: 2, d: 2), column = try Mat(2, 1, .float64, rows: [10, 20])
    let sum = try g.add(m, column), loss = try g.sum(try g.square(sum))
    // nothing is evaluated before a read
    let views = try (0..<2).map { try g.mat(ofOperation: 0, operand: $0) }
    let results = try (0..<3).map { try g.mat(ofOperation: $0) }
    #expect(g.evaluated == 0)
    try g.backward(from: loss)
    for (view, mat) in zip(views + results, [m, column, sum, try g.mat(ofOperation: 1), loss]) {
      #expect(try view.rows() == mat.rows() && view.gradientRows() == mat.gradientRows())
      #expect(view.wStart == mat.wStart && view.dwStart == mat.dwStart && view.stride == mat.stride)
    }
    #expect(try views[1].rows() == [10, 20] && views[0].rows() == [4, 5, 7, 8])
    // a write through the view is one to the Mat
    try views[0].fill(1)
    #expect(try whole.rows()[4] == 1 && whole.rows()[3] == 3)
    g.reset()
    #expect(try views[0].rows() == [1, 1, 1, 1])
    refused(.invalidated) { try results[0].rows() }
  }

  @Test func operandsOfAnotherGraph() throws {
    let first = Graph(), second = Graph(), m = try Mat(2, 2, rows: [1, 2, 3, 4])
    let y = try first.neg(m)
    try first.backward()
    _ = try second.neg(y)
    let view = try second.mat(ofOperation: 0, operand: 0)
    #expect(try view.rows() == [-1, -2, -3, -4])
    first.reset()
    // the memory belongs to the second recording, which still reads it
    #expect(try second.mat(ofOperation: 0).rows() == [1, 2, 3, 4])
  }

  @Test func constantsAreNoOperands() throws {
    let g = Graph(), m = try Mat(2, 2)
    _ = try g.dropout(m, rate: 0.5, Random(seed: 1))
    let operands = try g.operation(at: 0).operands.count
    refused(.badValue, "operand", "constant") { try g.mat(ofOperation: 0, operand: operands - 1) }
    for operand in [-1, operands, .max, .min] {
      refused(.badIndex, "operand", "below \(operands)", "got \(operand)") {
        try g.mat(ofOperation: 0, operand: operand)
      }
    }
    refused(.badIndex, "index", "below 1") { try g.mat(ofOperation: 1) }
  }

  @Test func indicesOutOfRangeAreRefused() throws {
    let g = Graph(), m = try Mat(2, 2)
    _ = try g.tanh(m)
    refused(.badShape) { try g.add(m, try Mat(3, 3)) }
    for index in [-1, 1, .max, .min] {
      refused(.badIndex, "index", "below 1", "got \(index)") { try g.operation(at: index) }
    }
    g.reset()
    refused(.badIndex, "below 0") { try g.operation(at: 0) }
    let without = Graph(needsBackprop: false)
    _ = try without.tanh(m)
    refused(.badIndex, "below 0") { try without.operation(at: 0) }
  }
}
