// The nodes of a forest by height: those of one height are computed together.

/// The nodes of a forest, lowest first, in memory of the graph.
///
/// Column i of a state belongs to leaf i, whose state is given, or to node i − leaves. A node's height is 0 without nodes
/// below it, else 1 more than that of its highest child.
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
  ///   - allocate: returns memory for some indices.
  /// - Throws: `.badShape` for no nodes or too many; `.badIndex` naming the node for a child that does not precede it.
  init(
    _ given: UnsafeBufferPointer<Int>, arity: Int, leaves: Int,
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
    starts = try allocate(highest + 2)
    starts.update(repeating: 0, count: highest + 2)
    for j in 0..<nodes { starts[Int(heights[j]) + 1] += 1 }
    var widest = 0
    for l in 0...highest {
      widest = max(widest, Int(starts[l + 1]))
      starts[l + 1] += starts[l]
    }
    order = try allocate(nodes)
    children = try allocate(given.count)
    for j in 0..<nodes {
      let l = Int(heights[j]), place = Int(starts[l])
      starts[l] += 1
      order[place] = Int32(j)
      for c in 0..<arity { children[c * nodes + place] = listed[j * arity + c] }
    }
    // each start is at the end of its level now
    for l in (0...highest).reversed() { starts[l + 1] = starts[l] }
    starts[0] = 0
    (self.leaves, self.nodes, self.arity, count, self.widest) = (leaves, nodes, arity, highest + 1, widest)
  }
}
