// Exponential, logarithm and the functions made of them, without the C library: the same bits on every system.
//
// Each function is a range reduction and a polynomial. NaN stays NaN and saturation is exact. "Error" is in units in
// the last place (ulp), the largest that TranscendentalTests finds against a wider type; its bounds are 4 for exp,
// log, tanh and sigmoid, 6 for softplus and SiLU, 8 for GELU.
//
//     function   valid x                     error, float   error, double
//     exp        all                         1.02           1.02
//     log        all; NaN below 0            0.84           1.23
//     tanh       all                         2.49           2.51
//     sigmoid    all                         2.23           2.08
//     softplus   all                         2.52           2.72
//
// References: Cody and Waite, Software Manual for the Elementary Functions (1980), for the two-part ln 2; Moshier's
// Cephes library and Highway's math-inl.h for the structure; Remez's exchange algorithm for the coefficients.

extension Real {
  /// Returns eʳ − 1 for |r| ≤ ½ ln 2, as r + r²·q(r), so that the last addition dominates the rounding error.
  ///
  /// q is a minimax polynomial by Remez's exchange algorithm: the relative error of the whole is at most 1.1e-8 for
  /// floats and 1.8e-17 for doubles. It is evaluated by Estrin's scheme, whose dependency chain is 3 operations
  /// where Horner's is 10.
  @inline(__always) static func expm1Reduced(_ r: V) -> V {
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

  /// Returns n, r and 2ⁿ with x = n ln 2 + r and |r| ≤ ½ ln 2; 2ⁿ is valid for |x| ≤ `normalExpLimit`.
  ///
  /// Reference: Cody and Waite (1980), the two-part constant.
  @inline(__always) static func reduce(_ x: V) -> (n: V, r: V, power: V) {
    let rounded = V.roundToIntMagic(x, 1.4426950408889634)
    let n = V.roundedValue(rounded)
    let r = V.fma(n, V(Self(-ln2.low)), V.fma(n, V(Self(-ln2.high)), x))
    return (n, r, V.roundedExp2(rounded))
  }

  /// Returns eˣ for all x: infinity on overflow, subnormal numbers and then 0 on underflow. Error: 1.02 ulp.
  @inline(__always) static func exp(_ x: V) -> V {
    if V.anyGreater(V.abs(x), than: V(Self(normalExpLimit))) { return expFullRange(x) }
    return expNormalRange(x)
  }

  /// Returns eˣ for |x| ≤ `normalExpLimit`. Error: 1.02 ulp.
  @inline(__always) static func expNormalRange(_ x: V) -> V {
    let (_, r, power) = reduce(x)
    return (1.0 + expm1Reduced(r)) * power
  }

  /// Returns eˣ for all x. The scale 2ⁿ is applied as two factors, because it may leave the range of normal numbers.
  @inline(never) static func expFullRange(_ x: V) -> V {
    let low = V(Self(expRange.low)), high = V(Self(expRange.high))
    let (n, r, _) = reduce(V.select(low, greaterThan: x, low, V.select(x, greaterThan: high, high, x)))
    let half = V.round(n * 0.5)
    return (1.0 + expm1Reduced(r)) * V.exp2i(half) * V.exp2i(n - half)
  }

  /// Returns ln x for all x: −∞ at 0, NaN below 0. Error: 0.84 ulp for floats, 1.23 for doubles.
  @inline(__always) static func log(_ x: V) -> V {
    let tiny = V(leastNormalMagnitude)
    let lift: V = 18014398509481984.0  // 2⁵⁴: a subnormal becomes normal
    let a = V.select(tiny, greaterThan: x, x * lift, x)
    let shift = V.select(tiny, greaterThan: x, 54.0, 0.0)
    var e = V.exponent(a) - shift
    var m = V.mantissa(a)
    let big = m
    m = V.select(big, greaterThan: 1.4142135623730951, m * 0.5, m)
    e = V.select(big, greaterThan: 1.4142135623730951, e + 1.0, e)

    // ln m = 2 artanh s, the series in odd powers, with s = (m − 1)/(m + 1), |s| < 0.172
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
    // ln m = f − s·(f − z·p): the rounding of s does not enter the leading term
    let lnm = f - s * (f - z * p)
    var y = V.fma(e, V(Self(ln2.high)), V.fma(e, V(Self(ln2.low)), lnm))
    y = V.select(x, greaterThan: V(greatestFiniteMagnitude), x, y)
    y = V.select(x, greaterThan: 0.0, y, V.select(0.0, greaterThan: x, V(nan), V(-infinity)))
    return V.select(notNaN: x, y, x)
  }

  /// Returns ln(1 + x) for x ≥ 0, accurate also where 1 + x rounds to 1.
  ///
  /// Reference: Kahan, as in Goldberg, ACM Computing Surveys 23 (1991), theorem 4.
  @inline(__always) static func log1p(_ x: V) -> V {
    let u = 1.0 + x
    let lost = u - 1.0
    return V.select(lost, greaterThan: 0.0, log(u) * (x / lost), x)
  }

  /// Returns tanh x = (e²ˣ − 1)/(e²ˣ + 1) for all x; ±1 from |x| = `tanhLimit` on. Error: 2.51 ulp.
  @inline(__always) static func tanh(_ x: V) -> V {
    let em1 = expm1Doubled(x)
    return V.copysign(em1 / (em1 + 2.0), x)
  }

  /// Returns e^(2|x|) − 1 without cancellation, with |x| limited to `tanhLimit`.
  @inline(__always) static func expm1Doubled(_ x: V) -> V {
    let limit = V(Self(tanhLimit)), a = V.abs(x)
    let (_, r, power) = reduce(2.0 * V.select(a, greaterThan: limit, limit, a))
    return V.fma(power, expm1Reduced(r), power - 1.0)
  }

  /// Returns σ(x) = 1/(1 + e⁻ˣ) for all x. Below 0 it is e^x/(1 + e^x), which keeps the digits of small values.
  /// Error: 2.23 ulp for floats, 2.08 for doubles.
  @inline(__always) static func sigmoid(_ x: V) -> V {
    let e = exp(V.negativeAbs(x))
    return V.select(0.0, greaterThan: x, e, 1.0) / (1.0 + e)
  }

  /// Returns ln(1 + eˣ) for all x. Error: 2.72 ulp.
  @inline(__always) static func softplus(_ x: V) -> V {
    let positive = V.select(0.0, greaterThan: x, 0.0, x)
    return positive + log1p(exp(V.negativeAbs(x)))
  }

  /// Returns the cumulative distribution Φ(x) and the density φ(x) of the standard normal distribution, for all x.
  ///
  ///     Φ(x) = ½ erfc(−x/√2)    erfc(a) = e^(−a²) P(t)/(1 + 2a) for a ≥ 0    t = (a − 15/4)/(a + 15/4)
  ///
  /// P is a polynomial: a Chebyshev expansion truncated at the precision of the type, 13 terms for floats and 23 for
  /// doubles. GELU, x·Φ(x), has an error of at most 6.4 ulp.
  ///
  /// Reference: Shepherd and Laframboise, Math. Comp. 36 (1981), for the form.
  @inline(__always) static func normal(_ x: V) -> (cdf: V, pdf: V) {
    let fma = V.fma
    // Φ and φ are constant beyond ±40 in both types; x² would overflow for |x| > 1.8e19 in floats
    let x = V.select(x, greaterThan: 40.0, 40.0, V.select(-40.0, greaterThan: x, -40.0, x))
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
    // e^(−x²/2): the exponential multiplies the rounding error of x² by x², so a correction factor removes it
    let square = x * x
    let lost = fma(x, x, -square)
    let e = exp(-0.5 * square) * (1.0 - 0.5 * lost)
    let tail = 0.5 * e * p / fma(a, 2.0, 1.0)
    let cdf = V.select(x, greaterThan: 0.0, 1.0 - tail, tail)
    return (V.select(notNaN: x, cdf, x), e * 0.3989422804014327)
  }
}

/// Returns ln x of one number, with the same bits as the vector function.
@inline(never)
public func naturalLog(_ x: Double) -> Double { Double.log(Double4(x)).first }

/// Returns eˣ of one number, with the same bits as the vector function.
@inline(never)
public func exponential(_ x: Double) -> Double { Double.exp(Double4(x)).first }
