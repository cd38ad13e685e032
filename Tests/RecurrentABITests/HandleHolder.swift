// An object in use by another thread, as during a call of that thread.

import Foundation
import Recurrent

@testable import RecurrentABI

/// Calls `body` while another thread holds the locks of a handle's object.
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
    let object = try? HandleTable.withLock({ (table) throws(RecurrentError) in try table.object(handle, "it") })
  else {
    return []
  }
  switch object {
  case .random(let random): return [random.lock]
  case .mat(let mat): return [mat.lock]
  case .graph(let graph): return [graph.lock]
  case .network(let network): return [network.parameters.flat.lock]
  case .optimizer(let optimizer): return [optimizer.lock]
  case .textModel(let model): return [model.lock]
  case .generator(let generator): return [generator.lock]
  // a pin has no lock: any thread may free it
  case .pin: return []
  case .step(let recorder): return [recorder.graph.lock]
  // no call changes a program
  case .program: return []
  }
}
