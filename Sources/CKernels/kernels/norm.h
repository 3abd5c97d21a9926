INLINE float mean_square(const float *x, ptrdiff_t n) {
  v16 a = {0}, b = {0};
  ptrdiff_t i = 0;
  for (; i + 32 <= n; i += 32) {
    v16 p = load(x + i), q = load(x + i + 16);
    a = p * p + a;
    b = q * q + b;
  }
  for (; i < n; i += 16) {
    v16 p = n - i >= 16 ? load(x + i) : load_part(x + i, n - i);
    a = p * p + a;
  }
  return sum_lanes(a + b) / (float)n;
}

void CK(ck_rmsnorm)(const float *x, const float *w, float *y, float *rstd, ptrdiff_t rows, ptrdiff_t n, float eps) {
  for (ptrdiff_t t = 0; t < rows; t++, x += n, y += n) {
    float r = 1.0f / sqrtf(mean_square(x, n) + eps);
    if (rstd) rstd[t] = r;
    for (ptrdiff_t i = 0; i < n; i++) y[i] = x[i] * r * w[i];
  }
}

// With u = x * rstd: dx = rstd * (w*dy - u * mean(w*dy*u)), dw = sum over rows of dy*u.
void CK(ck_rmsnorm_backward)(const float *x, const float *w, const float *rstd, const float *dy, float *dx,
                                float *dw, ptrdiff_t rows, ptrdiff_t n) {
  for (ptrdiff_t t = 0; t < rows; t++, x += n, dy += n, dx += n) {
    float r = rstd[t];
    v16 dot = {0};
    ptrdiff_t i = 0;
    for (; i + 16 <= n; i += 16) dot = load(w + i) * load(dy + i) * (load(x + i) * splat(r)) + dot;
    float tail = 0;
    for (; i < n; i++) tail += w[i] * dy[i] * (x[i] * r);
    float mean = (sum_lanes(dot) + tail) / (float)n;
    for (i = 0; i < n; i++) {
      float u = x[i] * r;
      dw[i] += dy[i] * u;
      dx[i] += r * (w[i] * dy[i] - u * mean);
    }
  }
}
