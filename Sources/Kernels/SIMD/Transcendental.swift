// exp, log, tanh and their kin, as our own arithmetic: the same bits whatever the C library.
//
// Each is a range reduction and a short series. NaN stays NaN, saturation is exact, and the error is
// at most 4 units in the last place (TranscendentalTests measures it against a wider type).

extension Real {
  /// eʳ − 1 for |r| ≤ ½ ln 2, as r + r²·q(r): the last addition rounds, and little else is felt.
  ///
  /// q is the polynomial with the smallest largest relative error of the whole, 1.1e-8 for floats and 1.8e-17 for
  /// doubles, by Remez's exchange. Evaluated in pairs, as Estrin's scheme does: a few steps deep, not ten.
  @inline(__always) static func expm1Near(_ r: V) -> V {
    let fma = V.fma
    let square = r * r
    var q: V
    if is64Bit {
      let fourth = square * square
      let a = fma(r, 0.16666666666666563442, 0.50000000000000055534)
      let b = fma(r, 0.0083333333333978772089, 0.041666666666573835895)
      let c = fma(r, 1.9841269707405140105e-04, 0.0013888888932284335907)
      let d = fma(r, 2.7557414810168334551e-06, 2.4801504569751533183e-05)
      let e = fma(r, 2.5052102513685721698e-08, 2.762627631494191607e-07)
      q = fma(fma(e, fourth, fma(d, square, c)), fourth, fma(b, square, a))
    } else {
      let a = fma(r, 0.16666506155493672, 0.49999998123670909)
      let b = fma(r, 0.0083690757075596528, 0.041667136398633547)
      q = fma(fma(square, 0.0013888872632161715, b), square, a)
    }
    return fma(q, square, r)
  }

  /// x = n ln 2 + r with |r| ≤ ½ ln 2; and 2ⁿ, for n within the normal exponents.
  @inline(__always) static func reduce(_ x: V) -> (n: V, r: V, power: V) {
    let snapped = V.snap(x, 1.4426950408889634)
    let n = V.whole(ofSnapped: snapped)
    let r = V.fma(n, V(Self(-ln2.low)), V.fma(n, V(Self(-ln2.high)), x))
    return (n, r, V.power(ofSnapped: snapped))
  }

  /// eˣ. Overflows to infinity, underflows through the subnormals to zero.
  @inline(__always) static func exp(_ x: V) -> V {
    if V.any(V.abs(x), above: V(Self(expNormal))) { return farExp(x) }
    return nearExp(x)
  }

  /// eˣ for |x| ≤ expNormal.
  @inline(__always) static func nearExp(_ x: V) -> V {
    let (_, r, power) = reduce(x)
    return (1.0 + expm1Near(r)) * power
  }

  /// eˣ where it may leave the normal numbers: the scale is applied in two halves.
  @inline(never) static func farExp(_ x: V) -> V {
    let low = V(Self(expRange.low)), high = V(Self(expRange.high))
    let (n, r, _) = reduce(V.select(low, above: x, low, V.select(x, above: high, high, x)))
    let half = V.round(n * 0.5)
    return (1.0 + expm1Near(r)) * V.exp2i(half) * V.exp2i(n - half)
  }

  /// ln x. −∞ at 0, NaN below.
  @inline(__always) static func log(_ x: V) -> V {
    let tiny = V(leastNormalMagnitude)
    let lift: V = 18014398509481984.0  // 2⁵⁴: a subnormal becomes normal
    let a = V.select(tiny, above: x, x * lift, x)
    let shift = V.select(tiny, above: x, 54.0, 0.0)
    var e = V.exponent(a) - shift
    var m = V.mantissa(a)
    let big = m
    m = V.select(big, above: 1.4142135623730951, m * 0.5, m)
    e = V.select(big, above: 1.4142135623730951, e + 1.0, e)

    // ln m = 2 artanh s with s = (m − 1)/(m + 1), |s| < 0.172
    let f = m - 1.0
    let s = f / (f + 2.0)
    let z = s * s
    let fma = V.fma
    var p: V
    if is64Bit {
      p = fma(z, 0.09523809523809523, 0.10526315789473684)
      p = fma(p, z, 0.11764705882352941)
      p = fma(p, z, 0.13333333333333333)
      p = fma(p, z, 0.15384615384615385)
      p = fma(p, z, 0.18181818181818182)
    } else {
      p = 0.18181818181818182
    }
    p = fma(p, z, 0.2222222222222222)
    p = fma(p, z, 0.2857142857142857)
    p = fma(p, z, 0.4)
    p = fma(p, z, 0.6666666666666666)
    // f − s·(f − z·p) is ln m with the rounding of s kept out of the leading term
    let lnm = f - s * (f - z * p)
    var y = V.fma(e, V(Self(ln2.high)), V.fma(e, V(Self(ln2.low)), lnm))
    y = V.select(x, above: V(greatestFiniteMagnitude), x, y)
    y = V.select(x, above: 0.0, y, V.select(0.0, above: x, V(nan), V(-infinity)))
    return V.select(number: x, y, x)
  }

  /// ln(1 + x) for x ≥ 0, accurate where x is lost in 1 + x.
  @inline(__always) static func log1p(_ x: V) -> V {
    let u = 1.0 + x
    let lost = u - 1.0
    return V.select(lost, above: 0.0, log(u) * (x / lost), x)
  }

  /// tanh x = (e²ˣ − 1)/(e²ˣ + 1).
  @inline(__always) static func tanh(_ x: V) -> V {
    let em1 = expm1Twice(x)
    return V.copysign(em1 / (em1 + 2.0), x)
  }

  /// e^(2|x|) − 1, formed without cancellation, up to where tanh is 1.
  @inline(__always) static func expm1Twice(_ x: V) -> V {
    let limit = V(Self(tanhLimit)), a = V.abs(x)
    let (_, r, power) = reduce(2.0 * V.select(a, above: limit, limit, a))
    return V.fma(power, expm1Near(r), power - 1.0)
  }

  /// σ(x) = 1/(1 + e⁻ˣ), as e⁻ˣ's mirror image below zero so that small values keep their digits.
  @inline(__always) static func sigmoid(_ x: V) -> V {
    let e = exp(V.negativeAbs(x))
    return V.select(0.0, above: x, e, 1.0) / (1.0 + e)
  }

  /// ln(1 + eˣ).
  @inline(__always) static func softplus(_ x: V) -> V {
    let positive = V.select(0.0, above: x, 0.0, x)
    return positive + log1p(exp(V.negativeAbs(x)))
  }

  /// Φ(x), the normal distribution's share below x, and φ(x), its density.
  ///
  /// Φ(x) = ½ erfc(−x/√2); erfc(a) = e^(−a²)·P(t)/(1 + 2a) for a ≥ 0, with P a polynomial in
  /// t = (a − 15/4)/(a + 15/4), fitted by Chebyshev's expansion to the precision of the type.
  /// Reference: Shepherd and Laframboise, Math. Comp. 36 (1981), for the form.
  @inline(__always) static func normal(_ x: V) -> (cdf: V, pdf: V) {
    let fma = V.fma
    // beyond ±40 nothing changes in either type, and x² would overflow to NaN further out
    let x = V.select(x, above: 40.0, 40.0, V.select(-40.0, above: x, -40.0, x))
    let a = V.abs(x) * 0.7071067811865476
    let t = (a - 3.75) / (a + 3.75)
    var p: V
    if is64Bit {
      p = fma(t, -2.546882138846209e-09, -1.9274389959519863e-09)
      p = fma(p, t, 3.1564264229066676e-08)
      p = fma(p, t, 1.864199310900979e-08)
      p = fma(p, t, -2.476007404131601e-07)
      p = fma(p, t, -5.050376241217017e-08)
      p = fma(p, t, 1.740707650922958e-06)
      p = fma(p, t, -9.796966465854838e-07)
      p = fma(p, t, -1.1437016458096019e-05)
      p = fma(p, t, 2.2387901869785996e-05)
      p = fma(p, t, 5.164599793235567e-05)
      p = fma(p, t, -0.00029015551528492617)
      p = fma(p, t, 0.00029371455244946496)
      p = fma(p, t, 0.0017556262141012868)
      p = fma(p, t, -0.009746579718553824)
      p = fma(p, t, 0.028362277363385466)
      p = fma(p, t, -0.05869339857253001)
      p = fma(p, t, 0.09230432116512621)
      p = fma(p, t, -0.10880393014268833)
      p = fma(p, t, 0.08227673848995805)
      p = fma(p, t, 0.0035854154854845794)
      p = fma(p, t, -0.14024059858554477)
      p = fma(p, t, 1.2375126308378275)
    } else {
      p = fma(t, 2.2046718980161237e-05, -0.00022411674670330277)
      p = fma(p, t, 0.0003301674560648495)
      p = fma(p, t, 0.0016759122178720547)
      p = fma(p, t, -0.009770087183158067)
      p = fma(p, t, 0.028409252364230357)
      p = fma(p, t, -0.0586854404937253)
      p = fma(p, t, 0.09229076959126283)
      p = fma(p, t, -0.10880522754948128)
      p = fma(p, t, 0.08227841998347682)
      p = fma(p, t, 0.003585495314061858)
      p = fma(p, t, -0.14024065832138669)
      p = fma(p, t, 1.2375126300326993)
    }
    // e^(−x²/2): the rounding of x² would be multiplied by x², so it is put back
    let square = x * x
    let lost = fma(x, x, -square)
    let e = exp(-0.5 * square) * (1.0 - 0.5 * lost)
    let tail = 0.5 * e * p / fma(a, 2.0, 1.0)
    let share = V.select(x, above: 0.0, 1.0 - tail, tail)
    return (V.select(number: x, share, x), e * 0.3989422804014327)
  }
}

/// ln x for one number, by the same arithmetic as `log`.
@inline(never)
public func naturalLog(_ x: Double) -> Double { Double.log(Double4(x)).first }

/// eˣ for one number, by the same arithmetic as `exp`.
@inline(never)
public func exponential(_ x: Double) -> Double { Double.exp(Double4(x)).first }
