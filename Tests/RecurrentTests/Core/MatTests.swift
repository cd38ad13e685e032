// Values, views and refusals of Mats.

import Kernels
import Recurrent
import Testing

@Suite struct MatTests {
  @Test(arguments: DType.allCases) func startsWithZerosOnAnAlignedAddress(_ dtype: DType) throws {
    for (n, d) in [(1, 1), (3, 5), (17, 33), (1, 100), (100, 1)] {
      let m = try Mat(n, d, dtype)
      #expect(
        m.n == n && m.d == d && m.stride == n && m.count == n * d && m.dtype == dtype
          && m.shape == "\(n) x \(d)")
      #expect(try m.rows() == [Double](repeating: 0, count: n * d))
      #expect(try m.gradientRows() == [Double](repeating: 0, count: n * d))
      #expect(try UInt(bitPattern: m.wPointer()) % 64 == 0)
      #expect(try UInt(bitPattern: m.dwPointer()) % 64 == 0)
    }
  }

  @Test func isColumnMajor() throws {
    let m = try Mat(2, 3, .float64, rows: [1, 2, 3, 4, 5, 6])
    let w = try m.w(Double.self)
    #expect((0..<6).map { w.p[$0] } == [1, 4, 2, 5, 3, 6])
    #expect(try m.rows() == [1, 2, 3, 4, 5, 6])
    let twin = try Mat(2, 3, columns: .float64([1.0, 4, 2, 5, 3, 6].span))
    #expect(try twin.rows() == m.rows())
    try m.set(gradientRows: [1, 2, 3, 4, 5, 6])
    #expect(try m.dw(Double.self).p[1] == 4)
    #expect(try m.gradientRows() == [1, 2, 3, 4, 5, 6])
    try m.zeroGradient()
    #expect(try m.gradientRows() == [0, 0, 0, 0, 0, 0])
    #expect(try m.rows() == [1, 2, 3, 4, 5, 6])
  }

  @Test func float32Rounds() throws {
    let m = try Mat(1, 2, .float32, rows: [0.1, 1e300])
    #expect(try m.rows() == [Double(Float(0.1)), .infinity])
  }

  @Test func copiesOfAMatShareAndCopyDoesNot() throws {
    let m = try Mat(2, 2, .float64, rows: [1, 2, 3, 4]), same = m
    try m.set(gradientRows: [1, 1, 1, 1])
    let other = try m.copy()
    try m.fill(7)
    #expect(try same.rows() == [7, 7, 7, 7])
    #expect(try other.rows() == [1, 2, 3, 4])
    #expect(try other.gradientRows() == [0, 0, 0, 0])
  }

  @Test func viewsShareNumbersAndGradients() throws {
    let m = try Mat(4, 3, .float32, rows: (0..<12).map { Double($0) })
    let v = try m.view(row: 1, column: 1, n: 2, d: 2)
    #expect(v.stride == 4)
    #expect(try v.rows() == [4, 5, 7, 8])
    let inner = try v.view(row: 1, column: 0, n: 1, d: 2)
    #expect(try inner.rows() == [7, 8])
    try inner.fill(-1)
    try inner.set(gradientRows: [5, 6])
    #expect(try m.rows() == [0, 1, 2, 3, 4, 5, 6, -1, -1, 9, 10, 11])
    #expect(try m.gradientRows() == [0, 0, 0, 0, 0, 0, 0, 5, 6, 0, 0, 0])
    #expect(try v.copy().rows() == [4, 5, -1, -1])
    try v.zeroGradient()
    #expect(try m.gradientRows().allSatisfy { $0 == 0 })
  }

  @Test func aViewKeepsTheNumbersAlive() throws {
    var m: Mat? = try Mat(100, 100, .float64)
    try m?.fill(3)
    let v = try #require(try m?.view(row: 99, column: 99, n: 1, d: 1))
    m = nil
    #expect(try v.rows() == [3])
  }

  @Test func fillsAreOneDrawPerNumberColumnByColumn() throws {
    let base = try Mat(5, 4, .float64), m = try base.view(row: 1, column: 1, n: 3, d: 2)
    let a = Random(seed: 3), b = Random(seed: 3), c = Random(seed: 3)
    try m.fillUniform(-2, 5, a)
    let drawn = (0..<6).map { _ in b.uniform(-2, 5) }
    #expect(try m.rows() == [0, 3, 1, 4, 2, 5].map { drawn[$0] })
    #expect(try base.rows().filter { $0 == 0 }.count == 14)
    // float32 rounds the same draws
    let narrow = try Mat(3, 2)
    try narrow.fillUniform(-2, 5, c)
    #expect(try narrow.rows() == m.rows().map { Double(Float($0)) })
    #expect(a.state == b.state && a.state == c.state)

    try m.fillGaussian(10, 0, a)
    #expect(try m.rows() == [10, 10, 10, 10, 10, 10])
    try m.fillGaussian(1, 2, a)
    for _ in 0..<6 { _ = b.gaussian() }
    let twin = (0..<6).map { _ in b.gaussian(1, 2) }
    #expect(try m.rows() == [0, 3, 1, 4, 2, 5].map { twin[$0] })
  }

  @Test func sizesRefused() {
    for (n, d) in [
      (0, 1), (1, 0), (-1, 5), (5, -1), (Int.min, Int.min), (Int.max, Int.max), (1 << 31, 1),
      (1 << 16, 1 << 15), (Int.max, 2),
    ] {
      refused(.badShape, "\(n) x \(d)") { try Mat(n, d) }
    }
    // 16 GB of calloc would be granted by many systems; a view into nothing must not be
    refused(.badShape, "expected 4 for 2 x 2", "got 3 values") { try Mat(2, 2, .float64, rows: [1, 2, 3]) }
    refused(.badShape, "values has the wrong length; expected 4 for 2 x 2, got 3 values") {
      try Mat(2, 2, columns: .float64([1.0, 2, 3].span))
    }
  }

  @Test func argumentsRefused() throws {
    let m = try Mat(3, 4, .float64, rows: (0..<12).map { Double($0) }), before = try m.rows(),
      random = Random(seed: 1)
    refused(.badShape, "expected 12", "got 5 values") { try m.set(rows: [1, 2, 3, 4, 5]) }
    refused(.badShape, "expected 12", "got 0 values") { try m.set(gradientRows: []) }
    refused(.badType, "float64", "float32") { try m.w(Float.self) }
    refused(.badType, "float64", "float32") { try m.dw(Float.self) }
    for (row, column, n, d) in [
      (0, 0, 4, 1), (3, 0, 1, 1), (-1, 0, 1, 1), (0, 0, 0, 1), (0, 0, -1, 1), (1, 0, Int.max, 1),
      (Int.max, 0, 1, 1),
      (Int.min, 0, 1, 1),
    ] {
      refused(.badIndex, "rows from \(row)", "0..<3") { try m.view(row: row, column: column, n: n, d: d) }
    }
    for (column, d) in [(0, 5), (4, 1), (-1, 1), (0, 0), (2, Int.max), (Int.max, 1)] {
      refused(.badIndex, "columns from \(column)", "0..<4") { try m.view(row: 0, column: column, n: 1, d: d) }
    }
    refused(.badValue, "inf") { try m.fillUniform(0, .infinity, random) }
    refused(.badValue, "nan") { try m.fillUniform(.nan, 1, random) }
    refused(.badValue) { try m.fillUniform(-1e308, 1e308, random) }
    refused(.badValue, "std", "-1") { try m.fillGaussian(0, -1, random) }
    refused(.badValue, "std") { try m.fillGaussian(0, .infinity, random) }
    refused(.badValue, "mean") { try m.fillGaussian(.nan, 1, random) }
    #expect(random.state == Random(seed: 1).state)
    #expect(try m.rows() == before)
  }
}
