/* The Fourier transform of a frame (Cooley & Tukey 1965): half as many complex numbers, of pairs of samples, and a last
 * step that separates even from odd samples. */
#include "aersut_kernels.h"

typedef aersut_number number;

#if AERSUT_FIXED_POINT
/* Numbers are samples times a power of two, chosen for each frame so that the sum of all of them fits: 19 bits in a frame
 * of 1024 samples. Cosines have 15 bits after the point. */
#define SUM_BITS 29
#define NOTHING 32 /* exponent of frames that count as zeros: their power is below the smallest float */

static uint32_t magnitude(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits & 0x7fffffffu;
}

/* Bits that the numbers of a frame may have. */
static int number_bits(int length) {
  int bits = SUM_BITS;
  for (; length > 1; length /= 2) --bits;
  return bits < 24 ? bits : 24;
}

/* The binary exponent of the largest sample. */
static int largest_exponent(const float *x, int count) {
  uint32_t most = 0;
  for (int i = 0; i < count; ++i)
    if (magnitude(x[i]) > most) most = magnitude(x[i]);
  return (int)(most >> 23);
}

/* x * 2^(126 - exponent + bits), without the operations on floats that such processors lack. */
static number from_float(float x, int exponent, int bits) {
  const uint32_t absolute = magnitude(x), mantissa = (absolute & 0x7fffffu) | 0x800000u;
  const int shift = 24 - bits + exponent - (int)(absolute >> 23);
  const int32_t value = shift < 24 ? (int32_t)(mantissa >> shift) : 0;
  return x < 0.0f ? -value : value;
}

/* number / 2^(126 - exponent + bits) */
static float to_float(number x, int exponent, int bits) {
  float y = (float)x;
  uint32_t as_bits;
  if (x == 0) return 0.0f;
  memcpy(&as_bits, &y, sizeof as_bits);
  as_bits += (uint32_t)(exponent - 126 - bits) << 23;
  memcpy(&y, &as_bits, sizeof y);
  return y;
}

static number times(number x, number cosine) {
  return (x >> 15) * cosine + (((x & 0x7fff) * cosine + 0x4000) >> 15); /* 32 bits, whose products are fast anywhere */
}

static number half_of(number x) { return x >> 1; }
#else
static number times(number x, number cosine) { return x * cosine; }
static number half_of(number x) { return 0.5f * x; }
#endif

/* Swaps so that the butterflies are in place: number k is then that whose index has the bits of k in reverse order. */
static void reverse(number *z, int points) {
  for (int i = 0, k = 0; i < points; ++i) {
    if (i < k) {
      const number real = z[2 * i], imaginary = z[2 * i + 1];
      z[2 * i] = z[2 * k], z[2 * i + 1] = z[2 * k + 1];
      z[2 * k] = real, z[2 * k + 1] = imaginary;
    }
    int bit = points / 2;
    for (; bit > 0 && (k & bit); bit /= 2) k ^= bit;
    k |= bit;
  }
}

static void butterflies(number *z, const aersut_turn *turns, int points) {
  for (int span = 1; span < points; span *= 2)
    for (int k = 0; k < span; ++k) {
      const number cosine = turns[k * (points / span)].cosine, sine = turns[k * (points / span)].sine;
      for (number *a = z + 2 * k; a < z + 2 * points; a += 4 * span) {
        number *b = a + 2 * span;
        number real = b[0], imaginary = b[1];
        if (k > 0) { /* a turn by 0 is no turn */
          real = times(b[0], cosine) + times(b[1], sine);
          imaginary = times(b[1], cosine) - times(b[0], sine);
        }
        b[0] = a[0] - real, b[1] = a[1] - imaginary;
        a[0] += real, a[1] += imaginary;
      }
    }
}

/* From the transform of x[2 n] + i x[2 n + 1] to that of x; one more number. */
static void separate(number *z, const aersut_turn *turns, int points) {
  z[2 * points] = z[0], z[2 * points + 1] = z[1];
  for (int k = 0; k <= points / 2; ++k) {
    number *a = z + 2 * k, *b = z + 2 * (points - k);
    const number even_real = half_of(a[0] + b[0]), even_imaginary = half_of(a[1] - b[1]);
    const number odd_real = half_of(a[1] + b[1]), odd_imaginary = half_of(b[0] - a[0]);
    const number real = times(odd_real, turns[k].cosine) + times(odd_imaginary, turns[k].sine);
    const number imaginary = times(odd_imaginary, turns[k].cosine) - times(odd_real, turns[k].sine);
    a[0] = even_real + real, a[1] = even_imaginary + imaginary;
    b[0] = even_real - real, b[1] = imaginary - even_imaginary;
  }
}

void aersut_rfft_f32(const float *x, float *y, const aersut_turn *turns, int length) {
  const int points = length / 2;
  number *z = (number *)(void *)y;
#if AERSUT_FIXED_POINT
  const int exponent = largest_exponent(x, length), bits = number_bits(length);
  for (int i = 0; i < length; ++i) z[i] = from_float(x[i], exponent, bits);
#else
  memcpy(z, x, (size_t)length * sizeof *x);
#endif
  reverse(z, points);
  butterflies(z, turns, points);
  separate(z, turns, points);
#if AERSUT_FIXED_POINT
  for (int i = 0; i < length + 2; ++i) {
    number value;
    memcpy(&value, y + i, sizeof value);
    y[i] = exponent > NOTHING ? to_float(value, exponent, bits) : 0.0f;
  }
#endif
}
