void CK(ck_rotary)(float *x, ptrdiff_t stride, const float *cosine, const float *sine, ptrdiff_t rows,
                      ptrdiff_t heads, ptrdiff_t dim, float direction) {
  ptrdiff_t half = dim / 2;
  for (ptrdiff_t t = 0; t < rows; t++, x += stride, cosine += half, sine += half)
    for (ptrdiff_t h = 0; h < heads; h++) {
      float *a = x + h * dim, *b = a + half;
      for (ptrdiff_t i = 0; i < half; i++) {
        float c = cosine[i], s = sine[i] * direction, p = a[i], q = b[i];
        a[i] = p * c - q * s;
        b[i] = q * c + p * s;
      }
    }
}
