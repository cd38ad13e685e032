// Evaluation of a text against single steps, and in slices.

import Foundation
import Testing

@testable import Recurrent

@Suite struct TextModelEvaluationTests {
  /// Against single inference steps: −ln softmax of the scores at the next token.
  @Test(arguments: Cell.tested, DType.allCases) func evaluates(_ cell: Cell, _ dtype: DType) throws {
    let lesson = try TextLesson(cell, dtype), network = lesson.model.network
    for _ in 0..<20 { _ = try lesson.step() }
    func twin(_ tokens: ArraySlice<Int64>, to end: Int) throws -> Double {
      let state = try lesson.model.newState(batchSize: 1), y = try Mat(network.topSize, 1, dtype)
      let count = network.stateCount(batchSize: 1)
      return try tokens.indices.dropLast(tokens.endIndex == end ? 1 : 0).reduce(0) { sum, i in
        try network.inferenceStep(
          token: Int(tokens[i]), state: MutableElements(state.start, count: count, dtype),
          y: MutableElements(y.wPointer(), count: y.count, dtype))
        return try sum - log(softmax(y).rows()[Int(lesson.tokens[i + 1])])
      }
    }
    let count = lesson.tokens.count - 1, tolerance = dtype == .float32 ? 1e-5 : 1e-12
    for batchSize in [1, 2, 7, count, count + 5] {
      let B = min(batchSize, count), length = (count + B - 1) / B
      var sum = 0.0
      for b in 0..<B where b * length < count {
        let end = min((b + 1) * length, count)
        sum += try twin(lesson.tokens[b * length..<end], to: .max)
      }
      #expect(
        try abs(lesson.evaluate(batchSize: batchSize) - sum / Double(count)) < tolerance, "batch size \(batchSize)")
    }
  }

  /// The sum of every slice's mean loss times its targets: the arithmetic that a caller's own loop would do.
  private func sliced(_ lesson: TextLesson, _ tokens: [Int64], _ batchSize: Int) throws -> (
    state: [UInt8], nats: Double
  ) {
    let network = lesson.model.network, count = tokens.count - 1, B = min(batchSize, count)
    let length = (count + B - 1) / B, slice = max(1, min(length, 256, 8192 / B))
    let state = try lesson.model.newState(batchSize: B), stateCount = network.stateCount(batchSize: B)
    var nats = 0.0
    for start in stride(from: 0, to: length, by: slice) {
      let T = min(slice, length - start)
      let places = (start..<start + T).flatMap { t in (0..<B).map { b in b * length + t } }
      let input = places.map { $0 < count ? tokens[$0] : tokens[0] }
      let targets = places.map { $0 < count ? tokens[$0 + 1] : -1 }
      let loss = try network.loss(
        .tokens(input.span), .classes(targets.span), T: T, B: B,
        state: Elements(state.start, count: stateCount, network.dtype),
        finalState: MutableElements(state.start, count: stateCount, network.dtype))
      nats += loss * Double(targets.count { $0 >= 0 })
    }
    return (bytes(state, stateCount * network.dtype.size), nats)
  }

  private func bytes(_ state: Storage, _ count: Int) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: state.start, count: count))
  }

  /// Any number of steps in a call gives the same bits.
  @Test(arguments: DType.allCases) func slicesAreTheWhole(_ dtype: DType) throws {
    let lesson = try TextLesson(.gru, dtype), random = Random(seed: 1), model = lesson.model
    let tokens = (0..<1500).map { _ in Int64(random.next() % UInt64(model.tokenizer.count)) }
    let count = tokens.count - 1
    try tokens.withUnsafeBufferPointer { pointer in
      for batchSize in [1, 3, 64, count, count + 9] {
        let expected = try sliced(lesson, tokens, batchSize), B = min(batchSize, count), length = (count + B - 1) / B
        #expect(try model.evaluate(pointer, batchSize: batchSize) == expected.nats / Double(count))
        for maxSteps in [1, 256, 300, Int.max] {
          let state = try model.newState(batchSize: B), stateCount = model.network.stateCount(batchSize: B)
          var step = 0, nats = 0.0, calls = 0, isDone = false
          while !isDone {
            let before = step
            isDone = try model.evaluate(
              pointer, batchSize: batchSize, maxSteps: maxSteps,
              state: MutableElements(state.start, count: stateCount, dtype), step: &step, nats: &nats)
            calls += 1
            #expect(step > before && (maxSteps == .max || step - before < maxSteps + 256))
          }
          #expect(nats == expected.nats && step == length, "\(batchSize), \(maxSteps)")
          #expect(bytes(state, expected.state.count) == expected.state)
          #expect(maxSteps < .max || calls == 1)
          // a call after the end changes nothing
          isDone = try model.evaluate(
            pointer, batchSize: batchSize, maxSteps: 1, state: MutableElements(state.start, count: stateCount, dtype),
            step: &step, nats: &nats)
          #expect(isDone)
          #expect(nats == expected.nats && step == length)
        }
      }
    }
  }

  /// An evaluation changes neither the carried state nor the generator of the dropout masks.
  @Test func trainingIsUnaffected() throws {
    let lesson = try TextLesson(), twin = try TextLesson()
    for _ in 0..<3 {
      _ = try lesson.evaluate(batchSize: 4)
      #expect(try lesson.step() == twin.step())
    }
  }

  @Test func evaluationsRefused() throws {
    let lesson = try TextLesson(), model = lesson.model, size = model.tokenizer.count
    func evaluate(
      _ tokens: [Int64], batchSize: Int = 1, maxSteps: Int = 1, step: Int = 0
    ) throws {
      let count = model.network.stateCount(batchSize: max(1, min(batchSize, tokens.count - 1)))
      var state = [Double](repeating: 0, count: count)
      var step = step, nats = 0.5
      defer { #expect(nats == 0.5) }
      try tokens.withUnsafeBufferPointer {
        try model.evaluate(
          $0, batchSize: batchSize, maxSteps: maxSteps, state: .float64(state.mutableSpan), step: &step, nats: &nats)
      }
    }
    refused(.badShape, "tokens is too short; expected at least 2, got 0") { try evaluate([]) }
    refused(.badShape, "tokens is too short; expected at least 2, got 1") { try evaluate([0]) }
    for size in [0, -1, .min] {
      refused(.badShape, "batch_size is out of range; expected at least 1, got \(size)") {
        try evaluate([0, 1], batchSize: size)
      }
      refused(.badValue, "max_steps is out of range; expected at least 1, got \(size)") {
        try evaluate([0, 1], maxSteps: size)
      }
    }
    for step in [-1, 4, .min, .max] {
      refused(.badValue, "step is out of range; expected 0 to 3, got \(step)") {
        try evaluate([0, 1, 2, 3], step: step)
      }
    }
    for token in [-1, Int64(size), .min, .max] {
      refused(.badIndex, "tokens[2] is out of range; expected 0 to \(size - 1), got \(token)") {
        try evaluate([0, 1, token])
      }
      // from a later step too
      refused(.badIndex, "tokens[2] is out of range") { try evaluate([0, 1, token], step: 1) }
    }
    try #require(model.parameters["bd"]).set(rows: [Double](repeating: .nan, count: size))
    refused(.notFinite, "is not finite") { try evaluate([0, 1, 2]) }
    refused(.notFinite, "is not finite") { try lesson.evaluate() }
  }
}
