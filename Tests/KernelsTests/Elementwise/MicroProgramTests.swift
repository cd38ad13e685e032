// Micro-operations against their twins: the functions of one element that they are made of.

import Testing

@testable import Kernels

struct MicroProgramTests {
  /// Sizes around vectors of 4 and 8.
  private static let sizes = [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 31, 33]

  /// Finite numbers of both signs, zeros, infinities and NaN.
  private func numbers<T: Real>(_ count: Int, _ seed: Int, _: T.Type) -> [T] {
    let special: [T] = [0, -0.0, .infinity, -.infinity, .nan, 1, -1, T(1e-30), T(1e30)]
    return (0..<count).map { i in
      let k = (i &* 7919 &+ seed &* 104_729) % 1009
      return k % 23 == 0 ? special[k / 23 % special.count] : T(Double(k) / 250 - 2)
    }
  }

  /// The function of an operation, one element at a time, by the graph's kernels.
  private func value<T: Real>(_ f: UnaryOperation, _ parameter: T, _ x: T) -> T {
    var x = x, y: T = 0
    withUnsafeMutablePointer(to: &x) { x in
      withUnsafeMutablePointer(to: &y) { y in
        apply(
          f, parameter, MatrixView(x, rows: 1, columns: 1, columnStride: 1),
          to: MatrixView(y, rows: 1, columns: 1, columnStride: 1))
      }
    }
    return y
  }

  private func slope<T: Real>(_ f: UnaryOperation, _ parameter: T, _ x: T, _ fx: T, _ dy: T, _ e: T) -> T {
    var x = x, fx = fx, dy = dy, dx = e
    func view(_ p: UnsafeMutablePointer<T>) -> MatrixView<T> { MatrixView(p, rows: 1, columns: 1, columnStride: 1) }
    withUnsafeMutablePointer(to: &x) { x in
      withUnsafeMutablePointer(to: &fx) { fx in
        withUnsafeMutablePointer(to: &dy) { dy in
          withUnsafeMutablePointer(to: &dx) { dx in
            applyBackward(f, parameter, view(x), view(fx), dy: view(dy), dx: view(dx))
          }
        }
      }
    }
    return dx
  }

  private func twin<T: Real>(
    _ operation: MicroOperation, _ f: UnaryOperation, _ parameter: T, _ a: T, _ b: T, _ c: T, _ d: T, _ e: T
  ) -> T {
    switch operation {
    case .copy: a
    case .zero: 0
    case .unary: value(f, parameter, a)
    case .sum: a + b
    case .difference: a - b
    case .product: a * b
    case .quotient: a / b
    case .mulAdd: c.addingProduct(a, b)
    case .mulSub: c.addingProduct(-a, b)
    case .mulMulAdd: (c * d).addingProduct(a, b)
    // dy·f′ + (−0) is dy·f′ with its sign
    case .slope: slope(f, parameter, c, d, a, -0.0)
    case .slopeMul: slope(f, parameter, c, d, a * b, -0.0)
    case .slopeAdd: slope(f, parameter, c, d, a, e)
    case .slopeMulAdd: slope(f, parameter, c, d, a * b, e)
    default: .nan
    }
  }

  private func compare<T: Real>(_ operation: MicroOperation, _ f: UnaryOperation, _: T.Type) {
    let parameter: T = f == .leakyRelu ? 0.25 : f == .scale || f == .shift ? -1.5 : 0
    for rows in Self.sizes {
      for (columns, part) in [(1, 1), (3, 2), (5, 5)] {
        // operands with different strides; the first is one column for all
        let steps = 2, strides = [0, rows, rows + 3, rows + 1, rows, rows + 2]
        var memory = (0..<6).map { k in numbers(steps * columns * (rows + 3) + rows, k + rows, T.self) }
        // f(x) is the value of f
        for i in memory[4].indices { memory[4][i] = value(f, parameter, memory[3][min(i, memory[3].count - 1)]) }
        var bases: [UnsafeMutablePointer<T>] = []
        for k in 0..<6 {
          let p = UnsafeMutablePointer<T>.allocate(capacity: memory[k].count)
          p.initialize(from: memory[k], count: memory[k].count)
          bases.append(p)
        }
        defer { for p in bases { p.deallocate() } }
        func operand(_ k: Int) -> MicroOperand<T> {
          MicroOperand(bases[k], step: strides[k] * columns, stride: strides[k])
        }
        var instruction = MicroInstruction<T>(
          operation, function: f, parameter: parameter, rows: rows, to: operand(5)
        ) { operand($0) }
        T.runMicroProgram(&instruction, count: 1, step: 1, columns: 0..<columns, part: part)
        for j in 0..<columns {
          for i in 0..<rows {
            func at(_ k: Int) -> T { memory[k][strides[k] * columns + j * strides[k] + i] }
            let expected = twin(operation, f, parameter, at(0), at(1), at(2), at(3), at(4))
            let got = bases[5][strides[5] * columns + j * strides[5] + i]
            let isEqual = got == expected || got.isNaN && expected.isNaN
            #expect(isEqual, "\(operation) \(f) \(rows) x \(columns): \(got), \(expected)")
            if !isEqual { return }
          }
          // nothing beyond the rows is written
          let next = strides[5] * columns + j * strides[5] + rows
          #expect(bases[5][next] == memory[5][next] || memory[5][next].isNaN)
        }
      }
    }
  }

  @Test(arguments: MicroOperation.allCases.filter { $0.isElementwise }) func equalsItsTwin(_ operation: MicroOperation)
  {
    let hasFunction = operation == .unary || operation.operands >= 4 && operation != .mulMulAdd
    for f in hasFunction ? UnaryOperation.allCases : [.neg] {
      compare(operation, f, Float.self)
      compare(operation, f, Double.self)
    }
  }

  /// A column's result by plain loops in float64.
  private func columnTwin(
    _ operation: MicroOperation, _ p: Double, _ a: [Double], _ b: [Double], _ c: [Double]
  ) -> [Double] {
    func sum(_ x: [Double]) -> Double { x.reduce(0, +) }
    let n = Double(a.count), mean = sum(a) / n
    switch operation {
    case .sumRows: return [p * sum(a)]
    case .broadcastRow: return a.map { _ in p * a[0] }
    case .moments: return [1 / (sum(a.map { ($0 - mean) * ($0 - mean) }) / n + p).squareRoot(), mean]
    case .normalize: return a.map { ($0 - b[1]) * b[0] }
    case .normalizeBackward:
      let projection = sum(zip(a, b).map { $0 * $1 }) / n
      return zip(a, b).map { c[0] * ($0 - mean - $1 * projection) }
    case .softmax:
      let e = a.map { value(.exp, 0, $0) }
      return e.map { $0 / sum(e) }
    case .softmaxBackward:
      let product = sum(zip(a, b).map { $0 * $1 })
      return zip(a, b).map { $1 * ($0 - product) }
    default: return []
    }
  }

  private func compareColumns<T: Real>(_ operation: MicroOperation, tolerance: Double, _: T.Type) {
    let parameter = 0.75
    for rows in Self.sizes {
      for (columns, part) in [(1, 1), (3, 2), (5, 5)] {
        let stride = rows + 2, count = columns * stride
        let memory: [[T]] = (0..<4).map { k in
          (0..<2 * count).map { T(Double(($0 &* 7919 &+ k &* 104_729 &+ rows) % 1009) / 250 - 2) }
        }
        var bases: [UnsafeMutablePointer<T>] = []
        for m in memory {
          let p = UnsafeMutablePointer<T>.allocate(capacity: m.count)
          p.initialize(from: m, count: m.count)
          bases.append(p)
        }
        defer { for p in bases { p.deallocate() } }
        func operand(_ k: Int) -> MicroOperand<T> { MicroOperand(bases[k], step: count, stride: stride) }
        var instruction = MicroInstruction<T>(operation, parameter: T(parameter), rows: rows, to: operand(3)) {
          operand($0)
        }
        T.runMicroProgram(&instruction, count: 1, step: 1, columns: 0..<columns, part: part)
        for j in 0..<columns {
          func column(_ k: Int, _ rows: Int) -> [Double] {
            (0..<rows).map { Double(memory[k][count + j * stride + $0]) }
          }
          // moments are two rows
          let most = max(2, rows)
          let expected = columnTwin(operation, parameter, column(0, rows), column(1, most), column(2, most))
          for i in 0..<stride {
            let got = Double(bases[3][count + j * stride + i])
            // nothing beyond the result is written
            let wanted = i < expected.count ? expected[i] : Double(memory[3][count + j * stride + i])
            #expect(abs(got - wanted) <= tolerance * max(1, abs(wanted)), "\(operation) \(rows) x \(columns), row \(i)")
          }
        }
      }
    }
  }

  @Test(
    arguments: MicroOperation.allCases.filter { !$0.isElementwise && !$0.isSuperinstruction && $0.replacesOperands })
  func columnsEqualTheirTwin(_ operation: MicroOperation) {
    compareColumns(operation, tolerance: 1e-5, Float.self)
    compareColumns(operation, tolerance: 1e-13, Double.self)
  }

  /// A program over parts of the columns, with scratch that each part uses again.
  @Test func scratchIsPerPart() {
    let rows = 5, columns = 7, part = 2
    var x = numbers(rows * columns, 1, Double.self).map { $0.isFinite ? $0 : 0 }
    var y = [Double](repeating: 0, count: rows * columns), scratch = [Double](repeating: 0, count: rows * part)
    let expected = x.map { value(.tanh, 0, $0) * $0 }
    x.withUnsafeMutableBufferPointer { x in
      y.withUnsafeMutableBufferPointer { y in
        scratch.withUnsafeMutableBufferPointer { scratch in
          guard let x = x.baseAddress, let y = y.baseAddress, let scratch = scratch.baseAddress else { return }
          let input = MicroOperand(x, step: 0, stride: rows), between = MicroOperand(scratch: scratch, stride: rows)
          let result = MicroOperand(y, step: 0, stride: rows)
          let code = [
            MicroInstruction(.unary, function: .tanh, rows: rows, to: between) { _ in input },
            MicroInstruction(.product, rows: rows, to: result) { [between, input][$0] },
          ]
          Double.runMicroProgram(code, count: 2, step: 0, columns: 0..<columns, part: part)
        }
      }
    }
    #expect(y == expected)
  }
}
