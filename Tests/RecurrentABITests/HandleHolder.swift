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
  case .mat(let mat): return [mat.lock]
  case .reference(let random as Random): return [random.lock]
  case .reference(let graph as Graph): return [graph.lock]
  case .reference(let network as Network): return [network.parameters.flat.lock]
  case .reference(let optimizer as Optimizer): return [optimizer.lock]
  case .reference(let model as TextModel): return [model.lock]
  case .reference(let generator as Generator): return [generator.lock]
  case .reference(let recorder as ProgramRecorder): return [recorder.graph.lock]
  // a pin has no lock, since any thread may free it; no call changes a program
  case .reference: return []
  }
}
