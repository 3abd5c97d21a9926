// Philox 4x32-10 (kernels as in Random.swift), sixteen counters at a time: each block of four words decides eight values,
// by 16 bits each.
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef uint64_t u64x16 __attribute__((vector_size(128)));

void CK(ck_dropout)(const float *x, float *y, ptrdiff_t count, const uint32_t *key, const uint32_t *counter,
                    uint32_t threshold, float scale, int accumulate) {
  uint32_t words[4][16];
  for (ptrdiff_t start = 0; start < count; start += 128) {
    u32x16 c0, c1, c2, c3;
    for (int i = 0; i < 16; i++) {
      c0[i] = (uint32_t)(start / 8 + i);
      c1[i] = counter[0];
      c2[i] = counter[1];
      c3[i] = counter[2];
    }
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
      u64x16 a = __builtin_convertvector(c0, u64x16) * 0xD2511F53u, b = __builtin_convertvector(c2, u64x16) * 0xCD9E8D57u;
      u32x16 high = __builtin_convertvector(b >> 32, u32x16), low = __builtin_convertvector(b, u32x16);
      c2 = __builtin_convertvector(a >> 32, u32x16) ^ c3 ^ k1;
      c3 = __builtin_convertvector(a, u32x16);
      c0 = high ^ c1 ^ k0;
      c1 = low;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    memcpy(words[0], &c0, 64);
    memcpy(words[1], &c1, 64);
    memcpy(words[2], &c2, 64);
    memcpy(words[3], &c3, 64);
    ptrdiff_t n = count - start < 128 ? count - start : 128;
    for (ptrdiff_t i = 0; i < n; i++) {
      uint32_t half = words[i % 8 / 2][i / 8] >> (i & 1 ? 16 : 0) & 0xFFFFu;
      float kept = half >= threshold ? x[start + i] * scale : 0.0f;
      y[start + i] = accumulate ? y[start + i] + kept : kept;
    }
  }
}
