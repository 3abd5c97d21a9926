// Picks each kernel's version once, when the program is loaded: no cost per call. AVX-512, AVX2 with FMA, or neither.
#include "include/ckernels.h"
#if defined(__x86_64__)
#define PICK(result, name, ...)                                                                                     \
  result name##_v4(__VA_ARGS__);                                                                                    \
  result name##_v3(__VA_ARGS__);                                                                                    \
  result name##_baseline(__VA_ARGS__);                                                                              \
  static result (*pick_##name(void))(__VA_ARGS__) {                                                                 \
    __builtin_cpu_init();                                                                                           \
    if (__builtin_cpu_supports("x86-64-v4")) return name##_v4;                                                      \
    if (__builtin_cpu_supports("x86-64-v3")) return name##_v3;                                                      \
    return name##_baseline;                                                                                         \
  }                                                                                                                 \
  result name(__VA_ARGS__) __attribute__((ifunc("pick_" #name)));

PICK(void, ck_rmsnorm, const float *, const float *, float *, float *, ptrdiff_t, ptrdiff_t, float)
PICK(void, ck_rmsnorm_backward, const float *, const float *, const float *, const float *, float *, float *,
     ptrdiff_t, ptrdiff_t)
PICK(void, ck_rotary, float *, ptrdiff_t, const float *, const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, float)
PICK(void, ck_swiglu, const float *, float *, ptrdiff_t, ptrdiff_t)
PICK(void, ck_swiglu_backward, float *, const float *, float *, ptrdiff_t, ptrdiff_t)
PICK(void, ck_attention_row, const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, const ck_keys *, ptrdiff_t,
     float, float *, float *, float *)
PICK(void, ck_attention_row_backward, const float *, const float *, const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t,
     ptrdiff_t, const ck_key_gradients *, ptrdiff_t, float, const float *, float *, float *)
PICK(void, ck_pack_keys, const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *, float *)
PICK(void, ck_softmax_fold, const float *, ptrdiff_t, float, ck_softmax *)
PICK(void, ck_softmax_gradient, float *, ptrdiff_t, float, float, float, ptrdiff_t, float, float)
PICK(float, ck_softmax_probabilities, const float *, ptrdiff_t, float, float, float *)
PICK(float, ck_maximum, const float *, ptrdiff_t)
PICK(void, ck_adamw, float *, const float *, float *, float *, ptrdiff_t, float, float, float, float, float, float,
     float, float)
PICK(double, ck_sum_of_squares, const float *, ptrdiff_t)
PICK(void, ck_bfloat16, const float *, uint16_t *, ptrdiff_t)
PICK(void, ck_dropout, const float *, float *, ptrdiff_t, const uint32_t *, const uint32_t *, uint32_t, float, int)
PICK(void, ck_add, float *, const float *, ptrdiff_t)
const char *ck_processor(void) {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return "x86-64-v4";
  return __builtin_cpu_supports("x86-64-v3") ? "x86-64-v3" : "baseline";
}
#else
const char *ck_processor(void) { return "baseline"; }
#endif
