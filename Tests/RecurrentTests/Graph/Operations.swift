// Every operation of a graph in every form, with leaves of random shape.

import Recurrent
import Testing

/// One form of one operation.
struct Operation: Sendable, CustomTestStringConvertible {
  let name: String
  let leaves: @Sendable (Dice) throws -> [Mat]
  let build: @Sendable (Graph, [Mat], UInt64) throws -> Mat

  var testDescription: String { name }

  /// `build` receives the seed of the case, for choices that are not leaves.
  init(
    _ name: String, _ leaves: @escaping @Sendable (Dice) throws -> [Mat],
    seeded build: @escaping @Sendable (Graph, [Mat], UInt64) throws -> Mat
  ) {
    (self.name, self.leaves, self.build) = (name, leaves, build)
  }

  init(
    _ name: String, _ leaves: @escaping @Sendable (Dice) throws -> [Mat],
    _ build: @escaping @Sendable (Graph, [Mat]) throws -> Mat
  ) {
    self.init(name, leaves) { graph, m, _ in try build(graph, m) }
  }

  static let all = curves + pairs + choices + products + shapes + reductions + losses + cells
}

extension Operation {
  private static let one: @Sendable (Dice) throws -> [Mat] = { [try $0.leaf($0.size(), $0.size())] }
  private static let positive: @Sendable (Dice) throws -> [Mat] = {
    [try $0.leaf($0.size(), $0.size(), 0.3...2.5, positive: true)]
  }
  /// Two leaves of one shape; the second, which may be a divisor, is at least 0.5 from 0.
  private static let two: @Sendable (Dice) throws -> [Mat] = {
    let (n, d) = ($0.size(), $0.size())
    return [try $0.leaf(n, d), try $0.leaf(n, d, 0.5...2)]
  }
  private static let columnFirst: @Sendable (Dice) throws -> [Mat] = {
    let n = $0.size()
    return [try $0.leaf(n, 1), try $0.leaf(n, $0.size(), 0.5...2)]
  }
  private static let columnSecond: @Sendable (Dice) throws -> [Mat] = {
    let n = $0.size()
    return [try $0.leaf(n, $0.size()), try $0.leaf(n, 1, 0.5...2)]
  }
  private static let rowFirst: @Sendable (Dice) throws -> [Mat] = {
    let d = $0.size()
    return [try $0.leaf(1, d), try $0.leaf($0.size(), d, 0.5...2)]
  }
  private static let rowSecond: @Sendable (Dice) throws -> [Mat] = {
    let d = $0.size()
    return [try $0.leaf($0.size(), d), try $0.leaf(1, d, 0.5...2)]
  }
  private static let single: @Sendable (Dice) throws -> [Mat] = {
    [try $0.leaf($0.size(), $0.size()), try $0.leaf(1, 1, 0.5...2)]
  }
  private static let columnAndRow: @Sendable (Dice) throws -> [Mat] = {
    [try $0.leaf($0.size(), 1), try $0.leaf(1, $0.size(), 0.5...2)]
  }
  /// Two leaves no element of which is near one of the other.
  private static func apart(
    _ leaves: @escaping @Sendable (Dice) throws -> [Mat]
  ) -> @Sendable (Dice) throws -> [Mat] {
    { dice in
      while true {
        let m = try leaves(dice), a = try m[0].rows(), b = try m[1].rows()
        if a.allSatisfy({ x in b.allSatisfy { abs($0 - x) > 1e-3 } }) { return m }
      }
    }
  }
  private static let square: @Sendable (Dice) throws -> [Mat] = {
    let n = $0.size()
    return [try $0.leaf(n, n)]
  }

  private static let curves: [Operation] = [
    Operation("tanh", one) { g, m in try g.tanh(m[0]) },
    Operation("sigmoid", one) { g, m in try g.sigmoid(m[0]) },
    Operation("relu", one) { g, m in try g.relu(m[0]) },
    Operation("leakyRelu", one) { g, m in try g.leakyRelu(m[0], negativeSlope: 0.2) },
    Operation("gelu", one) { g, m in try g.gelu(m[0]) },
    Operation("silu", one) { g, m in try g.silu(m[0]) },
    Operation("softplus", one) { g, m in try g.softplus(m[0]) },
    Operation("neg", one) { g, m in try g.neg(m[0]) },
    Operation("scale", one) { g, m in try g.scale(m[0], by: -1.75) },
    Operation("shift", one) { g, m in try g.shift(m[0], by: -1.75) },
    Operation("exp", one) { g, m in try g.exp(m[0]) },
    Operation("log", positive) { g, m in try g.log(m[0]) },
    Operation("sqrt", positive) { g, m in try g.sqrt(m[0]) },
    Operation("square", one) { g, m in try g.square(m[0]) },
    Operation("abs", one) { g, m in try g.abs(m[0]) },
    Operation("sin", one) { g, m in try g.sin(m[0]) },
    Operation("cos", one) { g, m in try g.cos(m[0]) },
    Operation("pow", positive) { g, m in try g.add(g.pow(m[0], 1.7), g.pow(m[0], -0.5)) },
    Operation("pow of whole numbers", one) { g, m in try g.add(g.pow(m[0], 3), g.pow(m[0], 0)) },
    Operation("detach", one) { g, m in try g.eltmul(m[0], g.detach(g.scale(m[0], by: 0))) },
  ]

  private static let pairs: [Operation] =
    [two, columnFirst, columnSecond, rowFirst, rowSecond, single, columnAndRow].enumerated().flatMap { form, leaves in
      let names = ["", "column first", "column second", "row first", "row second", "one second", "column and row"]
      let name = form == 0 ? "" : " " + names[form]
      return [
        Operation("add" + name, leaves) { g, m in try g.add(m[0], m[1]) },
        Operation("sub" + name, leaves) { g, m in try g.sub(m[0], m[1]) },
        Operation("eltmul" + name, leaves) { g, m in try g.eltmul(m[0], m[1]) },
        Operation("div" + name, leaves) { g, m in try g.div(m[0], m[1]) },
        Operation("maximum" + name, apart(leaves)) { g, m in try g.maximum(m[0], m[1]) },
        Operation("minimum" + name, apart(leaves)) { g, m in try g.minimum(m[0], m[1]) },
      ]
    } + [
      Operation("add twice", one) { g, m in try g.add(m[0], m[0]) },
      Operation("sub twice", one) { g, m in try g.sub(m[0], m[0]) },
      Operation("eltmul twice", one) { g, m in try g.eltmul(m[0], m[0]) },
      Operation("div twice", positive) { g, m in try g.div(m[0], m[0]) },
      Operation("used three times", square) { g, m in
        try g.add(g.mul(m[0], m[0]), g.eltmul(m[0], g.tanh(m[0])))
      },
    ]

  private static let choices: [Operation] = [
    Operation("comparisons", apart(two)) { g, m in
      let masks = try [
        g.greater(m[0], m[1]), g.greaterEqual(m[0], m[1]), g.less(m[0], m[1]), g.lessEqual(m[0], m[1]),
        g.equal(m[0], m[1]), g.notEqual(m[0], m[1]),
      ]
      return try g.eltmul(g.concatRows(masks), g.concatRows([m[0], m[1], m[0], m[1], m[0], m[1]]))
    },
    Operation("where", apart(two)) { g, m in try g.where(g.greater(m[0], m[1]), g.tanh(m[0]), m[1]) },
    Operation("where of rows", apart(rowSecond)) { g, m in try g.where(g.less(m[0], m[1]), m[1], m[0]) },
    Operation("where of a column and a row", apart(columnAndRow)) { g, m in
      try g.where(g.less(m[0], m[1]), m[1], m[0])
    },
    Operation(
      "clip",
      { dice in
        while true {
          let m = try dice.leaf(dice.size(), dice.size())
          if try m.rows().allSatisfy({ abs($0 + 0.6) > 1e-3 && abs($0 - 0.8) > 1e-3 }) { return [m] }
        }
      }
    ) { g, m in try g.add(g.clip(m[0], low: -0.6, high: 0.8), g.clip(m[0], high: 0.8)) },
  ]

  private static let products: [Operation] = [
    Operation(
      "bmm",
      {
        let k = $0.size(); return [try $0.leaf($0.size(), 3 * k), try $0.leaf(k, 3 * $0.size())]
      }
    ) { g, m in try g.bmm(m[0], m[1], 3) },
    Operation(
      "bmm transposed",
      {
        let k = $0.size(); return [try $0.leaf(k, 2 * $0.size()), try $0.leaf(k, 2 * $0.size())]
      }
    ) { g, m in try g.bmm(m[0], m[1], 2, transposeA: true) },
    Operation(
      "bmm twice",
      {
        let n = $0.size(); return [try $0.leaf(n, 2 * n)]
      }
    ) { g, m in
      try g.add(g.bmm(m[0], m[0], 2), g.bmm(m[0], m[0], 2, transposeA: true))
    },
    Operation(
      "mul",
      {
        let k = $0.size(9); return [try $0.leaf($0.size(9), k), try $0.leaf(k, $0.size(9))]
      }
    ) {
      g, m in try g.mul(m[0], m[1])
    },
    Operation("mul twice", square) { g, m in try g.mul(m[0], m[0]) },
    Operation("mul by its transpose", one) { g, m in try g.mul(m[0], g.transpose(m[0])) },
    Operation("dot", two) { g, m in try g.dot(m[0], m[1]) },
    Operation("dot twice", one) { g, m in try g.dot(m[0], m[0]) },
    Operation("rowPluck", one) { g, m in try g.rowPluck(m[0], m[0].n / 2) },
    Operation(
      "rowPluck with repeats", one,
      seeded: { g, m, seed in
        let dice = Dice(seed)
        return try g.rowPluck(m[0], (0..<dice.integer(1...7)).map { _ in dice.integer(0...m[0].n - 1) })
      }),
  ]

  private static let shapes: [Operation] = [
    Operation("transpose", one) { g, m in try g.transpose(m[0]) },
    Operation("reshape", { [try $0.leaf($0.size(), 2 * $0.size())] }) { g, m in
      try g.concatRows([g.reshape(m[0], 2, -1), g.reshape(g.tanh(m[0]), 2, m[0].count / 2)])
    },
    Operation("stack", two) { g, m in
      try g.concatColumns([
        g.reshape(g.stack([m[0], m[1], m[0]], over: .rows), 1, -1),
        g.reshape(g.stack([m[1], m[0]], over: .columns), 1, -1),
      ])
    },
    Operation(
      "indexSelect", one,
      seeded: { g, m, seed in
        let dice = Dice(seed)
        let rows = try g.indexSelect(
          m[0], (0..<dice.integer(1...7)).map { _ in dice.integer(0...m[0].n - 1) }, over: .rows)
        return try g.indexSelect(
          rows, (0..<dice.integer(1...7)).map { _ in dice.integer(0...m[0].d - 1) }, over: .columns)
      }),
    Operation("reverseSequence", { [try $0.leaf($0.size(), 12)] }) { g, m in
      try g.add(g.reverseSequence(m[0], steps: 4, lengths: [4, 0, 3]), g.reverseSequence(m[0], steps: 6))
    },
    Operation(
      "concatRows",
      {
        let d = $0.size(); return try [$0.leaf($0.size(), d), $0.leaf($0.size(), d)]
      }
    ) { g, m in
      // one of them twice
      try g.concatRows([m[0], m[1], m[0]])
    },
    Operation(
      "concatColumns",
      {
        let n = $0.size(); return try [$0.leaf(n, $0.size()), $0.leaf(n, $0.size())]
      }
    ) {
      g, m in try g.concatColumns([m[0], m[1], m[0]])
    },
    Operation(
      "sliceRows", one,
      seeded: { g, m, seed in
        let dice = Dice(seed), start = dice.integer(0...m[0].n - 1)
        let slice = try g.sliceRows(g.tanh(m[0]), start, dice.integer(1...m[0].n - start))
        return try g.square(slice)
      }),
    Operation(
      "sliceColumns", one,
      seeded: { g, m, seed in
        let dice = Dice(seed), start = dice.integer(0...m[0].d - 1)
        return try g.sigmoid(g.sliceColumns(m[0], start, dice.integer(1...m[0].d - start)))
      }),
    Operation("slices that overlap", one) { g, m in
      let n = m[0].n, half = (n + 1) / 2
      return try g.eltmul(g.sliceRows(m[0], 0, half), g.sliceRows(m[0], n - half, half))
    },
  ]

  private static let reductions: [Operation] =
    [Axis.all, .rows, .columns].flatMap { axis in
      [
        Operation("sum over \(axis)", one) { g, m in try g.sum(m[0], over: axis) },
        Operation("mean over \(axis)", one) { g, m in try g.mean(m[0], over: axis) },
        Operation("norm over \(axis)", positive) { g, m in try g.norm(m[0], over: axis) },
        Operation("logsumexp over \(axis)", one) { g, m in try g.logsumexp(m[0], over: axis) },
        Operation("max and min over \(axis)", distinct) { g, m in
          try g.add(g.max(m[0], over: axis), g.min(m[0], over: axis))
        },
        // a view whose columns lie apart
        Operation("of a view over \(axis)", distinct) { g, m in
          let view = try m[0].view(row: m[0].n / 2, column: 0, n: m[0].n - m[0].n / 2, d: m[0].d)
          return try g.add(g.max(view, over: axis), g.add(g.norm(view, over: axis), g.logsumexp(view, over: axis)))
        },
      ]
    } + [
      Operation("cumsum over rows", one) { g, m in try g.cumsum(m[0], over: .rows) },
      Operation("cumsum over columns", one) { g, m in try g.cumsum(m[0], over: .columns) },
    ]

  /// A leaf whose elements are apart from each other and from 0.
  private static let distinct: @Sendable (Dice) throws -> [Mat] = { dice in
    while true {
      let m = try dice.leaf(dice.size(), dice.size()), sorted = try m.rows().sorted()
      let isApart = zip(sorted, sorted.dropFirst()).allSatisfy { $1 - $0 > 1e-3 }
      if isApart && sorted.allSatisfy({ abs($0) > 0.01 }) { return [m] }
    }
  }

  private static let losses: [Operation] =
    [
      Operation("softmax", one) { g, m in try g.softmax(m[0]) },
      Operation("logSoftmax", one) { g, m in try g.logSoftmax(m[0]) },
      Operation("dropout", one, seeded: { g, m, seed in try g.dropout(m[0], rate: 0.4, Random(seed: seed)) }),
      Operation(
        "layerNorm",
        {
          let n = $0.size(7); return try [$0.leaf(n, $0.size()), $0.leaf(n, 1), $0.leaf(n, 1)]
        }
      ) {
        g, m in try g.layerNorm(m[0], gain: m[1], bias: m[2], epsilon: 0.1)
      },
      Operation("layerNorm without gain", { try [$0.leaf($0.size(7), $0.size())] }) {
        g, m in try g.layerNorm(m[0], epsilon: 0.1)
      },
      Operation(
        "layerNorm, gain as bias",
        {
          let n = $0.size(7); return try [$0.leaf(n, $0.size()), $0.leaf(n, 1)]
        }
      ) {
        g, m in try g.layerNorm(m[0], gain: m[1], bias: m[1], epsilon: 0.1)
      },
    ]
    + [Reduction.mean, .sum].flatMap { reduction in
      [
        Operation(
          "crossEntropy \(reduction)", one,
          seeded: { g, m, seed in
            let dice = Dice(seed)
            return try g.crossEntropy(m[0], (0..<m[0].d).map { _ in dice.integer(0...m[0].n - 1) }, reduction)
          }),
        Operation("squaredError \(reduction)", two) { g, m in try g.squaredError(m[0], m[1], reduction) },
        Operation("squaredError to itself \(reduction)", one) { g, m in
          try g.squaredError(m[0], g.tanh(m[0]), reduction)
        },
      ]
    }

  private static let cells: [Operation] = [
    Operation(
      "lstm",
      { dice in
        let (h, i, b) = (dice.size(4), dice.size(4), dice.size(3))
        return try [
          dice.leaf(i, b), dice.leaf(h, b), dice.leaf(h, b), dice.leaf(4 * h, i), dice.leaf(4 * h, h),
          dice.leaf(4 * h, 1),
        ]
      }
    ) { g, m in
      let (h, c) = try g.lstm(m[0], m[1], m[2], Wx: m[3], Wh: m[4], b: m[5])
      return try g.concatRows([h, c])
    },
    // h also as x and as c, Wx also as Wh, for three ticks
    Operation(
      "lstm of one Mat, three ticks",
      { dice in
        let h = dice.size(3)
        return try [dice.leaf(h, dice.size(2)), dice.leaf(4 * h, h), dice.leaf(4 * h, 1)]
      }
    ) { g, m in
      var (h, c) = (m[0], m[0])
      for _ in 0..<3 { (h, c) = try g.lstm(m[0], h, c, Wx: m[1], Wh: m[1], b: m[2]) }
      return try g.add(h, c)
    },
    Operation(
      "rnn",
      { dice in
        while true {
          let (h, i, b) = (dice.size(4), dice.size(4), dice.size(3))
          let m = try [dice.leaf(i, b), dice.leaf(h, b), dice.leaf(h, i), dice.leaf(h, h), dice.leaf(h, 1)]
          let g = Graph(needsBackprop: false)
          let z = try g.add(g.add(g.mul(m[2], m[0]), g.mul(m[3], m[1])), m[4])
          // keep away from the kink
          if try z.rows().allSatisfy({ abs($0) > 1e-3 }) { return m }
        }
      }
    ) { g, m in try g.rnn(m[0], m[1], Wx: m[2], Wh: m[3], b: m[4]) },
  ]
}
