// Documents of a text: the state is reset where one begins.

import Testing

@testable import Recurrent

@Suite struct TextModelResetsTests {
  private func model() throws -> TextModel {
    let settings = TextModel.Settings(.bytes, cell: .lstm, hiddenSizes: [4, 3], dtype: .float64)
    let model = try TextModel(settings, random: Random(seed: 3))
    // weights large enough that a state of another document would show
    let random = Random(seed: 4)
    for (_, mat) in model.parameters.all { try mat.fill { random.uniform(-1, 1) } }
    return model
  }

  private func evaluate(_ model: TextModel, _ tokens: [Int64], _ resets: [Int64]? = nil, batchSize: Int = 1) throws
    -> Double
  {
    try tokens.withUnsafeBufferPointer { tokens in
      guard let resets else { return try model.evaluate(tokens, batchSize: batchSize) }
      return try resets.withUnsafeBufferPointer { try model.evaluate(tokens, resets: $0, batchSize: batchSize) }
    }
  }

  @Test func evaluationIsThatOfEachDocument() throws {
    let model = try model()
    // 10 opens and closes a document
    let first: [Int64] = [10, 65, 66, 67, 10], second: [Int64] = [10, 80, 65, 10]
    let tokens = first + second.dropFirst(), resets: [Int64] = tokens.map { $0 == 10 ? 1 : 0 }
    let sum = try 4 * evaluate(model, first) + 3 * evaluate(model, second)
    #expect(try abs(7 * evaluate(model, tokens, resets) - sum) < 1e-12)
    #expect(try abs(7 * evaluate(model, tokens) - sum) > 1e-3)
    // in parallel parts each begins; the second one begins with a document
    #expect(try abs(7 * evaluate(model, tokens, resets, batchSize: 2) - sum) < 1e-12)
    // beyond a slice of 256 time steps
    let long = [Int64](repeating: 65, count: 300) + first, begins = long.map { $0 == 10 ? Int64(1) : 0 }
    let ends = try 300 * evaluate(model, Array(long[...300])) + 4 * evaluate(model, first)
    #expect(try abs(304 * evaluate(model, long, begins) - ends) < 1e-9)
  }

  @Test func trainingIsThatOfDocumentsThatBegin() throws {
    let together = try model(), apart = try model()
    for model in [together, apart] {
      model.optimizer = try Optimizer(settings: #"{"name": "sgd", "learning_rate": 0}"#)
    }
    func step(_ model: TextModel, _ tokens: [Int64], _ targets: [Int64], _ resets: [Int64]?, B: Int) throws -> Double {
      try tokens.withUnsafeBufferPointer { tokens in
        try targets.withUnsafeBufferPointer { targets in
          let T = tokens.count / B
          guard let resets else { return try model.trainStep(tokens, targets, T: T, B: B).loss }
          return try resets.withUnsafeBufferPointer {
            try model.trainStep(tokens, targets, T: T, B: B, resets: $0).loss
          }
        }
      }
    }
    // the state before is carried to the first document, and not to the second
    _ = try step(together, [70, 71], [71, 65], nil, B: 1)
    _ = try step(apart, [70, 71], [71, 65], nil, B: 1)
    let loss = try step(together, [65, 66, 10, 80], [66, 10, 80, 81], [0, 0, 1, 0], B: 1)
    let before = try step(apart, [65, 66], [66, 10], nil, B: 1)
    apart.resetState()
    let after = try step(apart, [10, 80], [80, 81], nil, B: 1)
    #expect(abs(loss - (before + after) / 2) < 1e-12)
    refused(.badIndex, "resets") { _ = try step(together, [65], [66], [2], B: 1) }
    #expect(together.step == 2)
  }
}
