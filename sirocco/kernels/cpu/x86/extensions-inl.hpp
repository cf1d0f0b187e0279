// The CPU features that an object may use, as CpuFeatures::names writes them: a test holds them
// against what the tier asks of a CPU. A fragment (see ../README.md).

constexpr char kExtensions[] =
#if defined(__SSSE3__)
    "ssse3"
#endif
#if defined(__SSE4_1__)
    ", sse4_1"
#endif
#if defined(__SSE4_2__)
    ", sse4_2"
#endif
#if defined(__POPCNT__)
    ", popcnt"
#endif
#if defined(__AVX__)
    ", avx"
#endif
#if defined(__F16C__)
    ", f16c"
#endif
#if defined(__FMA__)
    ", fma"
#endif
#if defined(__AVX2__)
    ", avx2"
#endif
#if defined(__BMI__)
    ", bmi1"
#endif
#if defined(__BMI2__)
    ", bmi2"
#endif
#if defined(__AVXVNNI__)
    ", avx_vnni"
#endif
#if defined(__AVX512F__)
    ", avx512f"
#endif
#if defined(__AVX512CD__)
    ", avx512cd"
#endif
#if defined(__AVX512BW__)
    ", avx512bw"
#endif
#if defined(__AVX512DQ__)
    ", avx512dq"
#endif
#if defined(__AVX512VL__)
    ", avx512vl"
#endif
#if defined(__AVX512VBMI__)
    ", avx512vbmi"
#endif
#if defined(__AVX512VNNI__)
    ", avx512_vnni"
#endif
#if defined(__AVX512BF16__)
    ", avx512_bf16"
#endif
#if defined(__AVX512FP16__)
    ", avx512_fp16"
#endif
#if defined(__AMX_TILE__)
    ", amx_tile"
#endif
#if defined(__AMX_INT8__)
    ", amx_int8"
#endif
#if defined(__AMX_BF16__)
    ", amx_bf16"
#endif
    ;
