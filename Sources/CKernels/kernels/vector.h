// Sixteen floats at a time; the compiler splits them where the processor's registers are narrower.
// a*b + c becomes one instruction where the processor has it; no other reordering is allowed.
#pragma clang fp contract(fast)

#pragma clang diagnostic ignored "-Wpsabi"   // every v16 is passed inline

#define INLINE static inline __attribute__((always_inline))

typedef float v16 __attribute__((vector_size(64), aligned(4)));
typedef int32_t i16 __attribute__((vector_size(64), aligned(4)));

INLINE v16 load(const float *p) { return *(const v16 *)p; }
INLINE void store(float *p, v16 x) { *(v16 *)p = x; }
INLINE v16 splat(float x) { return x - (v16){0}; }
// A NaN in b is kept, one in a is not.
INLINE v16 larger(v16 a, v16 b) { return (v16)(((i16)a & (a > b)) | ((i16)b & ~(a > b))); }
// The first `count` lanes of p, zeros after them.
INLINE v16 load_part(const float *p, ptrdiff_t count) {
  float t[16] = {0};
  memcpy(t, p, (size_t)count * sizeof(float));
  return load(t);
}
INLINE void store_part(float *p, v16 x, ptrdiff_t count) {
  float t[16];
  store(t, x);
  memcpy(p, t, (size_t)count * sizeof(float));
}
// Lanes added pairwise, always in the same tree.
INLINE float sum_lanes(v16 x) {
  float t[16];
  store(t, x);
  for (int w = 8; w > 0; w /= 2)
    for (int i = 0; i < w; i++) t[i] += t[i + w];
  return t[0];
}
INLINE float max_lanes(v16 x) {
  float t[16];
  store(t, x);
  for (int w = 8; w > 0; w /= 2)
    for (int i = 0; i < w; i++) t[i] = t[i] > t[i + w] ? t[i] : t[i + w];
  return t[0];
}

// exp(x) to about 1 ulp for x <= 88; 0 below -87.3; NaN stays NaN. Range reduction by ln 2 in two parts, then a polynomial of
// degree 6 on [-ln2/2, ln2/2].
INLINE v16 exp16(v16 x) {
  i16 tiny = x < splat(-87.3f);
  x = larger(splat(-87.3f), x);
  v16 cap = splat(88.3f);
  x = (v16)(((i16)cap & (cap < x)) | ((i16)x & ~(cap < x)));
  v16 magic = splat(12582912.0f);   // 1.5 * 2^23: adding it rounds to an integer in the low bits
  v16 shifted = x * splat(1.44269504088896341f) + magic;
  v16 n = shifted - magic;
  v16 r = n * splat(-0.693359375f) + x;
  r = n * splat(2.12194440e-4f) + r;
  v16 p = splat(1.9875691500e-4f);
  p = p * r + splat(1.3981999507e-3f);
  p = p * r + splat(8.3334519073e-3f);
  p = p * r + splat(4.1665795894e-2f);
  p = p * r + splat(1.6666665459e-1f);
  p = p * r + splat(5.0000001201e-1f);
  p = p * (r * r) + r + splat(1.0f);
  i16 exponent = ((i16)shifted + (127 - 0x4B400000)) << 23;
  v16 y = p * (v16)exponent;
  return (v16)((i16)y & ~tiny);
}
