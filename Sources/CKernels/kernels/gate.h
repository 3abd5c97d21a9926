INLINE v16 sigmoid(v16 x) { return splat(1.0f) / (splat(1.0f) + exp16(-x)); }

INLINE void forward(const float *g, const float *u, float *y, ptrdiff_t count) {
  int whole = count == 16;
  v16 gate = whole ? load(g) : load_part(g, count), up = whole ? load(u) : load_part(u, count);
  v16 r = gate * sigmoid(gate) * up;
  if (whole) store(y, r);
  else store_part(y, r, count);
}

void CK(ck_swiglu)(const float *gate_up, float *y, ptrdiff_t rows, ptrdiff_t n) {
  for (ptrdiff_t t = 0; t < rows; t++, gate_up += 2 * n, y += n) {
    ptrdiff_t i = 0;
    for (; i + 16 <= n; i += 16) forward(gate_up + i, gate_up + n + i, y + i, 16);
    if (i < n) forward(gate_up + i, gate_up + n + i, y + i, n - i);
  }
}

// silu'(g) = s + g*s*(1 - s) with s = sigmoid(g)
INLINE void backward(float *g, float *u, const float *dy, float *y, ptrdiff_t count) {
  int whole = count == 16;
  v16 gate = whole ? load(g) : load_part(g, count), up = whole ? load(u) : load_part(u, count);
  v16 d = whole ? load(dy) : load_part(dy, count);
  v16 s = sigmoid(gate), silu = gate * s;
  v16 dgate = d * up * (s + silu * (splat(1.0f) - s)), dup = d * silu, out = silu * up;
  if (whole) {
    store(g, dgate);
    store(u, dup);
    store(y, out);
  } else {
    store_part(g, dgate, count);
    store_part(u, dup, count);
    store_part(y, out, count);
  }
}

void CK(ck_swiglu_backward)(float *gate_up, const float *dy, float *y, ptrdiff_t rows, ptrdiff_t n) {
  for (ptrdiff_t t = 0; t < rows; t++, gate_up += 2 * n, dy += n, y += n) {
    ptrdiff_t i = 0;
    for (; i + 16 <= n; i += 16) backward(gate_up + i, gate_up + n + i, dy + i, y + i, 16);
    if (i < n) backward(gate_up + i, gate_up + n + i, dy + i, y + i, n - i);
  }
}
