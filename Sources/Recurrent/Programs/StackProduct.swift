// The products of a stack: operands that are neighbours in memory are one.

import Kernels

/// One product of a stack: stacked weights times rows of a region.
struct StackProduct {
  /// Where the rows that the weights multiply begin.
  let place: Place
  /// The number of those rows: columns of the weights.
  var columns: Int
  /// The operands of the stack, and for each the first column of its weights.
  var operands: [(operand: Int, column: Int)]
  /// The part of a parameter that is the stacked weights; nil if they must be gathered.
  var whole: WeightPart?

  /// The first column of the weights of an operand; nil if it belongs to another product.
  func column(of operand: Int) -> Int? { operands.first { $0.operand == operand }?.column }

  /// Whether all operands are rows of x.
  var isInput: Bool { place.region == .input }
}

/// Rows of a parameter that are added to rows of a stack.
struct StackBias {
  let parameter: ParameterRows
  /// The first row of the stack.
  let row: Int
  var rows: Int
}

extension StepValues {
  /// The biases of a stack, neighbours as one.
  func biases(_ stack: Stack) -> [StackBias] {
    var found: [StackBias] = [], row = 0
    for sum in stack.sums {
      for bias in biases(of: sum) {
        if let i = found.firstIndex(where: {
          $0.parameter.parameter == bias.parameter && $0.row + $0.rows == row && $0.parameter.row + $0.rows == bias.row
        }) {
          found[i].rows += self[sum].rows
        } else {
          found.append(StackBias(parameter: bias, row: row, rows: self[sum].rows))
        }
      }
      row += self[sum].rows
    }
    return found
  }

  /// The weight parts of a sum, one for each operand.
  func parts(of sum: Int) -> [WeightPart] {
    if case .sumOfProducts(let parts, _) = self[sum].operation { parts } else { [] }
  }

  /// The biases of a sum.
  func biases(of sum: Int) -> [ParameterRows] {
    if case .sumOfProducts(_, let biases) = self[sum].operation { biases } else { [] }
  }

  /// The products of a stack.
  func products(_ stack: Stack, _ layout: StepLayout) -> [StackProduct] {
    var products: [StackProduct] = []
    for (o, operand) in stack.operands.enumerated() {
      guard let place = layout.places[operand] else { continue }
      let columns = self[operand].rows
      if let last = products.last, last.place.region == place.region, last.place.row + last.columns == place.row {
        products[products.count - 1].operands.append((o, last.columns))
        products[products.count - 1].columns += columns
      } else {
        products.append(StackProduct(place: place, columns: columns, operands: [(o, 0)], whole: nil))
      }
    }
    for i in products.indices { products[i].whole = whole(stack, products[i]) }
    return products
  }

  private func whole(_ stack: Stack, _ product: StackProduct) -> WeightPart? {
    guard let first = parts(of: stack.sums[0]).dropFirst(product.operands[0].operand).first else { return nil }
    var row = first.row
    for sum in stack.sums {
      let parts = parts(of: sum)
      for (operand, column) in product.operands {
        let part = parts[operand]
        if part.parameter != first.parameter || part.row != row || part.column != first.column + column { return nil }
      }
      row += self[sum].rows
    }
    return WeightPart(
      parameter: first.parameter, row: first.row, rows: stack.rows, column: first.column, columns: product.columns)
  }
}
