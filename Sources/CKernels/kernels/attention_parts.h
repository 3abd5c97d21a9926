// The three inner products of attention, each for a fixed number of heads so that its sums stay in registers.
INLINE ptrdiff_t blocks_of(ptrdiff_t first, ptrdiff_t end) { return end <= first ? 0 : (end + 15) / 16 - first / 16; }

// scores[h*lanes + 16*b + l] = q[h] . key 16*b + l, each summed over the dimensions in order.
INLINE void score_blocks(const float *q, ptrdiff_t stride, ptrdiff_t dim, ptrdiff_t width, const float *keys,
                         float *scores, ptrdiff_t lanes, const int heads, const int blocks) {
  v16 sum[4][4] = {{{0}}};
  for (ptrdiff_t d = 0; d < dim; d++) {
    v16 k[4];
#pragma unroll
    for (int b = 0; b < blocks; b++) k[b] = load(keys + (b * width + d) * 16);
#pragma unroll
    for (int h = 0; h < heads; h++) {
      v16 x = splat(q[h * stride + d]);
#pragma unroll
      for (int b = 0; b < blocks; b++) sum[h][b] = x * k[b] + sum[h][b];
    }
  }
#pragma unroll
  for (int h = 0; h < heads; h++)
#pragma unroll
    for (int b = 0; b < blocks; b++) store(scores + h * lanes + b * 16, sum[h][b]);
}

// Up to four blocks at a time: a single one has too few sums to hide the latency of an addition.
#define SCORE_BLOCKS(H, B)                                                                                           \
  score_blocks(q, stride, dim, width, keys + b * width * 16, scores + b * 16, lanes, H, B)
#define SCORE(H)                                                                                                     \
  for (b = 0; b + 4 <= blocks; b += 4) SCORE_BLOCKS(H, 4);                                                           \
  switch (blocks - b) {                                                                                              \
  case 1: SCORE_BLOCKS(H, 1); break;                                                                                 \
  case 2: SCORE_BLOCKS(H, 2); break;                                                                                 \
  case 3: SCORE_BLOCKS(H, 3); break;                                                                                 \
  default: break;                                                                                                    \
  }

INLINE void score_all(const float *q, ptrdiff_t stride, ptrdiff_t heads, ptrdiff_t dim, ptrdiff_t width,
                      const float *keys, ptrdiff_t blocks, float *scores, ptrdiff_t lanes) {
  while (heads > 0) {
    ptrdiff_t b, now = heads < 4 ? heads : 4;
    switch (now) {
    case 1: SCORE(1) break;
    case 2: SCORE(2) break;
    case 3: SCORE(3) break;
    default: SCORE(4)
    }
    heads -= now;
    q += now * stride;
    scores += now * lanes;
  }
}

// Scores of positions outside [first, end) become -inf: the other lanes of the first and last block.
INLINE void scale_and_mask(float *scores, ptrdiff_t blocks, ptrdiff_t first, ptrdiff_t end, float scale) {
  for (ptrdiff_t i = 0; i < 16 * blocks; i += 16) store(scores + i, load(scores + i) * splat(scale));
  for (ptrdiff_t i = 0; i < first % 16; i++) scores[i] = -INFINITY;
  for (ptrdiff_t i = end - first / 16 * 16; i < 16 * blocks; i++) scores[i] = -INFINITY;
}

// out[h] += sum over rows of weight[h][row] * x[row], rows in order; 16*vectors dimensions at x and out.
INLINE void weighted_columns(const float *x, ptrdiff_t width, ptrdiff_t rows, const float *weights, ptrdiff_t lanes,
                             float *out, ptrdiff_t stride, ptrdiff_t last, const int heads, const int vectors) {
  v16 sum[4][4];
#pragma unroll
  for (int h = 0; h < heads; h++)
#pragma unroll
    for (int v = 0; v < vectors; v++)
      sum[h][v] = v == vectors - 1 && last != 16 ? load_part(out + h * stride + v * 16, last)
                                                 : load(out + h * stride + v * 16);
  for (ptrdiff_t r = 0; r < rows; r++, x += width) {
    v16 row[4];
#pragma unroll
    for (int v = 0; v < vectors; v++) row[v] = load(x + v * 16);
#pragma unroll
    for (int h = 0; h < heads; h++) {
      v16 w = splat(weights[h * lanes + r]);
#pragma unroll
      for (int v = 0; v < vectors; v++) sum[h][v] = w * row[v] + sum[h][v];
    }
  }
#pragma unroll
  for (int h = 0; h < heads; h++)
#pragma unroll
    for (int v = 0; v < vectors; v++)
      if (v == vectors - 1 && last != 16) store_part(out + h * stride + v * 16, sum[h][v], last);
      else store(out + h * stride + v * 16, sum[h][v]);
}

// x[row] += sum over heads of weight[h][row] * q[h].
INLINE void outer_columns(float *x, ptrdiff_t width, ptrdiff_t rows, const float *weights, ptrdiff_t lanes,
                          const float *q, ptrdiff_t stride, ptrdiff_t last, const int heads, const int vectors) {
  v16 head[4][4];
#pragma unroll
  for (int h = 0; h < heads; h++)
#pragma unroll
    for (int v = 0; v < vectors; v++)
      head[h][v] = v == vectors - 1 && last != 16 ? load_part(q + h * stride + v * 16, last)
                                                  : load(q + h * stride + v * 16);
  for (ptrdiff_t r = 0; r < rows; r++, x += width) {
    v16 row[4];
#pragma unroll
    for (int v = 0; v < vectors; v++) row[v] = load(x + v * 16);
#pragma unroll
    for (int h = 0; h < heads; h++) {
      v16 w = splat(weights[h * lanes + r]);
#pragma unroll
      for (int v = 0; v < vectors; v++) row[v] = w * head[h][v] + row[v];
    }
#pragma unroll
    for (int v = 0; v < vectors; v++) store(x + v * 16, row[v]);
  }
}

// Calls `kernel` for up to four heads and up to 64 dimensions at a time, the counts being constants inside of it.
#define BY_HEADS(kernel, V)                                                                                          \
  switch (now) {                                                                                                     \
  case 1: kernel(x + c, width, rows, weights, lanes, y + c, stride, last, 1, V); break;                              \
  case 2: kernel(x + c, width, rows, weights, lanes, y + c, stride, last, 2, V); break;                              \
  case 3: kernel(x + c, width, rows, weights, lanes, y + c, stride, last, 3, V); break;                              \
  default: kernel(x + c, width, rows, weights, lanes, y + c, stride, last, 4, V);                                    \
  }
#define BY_COLUMNS(kernel)                                                                                           \
  while (heads > 0) {                                                                                                \
    ptrdiff_t now = heads < 4 ? heads : 4;                                                                           \
    for (ptrdiff_t c = 0; c < dim; c += 64) {                                                                        \
      ptrdiff_t left = dim - c, last = left >= 64 || left % 16 == 0 ? 16 : left % 16;                                \
      if (left > 48) { BY_HEADS(kernel, 4) }                                                                         \
      else if (left > 32) { BY_HEADS(kernel, 3) }                                                                    \
      else if (left > 16) { BY_HEADS(kernel, 2) }                                                                    \
      else { BY_HEADS(kernel, 1) }                                                                                   \
    }                                                                                                                \
    heads -= now;                                                                                                    \
    y += now * stride;                                                                                               \
    weights += now * lanes;                                                                                          \
  }

INLINE void add_weighted(const float *x, ptrdiff_t width, ptrdiff_t rows, const float *weights, ptrdiff_t lanes,
                         ptrdiff_t heads, ptrdiff_t dim, float *y, ptrdiff_t stride) {
  BY_COLUMNS(weighted_columns)
}

INLINE void add_outer(float *x, ptrdiff_t width, ptrdiff_t rows, const float *weights, ptrdiff_t lanes,
                      ptrdiff_t heads, ptrdiff_t dim, const float *y, ptrdiff_t stride) {
  BY_COLUMNS(outer_columns)
}
