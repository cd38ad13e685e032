// The instructions that the library is built for, as the compiler's target says.

#include "recurrent.h"

const char recurrent_cpu_flags[] = ""
#ifdef __SSE3__
                                   " pni"
#endif
#ifdef __SSSE3__
                                   " ssse3"
#endif
#ifdef __SSE4_1__
                                   " sse4_1"
#endif
#ifdef __SSE4_2__
                                   " sse4_2"
#endif
#ifdef __POPCNT__
                                   " popcnt"
#endif
#ifdef __AVX__
                                   " avx"
#endif
#ifdef __AVX2__
                                   " avx2"
#endif
#ifdef __FMA__
                                   " fma"
#endif
#ifdef __BMI__
                                   " bmi1"
#endif
#ifdef __BMI2__
                                   " bmi2"
#endif
#ifdef __F16C__
                                   " f16c"
#endif
#ifdef __LZCNT__
                                   " abm"
#endif
#ifdef __MOVBE__
                                   " movbe"
#endif
#ifdef __AVX512F__
                                   " avx512f"
#endif
#ifdef __AVX512BW__
                                   " avx512bw"
#endif
#ifdef __AVX512CD__
                                   " avx512cd"
#endif
#ifdef __AVX512DQ__
                                   " avx512dq"
#endif
#ifdef __AVX512VL__
                                   " avx512vl"
#endif
    ;
