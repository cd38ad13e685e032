// The order of evaluation of a graph with applications of programs: like ones are computed together.
//
// The stage of a node is the largest number of applications that it waits for, one after another. All other operations of
// a stage are computed before its applications, in the order of their recording; applications of one batch and stage are
// one level. The backward pass goes the other way.
//
// Reference: the batching by depth of Neubig, Goldberg and Dyer, arXiv:1705.07860, whose unit is an operation.

import Kernels

/// A program with parameters, which applications of one evaluation share.
final class ApplicationBatch {
  let program: Program
  /// The parameters of the caller, and all of the step.
  private let given: [Mat]
  let parameters: [Mat]
  /// Those of evaluation, a single column each.
  let masks: [Mat]

  init(_ program: Program, _ given: [Mat], _ outside: (parameters: [Mat], masks: [Mat])) {
    (self.program, self.given) = (program, given)
    (parameters, masks) = outside
  }

  func fits(_ program: Program, _ given: [Mat]) -> Bool {
    program === self.program && given.elementsEqual(self.given) { $0.wStart == $1.wStart && $0.stride == $1.stride }
  }
}

/// Evaluates applications together.
final class ApplicationSchedule: GraphSchedule {
  /// The batches of the nodes that are not evaluated.
  private var batches: [ApplicationBatch] = []
  private(set) var segments: [ApplicationSegment] = []

  /// The batch of a program, with its index.
  func batch(
    _ program: Program, _ given: [Mat], _ graph: Graph
  ) throws(RecurrentError) -> (index: Int, batch: ApplicationBatch) {
    if let known = batches.firstIndex(where: { $0.fits(program, given) }) { return (known, batches[known]) }
    let parameters = try program.parameters(given, on: graph)
    let masks = try program.plan.masks.map { (mask) throws(RecurrentError) in
      try program.draw(mask, 1, 1, on: graph, nil)
    }
    let batch = ApplicationBatch(program, given, (parameters, masks))
    batches.append(batch)
    return (batches.count - 1, batch)
  }

  func forward(_ graph: Graph, from start: Int) throws(RecurrentError) -> Int {
    let nodes = start..<graph.nodes.count
    guard nodes.contains(where: { graph.nodes[$0].isApplication }) else { return graph.forward(nodes) }
    let segment = try ApplicationSegment(graph, nodes, batches)
    // what was computed before a stop is computed again
    if !segment.forward(graph) { return start }
    segments.append(segment)
    // applications from here on can have parameters of other values
    batches = []
    return nodes.upperBound
  }

  func backward(_ graph: Graph) {
    var end = graph.nodes.count
    for segment in segments.reversed() {
      if graph.backward((segment.nodes.upperBound..<end).reversed()) < graph.nodes.count { return }
      if !segment.backward(graph) { return }
      end = segment.nodes.lowerBound
    }
    _ = graph.backward((0..<end).reversed())
  }

  func removeLast(to count: Int) -> Int {
    guard let last = segments.last, last.nodes.upperBound > count else { return count }
    segments.removeLast()
    batches = last.batches
    return last.nodes.lowerBound
  }

  func removeAll() {
    batches.removeAll()
    segments.removeAll()
  }
}

extension Node {
  var isApplication: Bool { ObjectIdentifier(operation) == ObjectIdentifier(ProgramApplication.self) }
}

/// Nodes that are evaluated at a time.
final class ApplicationSegment {
  let nodes: Range<Int>
  let batches: [ApplicationBatch]
  /// The nodes by stage, applications last; and the first of each: of stage s at 2s, of its applications at 2s + 1.
  private let order: UnsafeMutablePointer<Int32>, starts: UnsafeMutablePointer<Int32>
  private let stages: Int
  let runs: [ApplicationRun]

  init(_ graph: Graph, _ nodes: Range<Int>, _ batches: [ApplicationBatch]) throws(RecurrentError) {
    (self.nodes, self.batches) = (nodes, batches)
    // 2 · stage, plus 1 for an application
    let keys = try graph.indices(nodes.count)
    var last: Int32 = 0
    for i in nodes {
      let node = graph.nodes[i]
      var stage: Int32 = 0
      for k in node.first..<node.first + node.count {
        let operand = graph.operands[k].node
        if operand >= nodes.lowerBound { stage = max(stage, (keys[operand - nodes.lowerBound] + 1) / 2) }
      }
      keys[i - nodes.lowerBound] = 2 * stage + (node.isApplication ? 1 : 0)
      last = max(last, stage)
    }
    stages = Int(last) + 1
    // a counting sort
    starts = try graph.indices(2 * stages + 1)
    starts.update(repeating: 0, count: 2 * stages + 1)
    for i in 0..<nodes.count { starts[Int(keys[i]) + 1] += 1 }
    for key in 0..<2 * stages { starts[key + 1] += starts[key] }
    order = try graph.indices(nodes.count)
    for i in 0..<nodes.count {
      let key = Int(keys[i])
      order[Int(starts[key])] = Int32(nodes.lowerBound + i)
      starts[key] += 1
    }
    for key in (0..<2 * stages).reversed() { starts[key + 1] = starts[key] }
    starts[0] = 0
    var members = [Int](repeating: 0, count: batches.count)
    for i in nodes where graph.nodes[i].isApplication { members[graph.nodes[i].batch] += 1 }
    var runs: [ApplicationRun] = []
    for (b, batch) in batches.enumerated() where members[b] > 0 {
      let run = try ApplicationRun(graph, batch, members: members[b])
      for stage in 0..<stages {
        for at in Int(starts[2 * stage + 1])..<Int(starts[2 * stage + 2]) {
          let node = Int(order[at])
          if graph.nodes[node].batch == b { run.append(node, Int(graph.nodes[node].application.columns), stage) }
        }
      }
      try run.allocate(graph)
      runs.append(run)
    }
    self.runs = runs
  }

  /// The nodes of a stage that are no applications.
  private func others(_ stage: Int) -> some BidirectionalCollection<Int> {
    let first = Int(starts[2 * stage]), end = Int(starts[2 * stage + 1])
    return UnsafeBufferPointer(start: order + first, count: end - first).lazy.map { Int($0) }
  }

  /// Returns whether all nodes are evaluated.
  func forward(_ graph: Graph) -> Bool {
    for run in runs { run.begin() }
    for stage in 0..<stages {
      if graph.forward(others(stage)) < graph.nodes.count { return false }
      for run in runs where !run.forward(graph, stage) { return false }
    }
    return true
  }

  func backward(_ graph: Graph) -> Bool {
    for stage in (0..<stages).reversed() {
      for run in runs.reversed() where !run.backward(graph, stage) { return false }
      if graph.backward(others(stage).reversed()) < graph.nodes.count { return false }
    }
    return true
  }
}

extension Node {
  /// The settings of an application.
  var application: ProgramApplication { settings(ProgramApplication.self) }
  var batch: Int { Int(application.batch) }
}
