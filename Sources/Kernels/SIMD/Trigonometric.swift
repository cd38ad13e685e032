// Sine and cosine of all numbers, without the C library: the same bits on every system.
//
// x = n π/2 + r with |r| ≤ π/4. Up to `quarterTurnLimit` n and r come from a three-part π/2; above it from a product of
// integers with as many bits of 2/π as the exponent of x requires. The errors in units in the last place (ulp) are the
// largest that TranscendentalTests finds; its bound is 4:
//
//     function   valid x                     error, float   error, double
//     sin, cos   all; NaN at ±∞              1.44           2.28
//
// References: Cody and Waite, Software Manual for the Elementary Functions (1980), for the three parts; Payne and Hanek,
// Radian reduction for trigonometric functions, ACM SIGNUM Newsletter 18(1), 1983; the polynomials of Sun's fdlibm
// (double) and Moshier's Cephes (float).

extension Real {
  /// Returns sin x for all x; NaN at ±∞.
  @inline(__always) static func sin(_ x: V) -> V { sine(x, plus: 0.0) }

  /// Returns cos x for all x; NaN at ±∞.
  @inline(__always) static func cos(_ x: V) -> V { sine(x, plus: 1.0) }

  /// Returns sin(x + quarters·π/2).
  @inline(__always) private static func sine(_ x: V, plus quarters: V) -> V {
    if V.anyGreater(V.abs(x), than: V(quarterTurnLimit)) { return sineFullRange(x, plus: quarters) }
    let (n, r) = quarterTurns(x)
    return sineReduced(r, n + quarters)
  }

  /// Returns sin(x + quarters·π/2) where an element may exceed `quarterTurnLimit`. The other elements have the bits that
  /// they have without it.
  @inline(never) private static func sineFullRange(_ x: V, plus quarters: V) -> V {
    let (n, r) = quarterTurns(x), lanes = V.count
    return withUnsafeTemporaryAllocation(of: Self.self, capacity: 3 * lanes) { memory in
      guard let xs = memory.baseAddress else { return x }
      let ns = xs + lanes, rs = ns + lanes
      x.store(xs)
      n.store(ns)
      r.store(rs)
      for i in 0..<lanes where !(xs[i].magnitude <= quarterTurnLimit) {
        let (turns, rest) = reduceQuarterTurns(Double(xs[i]))
        (ns[i], rs[i]) = (Self(turns), Self(rest))
      }
      return sineReduced(.load(rs), .load(ns) + quarters)
    }
  }

  /// Up to this limit three parts of π/2 leave no error in r above its rounding.
  @inline(__always) private static var quarterTurnLimit: Self { is64Bit ? 1_048_576 : 8192 }

  /// Returns n and r with x = n π/2 + r, for |x| ≤ `quarterTurnLimit`.
  @inline(__always) private static func quarterTurns(_ x: V) -> (n: V, r: V) {
    let n = V.round(x * 0.63661977236758134), fma = V.fma
    var r: V
    if is64Bit {
      r = fma(n, -6.123233995736766e-17, fma(n, -1.5707963267948966, x))
      r = fma(n, 1.4973849048591698e-33, r)
    } else {
      r = fma(n, 4.371138828673793e-08, fma(n, -1.5707963705062866, x))
      r = fma(n, 1.7151245100058819e-15, r)
    }
    // −0 + 0 is not −0
    return (n, V.select(V.abs(n), greaterThan: 0.0, r, x))
  }

  /// Returns sin(r + n π/2) for |r| ≤ π/4.
  @inline(__always) private static func sineReduced(_ r: V, _ n: V) -> V {
    let fma = V.fma, z = r * r
    var s: V, c: V
    if is64Bit {
      s = fma(z, 1.58969099521155010221e-10, -2.50507602534068634195e-08)
      s = fma(s, z, 2.75573137070700676789e-06)
      s = fma(s, z, -1.98412698298579493134e-04)
      s = fma(s, z, 8.33333333332248946124e-03)
      s = fma(s, z, -1.66666666666666324348e-01)
      c = fma(z, -1.13596475577881948265e-11, 2.08757232129817482790e-09)
      c = fma(c, z, -2.75573143513906633035e-07)
      c = fma(c, z, 2.48015872894767294178e-05)
      c = fma(c, z, -1.38888888888741095749e-03)
      c = fma(c, z, 4.16666666666666019037e-02)
    } else {
      s = fma(z, -1.9515295891e-4, 8.3321608736e-3)
      s = fma(s, z, -1.6666654611e-1)
      c = fma(z, 2.443315711809948e-5, -1.388731625493765e-3)
      c = fma(c, z, 4.166664568298827e-2)
    }
    // sin 0 has the sign of 0
    let sine = V.copysign(fma(r * z, s, r), r)
    let half = 0.5 * z, rounded = 1.0 - half
    let cosine = rounded + fma(z * z, c, (1.0 - rounded) - half)
    // −2 ≤ q ≤ 2: sin(r + q π/2) is sin r, cos r for q = 1, −cos r for −1 and −sin r for ±2
    let q = n - 4.0 * V.round(n * 0.25), turns = V.abs(q)
    let value = V.select(turns, greaterThan: 0.5, V.select(turns, greaterThan: 1.5, sine, cosine), sine)
    let sign = V.select(q, greaterThan: 1.5, -1.0, V.select(-0.5, greaterThan: q, -1.0, 1.0))
    return value * sign
  }
}

/// Returns n mod 4 and r with x = n π/2 + r and |r| ≤ π/4, for |x| from 1 on; NaN for x that is not finite.
///
/// x is m 2ᵉ with an integer m of 53 bits. Bits of 2/π whose product with 2ᵉ is a multiple of 4 have no effect; the product
/// of m with the 192 bits that follow has two bits of n and 190 of the fraction, of which an x may cancel 62.
private func reduceQuarterTurns(_ x: Double) -> (n: Double, r: Double) {
  if !x.isFinite { return (0, .nan) }
  let e = Int(x.exponent) - 52, m = x.significandBitPattern | 1 << 52
  // the table begins with 64 zeros, and e is at least −52
  let start = 64 + e - 2, word = start / 64, shift = UInt64(start % 64)
  func bits(_ i: Int) -> UInt64 {
    let high = twoOverPi(word + i)
    return shift == 0 ? high : high << shift | twoOverPi(word + i + 1) >> (64 - shift)
  }
  let low = m.multipliedFullWidth(by: bits(2)), middle = m.multipliedFullWidth(by: bits(1))
  let (p1, carry) = middle.low.addingReportingOverflow(low.high)
  let p0 = (m &* bits(0)) &+ middle.high &+ (carry ? 1 : 0), p2 = low.low
  // the fraction, shifted to the top
  var f0 = p0 << 2 | p1 >> 62, f1 = p1 << 2 | p2 >> 62, f2 = p2 << 2
  var n = Double(p0 >> 62)
  let isNegative = f0 >> 63 == 1
  if isNegative {
    // the nearest integer is above
    n += 1
    f2 = 0 &- f2
    f1 = ~f1 &+ (f2 == 0 ? 1 : 0)
    f0 = ~f0 &+ (f2 == 0 && f1 == 0 ? 1 : 0)
  }
  let fraction = Double(f0) * 0x1p-64 + (Double(f1) * 0x1p-128 + Double(f2) * 0x1p-192)
  let r = (isNegative != (x < 0) ? -fraction : fraction) * 1.5707963267948966
  return (x < 0 ? -n : n, r)
}

/// 64 bits of 2/π: word 0 is 0, word 1 has the first bits after the point.
private func twoOverPi(_ word: Int) -> UInt64 {
  switch word {
  case 1: 0xa2f9_836e_4e44_1529
  case 2: 0xfc27_57d1_f534_ddc0
  case 3: 0xdb62_9599_3c43_9041
  case 4: 0xfe51_63ab_debb_c561
  case 5: 0xb724_6e3a_424d_d2e0
  case 6: 0x0649_2eea_09d1_921c
  case 7: 0xfe1d_eb1c_b129_a73e
  case 8: 0xe882_35f5_2ebb_4484
  case 9: 0xe99c_7026_b45f_7e41
  case 10: 0x3991_d639_8353_39f4
  case 11: 0x9c84_5f8b_bdf9_283b
  case 12: 0x1ff8_97ff_de05_980f
  case 13: 0xef2f_118b_5a0a_6d1f
  case 14: 0x6d36_7ecf_27cb_09b7
  case 15: 0x4f46_3f66_9e5f_ea2d
  case 16: 0x7527_bac7_ebe5_f17b
  case 17: 0x3d07_39f7_8a52_92ea
  case 18: 0x6bfb_5fb1_1f8d_5d08
  case 19: 0x5603_3046_fc7b_6bab
  case 20: 0xf0cf_bc20_9af4_361d
  default: 0
  }
}
