void CK(ck_attention_row)(const float *q, ptrdiff_t head_stride, ptrdiff_t heads, ptrdiff_t dim, ptrdiff_t width,
                             const ck_keys *parts, ptrdiff_t count, float scale, float *scores, float *out,
                             float *lse) {
  ptrdiff_t lanes = 0, at = 0;
  for (ptrdiff_t p = 0; p < count; p++) lanes += 16 * blocks_of(parts[p].first, parts[p].end);
  for (ptrdiff_t p = 0; p < count; p++) {
    ptrdiff_t blocks = blocks_of(parts[p].first, parts[p].end);
    score_all(q, head_stride, heads, dim, width, parts[p].keys_blocked, blocks, scores + at, lanes);
    for (ptrdiff_t h = 0; h < heads; h++)
      scale_and_mask(scores + at + h * lanes, blocks, parts[p].first, parts[p].end, scale);
    at += 16 * blocks;
  }
  for (ptrdiff_t h = 0; h < heads; h++) {
    float *s = scores + h * lanes;
    v16 top = splat(-INFINITY), sum = {0};
    for (ptrdiff_t i = 0; i < lanes; i += 16) top = larger(load(s + i), top);
    float best = max_lanes(top);
    for (ptrdiff_t i = 0; i < lanes; i += 16) {
      v16 e = exp16(load(s + i) - splat(best));
      store(s + i, e);
      sum += e;
    }
    float total = sum_lanes(sum);
    if (lse) lse[h] = best + logf(total);
    v16 inverse = splat(1.0f / total);
    for (ptrdiff_t i = 0; i < lanes; i += 16) store(s + i, load(s + i) * inverse);
  }
  for (ptrdiff_t h = 0; h < heads; h++) memset(out + h * head_stride, 0, (size_t)dim * sizeof(float));
  at = 0;
  for (ptrdiff_t p = 0; p < count; p++) {
    const ck_keys *k = &parts[p];
    add_weighted(k->values, width, k->end - k->first, scores + at + k->first % 16, lanes, heads, dim, out, head_stride);
    at += 16 * blocks_of(k->first, k->end);
  }
}

void CK(ck_attention_row_backward)(const float *q, const float *out, const float *dout, ptrdiff_t head_stride,
                                      ptrdiff_t heads, ptrdiff_t dim, ptrdiff_t width, const ck_key_gradients *parts,
                                      ptrdiff_t count, float scale, const float *lse, float *scratch, float *dq) {
  ptrdiff_t lanes = 0, at = 0;
  for (ptrdiff_t p = 0; p < count; p++) lanes += 16 * blocks_of(parts[p].first, parts[p].end);
  float *weights = scratch, *slopes = scratch + heads * lanes;   // softmax p and d loss / d score, [heads][lanes]
  for (ptrdiff_t p = 0; p < count; p++) {
    ptrdiff_t blocks = blocks_of(parts[p].first, parts[p].end);
    score_all(q, head_stride, heads, dim, width, parts[p].keys_blocked, blocks, weights + at, lanes);
    score_all(dout, head_stride, heads, dim, width, parts[p].values_blocked, blocks, slopes + at, lanes);
    for (ptrdiff_t h = 0; h < heads; h++)
      scale_and_mask(weights + at + h * lanes, blocks, parts[p].first, parts[p].end, scale);
    at += 16 * blocks;
  }
  for (ptrdiff_t h = 0; h < heads; h++) {
    // With p the softmax and D = dout . out: d score = p * (dout . value - D)   (FlashAttention-2, arXiv 2307.08691, eq. 4)
    const float *o = out + h * head_stride, *d = dout + h * head_stride;
    float mean = 0;
    for (ptrdiff_t i = 0; i < dim; i++) mean += o[i] * d[i];
    for (ptrdiff_t i = 0; i < lanes; i += 16) {
      v16 w = exp16(load(weights + h * lanes + i) - splat(lse[h]));
      store(weights + h * lanes + i, w);
      store(slopes + h * lanes + i, w * (load(slopes + h * lanes + i) - splat(mean)) * splat(scale));
    }
    memset(dq + h * head_stride, 0, (size_t)dim * sizeof(float));
  }
  at = 0;
  for (ptrdiff_t p = 0; p < count; p++) {
    const ck_key_gradients *k = &parts[p];
    ptrdiff_t rows = k->end - k->first, lane = at + k->first % 16;
    add_weighted(k->keys, width, rows, slopes + lane, lanes, heads, dim, dq, head_stride);
    add_outer(k->key_gradients, width, rows, slopes + lane, lanes, heads, dim, q, head_stride);
    add_outer(k->value_gradients, width, rows, weights + lane, lanes, heads, dim, dout, head_stride);
    at += 16 * blocks_of(k->first, k->end);
  }
}

void CK(ck_pack_keys)(const float *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t first, ptrdiff_t dim,
                         ptrdiff_t width, float *blocked, float *row_major) {
  for (ptrdiff_t t = 0; t < rows; t++, x += stride) {
    if (blocked) {
      ptrdiff_t position = first + t;
      float *block = blocked + (position / 16 - first / 16) * width * 16 + position % 16;
      for (ptrdiff_t i = 0; i < dim; i++) block[i * 16] = x[i];
    }
    if (row_major) memcpy(row_major + t * width, x, (size_t)dim * sizeof(float));
  }
}
