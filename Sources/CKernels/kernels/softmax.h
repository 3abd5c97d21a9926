float CK(ck_maximum)(const float *x, ptrdiff_t count) {
  v16 top = splat(-INFINITY);
  ptrdiff_t i = 0;
  for (; i + 16 <= count; i += 16) top = larger(load(x + i), top);
  float best = max_lanes(top);
  for (; i < count; i++) best = x[i] > best ? x[i] : best;
  return best;
}

void CK(ck_softmax_fold)(const float *logits, ptrdiff_t count, float scale, ck_softmax *state) {
  v16 top = splat(-INFINITY), k = splat(scale);
  ptrdiff_t i = 0;
  for (; i + 16 <= count; i += 16) top = larger(load(logits + i) * k, top);
  float best = max_lanes(top);
  for (; i < count; i++) best = logits[i] * scale > best ? logits[i] * scale : best;
  if (best > state->maximum) {
    float shrink = state->maximum == -INFINITY ? 0.0f : expf(state->maximum - best);
    state->sum *= shrink;
    state->weighted *= shrink;
    state->maximum = best;
  }
  v16 m = splat(state->maximum), sum = {0}, weighted = {0};
  for (i = 0; i + 16 <= count; i += 16) {
    v16 z = load(logits + i) * k, e = exp16(z - m);
    sum += e;
    weighted = e * z + weighted;
  }
  if (i < count) {
    float part[16];
    for (int l = 0; l < 16; l++) part[l] = i + l < count ? logits[i + l] * scale : -INFINITY;
    v16 z = load(part), e = exp16(z - m);
    sum += e;
    for (int l = 0; l < 16; l++)
      if (i + l < count) weighted[l] += e[l] * z[l];
  }
  state->sum += sum_lanes(sum);
  state->weighted += sum_lanes(weighted);
}

void CK(ck_softmax_gradient)(float *logits, ptrdiff_t count, float scale, float log_normalizer, float entropy,
                                ptrdiff_t target, float g_logprob, float g_entropy) {
  v16 k = splat(scale), shift = splat(log_normalizer), h = splat(entropy);
  v16 a = splat(-g_logprob * scale), b = splat(-g_entropy * scale);
  ptrdiff_t i = 0;
  for (; i < count; i += 16) {
    int whole = i + 16 <= count;
    v16 log_p = (whole ? load(logits + i) : load_part(logits + i, count - i)) * k - shift;
    v16 p = exp16(log_p), r = p * (a + b * (log_p + h));
    if (whole) store(logits + i, r);
    else store_part(logits + i, r, count - i);
  }
  if (target >= 0 && target < count) logits[target] += g_logprob * scale;
}

float CK(ck_softmax_probabilities)(const float *logits, ptrdiff_t count, float scale, float log_normalizer,
                                      float *p) {
  v16 k = splat(scale), shift = splat(log_normalizer), sum = {0};
  ptrdiff_t i = 0;
  for (; i + 16 <= count; i += 16) {
    v16 e = exp16(load(logits + i) * k - shift);
    store(p + i, e);
    sum += e;
  }
  float total = sum_lanes(sum);
  for (; i < count; i++) {
    p[i] = expf(logits[i] * scale - log_normalizer);
    total += p[i];
  }
  return total;
}
