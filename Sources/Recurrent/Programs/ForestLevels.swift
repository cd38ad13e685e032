// The nodes of a forest by height: those of one height are computed together.

import Kernels

/// The nodes of a forest, lowest first, in memory of the graph.
///
/// Column i of a state belongs to leaf i, whose state is given, or to node i − leaves. A node's height is 0 without nodes
/// below it, else 1 more than that of its highest child. A level is at most `limit` nodes of one height.
struct ForestLevels {
  let leaves: Int, nodes: Int
  /// Children of each node.
  let arity: Int
  /// The number of levels, and the nodes of the largest.
  let count: Int, widest: Int
  /// The first node of each level, and the number of nodes.
  private let starts: UnsafeMutablePointer<Int32>
  /// The place of each node in the list, lowest node first.
  let order: UnsafeMutablePointer<Int32>
  /// The columns of all first children, then of all second ones; −1 for none.
  private let children: UnsafeMutablePointer<Int32>

  /// Levels of nodes without leaves, whose columns are no list.
  ///
  /// - Parameter starts: the first node of each level, and the number of nodes.
  init(_ starts: UnsafeMutablePointer<Int32>, count: Int, widest: Int, arity: Int) {
    (self.starts, self.count, self.widest, self.arity) = (starts, count, widest, arity)
    (leaves, nodes, order, children) = (0, Int(starts[count]), starts, starts)
  }

  /// The nodes of a level, in order of height.
  func level(_ l: Int) -> Range<Int> { Int(starts[l])..<Int(starts[l + 1]) }
  /// The columns of child c of each node.
  func children(_ c: Int) -> UnsafeMutablePointer<Int32> { children + c * nodes }
}

extension ForestLevels {
  /// Checks the children of nodes and sorts the nodes by height. Each index is read once.
  ///
  /// - Parameters:
  ///   - given: `arity` columns for each node; −1 for none.
  ///   - leaves: the number of leaves.
  ///   - limit: the nodes of a level, at most.
  ///   - allocate: returns memory for some indices.
  /// - Throws: `.badShape` for no nodes or too many; `.badIndex` naming the node for a child that does not precede it.
  init(
    _ given: UnsafeBufferPointer<Int>, arity: Int, leaves: Int, limit: Int,
    allocate: (_ count: Int) throws(RecurrentError) -> UnsafeMutablePointer<Int32>
  ) throws(RecurrentError) {
    try require(
      given.count > 0 && given.count % arity == 0, .badShape,
      "children has the wrong length; expected \(arity) for each of at least one node, got \(given.count)")
    let nodes = given.count / arity
    try require(
      given.count <= Mat.maxCount - leaves, .badShape,
      "children is too long; expected at most \(Mat.maxCount) children and leaves, got \(given.count) and \(leaves)")
    let listed = try allocate(given.count), heights = try allocate(nodes)
    var highest = 0
    for j in 0..<nodes {
      var height = 0
      for c in 0..<arity {
        let child = given[j * arity + c]
        if child < -1 || child >= leaves + j {
          throw RecurrentError(
            .badIndex,
            "children[\(j)][\(c)] "
              + (child < -1 || child >= leaves + nodes ? "is out of range" : "does not precede its parent, node \(j)")
              + "; expected -1 for none, or 0 to \(leaves + j - 1), the \(leaves) leaves and the nodes before it, "
              + "got \(child)")
        }
        listed[j * arity + c] = Int32(child)
        if child >= leaves { height = max(height, Int(heights[child - leaves]) + 1) }
      }
      heights[j] = Int32(height)
      highest = max(highest, height)
    }
    // a counting sort: nodes of one height stay in their order
    let ends = try allocate(highest + 2)
    ends.update(repeating: 0, count: highest + 2)
    for j in 0..<nodes { ends[Int(heights[j]) + 1] += 1 }
    for l in 0...highest { ends[l + 1] += ends[l] }
    order = try allocate(nodes)
    children = try allocate(given.count)
    for j in 0..<nodes {
      let height = Int(heights[j]), place = Int(ends[height])
      ends[height] += 1
      order[place] = Int32(j)
      for c in 0..<arity { children[c * nodes + place] = listed[j * arity + c] }
    }
    // the nodes of height h end at ends[h] now
    starts = try allocate(highest + 2 + nodes / limit)
    starts[0] = 0
    var count = 0, widest = 0
    for height in 0...highest {
      while starts[count] < ends[height] {
        let width = min(limit, Int(ends[height] - starts[count]))
        starts[count + 1] = starts[count] + Int32(width)
        widest = max(widest, width)
        count += 1
      }
    }
    (self.leaves, self.nodes, self.arity, self.count, self.widest) = (leaves, nodes, arity, count, widest)
  }
}
