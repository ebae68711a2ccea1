/* SPDX-License-Identifier: MIT */
#include "aersut_kernels.h"

#include <float.h>
#include <math.h>

/* Cortex-M with DSP instructions and unaligned loads. Without optimization, or in position-independent code, the compiler
 * has too few registers for the assembly. */
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_UNALIGNED) && __ARM_ARCH_PROFILE == 'M' && \
    defined(__OPTIMIZE__) && !defined(__PIC__) && !defined(AERSUT_PORTABLE)
#define AERSUT_DSP 1
#else
#define AERSUT_DSP 0
#endif

#if defined(__GNUC__)
#define NOT_INLINED __attribute__((noinline))
#else
#define NOT_INLINED
#endif

/* ---- fixed-point numbers; the roundings are those of gemmlowp ---- */

/* a · b / 2^31, rounded to nearest, ties up. */
static inline int32_t high(int32_t a, int32_t b) {
  return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
}

/* x / 2^n, rounded to nearest, ties away from zero; n is at most 31. */
static inline int32_t shift_right(int32_t x, int n) {
  const int32_t mask = (int32_t)((INT64_C(1) << n) - 1), rest = x & mask;
  return (x >> n) + (rest > (mask >> 1) + (x < 0));
}

static inline int32_t shift_left(int32_t x, int n) { return (int32_t)((uint32_t)x << n); }

static inline int32_t rescale(int32_t x, int32_t factor, int shift) {
  if (shift > 0) return high(shift_left(x, shift), factor);
  return shift_right(high(x, factor), -shift);
}

static inline int32_t clamp(int32_t x, int32_t low, int32_t most) { return x < low ? low : x > most ? most : x; }

static inline int16_t clamp16(int32_t x) { return (int16_t)clamp(x, INT16_MIN, INT16_MAX); }

/* ---- moves ---- */

void aersut_copy(const void *x, int x_step, void *y, int y_step, int bytes, int rows) {
  const char *from = x;
  char *to = y;
  for (int row = 0; row < rows; ++row, from += x_step, to += y_step) memcpy(to, from, (size_t)bytes);
}

void aersut_gather(const void *x, void *y, int size, const aersut_strides *s) {
  const char *in = x;
  char *out = y;
  for (int i = 0; i < s->size[0]; ++i)
    for (int j = 0; j < s->size[1]; ++j)
      for (int k = 0; k < s->size[2]; ++k) {
        const char *row = in + (i * s->step[0] + j * s->step[1] + k * s->step[2]) * size;
        if (s->step[3] == 1) {
          memcpy(out, row, (size_t)(s->size[3] * size));
          out += s->size[3] * size;
        } else if (size == 4) { /* a constant size, so that the compiler needs no call */
          for (int l = 0; l < s->size[3]; ++l, out += 4) memcpy(out, row + l * s->step[3] * 4, 4);
        } else {
          for (int l = 0; l < s->size[3]; ++l, out += size) memcpy(out, row + l * s->step[3] * size, (size_t)size);
        }
      }
}

void aersut_scatter(const void *x, void *y, int size, const aersut_strides *s) {
  const char *in = x;
  char *out = y;
  for (int i = 0; i < s->size[0]; ++i)
    for (int j = 0; j < s->size[1]; ++j)
      for (int k = 0; k < s->size[2]; ++k) {
        char *row = out + (i * s->step[0] + j * s->step[1] + k * s->step[2]) * size;
        for (int l = 0; l < s->size[3]; ++l, in += size) memcpy(row + l * s->step[3] * size, in, (size_t)size);
      }
}

/* ---- sums of products ---- */

static inline int32_t dot(const int8_t *x, const int8_t *w, int count, int32_t sum) {
  for (int i = 0; i < count; ++i) sum += x[i] * w[i];
  return sum;
}

/* Adds Σ x · w for four filters, whose weights are `stride` bytes apart. */
static NOT_INLINED void dot4(const int8_t *x, const int8_t *w, int stride, int count, int32_t *sums) {
  int32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3];
  const int8_t *w2 = w + 2 * stride;
#if AERSUT_DSP
  if (count >= 4) {
    /* In assembly, because it needs 13 of the 14 registers, and GCC 12 keeps pointers in memory. */
    int n = count / 4;
    uint32_t even, other, one, two;
#define FILTER(address, sum)                                   \
  "ldr %[one], " address "\n"                                  \
  "sxtb16 %[two], %[one]\n"                                    \
  "smlad %[" sum "], %[even], %[two], %[" sum "]\n"            \
  "sxtb16 %[one], %[one], ror #8\n"                            \
  "smlad %[" sum "], %[other], %[one], %[" sum "]\n"
    __asm__ volatile(
        "1:\n"
        "ldr %[other], [%[x]], #4\n"
        "sxtb16 %[even], %[other]\n"
        "sxtb16 %[other], %[other], ror #8\n"
        FILTER("[%[w], %[stride]]", "b")
        FILTER("[%[w]], #4", "a")
        FILTER("[%[w2], %[stride]]", "d")
        FILTER("[%[w2]], #4", "c")
        "subs %[n], %[n], #1\n"
        "bne 1b\n"
        : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x] "+r"(x), [w] "+r"(w), [w2] "+r"(w2), [n] "+r"(n),
          [even] "=&r"(even), [other] "=&r"(other), [one] "=&r"(one), [two] "=&r"(two)
        : [stride] "r"(stride)
        : "cc", "memory");
    count &= 3;
  }
#endif
  for (; count > 0; --count, ++x, ++w, ++w2) {
    const int32_t v = *x;
    a += v * w[0];
    b += v * w[stride];
    c += v * w2[0];
    d += v * w2[stride];
  }
  sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
}

/* `many` is 1 to 4 filters. */
static inline void dots(const int8_t *x, const int8_t *w, int stride, int count, int many, int32_t *sums) {
  if (many == 4) {
    dot4(x, w, stride, count, sums);
  } else {
    for (int k = 0; k < many; ++k) sums[k] = dot(x, w + k * stride, count, sums[k]);
  }
}

/* Patches: what a filter covers at four places of the input, as int16 and interleaved, so that each weight is loaded once
 * for four products. With DSP instructions, four elements of a place are adjacent, in the order in which SXTB16 unpacks;
 * without, those of the four places. */
#define PLACES 4
#if AERSUT_DSP
#define NEXT_PLACE 4
#define PATCH(i) (((i) & ~3) * PLACES + ((i) & 1) * 2 + (((i) >> 1) & 1))
#else
#define NEXT_PLACE 1
#define PATCH(i) ((i) * PLACES)
#endif

/* Writes elements `first` to `first + count - 1` of the patch that begins at `patch`; `x` may be NULL, for `zero`. */
static void add_to_patch(int16_t *patch, int first, int count, const int8_t *x, int32_t zero) {
  int i = 0;
#if AERSUT_DSP
  if (x && first % 4 == 0) {
    for (; i + 4 <= count; i += 4) {
      uint32_t four, even, other;
      memcpy(&four, x + i, sizeof four);
      __asm__("sxtb16 %[even], %[four]\n sxtb16 %[other], %[four], ror #8"
              : [even] "=&r"(even), [other] "=r"(other)
              : [four] "r"(four));
      memcpy(patch + (first + i) * PLACES, &even, sizeof even);
      memcpy(patch + (first + i) * PLACES + 2, &other, sizeof other);
    }
  }
#endif
  for (; i < count; ++i) patch[PATCH(first + i)] = (int16_t)(x ? x[i] : zero);
}

/* Adds Σ patch · w of each of the four patches. */
static NOT_INLINED void dot_patches(const int16_t *patches, const int8_t *w, int count, int32_t *sums) {
  int32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3];
#if AERSUT_DSP
  if (count >= 4) {
    int n = count / 4;
    uint32_t even, other, one, two;
#define PLACE(sum)                                         \
  "ldrd %[one], %[two], [%[x]], #8\n"                      \
  "smlad %[" sum "], %[one], %[even], %[" sum "]\n"        \
  "smlad %[" sum "], %[two], %[other], %[" sum "]\n"
    __asm__ volatile(
        "1:\n"
        "ldr %[other], [%[w]], #4\n"
        "sxtb16 %[even], %[other]\n"
        "sxtb16 %[other], %[other], ror #8\n"
        PLACE("a") PLACE("b") PLACE("c") PLACE("d")
        "subs %[n], %[n], #1\n"
        "bne 1b\n"
        : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x] "+r"(patches), [w] "+r"(w), [n] "+r"(n),
          [even] "=&r"(even), [other] "=&r"(other), [one] "=&r"(one), [two] "=&r"(two)
        :
        : "cc", "memory");
    count &= 3;
  }
#endif
  for (int i = 0; i < count; ++i) {
    const int16_t *x = patches + PATCH(i);
    const int32_t v = w[i];
    a += v * x[0];
    b += v * x[NEXT_PLACE];
    c += v * x[2 * NEXT_PLACE];
    d += v * x[3 * NEXT_PLACE];
  }
  sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
}

/* ---- int8 ---- */

void aersut_convolution_s8(const int8_t *x, const int8_t *weights, const int32_t *folded, const int32_t *factors,
                           const int8_t *shifts, int8_t *y, const aersut_geometry *g, int16_t *patches) {
  const int channels = g->channels, size = g->y.kernel * g->x.kernel * channels, places = g->y.out * g->x.out;
  for (int begin = 0; begin < places; begin += PLACES, y += PLACES * g->filters) {
    const int many = places - begin < PLACES ? places - begin : PLACES;
    for (int p = 0; p < PLACES; ++p) {
      const int place = p < many ? begin + p : begin; /* beyond the last one, any */
      const int y0 = place / g->x.out * g->y.step - g->y.before;
      const int x0 = place % g->x.out * g->x.step - g->x.before;
      /* values along x are adjacent: those of a filter's row are added at once, unless it exceeds the edge */
      const int whole = g->x.dilation == 1 && x0 >= 0 && x0 + g->x.kernel <= g->x.size;
      const int step = whole ? g->x.kernel : 1;
      int element = 0;
      for (int ky = 0; ky < g->y.kernel; ++ky)
        for (int kx = 0; kx < g->x.kernel; kx += step, element += step * channels) {
          const int iy = y0 + ky * g->y.dilation, ix = x0 + kx * g->x.dilation;
          const int inside = iy >= 0 && iy < g->y.size && ix >= 0 && ix < g->x.size;
          const int8_t *from = inside ? x + (iy * g->x.size + ix) * channels : NULL;
          add_to_patch(patches + p * NEXT_PLACE, element, step * channels, from, g->zero_in);
        }
    }
    for (int o = 0; o < g->filters; ++o) {
      int32_t sums[PLACES] = {folded[o], folded[o], folded[o], folded[o]};
      dot_patches(patches, weights + o * size, size, sums);
      for (int p = 0; p < many; ++p)
        y[p * g->filters + o] =
            (int8_t)clamp(rescale(sums[p], factors[o], shifts[o]) + g->zero_out, g->low, g->high);
    }
  }
}

void aersut_depthwise_s8(const int8_t *x, const int8_t *weights, const int32_t *bias, const int32_t *factors,
                         const int8_t *shifts, int8_t *y, const aersut_geometry *g) {
  const int each = g->filters / g->channels;
  for (int oy = 0; oy < g->y.out; ++oy)
    for (int ox = 0; ox < g->x.out; ++ox)
      for (int o = 0; o < g->filters; ++o) {
        int32_t sum = bias[o];
        for (int ky = 0; ky < g->y.kernel; ++ky) {
          const int iy = oy * g->y.step - g->y.before + ky * g->y.dilation;
          if (iy < 0 || iy >= g->y.size) continue;
          for (int kx = 0; kx < g->x.kernel; ++kx) {
            const int ix = ox * g->x.step - g->x.before + kx * g->x.dilation;
            if (ix < 0 || ix >= g->x.size) continue;
            sum += (x[(iy * g->x.size + ix) * g->channels + o / each] - g->zero_in) *
                   weights[(ky * g->x.kernel + kx) * g->filters + o];
          }
        }
        *y++ = (int8_t)clamp(rescale(sum, factors[o], shifts[o]) + g->zero_out, g->low, g->high);
      }
}

void aersut_max_pool_s8(const int8_t *x, int8_t *y, const aersut_geometry *g) {
  for (int oy = 0; oy < g->y.out; ++oy)
    for (int ox = 0; ox < g->x.out; ++ox, y += g->channels) {
      memset(y, (int)g->low, (size_t)g->channels);
      for (int ky = 0; ky < g->y.kernel; ++ky) {
        const int iy = oy * g->y.step - g->y.before + ky;
        if (iy < 0 || iy >= g->y.size) continue;
        for (int kx = 0; kx < g->x.kernel; ++kx) {
          const int ix = ox * g->x.step - g->x.before + kx;
          if (ix < 0 || ix >= g->x.size) continue;
          const int8_t *in = x + (iy * g->x.size + ix) * g->channels;
          for (int c = 0; c < g->channels; ++c)
            if (in[c] > y[c]) y[c] = in[c];
        }
      }
      for (int c = 0; c < g->channels; ++c)
        if (y[c] > g->high) y[c] = (int8_t)g->high;
    }
}

void aersut_average_pool_s8(const int8_t *x, int8_t *y, const aersut_geometry *g) {
  for (int oy = 0; oy < g->y.out; ++oy)
    for (int ox = 0; ox < g->x.out; ++ox)
      for (int c = 0; c < g->channels; ++c) {
        int32_t sum = 0, count = 0;
        for (int ky = 0; ky < g->y.kernel; ++ky) {
          const int iy = oy * g->y.step - g->y.before + ky;
          if (iy < 0 || iy >= g->y.size) continue;
          for (int kx = 0; kx < g->x.kernel; ++kx) {
            const int ix = ox * g->x.step - g->x.before + kx;
            if (ix < 0 || ix >= g->x.size) continue;
            sum += x[(iy * g->x.size + ix) * g->channels + c];
            ++count;
          }
        }
        sum = sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
        *y++ = (int8_t)clamp(sum, g->low, g->high);
      }
}

void aersut_dense_s8(const int8_t *x, const int8_t *weights, const int32_t *folded, const int32_t *factors,
                     const int8_t *shifts, int each, int8_t *y, int rows, int depth, int columns, int32_t zero_out,
                     int32_t low, int32_t most) {
  for (int row = 0; row < rows; ++row, x += depth)
    for (int o = 0; o < columns; o += 4) {
      const int many = columns - o < 4 ? columns - o : 4;
      int32_t sums[4] = {0, 0, 0, 0};
      for (int k = 0; k < many; ++k) sums[k] = folded[o + k];
      dots(x, weights + o * depth, depth, depth, many, sums);
      for (int k = 0; k < many; ++k) {
        const int at = each ? o + k : 0;
        *y++ = (int8_t)clamp(rescale(sums[k], factors[at], shifts[at]) + zero_out, low, most);
      }
    }
}

void aersut_matmul_s8(const int8_t *a, const int8_t *b, int8_t *y, int batch, int rows, int depth, int columns,
                      int depth_step, int column_step, int32_t zero_a, int32_t zero_b, int32_t factor, int shift,
                      int32_t zero_out) {
  for (int n = 0; n < batch; ++n, b += depth * columns)
    for (int row = 0; row < rows; ++row, a += depth)
      for (int column = 0; column < columns; ++column) {
        int32_t sum = 0;
        for (int d = 0; d < depth; ++d)
          sum += (a[d] - zero_a) * (b[d * depth_step + column * column_step] - zero_b);
        *y++ = (int8_t)clamp(rescale(sum, factor, shift) + zero_out, INT8_MIN, INT8_MAX);
      }
}

void aersut_add_s8(const int8_t *a, const int8_t *b, int8_t *y, const aersut_broadcast *s, const aersut_sum *rule,
                   int sign) {
  for (int i = 0; i < s->size[0]; ++i)
    for (int j = 0; j < s->size[1]; ++j)
      for (int k = 0; k < s->size[2]; ++k) {
        const int8_t *p = a + i * s->first[0] + j * s->first[1] + k * s->first[2];
        const int8_t *q = b + i * s->second[0] + j * s->second[1] + k * s->second[2];
        for (int l = 0; l < s->size[3]; ++l, p += s->first[3], q += s->second[3]) {
          const int32_t u = rescale((*p - rule->zero_first) * (1 << 20), rule->factor_first, rule->shift_first);
          const int32_t v = rescale((*q - rule->zero_second) * (1 << 20), rule->factor_second, rule->shift_second);
          const int32_t sum = rescale(u + sign * v, rule->factor_out, rule->shift_out);
          *y++ = (int8_t)clamp(sum + rule->zero_out, rule->low, rule->high);
        }
      }
}

void aersut_multiply_s8(const int8_t *a, const int8_t *b, int8_t *y, const aersut_broadcast *s,
                        const aersut_sum *rule) {
  for (int i = 0; i < s->size[0]; ++i)
    for (int j = 0; j < s->size[1]; ++j)
      for (int k = 0; k < s->size[2]; ++k) {
        const int8_t *p = a + i * s->first[0] + j * s->first[1] + k * s->first[2];
        const int8_t *q = b + i * s->second[0] + j * s->second[1] + k * s->second[2];
        for (int l = 0; l < s->size[3]; ++l, p += s->first[3], q += s->second[3]) {
          const int32_t product = (*p - rule->zero_first) * (*q - rule->zero_second);
          const int32_t value = rescale(product, rule->factor_out, rule->shift_out) + rule->zero_out;
          *y++ = (int8_t)clamp(value, rule->low, rule->high);
        }
      }
}

void aersut_sum_s8(const int8_t *x, int8_t *y, int outer, int count, int inner, int32_t zero_in, int32_t factor,
                   int shift, int32_t zero_out) {
  for (int o = 0; o < outer; ++o, x += count * inner)
    for (int i = 0; i < inner; ++i) {
      int32_t sum = -zero_in * count;
      for (int k = 0; k < count; ++k) sum += x[k * inner + i];
      *y++ = (int8_t)clamp(rescale(sum, factor, shift) + zero_out, INT8_MIN, INT8_MAX);
    }
}

void aersut_table_s8(const int8_t *x, const int8_t *table, int8_t *y, int count) {
  for (int i = 0; i < count; ++i) y[i] = table[x[i] + 128];
}

/* exp(x) of a negative number in Q5.26, as Q0.31. A polynomial serves the fraction of a quarter, a product of constants
 * exp(-2^k) the quarters. */
static int32_t exp_of(int32_t x) {
  static const int32_t powers[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  const int32_t quarter = INT32_C(1) << 24;
  const int32_t part = (x & (quarter - 1)) - quarter;
  const int32_t t = shift_left(part, 5) + (INT32_C(1) << 28); /* around -1/8 */
  const int32_t t2 = high(t, t), t3 = high(t2, t), t4 = high(t2, t2);
  const int32_t tail = shift_right(high(shift_right(t4, 2) + t3, 715827883) + t2, 1);
  int32_t result = 1895147668 + high(1895147668, t + tail);
  const int32_t quarters = part - x;
  if (x == 0) return INT32_MAX;
  for (int i = 0; i < 7; ++i)
    if (quarters & (INT32_C(1) << (24 + i))) result = high(result, powers[i]);
  return result;
}

static int32_t shift_left_saturated(int32_t x, int n) {
  const int32_t most = (INT32_C(1) << (31 - n)) - 1;
  return x > most ? INT32_MAX : x < -most ? INT32_MIN : shift_left(x, n);
}

/* 1 / (1 + x) of a number in [0, 1) in Q0.31, by three steps of Newton's method. */
static int32_t reciprocal(int32_t x) {
  const int32_t half = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
  int32_t y = 1515870810 + high(half, -1010580540);
  for (int i = 0; i < 3; ++i) y += shift_left_saturated(high(y, (INT32_C(1) << 29) - high(half, y)), 2);
  return shift_left_saturated(y, 1);
}

static int leading_zeros(uint32_t x) {
#if defined(__GNUC__)
  return __builtin_clz(x);
#else
  int zeros = 0;
  for (; !(x & UINT32_C(0x80000000)); x <<= 1) ++zeros;
  return zeros;
#endif
}

void aersut_softmax_s8(const int8_t *x, int8_t *y, int rows, int columns, int32_t factor, int shift, int32_t least) {
  for (int row = 0; row < rows; ++row, x += columns, y += columns) {
    int32_t top = INT8_MIN, sum = 0;
    for (int i = 0; i < columns; ++i)
      if (x[i] > top) top = x[i];
    for (int i = 0; i < columns; ++i)
      if (x[i] - top >= least) sum += shift_right(exp_of(high((x[i] - top) * (INT32_C(1) << shift), factor)), 12);
    const int zeros = leading_zeros((uint32_t)sum);
    const int32_t scale = reciprocal((int32_t)(((uint32_t)sum << zeros) - (UINT32_C(1) << 31)));
    for (int i = 0; i < columns; ++i) {
      int32_t value = 0;
      if (x[i] - top >= least) {
        const int32_t power = exp_of(high((x[i] - top) * (INT32_C(1) << shift), factor));
        value = shift_right(high(scale, power), 12 - zeros + 23);
      }
      y[i] = (int8_t)clamp(value + INT8_MIN, INT8_MIN, INT8_MAX);
    }
  }
}

/* Sigmoid of Q3.12 as Q0.15, by linear interpolation in a table. */
static int16_t sigmoid(int32_t value, const uint16_t *table) {
  const int32_t x = value * 3;
  const uint32_t size = (uint32_t)(x < 0 ? -x : x), at = size >> 9;
  uint32_t result = UINT32_C(0x7fff) << 10;
  if (at < 255) result = ((uint32_t)table[at] << 9) + (size & 0x1ff) * (uint32_t)(table[at + 1] - table[at]);
  result = x >= 0 ? result + (1 << 9) : (UINT32_C(1) << 25) - result + (1 << 9) - 1;
  return (int16_t)(result >> 10);
}

/* Tanh of a number as Q0.15; value · factor / 2^shift is three times the number, in Q3.12. */
static int16_t tanh_of(int32_t value, int32_t factor, int shift, const uint16_t *table) {
  const int32_t x = (value * factor + (shift > 0 ? 1 << (shift - 1) : 0)) >> shift;
  const uint32_t size = (uint32_t)(x < 0 ? -x : x), at = size >> 8;
  int32_t result = 0xffff << 8;
  if (at < 255)
    result = (int32_t)(((uint32_t)table[at] << 8) + (size & 0xff) * (uint32_t)(table[at + 1] - table[at]));
  result = x >= 0 ? result - (1 << 23) + (1 << 7) : (1 << 23) + (1 << 7) - 1 - result;
  return (int16_t)(result >> 8);
}

/* The sums of products of a gate's units with `x`, rescaled. */
static void gate_sums(const int8_t *x, const int8_t *weights, const int32_t *folded, int32_t factor, int shift,
                      int width, int unit, int many, int16_t *sums) {
  int32_t exact[4] = {0, 0, 0, 0};
  for (int k = 0; k < many; ++k) exact[k] = folded[unit + k];
  dots(x, weights + unit * width, width, width, many, exact);
  for (int k = 0; k < many; ++k) sums[k] = clamp16(rescale(exact[k], factor, shift));
}

void aersut_lstm_s8(const int8_t *x, int8_t *y, int8_t *state, int16_t *cell, int16_t *gates, int frames, int width,
                    int units, const aersut_lstm *rule) {
  const uint16_t *table = rule->sigmoid;
  for (int frame = 0; frame < frames; ++frame, x += width, y += units) {
    for (int gate = 0; gate < 4; ++gate) {
      const aersut_gate *g = &rule->gates[gate];
      for (int unit = 0; unit < units; unit += 4) {
        const int many = units - unit < 4 ? units - unit : 4;
        int16_t a[4], b[4];
        gate_sums(x, g->inputs, g->bias_inputs, g->factor_inputs, g->shift_inputs, width, unit, many, a);
        gate_sums(state, g->recurrent, g->bias_recurrent, g->factor_recurrent, g->shift_recurrent, units, unit, many, b);
        for (int k = 0; k < many; ++k) {
          const int32_t sum = clamp16(a[k] + b[k]);
          gates[gate * units + unit + k] = gate == 2 ? tanh_of(sum, 3, 0, table) : sigmoid(sum, table);
        }
      }
    }
    for (int unit = 0; unit < units; ++unit) {
      const int32_t kept = clamp16(rescale(gates[units + unit] * cell[unit], rule->factor_keep, rule->shift_keep));
      const int32_t update = gates[unit] * gates[2 * units + unit];
      const int32_t added = clamp16(rescale(update, rule->factor_update, rule->shift_update));
      cell[unit] = clamp16(kept + added);
      if (rule->clip > 0) cell[unit] = (int16_t)clamp(cell[unit], -rule->clip, rule->clip);
      const int32_t bounded = tanh_of(cell[unit], rule->tanh_factor, rule->tanh_shift, table);
      const int32_t out = rescale(bounded * gates[3 * units + unit], rule->factor_out, rule->shift_out);
      y[unit] = (int8_t)clamp(out + rule->zero, INT8_MIN, INT8_MAX);
    }
    memcpy(state, y, (size_t)units);
  }
}

/* ---- float32 ---- */

void aersut_cast_s16_f32(const int16_t *x, float *y, int count) {
  for (int i = 0; i < count; ++i) y[i] = (float)x[i];
}

void aersut_cast_bool_f32(const uint8_t *x, float *y, int count) {
  for (int i = 0; i < count; ++i) y[i] = x[i] ? 1.0f : 0.0f;
}

void aersut_differ_bool(const uint8_t *a, const uint8_t *b, uint8_t *y, int count) {
  for (int i = 0; i < count; ++i) y[i] = a[i] != b[i];
}

void aersut_quantize_f32(const float *x, int8_t *y, int count, float scale, int32_t zero) {
  for (int i = 0; i < count; ++i) {
    const float value = x[i] / scale;
    int32_t rounded = INT8_MIN - zero; /* also for NaN, for which the comparisons are false */
    if (value >= 1000.0f) {
      rounded = INT8_MAX - zero;
    } else if (value > -1000.0f) { /* ties away from zero */
      rounded = (int32_t)value;
      const float rest = value - (float)rounded;
      rounded += (rest >= 0.5f) - (rest <= -0.5f);
    }
    y[i] = (int8_t)clamp(rounded + zero, INT8_MIN, INT8_MAX);
  }
}

void aersut_dequantize_s8(const int8_t *x, float *y, int count, float scale, int32_t zero) {
  for (int i = 0; i < count; ++i) y[i] = scale * (float)(x[i] - zero);
}

void aersut_bands_f32(const float *x, const float *weights, const int16_t *limits, float *y, int columns) {
  for (int o = 0; o < columns; ++o) {
    float sum = 0.0f;
    for (int i = limits[2 * o]; i < limits[2 * o + 1]; ++i) sum += x[i] * *weights++;
    y[o] = sum;
  }
}

void aersut_part_c64(const float *x, float *y, int part, int count) {
  for (int i = 0; i < count; ++i) y[i] = x[2 * i + part];
}

void aersut_dense_f32(const float *x, const float *weights, const float *bias, float *y, int rows, int depth,
                      int columns) {
  for (int row = 0; row < rows; ++row, x += depth, y += columns) {
    int o = 0;
    for (; o + 4 <= columns; o += 4) { /* four sums at once, each in its own order */
      const float *w = weights + o * depth, *w1 = w + depth, *w2 = w1 + depth, *w3 = w2 + depth;
      float a = 0.0f, b = 0.0f, c = 0.0f, d = 0.0f;
      for (int i = 0; i < depth; ++i) {
        const float v = x[i];
        a += v * w[i];
        b += v * w1[i];
        c += v * w2[i];
        d += v * w3[i];
      }
      y[o] = a, y[o + 1] = b, y[o + 2] = c, y[o + 3] = d;
    }
    for (; o < columns; ++o) {
      float sum = 0.0f;
      for (int i = 0; i < depth; ++i) sum += x[i] * weights[o * depth + i];
      y[o] = sum;
    }
    for (o = 0; o < columns; ++o) y[o] += bias ? bias[o] : 0.0f; /* -0 becomes 0, as in the reference */
  }
}

void aersut_sum_f32(const float *x, float *y, int outer, int count, int inner) {
  for (int o = 0; o < outer; ++o, x += count * inner)
    for (int i = 0; i < inner; ++i) {
      float sum = 0.0f;
      for (int k = 0; k < count; ++k) sum += x[k * inner + i];
      *y++ = sum;
    }
}

void aersut_reduce_max_f32(const float *x, float *y, int outer, int count, int inner) {
  for (int o = 0; o < outer; ++o, x += count * inner)
    for (int i = 0; i < inner; ++i) {
      float best = x[i];
      for (int k = 1; k < count; ++k)
        if (x[k * inner + i] > best) best = x[k * inner + i];
      *y++ = best;
    }
}

void aersut_lowest_f32(float *y) { *y = -FLT_MAX; }

void aersut_raise_f32(const float *x, float *y, int count) {
  for (int i = 0; i < count; ++i)
    if (x[i] > *y) *y = x[i];
}

void aersut_select_f32(const uint8_t *chosen, const float *a, const float *b, float *y, int chosen_step, int a_step,
                       int b_step, int count) {
  for (int i = 0; i < count; ++i) y[i] = chosen[i * chosen_step] ? a[i * a_step] : b[i * b_step];
}

#define UNARY(name, expression)             \
  AERSUT_UNARY(name) {                      \
    for (int i = 0; i < count; ++i) {       \
      const float v = x[i];                 \
      y[i] = expression;                    \
    }                                       \
  }
UNARY(aersut_relu_f32, v > 0.0f ? v : 0.0f)
UNARY(aersut_negate_f32, -v)
UNARY(aersut_abs_f32, fabsf(v))
UNARY(aersut_log_f32, logf(v))
UNARY(aersut_exp_f32, expf(v))
UNARY(aersut_sin_f32, sinf(v))
UNARY(aersut_cos_f32, cosf(v))
UNARY(aersut_sqrt_f32, sqrtf(v))
UNARY(aersut_rsqrt_f32, 1.0f / sqrtf(v))
UNARY(aersut_square_f32, v *v)

#define BINARY(name, type, expression)                                                               \
  AERSUT_BINARY(name, type) {                                                                        \
    const int p_step = shape->first[3], q_step = shape->second[3], count = shape->size[3];           \
    for (int i = 0; i < shape->size[0]; ++i)                                                         \
      for (int j = 0; j < shape->size[1]; ++j)                                                       \
        for (int k = 0; k < shape->size[2]; ++k) {                                                   \
          const float *p = a + i * shape->first[0] + j * shape->first[1] + k * shape->first[2];      \
          const float *q = b + i * shape->second[0] + j * shape->second[1] + k * shape->second[2];   \
          for (int l = 0; l < count; ++l, p += p_step, q += q_step) {                                \
            const float u = *p, v = *q;                                                              \
            *y++ = (type)(expression);                                                               \
          }                                                                                          \
        }                                                                                            \
  }
BINARY(aersut_add_f32, float, u + v)
BINARY(aersut_subtract_f32, float, u - v)
BINARY(aersut_multiply_f32, float, u *v)
BINARY(aersut_divide_f32, float, u / v)
BINARY(aersut_maximum_f32, float, u > v ? u : v)
BINARY(aersut_minimum_f32, float, u < v ? u : v)
BINARY(aersut_greater_f32, uint8_t, u > v)
BINARY(aersut_greater_equal_f32, uint8_t, u >= v)
BINARY(aersut_less_f32, uint8_t, u < v)
