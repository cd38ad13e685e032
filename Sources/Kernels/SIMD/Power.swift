// Powers with a constant exponent, without the C library: the same bits on every system.
//
// A number is the sum of two here, high and low, where its rounding would be multiplied by the exponent. The errors in
// units in the last place (ulp) are the largest that PowerTests finds; its bound is 4.
//
// References: Dekker, A floating-point technique for extending the available precision, Numerische Mathematik 18, 1971.

extension Real {
  /// Returns xᵖ for all x, as IEEE 754's `pow`: x⁰ is 1, 0 to a negative power is infinite, and a negative x to a power
  /// that is no integer is NaN.
  ///
  /// - Parameters:
  ///   - x: the bases.
  ///   - exponent: p, finite and the same in all elements.
  @inline(never) static func pow(_ x: V, _ exponent: V) -> V {
    let p = exponent.first
    let isInteger = p.rounded(.towardZero) == p
    if isInteger && p.magnitude <= 64 {
      if p == 0 { return 1.0 }
      if p == 1 { return x }
      if p == 2 { return x * x }
      if p == -1 { return 1.0 / x }
      if p > 0 { return product(x, Int(p)).high }
    }
    let a = V.abs(x)
    var y = exponential(of: exponent, timesLogOf: a)
    if isInteger && p < 0 && p >= -64 { y = quotient(x: a, Int(-p), orElse: y) }
    let infinite = V(.infinity), atZero = p > 0 ? 0.0 as V : infinite, atInfinity = p > 0 ? infinite : 0.0
    y = V.select(a, greaterThan: 0.0, y, atZero)
    y = V.select(a, greaterThan: V(greatestFiniteMagnitude), atInfinity, y)
    if !isInteger {
      // ∞ for −∞, as in C
      let isNumber = V.select(a, greaterThan: V(greatestFiniteMagnitude), y, V(nan))
      y = V.select(0.0, greaterThan: x, isNumber, y)
    } else if (p / 2).rounded(.towardZero) * 2 != p {
      y = V.copysign(y, x)
    }
    return V.select(notNaN: x, y, x)
  }

  /// Returns the derivative p xᵖ⁻¹; 0 for p = 0, as in PyTorch.
  @inline(__always) static func powDerivative(_ x: V, _ exponent: V) -> V {
    exponent.first == 0 ? 0.0 : exponent * pow(x, exponent - 1.0)
  }

  /// Returns xᵏ for k ≥ 1 as a sum of two numbers, by repeated squares: exact where xᵏ is a number of the type.
  @inline(__always) private static func product(_ x: V, _ k: Int) -> (high: V, low: V) {
    var k = k, square = (high: x, low: 0.0 as V), result = square, isFirst = true
    while true {
      if k & 1 == 1 {
        result = isFirst ? square : product(result, square)
        isFirst = false
      }
      k >>= 1
      if k == 0 { return result }
      square = product(square, square)
    }
  }

  @inline(__always) private static func product(_ a: (high: V, low: V), _ b: (high: V, low: V)) -> (high: V, low: V) {
    let high = a.high * b.high
    let low = V.fma(a.high, b.high, -1.0 * high) + V.fma(a.high, b.low, a.low * b.high)
    let sum = high + low, magnitude = V.abs(high), limit = V(greatestFiniteMagnitude)
    // ∞ − ∞ has no low part, and −0 + 0 is not −0
    let nearest = V.select(magnitude, greaterThan: limit, high, V.select(magnitude, greaterThan: 0.0, sum, high))
    return (nearest, V.select(magnitude, greaterThan: limit, 0.0, low - (sum - high)))
  }

  /// Returns 1/xᵏ, or `other` where xᵏ or its inverse is not a normal number.
  @inline(__always) private static func quotient(x: V, _ k: Int, orElse other: V) -> V {
    let (high, low) = product(x, k), y = 1.0 / high
    let corrected = V.fma(y, V.fma(-1.0 * high, y, 1.0) - low * y, y)
    // the bounds are far within the range, so that low parts are whole
    let least = V(leastNormalMagnitude / ulpOfOne / ulpOfOne), most = 1.0 / least
    return V.select(high, greaterThan: least, V.select(most, greaterThan: high, corrected, other), other)
  }

  /// Returns e^(p ln a) for a > 0; any number for other a.
  @inline(__always) private static func exponential(of p: V, timesLogOf a: V) -> V {
    let (high, low) = logParts(a)
    let product = p * high
    let rest = V.fma(p, high, -1.0 * product) + p * low
    // beyond the range of e^x the rest has no effect, and may be ∞ − ∞
    let limit = V(Self(2 * normalExpLimit))
    let correction = V.select(limit, greaterThan: V.abs(product), rest, 0.0)
    let y = exp(product)
    return V.select(y, greaterThan: V(greatestFiniteMagnitude), y, V.fma(y, correction, y))
  }

  /// Returns ln a as a sum of two numbers, for 0 < a < ∞.
  ///
  /// ln m = 2s + s³(2/3 + 2/5 s² + …) with s = (m − 1)/(m + 1), as in `log`. s, s² and 2/3 are sums of two numbers; the
  /// terms from 2/5 on are below 2⁻¹² of the whole.
  @inline(__always) private static func logParts(_ a: V) -> (high: V, low: V) {
    let fma = V.fma, tiny = V(leastNormalMagnitude)
    let lifted = V.select(tiny, greaterThan: a, a * 18014398509481984.0, a)
    let shift = V.select(tiny, greaterThan: a, 54.0, 0.0)
    var e = V.exponent(lifted) - shift
    var m = V.mantissa(lifted)
    let big = m
    m = V.select(big, greaterThan: 1.4142135623730951, m * 0.5, m)
    e = V.select(big, greaterThan: 1.4142135623730951, e + 1.0, e)

    let f = m - 1.0, g = m + 1.0, gLow = m - (g - 1.0)
    let s = f / g
    let sLow = (fma(-1.0 * s, g, f) - s * gLow) / g
    let z = s * s
    let zLow = fma(s, s, -1.0 * z) + 2.0 * s * sLow
    var q: V
    if is64Bit {
      q = fma(z, 0.068965517241379309, 0.074074074074074070)
      q = fma(q, z, 0.080000000000000002)
      q = fma(q, z, 0.086956521739130432)
      q = fma(q, z, 0.095238095238095233)
      q = fma(q, z, 0.105263157894736836)
      q = fma(q, z, 0.117647058823529410)
      q = fma(q, z, 0.133333333333333331)
      q = fma(q, z, 0.153846153846153855)
      q = fma(q, z, 0.181818181818181823)
    } else {
      q = fma(z, 0.153846153846153855, 0.181818181818181823)
    }
    q = fma(q, z, 0.222222222222222210)
    q = fma(q, z, 0.285714285714285698)
    q = fma(q, z, 0.400000000000000022) * z
    let third: V = 0.66666666666666663, thirdLow: V = is64Bit ? 3.700743415417188e-17 : -1.9868214925130207e-08
    let c = third + q
    let cLow = (third - c) + q + thirdLow
    let w = z * c
    let wLow = fma(z, c, -1.0 * w) + fma(z, cLow, zLow * c)
    let v = s * w
    let vLow = fma(s, w, -1.0 * v) + fma(s, wLow, sLow * w)
    let twice = 2.0 * s
    let lnm = twice + v
    let lnmLow = (twice - lnm) + v + (vLow + 2.0 * sLow)
    // e ln 2 is 0 or larger than ln m
    let whole = e * V(Self(ln2.high))
    let high = whole + lnm
    let low = (whole - high) + lnm + fma(e, V(Self(ln2.low)), lnmLow)
    let sum = high + low
    return (sum, (high - sum) + low)
  }
}
