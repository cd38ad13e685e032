// The result of one training or optimizer step.

/// The result of one training or optimizer step.
public struct StepResult: Equatable, Sendable {
  /// The loss before the update: its mean or its sum over the targets, as the step's reduction says.
  ///
  /// 0 from `Optimizer.step`, which reads gradients and no loss.
  public var loss: Double
  /// √Σg² over all gradients, before clipping.
  public var gradientNorm: Double
  /// Fraction of the gradients that were clipped, 0 to 1.
  public var ratioClipped: Double

  /// From the three values; the loss is 0 where a step has none.
  public init(loss: Double = 0, gradientNorm: Double, ratioClipped: Double) {
    (self.loss, self.gradientNorm, self.ratioClipped) = (loss, gradientNorm, ratioClipped)
  }
}
