// Updates whose weights would not be finite: reported, with everything as before.

import Kernels

extension Optimizer {
  /// A Mat with its state, as one call of the algorithm updates it.
  struct Target {
    let mat: Mat, tensors: [Mat]
    /// The states of the parameters in `mat`, which have made the same number of steps.
    let parts: [ParameterState]
    /// The settings of the step, with the factors of the parameters.
    let options: StepOptions
    /// √Σg² over the gradients that are clipped together.
    let norm: Double

    /// Index of the next step, from 1.
    var t: Int { (parts.first?.steps ?? 0) + 1 }
  }

  /// Updates one Mat, and counts the step.
  func update(_ target: Target) -> Int {
    let t = target.t
    for part in target.parts { part.steps = t }
    return update(target.mat, target.tensors, t, target.options, norm: target.norm)
  }

  /// Whether bounds exclude that an update makes a finite weight infinite or NaN. They read the state, and the weights
  /// where these are part of a gradient; an update that they do not exclude is made on trial, which costs a copy.
  ///
  /// - Parameter norm: √Σg² over all gradients.
  func isBounded(_ target: Target, norm: Double) -> Bool {
    let options = target.options
    // sums and products of a few of these are finite, and a weight minus a step below half a unit in the last place of
    // the largest number is finite if the weight is
    let (gradientLimit, reachLimit, stepLimit) =
      target.mat.dtype == .float32 ? (1e15, 1e35, 1e30) : (1e150, 1e300, 1e290)
    let decay = algorithm.weightDecay * options.decayFactor
    let weights = decay == 0 && options.weightDecay <= 1 ? 0 : target.mat.largestMagnitude
    let gradient = norm + decay * weights
    var state = 0.0
    for (k, tensor) in target.tensors.enumerated() {
      let largest = areSquares[k] ? tensor.largestOfSquares : tensor.largestMagnitude
      // the root of a negative square is NaN; NaN fails too
      guard largest >= 0 && largest <= stepLimit else { return false }
      state = max(state, largest)
    }
    let reach = algorithm.reach(target.t) * (state + 2 * gradient)
    return gradient <= gradientLimit && reach <= reachLimit && options.learningRate * reach <= stepLimit
      && options.learningRate <= stepLimit
      && (1 + options.learningRate) * (decay + options.weightDecay) * weights <= stepLimit
  }

  /// Updates all Mats, or none if a weight is infinite or NaN afterwards.
  ///
  /// - Parameter named: the parameters by name.
  /// - Throws: `.notFinite` naming the parameter, the index and the step.
  func updateOrRestore(
    _ targets: [Target], _ named: [(name: String, mat: Mat)]
  ) throws(RecurrentError) -> Int {
    var copies: [Mat] = [], tensors: [[Mat]] = []
    for target in targets {
      copies.append(try target.mat.copyWithGradient())
      tensors.append(try target.tensors.map { (tensor) throws(RecurrentError) in try tensor.copyWithGradient() })
    }
    let clipped = targets.reduce(0) { $0 + update($1) }
    for (name, mat) in named {
      guard let (i, j, value) = mat.firstNonFinite else { continue }
      let step = steps(of: name)
      for (target, copy) in zip(targets, copies) {
        target.mat.restore(copy)
        for part in target.parts { part.steps -= 1 }
      }
      for (target, copies) in zip(targets, tensors) {
        for (tensor, copy) in zip(target.tensors, copies) { tensor.restore(copy) }
      }
      throw RecurrentError(
        .notFinite,
        "\(name) is not finite after step \(step); expected finite elements, got \(value) at [\(i), \(j)]; "
          + "nothing has changed, a lower learning rate may help")
    }
    return clipped
  }
}

extension Mat {
  fileprivate var largestMagnitude: Double {
    switch dtype {
    case .float32: Double(Kernels.largestMagnitude(operandRef.w(Float.self)))
    case .float64: Kernels.largestMagnitude(operandRef.w(Double.self))
    }
  }

  fileprivate var largestOfSquares: Double {
    switch dtype {
    case .float32: Double(Kernels.largestOfSquares(operandRef.w(Float.self)))
    case .float64: Kernels.largestOfSquares(operandRef.w(Double.self))
    }
  }

  fileprivate func copyWithGradient() throws(RecurrentError) -> Mat {
    let result = try copy()
    switch dtype {
    case .float32: Kernels.copy(operandRef.dw(Float.self), to: result.operandRef.dw(Float.self))
    case .float64: Kernels.copy(operandRef.dw(Double.self), to: result.operandRef.dw(Double.self))
    }
    return result
  }

  /// Copies the values and the gradients of a Mat of the same shape and type.
  fileprivate func restore(_ copy: Mat) {
    switch dtype {
    case .float32:
      Kernels.copy(copy.operandRef.w(Float.self), to: operandRef.w(Float.self))
      Kernels.copy(copy.operandRef.dw(Float.self), to: operandRef.dw(Float.self))
    case .float64:
      Kernels.copy(copy.operandRef.w(Double.self), to: operandRef.w(Double.self))
      Kernels.copy(copy.operandRef.dw(Double.self), to: operandRef.dw(Double.self))
    }
  }
}
