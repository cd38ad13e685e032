// An object held by another thread, as if that thread were in the middle of a call.

import Foundation
import Recurrent

@testable import RecurrentABI

/// Calls `body` while another thread holds the object of `handle`.
func held(_ handle: UInt64, _ body: () -> Void) {
  let taken = DispatchSemaphore(value: 0), done = DispatchSemaphore(value: 0),
    given = DispatchSemaphore(value: 0)
  let thread = Thread {
    let locks = locks(of: handle)
    for lock in locks { try? lock.acquire() }
    taken.signal()
    done.wait()
    for lock in locks { lock.release() }
    given.signal()
  }
  thread.start()
  taken.wait()
  body()
  done.signal()
  given.wait()
}

private func locks(of handle: UInt64) -> [Lock] {
  guard
    let object = try? handles.withLock({ (table) throws(RecurrentError) in try table.object(handle, "it") })
  else {
    return []
  }
  switch object {
  case .random(let random): return [random.lock]
  case .mat(let mat): return [mat.lock]
  case .graph(let graph): return [graph.lock]
  case .model(let model): return [model.parameters.flat.lock]
  case .solver(let solver): return [solver.lock]
  case .sentenceModel(let model): return [model.lock]
  case .textModel(let model): return [model.lock]
  }
}
