/* SPDX-License-Identifier: MIT */
/* The Fourier transform of a frame (Cooley & Tukey 1965): half as many complex numbers, of pairs of samples, and a last
 * step that separates even from odd samples. */
#include "aersut_kernels.h"

typedef aersut_number number;

#if AERSUT_FIXED_POINT
/* Block floating point: all numbers of a frame share an exponent, and stay below 2^29, so that a step, which multiplies
 * them by up to 2.42, cannot overflow. The error is that of float32, whose mantissa has 24 bits. */
#define BITS 29
#define NOTHING 32 /* exponent of frames that count as zeros: their power is below the smallest float */

static uint32_t magnitude(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits & 0x7fffffffu;
}

/* The binary exponent of the largest sample. */
static int largest_exponent(const float *x, int count) {
  uint32_t most = 0;
  for (int i = 0; i < count; ++i)
    if (magnitude(x[i]) > most) most = magnitude(x[i]);
  return (int)(most >> 23);
}

/* x * 2^(126 + BITS - exponent), without the operations on floats that such processors lack. */
static number from_float(float x, int exponent) {
  const uint32_t absolute = magnitude(x), mantissa = (absolute & 0x7fffffu) | 0x800000u;
  const int shift = exponent - (int)(absolute >> 23);
  const int32_t value = shift <= BITS ? (int32_t)(mantissa << (BITS - 24) >> shift) : 0;
  return x < 0.0f ? -value : value;
}

/* number / 2^(126 + BITS - exponent) */
static float to_float(number x, int exponent) {
  float y = (float)x;
  uint32_t bits;
  if (x == 0) return 0.0f;
  memcpy(&bits, &y, sizeof bits);
  bits += (uint32_t)(exponent - 126 - BITS) << 23;
  memcpy(&y, &bits, sizeof y);
  return y;
}

/* In products of 32 bits, which are fast anywhere; the product of both lower halves is below the last bit. */
static number times(number x, number cosine) {
  const int32_t upper = x >> 16, lower = x & 0xffff, most = cosine >> 16, least = cosine & 0xffff;
  return upper * most * 4 + ((upper * least + lower * most) >> 14);
}

static number half_of(number x) { return x >> 1; }

/* Halves all numbers until they are below 2^BITS; returns how often. */
static int make_room(number *z, int count) {
  uint32_t bits = 0;
  int shift = 0;
  for (int i = 0; i < count; ++i) bits |= (uint32_t)(z[i] ^ (z[i] >> 31)); /* of -x, those of x - 1 */
  while (bits >> shift >= UINT32_C(1) << BITS) ++shift;
  if (shift > 0)
    for (int i = 0; i < count; ++i) z[i] >>= shift;
  return shift;
}
#else
static number times(number x, number cosine) { return x * cosine; }
static number half_of(number x) { return 0.5f * x; }
static int make_room(number *z, int count) {
  (void)z, (void)count;
  return 0;
}
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

/* Returns how often the numbers were halved. */
static int butterflies(number *z, const aersut_turn *turns, int points) {
  int halved = 0;
  for (int span = 1; span < points; span *= 2) {
    halved += make_room(z, 2 * points);
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
  return halved + make_room(z, 2 * points);
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
  const int exponent = largest_exponent(x, length);
  for (int i = 0; i < length; ++i) z[i] = from_float(x[i], exponent);
#else
  memcpy(z, x, (size_t)length * sizeof *x);
#endif
  reverse(z, points);
  const int halved = butterflies(z, turns, points);
  separate(z, turns, points);
#if AERSUT_FIXED_POINT
  for (int i = 0; i < length + 2; ++i) {
    number value;
    memcpy(&value, y + i, sizeof value);
    y[i] = exponent > NOTHING ? to_float(value, exponent + halved) : 0.0f;
  }
#else
  (void)halved;
#endif
}
