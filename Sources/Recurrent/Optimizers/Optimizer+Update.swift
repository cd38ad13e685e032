// The update of one parameter: clipping, then the algorithm's kernel.

import Kernels

extension Optimizer {
  /// Updates one Mat and its state, and sets its gradient to 0.
  ///
  /// - Parameters:
  ///   - tensors: its state tensors.
  ///   - t: index of the step, from 1.
  ///   - norm: √Σg² over the gradients that are clipped together.
  /// - Returns: how many gradient elements were clipped.
  func update(_ mat: Mat, _ tensors: [Mat], _ t: Int, _ options: StepOptions, norm: Double) -> Int {
    let byNorm = clipping != .value && options.clip < .infinity
    let scale = byNorm ? min(1, options.clip / (norm + 1e-6)) : 1, bound = byNorm ? .infinity : options.clip
    let clipped =
      switch mat.dtype {
      case .float32:
        algorithm.update(
          ParameterStep<Float>(
            weights: mat.operandRef.w(Float.self), gradients: mat.operandRef.dw(Float.self), states: tensors, t: t,
            learningRate: options.learningRate, weightDecay: options.weightDecay,
            decayFactor: options.decayFactor, gradientScale: scale, clipValue: bound))
      case .float64:
        algorithm.update(
          ParameterStep<Double>(
            weights: mat.operandRef.w(Double.self), gradients: mat.operandRef.dw(Double.self), states: tensors, t: t,
            learningRate: options.learningRate, weightDecay: options.weightDecay,
            decayFactor: options.decayFactor, gradientScale: scale, clipValue: bound))
      }
    return scale < 1 ? mat.count : clipped
  }
}
