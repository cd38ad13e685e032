// The vector primitives that kernels are written with, as C functions that Swift imports and inlines.
//
// Swift's own SIMD operators are loops over lanes that the optimizer must put together again, and a
// polynomial of ten terms defeats it; each function below is one or two instructions on a CPU that has
// them. Lanes: 8 of float, 4 of double. No function allocates, branches on data, or touches the
// rounding mode.
#pragma once

#include <stdint.h>
#include <string.h>

#include "CThread.h"

#define CV static inline __attribute__((always_inline, const))
#define CV_MEMORY static inline __attribute__((always_inline))

typedef float cv_f32 __attribute__((ext_vector_type(8)));
typedef double cv_f64 __attribute__((ext_vector_type(4)));
typedef int32_t cv_i32 __attribute__((ext_vector_type(8)));
typedef int64_t cv_i64 __attribute__((ext_vector_type(4)));
typedef uint32_t cv_u32 __attribute__((ext_vector_type(8)));
typedef uint64_t cv_u64 __attribute__((ext_vector_type(4)));

// V vector, S scalar, I and U its signed and unsigned integer twins,
// MANTISSA the bits below the exponent, BIAS the exponent of 1.
#define CV_FAMILY(V, S, I, U, MANTISSA, BIAS)                                                           \
  CV V V##_fma(V a, V b, V c) { return __builtin_elementwise_fma(a, b, c); }                           \
  CV V V##_add(V a, V b) { return a + b; }                                                             \
  CV V V##_sub(V a, V b) { return a - b; }                                                             \
  CV V V##_mul(V a, V b) { return a * b; }                                                             \
  CV V V##_div(V a, V b) { return a / b; }                                                             \
  CV V V##_sqrt(V a) { return __builtin_elementwise_sqrt(a); }                                         \
  CV V V##_abs(V a) { return __builtin_elementwise_abs(a); }                                           \
  CV V V##_broadcast(S a) { return (V)(a); }                                                           \
  /* a > b ? x : y in each lane; a NaN on either side chooses y */                                     \
  CV V V##_select(V a, V b, V x, V y) {                                                                \
    I m = a > b;                                                                                       \
    return (V)((m & (I)x) | (~m & (I)y));                                                              \
  }                                                                                                    \
  /* whether a > b in any lane */                                                                      \
  CV int V##_any(V a, V b) { return __builtin_reduce_or((I)(a > b)) != 0; }                            \
  /* x where a is a number, y where it is NaN */                                                       \
  CV V V##_number(V a, V x, V y) {                                                                     \
    I m = a == a;                                                                                      \
    return (V)((m & (I)x) | (~m & (I)y));                                                              \
  }                                                                                                    \
  /* the magnitude of a with the sign of b */                                                          \
  CV V V##_copysign(V a, V b) {                                                                        \
    const I sign = (I)(U)((U)1 << (sizeof(S) * 8 - 1));                                                \
    return (V)(((I)a & ~sign) | ((I)b & sign));                                                        \
  }                                                                                                    \
  /* -|a| */                                                                                           \
  CV V V##_negative_abs(V a) { return (V)((U)a | (U)((U)1 << (sizeof(S) * 8 - 1))); }                  \
  /* the nearest integer, ties to even, for |a| < 2^(MANTISSA-2) */                                    \
  CV V V##_round(V a) {                                                                                \
    const V magic = (V)((S)(3ull << (MANTISSA - 1)));                                                  \
    return (a + magic) - magic;                                                                        \
  }                                                                                                    \
  /* a b rounded to an integer n and held as the last bits of a number, BIAS added, for |n| < BIAS;      \
     then n, and 2^n: the last bits moved up are its exponent */                                       \
  CV V V##_snap(V a, V b) {                                                                            \
    return __builtin_elementwise_fma(a, b, (V)((S)(3ull << (MANTISSA - 1)) + (S)(BIAS)));              \
  }                                                                                                    \
  CV V V##_snapped_whole(V a) { return a - (V)((S)(3ull << (MANTISSA - 1)) + (S)(BIAS)); }             \
  CV V V##_snapped_power(V a) { return (V)((I)a << MANTISSA); }                                        \
  /* 2^n for integers n from 1-BIAS to BIAS */                                                         \
  CV V V##_exp2i(V n) {                                                                                \
    const V magic = (V)((S)(3ull << (MANTISSA - 1)) + (S)(BIAS));                                      \
    return (V)((I)(n + magic) << MANTISSA);                                                            \
  }                                                                                                    \
  /* for normal a > 0: the integer e with a = 2^e m, 1 <= m < 2; and m */                              \
  CV V V##_exponent(V a) {                                                                             \
    const V magic = (V)((S)(1ull << MANTISSA));                                                        \
    U e = (U)a >> MANTISSA;                                                                            \
    return (V)(e | (U)magic) - (magic + (V)((S)(BIAS)));                                               \
  }                                                                                                    \
  CV V V##_mantissa(V a) {                                                                             \
    const U low = ((U)1 << MANTISSA) - 1;                                                              \
    return (V)(((U)a & low) | (U)(V)((S)1));                                                           \
  }                                                                                                    \
  CV_MEMORY V V##_load(const S *p) {                                                                   \
    V v;                                                                                               \
    memcpy(&v, p, sizeof v);                                                                           \
    return v;                                                                                          \
  }                                                                                                    \
  CV_MEMORY void V##_store(S *p, V v) { memcpy(p, &v, sizeof v); }

CV_FAMILY(cv_f32, float, cv_i32, cv_u32, 23, 127)
CV_FAMILY(cv_f64, double, cv_i64, cv_u64, 52, 1023)

// The sum of all lanes, always in the same order: halves, then quarters, then pairs.
CV float cv_f32_sum(cv_f32 a) {
  float s0 = a[0] + a[4], s1 = a[1] + a[5], s2 = a[2] + a[6], s3 = a[3] + a[7];
  return (s0 + s2) + (s1 + s3);
}
CV double cv_f64_sum(cv_f64 a) { return (a[0] + a[2]) + (a[1] + a[3]); }

// A square of numbers turned over its diagonal: each of q's registers, `to` apart, receives one number of each of p's
// first `columns` columns, `from` apart, and zeros after them.
CV_MEMORY void cv_f32_turn(const float *p, int64_t from, int64_t columns, float *q, int64_t to) {
  cv_f32 a[8], b[8];
  for (int i = 0; i < 8; i++) a[i] = i < columns ? cv_f32_load(p + i * from) : (cv_f32)(0.0f);
  // pairs, then fours, then halves
  for (int i = 0; i < 8; i += 2) {
    b[i] = __builtin_shufflevector(a[i], a[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    b[i + 1] = __builtin_shufflevector(a[i], a[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int i = 0; i < 8; i += 4) {
    a[i] = __builtin_shufflevector(b[i], b[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    a[i + 1] = __builtin_shufflevector(b[i], b[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    a[i + 2] = __builtin_shufflevector(b[i + 1], b[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
    a[i + 3] = __builtin_shufflevector(b[i + 1], b[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  for (int i = 0; i < 4; i++) {
    cv_f32_store(q + i * to, __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11));
    cv_f32_store(q + (i + 4) * to, __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15));
  }
}
CV_MEMORY void cv_f64_turn(const double *p, int64_t from, int64_t columns, double *q, int64_t to) {
  cv_f64 a[4], b[4];
  for (int i = 0; i < 4; i++) a[i] = i < columns ? cv_f64_load(p + i * from) : (cv_f64)(0.0);
  for (int i = 0; i < 4; i += 2) {
    b[i] = __builtin_shufflevector(a[i], a[i + 1], 0, 4, 2, 6);
    b[i + 1] = __builtin_shufflevector(a[i], a[i + 1], 1, 5, 3, 7);
  }
  for (int i = 0; i < 2; i++) {
    cv_f64_store(q + i * to, __builtin_shufflevector(b[i], b[i + 2], 0, 1, 4, 5));
    cv_f64_store(q + (i + 2) * to, __builtin_shufflevector(b[i], b[i + 2], 2, 3, 6, 7));
  }
}

// The first n of p's numbers (0 <= n < lanes), zeros after them; and the store that touches no more, which is one to
// three stores: some CPUs take a masked one to pieces.
#ifdef __AVX2__
CV_MEMORY cv_f32 cv_f32_load_part(const float *p, int64_t n) {
  const cv_i32 lane = {0, 1, 2, 3, 4, 5, 6, 7};
  return __builtin_ia32_maskloadps256((const void *)p, lane < (cv_i32)((int32_t)n));
}
CV_MEMORY void cv_f32_store_part(float *p, cv_f32 v, int64_t n) {
  float __attribute__((vector_size(16))) four = __builtin_shufflevector(v, v, 0, 1, 2, 3);
  if (n & 4) {
    memcpy(p, &four, 16);
    four = __builtin_shufflevector(v, v, 4, 5, 6, 7);
    p += 4;
  }
  if (n & 2) {
    memcpy(p, &four, 8);
    four = __builtin_shufflevector(four, four, 2, 3, 2, 3);
    p += 2;
  }
  if (n & 1) memcpy(p, &four, 4);
}
CV_MEMORY cv_f64 cv_f64_load_part(const double *p, int64_t n) {
  const cv_i64 lane = {0, 1, 2, 3};
  return __builtin_ia32_maskloadpd256((const void *)p, lane < (cv_i64)(n));
}
CV_MEMORY void cv_f64_store_part(double *p, cv_f64 v, int64_t n) {
  double __attribute__((vector_size(16))) two = __builtin_shufflevector(v, v, 0, 1);
  if (n & 2) {
    memcpy(p, &two, 16);
    two = __builtin_shufflevector(v, v, 2, 3);
    p += 2;
  }
  if (n & 1) memcpy(p, &two, 8);
}
#else
CV_MEMORY cv_f32 cv_f32_load_part(const float *p, int64_t n) {
  float t[8] = {0};
  for (int64_t i = 0; i < n; i++) t[i] = p[i];
  return cv_f32_load(t);
}
CV_MEMORY void cv_f32_store_part(float *p, cv_f32 v, int64_t n) {
  for (int64_t i = 0; i < n; i++) p[i] = v[i];
}
CV_MEMORY cv_f64 cv_f64_load_part(const double *p, int64_t n) {
  double t[4] = {0};
  for (int64_t i = 0; i < n; i++) t[i] = p[i];
  return cv_f64_load(t);
}
CV_MEMORY void cv_f64_store_part(double *p, cv_f64 v, int64_t n) {
  for (int64_t i = 0; i < n; i++) p[i] = v[i];
}
#endif
