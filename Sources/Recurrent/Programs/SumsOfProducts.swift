// Pass 2: additions of products become one sum, Σ W·v + Σ bias, that a single pass over its operands computes; and the
// operands of joins become values that can lie in them.

import Kernels

extension DividedStep {
  /// Returns the step with its additions gathered, without values that no state needs.
  func gatheringSums() throws(RecurrentError) -> DividedStep {
    var gathering = SumGathering(self)
    for i in 0..<values.count { try gathering.gather(i) }
    var gathered = DividedStep()
    func renumbered(_ pieces: [RowsOfValue]) -> [RowsOfValue] {
      pieces.map { RowsOfValue(row: $0.row, value: gathering.renumbered[$0.value]) }
    }
    gathered.next = next.map(renumbered)
    gathered.names = names.map { NamedRows(name: $0.name, rows: $0.rows, pieces: renumbered($0.pieces)) }
    (gathered.values, gathered.masks) = (gathering.values, masks)
    return gathered
  }
}

private struct SumGathering {
  let old: StepValues, uses: [Int]
  /// Whether a value is a term of the addition that is its only use.
  private var isTerm: [Bool]
  var values = StepValues()
  /// The new index of each old value that is not a term.
  var renumbered: [Int]
  /// The values that lie in a join.
  private var joined: Set<Int> = []

  init(_ step: DividedStep) {
    old = step.values
    uses = old.uses(from: step.roots)
    isTerm = Array(repeating: false, count: old.count)
    renumbered = Array(repeating: -1, count: old.count)
    for i in 0..<old.count where uses[i] > 0 && old[i].operation == .micro(.sum) {
      for operand in old[i].operands where uses[operand] == 1 && isSum(operand) { isTerm[operand] = true }
    }
  }

  /// Whether the value may be a part of a larger sum.
  private func isSum(_ i: Int) -> Bool { old[i].operation.isProduct || old[i].operation == .micro(.sum) }

  /// What a tree of additions adds.
  private struct Terms {
    var products: [(part: WeightPart, operand: Int)] = []
    var biases: [ParameterRows] = []
    var others: [Int] = []
  }

  mutating func gather(_ i: Int) throws(RecurrentError) {
    if uses[i] == 0 || isTerm[i] { return }
    let value = old[i]
    if value.operation == .join {
      var pieces: [Int] = []
      for operand in value.operands {
        let piece = renumbered[operand], isFree = values[piece].operation.isMicro && joined.insert(piece).inserted
        pieces.append(isFree ? piece : try values.addCopy(of: piece))
      }
      return renumbered[i] = try values.join(pieces)
    }
    guard isSum(i) else {
      return renumbered[i] = try values.add(
        value.operation, value.operands.map { renumbered[$0] }, rows: value.rows)
    }
    var terms = Terms()
    collect(i, &terms)
    if terms.products.isEmpty {
      // nothing but element-wise additions
      for bias in terms.biases { terms.others.append(try values.add(.parameter(bias), rows: value.rows)) }
    } else {
      // sums of equal operands are computed together: the operands come in one order
      terms.products.sort { ($0.operand, $0.part.column) < ($1.operand, $1.part.column) }
      let sum = StepOperation.sumOfProducts(terms.products.map(\.part), biases: terms.biases)
      terms.others.insert(try values.add(sum, terms.products.map(\.operand), rows: value.rows), at: 0)
    }
    var result = terms.others[0]
    for other in terms.others.dropFirst() {
      result = try values.add(.micro(.sum), [result, other], rows: value.rows)
    }
    renumbered[i] = result
  }

  private func collect(_ i: Int, _ terms: inout Terms) {
    switch old[i].operation {
    case .sumOfProducts(let parts, _):
      for (part, operand) in zip(parts, old[i].operands) { terms.products.append((part, renumbered[operand])) }
    default:
      for operand in old[i].operands {
        if isTerm[operand] {
          collect(operand, &terms)
        } else if case .parameter(let rows) = old[operand].operation {
          terms.biases.append(rows)
        } else {
          terms.others.append(renumbered[operand])
        }
      }
    }
  }
}
