// The most multiply-adds that one core does: twelve independent chains, more than latency times ports needs.
// Compiled at the library's own instruction level, so that shares of this peak mean something.

typedef float Float8 __attribute__((vector_size(32)));
typedef double Double4 __attribute__((vector_size(32)));

#define CHAINS 12

// v = v * 0.999 + 0.001 stays near 1: no overflow, no denormals
#define PEAK(name, Vector, Number)                                   \
  Number name(long rounds) {                                         \
    Vector v[CHAINS], factor, term;                                  \
    for (unsigned i = 0; i < sizeof(Vector) / sizeof(Number); ++i) { \
      factor[i] = (Number)0.999;                                     \
      term[i] = (Number)0.001;                                       \
    }                                                                \
    for (int k = 0; k < CHAINS; ++k) v[k] = term * (Number)k;        \
    for (long r = 0; r < rounds; ++r) {                              \
      _Pragma("GCC unroll 12") for (int k = 0; k < CHAINS; ++k) {    \
        v[k] = v[k] * factor + term;                                 \
      }                                                              \
    }                                                                \
    Number sum = 0;                                                  \
    for (int k = 0; k < CHAINS; ++k) sum += v[k][0];                 \
    return sum;                                                      \
  }

PEAK(fma_float32, Float8, float)
PEAK(fma_float64, Double4, double)
