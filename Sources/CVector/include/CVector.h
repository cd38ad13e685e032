// Vector primitives: C functions that Swift imports and inlines.
//
// Swift's SIMD operators are loops over lanes that the optimizer must vectorize again, which fails for a
// polynomial of ten terms. Each function below compiles to one or two instructions on a CPU that has
// them. A vector has 8 lanes of float or 4 of double. No function allocates, branches on data, or
// changes the rounding mode.
#pragma once

#include <stdint.h>
#include <string.h>

#include "CThread.h"

#define CV static inline __attribute__((always_inline, const))
#define CV_MEMORY static inline __attribute__((always_inline))

/* Brings the cache line of p to the second-level cache, before it is needed. */
CV_MEMORY void cv_prefetch(const void *p) { __builtin_prefetch(p, 0, 2); }

typedef float cv_f32 __attribute__((ext_vector_type(8)));
typedef double cv_f64 __attribute__((ext_vector_type(4)));
typedef int32_t cv_i32 __attribute__((ext_vector_type(8)));
typedef int64_t cv_i64 __attribute__((ext_vector_type(4)));
typedef uint32_t cv_u32 __attribute__((ext_vector_type(8)));
typedef uint64_t cv_u64 __attribute__((ext_vector_type(4)));

// fma returns a b + c of one rounding, which the elementary functions need. multiply_add may round a b too: products of
// matrices take what the CPU does fast. Of an x86 CPU without FMA the functions of the C library take 60 times as long;
// a product of floats is exact in double, where only the sum's two roundings can differ from one.
#if defined(__x86_64__) && !defined(__FMA__)
typedef double cv_eight_f64 __attribute__((ext_vector_type(8)));
CV cv_f32 cv_f32_fma(cv_f32 a, cv_f32 b, cv_f32 c) {
  return __builtin_convertvector(
      __builtin_convertvector(a, cv_eight_f64) * __builtin_convertvector(b, cv_eight_f64) +
          __builtin_convertvector(c, cv_eight_f64),
      cv_f32);
}
CV cv_f32 cv_f32_multiply_add(cv_f32 a, cv_f32 b, cv_f32 c) { return a * b + c; }
CV cv_f64 cv_f64_fma(cv_f64 a, cv_f64 b, cv_f64 c) { return __builtin_elementwise_fma(a, b, c); }
CV cv_f64 cv_f64_multiply_add(cv_f64 a, cv_f64 b, cv_f64 c) { return a * b + c; }
#else
CV cv_f32 cv_f32_fma(cv_f32 a, cv_f32 b, cv_f32 c) { return __builtin_elementwise_fma(a, b, c); }
CV cv_f32 cv_f32_multiply_add(cv_f32 a, cv_f32 b, cv_f32 c) { return cv_f32_fma(a, b, c); }
CV cv_f64 cv_f64_fma(cv_f64 a, cv_f64 b, cv_f64 c) { return __builtin_elementwise_fma(a, b, c); }
CV cv_f64 cv_f64_multiply_add(cv_f64 a, cv_f64 b, cv_f64 c) { return cv_f64_fma(a, b, c); }
#endif

// Parameters: V the vector type, S its scalar, I and U the signed and unsigned integer vectors of the same
// size, MANTISSA the number of mantissa bits, BIAS the exponent bias.
#define CV_FAMILY(V, S, I, U, MANTISSA, BIAS)                                                           \
  CV V V##_add(V a, V b) { return a + b; }                                                             \
  CV V V##_sub(V a, V b) { return a - b; }                                                             \
  CV V V##_mul(V a, V b) { return a * b; }                                                             \
  CV V V##_div(V a, V b) { return a / b; }                                                             \
  CV V V##_sqrt(V a) { return __builtin_elementwise_sqrt(a); }                                         \
  CV V V##_abs(V a) { return __builtin_elementwise_abs(a); }                                           \
  CV V V##_broadcast(S a) { return (V)(a); }                                                           \
  /* Returns a > b ? x : y in each lane; y where a or b is NaN. */                                      \
  CV V V##_select_greater(V a, V b, V x, V y) {                                                         \
    I m = a > b;                                                                                       \
    return (V)((m & (I)x) | (~m & (I)y));                                                              \
  }                                                                                                    \
  /* Returns whether a > b in any lane. */                                                              \
  CV int V##_any_greater(V a, V b) { return __builtin_reduce_or((I)(a > b)) != 0; }                     \
  /* Returns the larger of the bits of a and b as unsigned integers: above all numbers of at least 0 are   \
     infinity, then NaN, then what has a sign. */                                                       \
  CV V V##_larger_bits(V a, V b) { return (V)__builtin_elementwise_max((U)a, (U)b); }                   \
  /* Returns the lane with the largest bits. */                                                         \
  CV S V##_largest_bits(V a) {                                                                         \
    const U largest = (U)(__builtin_reduce_max((U)a));                                                 \
    return ((V)largest)[0];                                                                            \
  }                                                                                                    \
  /* Returns x where a is not NaN, y where it is. */                                                    \
  CV V V##_select_not_nan(V a, V x, V y) {                                                              \
    I m = a == a;                                                                                      \
    return (V)((m & (I)x) | (~m & (I)y));                                                              \
  }                                                                                                    \
  /* Returns the magnitude of a with the sign of b. */                                                  \
  CV V V##_copysign(V a, V b) {                                                                        \
    const I sign = (I)(U)((U)1 << (sizeof(S) * 8 - 1));                                                \
    return (V)(((I)a & ~sign) | ((I)b & sign));                                                        \
  }                                                                                                    \
  /* Returns -|a|. */                                                                                   \
  CV V V##_negative_abs(V a) { return (V)((U)a | (U)((U)1 << (sizeof(S) * 8 - 1))); }                  \
  /* Returns the nearest integer, ties to even, for |a| < 2^(MANTISSA-2). */                            \
  CV V V##_round(V a) {                                                                                \
    const V magic = (V)((S)(3ull << (MANTISSA - 1)));                                                  \
    return (a + magic) - magic;                                                                        \
  }                                                                                                    \
  /* Rounds a b to an integer n, |n| < BIAS, by adding 1.5 2^MANTISSA + BIAS: the low bits of the result hold\
     n + BIAS. rounded_value returns n; rounded_exp2 returns 2^n by shifting the low bits into the exponent.\
     Reference: the round-to-int magic constant of Cephes' and Highway's exp. */                        \
  CV V V##_round_to_int_magic(V a, V b) {                                                               \
    return V##_fma(a, b, (V)((S)(3ull << (MANTISSA - 1)) + (S)(BIAS)));                                \
  }                                                                                                    \
  CV V V##_rounded_value(V a) { return a - (V)((S)(3ull << (MANTISSA - 1)) + (S)(BIAS)); }              \
  CV V V##_rounded_exp2(V a) { return (V)((I)a << MANTISSA); }                                          \
  /* Returns 2^n for integers n from 1-BIAS to BIAS. */                                                 \
  CV V V##_exp2i(V n) {                                                                                \
    const V magic = (V)((S)(3ull << (MANTISSA - 1)) + (S)(BIAS));                                      \
    return (V)((I)(n + magic) << MANTISSA);                                                            \
  }                                                                                                    \
  /* For a normal a > 0, a = 2^e m with 1 <= m < 2: exponent returns e, mantissa returns m. */          \
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

// Returns the sum of all lanes. The order is fixed: halves, then quarters, then pairs.
CV float cv_f32_sum(cv_f32 a) {
  float s0 = a[0] + a[4], s1 = a[1] + a[5], s2 = a[2] + a[6], s3 = a[3] + a[7];
  return (s0 + s2) + (s1 + s3);
}
CV double cv_f64_sum(cv_f64 a) { return (a[0] + a[2]) + (a[1] + a[3]); }

// Transposes a square block: q[j + i * to] = p[i + j * from] for i < lanes and j < columns, and 0 for the columns
// from `columns` to lanes.
CV_MEMORY void cv_f32_transpose8x8(const float *p, int64_t from, int64_t columns, float *q, int64_t to) {
  cv_f32 a[8], b[8];
  for (int i = 0; i < 8; i++) a[i] = i < columns ? cv_f32_load(p + i * from) : (cv_f32)(0.0f);
  // interleave pairs, then fours, then halves
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
CV_MEMORY void cv_f64_transpose4x4(const double *p, int64_t from, int64_t columns, double *q, int64_t to) {
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

// load_partial returns the first n elements of p, 0 <= n < lanes, and zeros after them. store_partial writes n elements
// with one to three stores: a masked store is slow (microcoded) on some CPUs, AMD's Zen among them. Half a register is
// loaded as it is stored: a wider load would wait until what was stored a moment ago is in the cache.
#ifdef __AVX2__
CV_MEMORY cv_f32 cv_f32_load_partial(const float *p, int64_t n) {
  const cv_i32 lane = {0, 1, 2, 3, 4, 5, 6, 7};
  if (n == 4) {
    float __attribute__((vector_size(16))) four, none = {0};
    memcpy(&four, p, 16);
    return __builtin_shufflevector(four, none, 0, 1, 2, 3, 4, 5, 6, 7);
  }
  return __builtin_ia32_maskloadps256((const void *)p, lane < (cv_i32)((int32_t)n));
}
CV_MEMORY void cv_f32_store_partial(float *p, cv_f32 v, int64_t n) {
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
CV_MEMORY cv_f64 cv_f64_load_partial(const double *p, int64_t n) {
  const cv_i64 lane = {0, 1, 2, 3};
  if (n == 2) {
    double __attribute__((vector_size(16))) two, none = {0};
    memcpy(&two, p, 16);
    return __builtin_shufflevector(two, none, 0, 1, 2, 3);
  }
  return __builtin_ia32_maskloadpd256((const void *)p, lane < (cv_i64)(n));
}
CV_MEMORY void cv_f64_store_partial(double *p, cv_f64 v, int64_t n) {
  double __attribute__((vector_size(16))) two = __builtin_shufflevector(v, v, 0, 1);
  if (n & 2) {
    memcpy(p, &two, 16);
    two = __builtin_shufflevector(v, v, 2, 3);
    p += 2;
  }
  if (n & 1) memcpy(p, &two, 8);
}
#else
CV_MEMORY cv_f32 cv_f32_load_partial(const float *p, int64_t n) {
  float t[8] = {0};
  for (int64_t i = 0; i < n; i++) t[i] = p[i];
  return cv_f32_load(t);
}
CV_MEMORY void cv_f32_store_partial(float *p, cv_f32 v, int64_t n) {
  for (int64_t i = 0; i < n; i++) p[i] = v[i];
}
CV_MEMORY cv_f64 cv_f64_load_partial(const double *p, int64_t n) {
  double t[4] = {0};
  for (int64_t i = 0; i < n; i++) t[i] = p[i];
  return cv_f64_load(t);
}
CV_MEMORY void cv_f64_store_partial(double *p, cv_f64 v, int64_t n) {
  for (int64_t i = 0; i < n; i++) p[i] = v[i];
}
#endif
