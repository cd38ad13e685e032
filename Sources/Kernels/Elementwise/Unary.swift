// Functions of one number: each curve is its value and, directly beneath, its slope.

/// The elementwise functions, by name. `parameter` is leakyRelu's slope, scale's factor.
public enum UnaryOperation: UInt8, Sendable, CaseIterable {
  case tanh, sigmoid, relu, leakyRelu, gelu, silu, softplus
  case neg, scale, exp, log, sqrt, square, abs
}

/// y = f(x) and dy/dx. A slope may use the value that the forward pass left.
private protocol Function {
  static func value<T: Real>(_ x: T.V, _ parameter: T.V, _: T.Type) -> T.V
  static func slope<T: Real>(_ x: T.V, _ y: T.V, _ parameter: T.V, _: T.Type) -> T.V
}

private enum Tanh: Function {
  @inline(__always) static func value<T: Real>(_ x: T.V, _: T.V, _: T.Type) -> T.V { T.tanh(x) }
  // d tanh = 1 − tanh²
  @inline(__always) static func slope<T: Real>(_: T.V, _ y: T.V, _: T.V, _: T.Type) -> T.V { 1.0 - y * y }
}

private enum Sigmoid: Function {
  @inline(__always) static func value<T: Real>(_ x: T.V, _: T.V, _: T.Type) -> T.V { T.sigmoid(x) }
  // dσ = σ(1 − σ)
  @inline(__always) static func slope<T: Real>(_: T.V, _ y: T.V, _: T.V, _: T.Type) -> T.V { y * (1.0 - y) }
}

private enum Relu: Function {
  @inline(__always) static func value<T: Real>(_ x: T.V, _: T.V, _: T.Type) -> T.V {
    T.V.select(0.0, above: x, 0.0, x)
  }
  // Parity: 1 where the input is above 0, and 0 at 0
  @inline(__always) static func slope<T: Real>(_ x: T.V, _: T.V, _: T.V, _: T.Type) -> T.V {
    T.V.select(x, above: 0.0, 1.0, 0.0)
  }
}

private enum LeakyRelu: Function {
  @inline(__always) static func value<T: Real>(_ x: T.V, _ parameter: T.V, _: T.Type) -> T.V {
    T.V.select(x, above: 0.0, x, x * parameter)
  }
  @inline(__always) static func slope<T: Real>(_ x: T.V, _: T.V, _ parameter: T.V, _: T.Type) -> T.V {
    T.V.select(x, above: 0.0, 1.0, parameter)
  }
}

private enum Gelu: Function {
  // x Φ(x), the exact form
  @inline(__always) static func value<T: Real>(_ x: T.V, _: T.V, _: T.Type) -> T.V {
    let y = x * T.normal(x).cdf
    // −∞·0 has the limit 0
    return T.V.select(-1e9, above: x, 0.0, y)
  }
  // Φ(x) + x φ(x)
  @inline(__always) static func slope<T: Real>(_ x: T.V, _: T.V, _: T.V, _: T.Type) -> T.V {
    let (share, density) = T.normal(x)
    return T.V.fma(x, density, share)
  }
}

private enum Silu: Function {
  // x σ(x)
  @inline(__always) static func value<T: Real>(_ x: T.V, _: T.V, _: T.Type) -> T.V {
    T.V.select(-1e9, above: x, 0.0, x * T.sigmoid(x))
  }
  // σ + y (1 − σ)
  @inline(__always) static func slope<T: Real>(_ x: T.V, _ y: T.V, _: T.V, _: T.Type) -> T.V {
    let s = T.sigmoid(x)
    return T.V.fma(y, 1.0 - s, s)
  }
}

private enum Softplus: Function {
  @inline(__always) static func value<T: Real>(_ x: T.V, _: T.V, _: T.Type) -> T.V { T.softplus(x) }
  @inline(__always) static func slope<T: Real>(_ x: T.V, _: T.V, _: T.V, _: T.Type) -> T.V { T.sigmoid(x) }
}

private enum Neg: Function {
  @inline(__always) static func value<T: Real>(_ x: T.V, _: T.V, _: T.Type) -> T.V { -1.0 * x }
  @inline(__always) static func slope<T: Real>(_: T.V, _: T.V, _: T.V, _: T.Type) -> T.V { -1.0 }
}

private enum Scale: Function {
  @inline(__always) static func value<T: Real>(_ x: T.V, _ parameter: T.V, _: T.Type) -> T.V { x * parameter }
  @inline(__always) static func slope<T: Real>(_: T.V, _: T.V, _ parameter: T.V, _: T.Type) -> T.V { parameter }
}

private enum Exp: Function {
  @inline(__always) static func value<T: Real>(_ x: T.V, _: T.V, _: T.Type) -> T.V { T.exp(x) }
  @inline(__always) static func slope<T: Real>(_: T.V, _ y: T.V, _: T.V, _: T.Type) -> T.V { y }
}

private enum Log: Function {
  @inline(__always) static func value<T: Real>(_ x: T.V, _: T.V, _: T.Type) -> T.V { T.log(x) }
  @inline(__always) static func slope<T: Real>(_ x: T.V, _: T.V, _: T.V, _: T.Type) -> T.V { 1.0 / x }
}

private enum Sqrt: Function {
  @inline(__always) static func value<T: Real>(_ x: T.V, _: T.V, _: T.Type) -> T.V { T.V.sqrt(x) }
  @inline(__always) static func slope<T: Real>(_: T.V, _ y: T.V, _: T.V, _: T.Type) -> T.V { 0.5 / y }
}

private enum Square: Function {
  @inline(__always) static func value<T: Real>(_ x: T.V, _: T.V, _: T.Type) -> T.V { x * x }
  @inline(__always) static func slope<T: Real>(_ x: T.V, _: T.V, _: T.V, _: T.Type) -> T.V { 2.0 * x }
}

private enum Abs: Function {
  @inline(__always) static func value<T: Real>(_ x: T.V, _: T.V, _: T.Type) -> T.V { T.V.abs(x) }
  // 0 at 0, as the other libraries have it
  @inline(__always) static func slope<T: Real>(_ x: T.V, _: T.V, _: T.V, _: T.Type) -> T.V {
    T.V.select(x, above: 0.0, 1.0, T.V.select(0.0, above: x, -1.0, 0.0))
  }
}

/// y = f(x).
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func apply<T: Real>(_ curve: UnaryOperation, _ parameter: T, _ x: MatrixView<T>, to y: MatrixView<T>) {
  switch curve {
  case .tanh: forward(Tanh.self, parameter, x, y)
  case .sigmoid: forward(Sigmoid.self, parameter, x, y)
  case .relu: forward(Relu.self, parameter, x, y)
  case .leakyRelu: forward(LeakyRelu.self, parameter, x, y)
  case .gelu: forward(Gelu.self, parameter, x, y)
  case .silu: forward(Silu.self, parameter, x, y)
  case .softplus: forward(Softplus.self, parameter, x, y)
  case .neg: forward(Neg.self, parameter, x, y)
  case .scale: forward(Scale.self, parameter, x, y)
  case .exp: forward(Exp.self, parameter, x, y)
  case .log: forward(Log.self, parameter, x, y)
  case .sqrt: forward(Sqrt.self, parameter, x, y)
  case .square: forward(Square.self, parameter, x, y)
  case .abs: forward(Abs.self, parameter, x, y)
  }
}

/// dx += dy · f′(x).
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func applyBackward<T: Real>(
  _ curve: UnaryOperation, _ parameter: T, _ x: MatrixView<T>, _ y: MatrixView<T>, dy: MatrixView<T>, dx: MatrixView<T>
) {
  switch curve {
  case .tanh: backward(Tanh.self, parameter, x, y, dy, dx)
  case .sigmoid: backward(Sigmoid.self, parameter, x, y, dy, dx)
  case .relu: backward(Relu.self, parameter, x, y, dy, dx)
  case .leakyRelu: backward(LeakyRelu.self, parameter, x, y, dy, dx)
  case .gelu: backward(Gelu.self, parameter, x, y, dy, dx)
  case .silu: backward(Silu.self, parameter, x, y, dy, dx)
  case .softplus: backward(Softplus.self, parameter, x, y, dy, dx)
  case .neg: backward(Neg.self, parameter, x, y, dy, dx)
  case .scale: backward(Scale.self, parameter, x, y, dy, dx)
  case .exp: backward(Exp.self, parameter, x, y, dy, dx)
  case .log: backward(Log.self, parameter, x, y, dy, dx)
  case .sqrt: backward(Sqrt.self, parameter, x, y, dy, dx)
  case .square: backward(Square.self, parameter, x, y, dy, dx)
  case .abs: backward(Abs.self, parameter, x, y, dy, dx)
  }
}

@inline(__always)
private func forward<T: Real, F: Function>(_: F.Type, _ parameter: T, _ x: MatrixView<T>, _ y: MatrixView<T>) {
  let parameter = T.V(parameter)
  map(x, to: y) { F.value($0, parameter, T.self) }
}

@inline(__always)
private func backward<T: Real, F: Function>(
  _: F.Type, _ parameter: T, _ x: MatrixView<T>, _ y: MatrixView<T>, _ dy: MatrixView<T>, _ dx: MatrixView<T>
) {
  let parameter = T.V(parameter)
  map(x, y, dy, dx, to: dx) { x, y, dy, dx in T.V.fma(dy, F.slope(x, y, parameter, T.self), dx) }
}
