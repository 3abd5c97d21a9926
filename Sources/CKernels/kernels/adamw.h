double CK(ck_adamw)(float *p, const float *g, float *m, float *v, ptrdiff_t count, float gradient_scale, float lr,
                    float beta1, float beta2, float eps, float weight_decay, float correction1, float correction2) {
  v16 squares = {0};
  float keep = 1.0f - lr * weight_decay, rate = lr / correction1, root = 1.0f / sqrtf(correction2);
  for (ptrdiff_t i = 0; i < count; i += 16) {
    ptrdiff_t n = count - i < 16 ? count - i : 16;
    v16 x = (n == 16 ? load(g + i) : load_part(g + i, n)) * splat(gradient_scale);
    v16 w = n == 16 ? load(p + i) : load_part(p + i, n);
    v16 a = splat(beta1) * (n == 16 ? load(m + i) : load_part(m + i, n)) + splat(1.0f - beta1) * x;
    v16 b = splat(beta2) * (n == 16 ? load(v + i) : load_part(v + i, n)) + splat(1.0f - beta2) * x * x;
    v16 next = w * splat(keep) - splat(rate) * a / (__builtin_elementwise_sqrt(b) * splat(root) + splat(eps));
    squares += (next - w) * (next - w);
    store_part(m + i, a, n);
    store_part(v + i, b, n);
    store_part(p + i, next, n);
  }
  return sum_lanes(squares);
}

// In double, lane by lane: the global norm must not depend on the size of the parts by more than rounding of doubles.
double CK(ck_sum_of_squares)(const float *x, ptrdiff_t count) {
  double lanes[16] = {0};
  ptrdiff_t i = 0;
  for (; i + 16 <= count; i += 16)
    for (int l = 0; l < 16; l++) lanes[l] += (double)x[i + l] * (double)x[i + l];
  double total = 0;
  for (; i < count; i++) total += (double)x[i] * (double)x[i];
  for (int l = 0; l < 16; l++) total += lanes[l];
  return total;
}

void CK(ck_add)(float *y, const float *x, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) y[i] += x[i];
}
