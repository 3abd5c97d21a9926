// Rounds to the nearest, ties to even; NaN becomes a quiet NaN. The same bits on every processor.
void CK(ck_bfloat16)(const float *x, uint16_t *y, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, 4);
    uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    y[i] = (uint16_t)(x[i] == x[i] ? rounded : bits >> 16 | 0x40);
  }
}
