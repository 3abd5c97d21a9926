// The hot loops that neither oneDNN nor OpenBLAS covers, in C because clang compiles them for several
// processors (x86_64_v4.c, x86_64_v3.c, baseline.c; dispatch.c picks when the program is loaded) and because a Swift reduction over floats
// is never vectorised. All matrices are row-major f32; sizes are in elements.
//
// Every forward kernel treats a row by itself and in a fixed order: a row's result does not depend on the other rows,
// their number or the thread that computes it.
#ifndef ROLLBOOK_CKERNELS_H
#define ROLLBOOK_CKERNELS_H
#include <stdint.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// Eases a thread that waits for a moment without giving up its processor.
static inline void ck_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// The version of these kernels that this processor runs: "x86-64-v4", "x86-64-v3" or "baseline".
const char *ck_processor(void);

// norm: y = x * rstd * w, rstd = 1/sqrt(mean(x^2) + eps); RMSNorm (arXiv 1910.07467)
void ck_rmsnorm(const float *x, const float *w, float *y, float *rstd, ptrdiff_t rows, ptrdiff_t n, float eps);
// dx += d loss/d x; dw += d loss/d w over these rows. Recomputes x * rstd.
void ck_rmsnorm_backward(const float *x, const float *w, const float *rstd, const float *dy, float *dx, float *dw,
                         ptrdiff_t rows, ptrdiff_t n);

// rotary: pairs dimension i with i + dim/2 of each head (RoFormer, arXiv 2104.09864, in Hugging Face's order).
// cosine/sine: [rows][dim/2] for these rows' positions. direction +1 rotates, -1 rotates back (the gradient).
void ck_rotary(float *x, ptrdiff_t stride, const float *cosine, const float *sine, ptrdiff_t rows, ptrdiff_t heads,
               ptrdiff_t dim, float direction);

// gate: SwiGLU (arXiv 2002.05202). gate_up: [rows][2n], gate first; y: [rows][n] = silu(gate) * up
void ck_swiglu(const float *gate_up, float *y, ptrdiff_t rows, ptrdiff_t n);
// Overwrites gate_up with its gradient; y receives silu(gate) * up again, for the next product's weight gradient.
void ck_swiglu_backward(float *gate_up, const float *dy, float *y, ptrdiff_t rows, ptrdiff_t n);

// attention.c
// Keys live in blocks of 16 positions, transposed: blocked[block][width][16], so that one vector holds one dimension
// of 16 keys. Lane = absolute position modulo 16, whichever segment holds the key: a shared prompt and a private copy
// of it give the same bits. Rows: rows[position - first][width]. width = head size rounded up to 16, padded with zeros.
typedef struct {
  const float *keys_blocked;    // block of position `first / 16` comes first
  const float *values;          // row of position `first` comes first
  ptrdiff_t first, end;         // absolute positions [first, end)
} ck_keys;
// One query position of `heads` query heads that share one key/value head.
// q: head h at q + h*head_stride; out likewise. scores: scratch of heads * 16 * (blocks of all parts).
// lse[h] = log of the sum of exponentials, for backward; may be NULL.
void ck_attention_row(const float *q, ptrdiff_t head_stride, ptrdiff_t heads, ptrdiff_t dim, ptrdiff_t width,
                      const ck_keys *parts, ptrdiff_t count, float scale, float *scores, float *out, float *lse);
typedef struct {
  const float *keys_blocked, *values_blocked, *keys;
  float *key_gradients, *value_gradients;   // rows like `keys`
  ptrdiff_t first, end;
} ck_key_gradients;
// dq is written; key and value gradients are added to. out is the forward result.
// scratch: 2 * heads * 16 * (blocks of all parts).
void ck_attention_row_backward(const float *q, const float *out, const float *dout, ptrdiff_t head_stride,
                               ptrdiff_t heads, ptrdiff_t dim, ptrdiff_t width, const ck_key_gradients *parts,
                               ptrdiff_t count, float scale, const float *lse, float *scratch, float *dq);
// x: rows of `dim` values, `stride` apart, of positions first...; blocked layout and row layout, either may be NULL.
void ck_pack_keys(const float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t first, ptrdiff_t dim, ptrdiff_t width,
                  float *blocked, float *row_major);

// softmax: a row's running log-sum-exp over chunks of the vocabulary.
typedef struct { float maximum, sum, weighted; } ck_softmax;   // weighted = sum of exp(z - maximum) * z
// Folds `count` logits, times `scale`, into `state`; a fresh state has maximum -inf and zeros.
void ck_softmax_fold(const float *logits, ptrdiff_t count, float scale, ck_softmax *state);
// logits[j] <- scale * (g_logprob * (1[j == target] - p_j) - g_entropy * p_j * (log p_j + entropy)); target < 0: none
void ck_softmax_gradient(float *logits, ptrdiff_t count, float scale, float log_normalizer, float entropy,
                         ptrdiff_t target, float g_logprob, float g_entropy);
// exp(scale * z - log_normalizer) into p; returns their sum, added in a fixed order.
float ck_softmax_probabilities(const float *logits, ptrdiff_t count, float scale, float log_normalizer, float *p);
float ck_maximum(const float *x, ptrdiff_t count);

// adamw: decoupled weight decay (arXiv 1711.05101) as in torch.optim.AdamW; gradients are scaled first.
// correction1 = 1 - beta1^t, correction2 = 1 - beta2^t.
void ck_adamw(float *p, const float *g, float *m, float *v, ptrdiff_t count, float gradient_scale, float lr,
              float beta1, float beta2, float eps, float weight_decay, float correction1, float correction2);
double ck_sum_of_squares(const float *x, ptrdiff_t count);
// dropout: y (+)= scale * x where 16 bits drawn for the value are at least `threshold`, else nothing. key: two words of the
// generator; counter: its upper three words, the lowest counts blocks of eight values.
void ck_dropout(const float *x, float *y, ptrdiff_t count, const uint32_t *key, const uint32_t *counter,
                uint32_t threshold, float scale, int accumulate);
void ck_add(float *y, const float *x, ptrdiff_t count);
// The upper halves of floats, rounded to the nearest, ties to even.
void ck_bfloat16(const float *x, uint16_t *y, ptrdiff_t count);

#ifdef __cplusplus
}
#endif
#endif
