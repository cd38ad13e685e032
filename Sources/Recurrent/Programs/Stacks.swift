// Pass 3: sums of the same operands become one product: their weights are stacked.

import Kernels

/// Sums of products with the same operands, one below the other.
struct Stack {
  /// The sums, from the top.
  var sums: [Int]
  /// The values that the weights multiply.
  let operands: [Int]
  /// Rows of all sums.
  let rows: Int
}

extension StepValues {
  /// The stage of each value: how many products must be computed one after another before it is known.
  ///
  /// - Parameter first: the first value that is computed; those before it are known.
  func stages(from first: Int = 0) -> [Int] {
    var stages = [Int](repeating: 0, count: count)
    for i in first..<count where !self[i].operation.isLeaf {
      let latest = self[i].operands.map { stages[$0] }.max() ?? 0
      stages[i] = self[i].operation.isProduct ? latest + 1 : latest
    }
    return stages
  }
}

extension DividedStep {
  /// Gives each piece of the next states an element-wise value of its own, which can be computed in place; and each
  /// piece of a value with a name one that is computed.
  mutating func separateStates() throws(RecurrentError) {
    var taken = values.joined
    for k in next.indices {
      for p in next[k].indices {
        let value = next[k][p].value
        if values[value].operation.isMicro && taken.insert(value).inserted { continue }
        next[k][p].value = try values.addCopy(of: value)
      }
    }
    for k in names.indices {
      for p in names[k].pieces.indices where values[names[k].pieces[p].value].operation.isLeaf {
        names[k].pieces[p].value = try values.addCopy(of: names[k].pieces[p].value)
      }
    }
  }

  /// The stacks in the order in which they can be computed.
  func stacks() -> [Stack] {
    struct Key: Hashable { let stage: Int, operands: [Int] }
    let stages = values.stages()
    var keys: [Key] = [], sums: [Key: [Int]] = [:]
    for i in 0..<values.count {
      guard case .sumOfProducts = values[i].operation else { continue }
      let key = Key(stage: stages[i], operands: values[i].operands)
      if sums[key] == nil { keys.append(key) }
      sums[key, default: []].append(i)
    }
    let users = singleUsers()
    keys.sort { $0.stage < $1.stage }
    return keys.map { key in
      // sums that pass through the same function lie together: one instruction applies it to all of them
      let all = sums[key] ?? []
      var first: [UInt8: Int] = [:]
      for sum in all { first[users[sum] ?? 255] = min(first[users[sum] ?? 255] ?? .max, place(sum)) }
      func order(_ sum: Int) -> (Int, Int, Int) { (first[users[sum] ?? 255] ?? 0, place(sum), sum) }
      let sorted = all.sorted { order($0) < order($1) }
      return Stack(
        sums: sorted, operands: key.operands, rows: sorted.reduce(0) { $0 + values[$1].rows })
    }
  }

  /// The function of one operand that is the only user of a value.
  private func singleUsers() -> [Int: UInt8] {
    let uses = values.uses(from: roots)
    var users: [Int: UInt8] = [:]
    for i in 0..<values.count {
      guard case .micro(.unary, let function, _) = values[i].operation else { continue }
      if uses[values[i].operands[0]] == 1 { users[values[i].operands[0]] = function.rawValue }
    }
    return users
  }

  /// Where the weights of a sum lie, so that neighbours in memory stay neighbours.
  private func place(_ sum: Int) -> Int {
    guard case .sumOfProducts(let parts, _) = values[sum].operation, let part = parts.first else { return 0 }
    return part.parameter << 32 | part.row
  }
}
