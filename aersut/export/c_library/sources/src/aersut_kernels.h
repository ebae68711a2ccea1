/* SPDX-License-Identifier: MIT */
/* Kernels of the generated code: operators of TensorFlow Lite on int8 and float32 values.
 *
 * The outputs equal those of TensorFlow Lite Micro's reference kernels, byte for byte, except for the Fourier transform,
 * which it lacks. On a Cortex-M with DSP instructions, products are computed in pairs, with the same result; -DAERSUT_PORTABLE switches that off.
 */
#ifndef AERSUT_KERNELS_H_
#define AERSUT_KERNELS_H_

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A fused multiply-add rounds once where TensorFlow Lite Micro rounds twice. GCC ignores the standard's pragma, and
 * fuses unless -std=c99 or -ffp-contract=off is given. The arena has values of several types one after the other, which
 * the rules of aliasing forbid; Clang needs -fno-strict-aliasing for that, if it optimizes across files. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off", "no-strict-aliasing")
#endif

#ifdef __FAST_MATH__
#error "aersut needs the order of float operations: compile without -ffast-math and -Ofast"
#endif

#if INT_MAX < 2147483647
#error "aersut needs an int of 32 bits"
#endif

/* Whether the Fourier transform uses integers: faster where the processor has no FPU. Features may then differ by one step. */
#ifndef AERSUT_FIXED_POINT
#if (defined(__arm__) && !defined(__ARM_FP)) || (defined(__riscv) && !defined(__riscv_flen)) || \
    defined(__XTENSA_SOFT_FLOAT__)
#define AERSUT_FIXED_POINT 1
#else
#define AERSUT_FIXED_POINT 0
#endif
#endif

/* A number of the Fourier transform, and a cosine and a sine among its constants. */
#if AERSUT_FIXED_POINT
typedef int32_t aersut_number;
#define AERSUT_NUMBER(x) ((int32_t)((x) * 1073741824.0 + ((x) < 0.0 ? -0.5 : 0.5))) /* 30 bits after the point */
#else
typedef float aersut_number;
#define AERSUT_NUMBER(x) ((float)(x))
#endif
typedef struct {
  aersut_number cosine, sine;
} aersut_turn;
#define AERSUT_TURN(cosine, sine) {AERSUT_NUMBER(cosine), AERSUT_NUMBER(sine)}

/* Before each constant array of a model; define AERSUT_CONST to place them, as in
 * -DAERSUT_CONST='__attribute__((section(".qspi")))'. Aligned, since words are loaded from arrays of bytes, which -Os would
 * place anywhere. */
#ifndef AERSUT_CONST
#define AERSUT_CONST
#endif
#ifdef __GNUC__
#define AERSUT_TABLE AERSUT_CONST __attribute__((aligned(4))) static const
#else
#define AERSUT_TABLE AERSUT_CONST static const
#endif

/* An address in the arena, in the generated code. */
#define AERSUT_AT(type, offset) ((type *)(void *)((unsigned char *)arena + (offset)))

/* One axis of a convolution: size of the input, of the filter and of the output, step, dilation, padding before. */
typedef struct {
  int size, kernel, out, step, dilation, before;
} aersut_axis;

typedef struct {
  int channels, filters;
  aersut_axis y, x;
  int32_t zero_in, zero_out, low, high;
} aersut_geometry;

typedef struct {
  int size[4], step[4];
} aersut_strides;

/* Sizes of the output, and steps of both inputs; 0 repeats a value. */
typedef struct {
  int size[4], first[4], second[4];
} aersut_broadcast;

/* Zero points, multipliers and shifts of two inputs and an output. */
typedef struct {
  int32_t zero_first, zero_second, factor_first, factor_second, factor_out, zero_out, low, high;
  int shift_first, shift_second, shift_out;
} aersut_sum;

typedef struct {
  const int8_t *inputs, *recurrent;
  const int32_t *bias_inputs, *bias_recurrent;
  int32_t factor_inputs, factor_recurrent;
  int8_t shift_inputs, shift_recurrent;
} aersut_gate;

typedef struct {
  aersut_gate gates[4]; /* input, forget, cell, output */
  int32_t factor_keep, factor_update, factor_out;
  int8_t shift_keep, shift_update, shift_out;
  int32_t tanh_factor;
  int tanh_shift;
  int32_t zero, clip;
  const uint16_t *sigmoid; /* at i / 24 for i in 0…255, Q0.16 */
} aersut_lstm;

/* Moves of values of `size` bytes. */
void aersut_copy(const void *x, int x_step, void *y, int y_step, int bytes, int rows);
void aersut_gather(const void *x, void *y, int size, const aersut_strides *strides);
void aersut_scatter(const void *x, void *y, int size, const aersut_strides *strides);

/* int8; `folded` is the bias minus the input's zero point times the sum of the weights of each filter. `patches` has room
 * for four times the values that a filter covers, rounded up to a multiple of 4. */
void aersut_convolution_s8(const int8_t *x, const int8_t *weights, const int32_t *folded, const int32_t *factors,
                           const int8_t *shifts, int8_t *y, const aersut_geometry *geometry, int16_t *patches);
void aersut_depthwise_s8(const int8_t *x, const int8_t *weights, const int32_t *bias, const int32_t *factors,
                         const int8_t *shifts, int8_t *y, const aersut_geometry *geometry);
void aersut_max_pool_s8(const int8_t *x, int8_t *y, const aersut_geometry *geometry);
void aersut_average_pool_s8(const int8_t *x, int8_t *y, const aersut_geometry *geometry);
void aersut_dense_s8(const int8_t *x, const int8_t *weights, const int32_t *folded, const int32_t *factors,
                     const int8_t *shifts, int each, int8_t *y, int rows, int depth, int columns, int32_t zero_out,
                     int32_t low, int32_t high);
void aersut_matmul_s8(const int8_t *a, const int8_t *b, int8_t *y, int batch, int rows, int depth, int columns,
                      int depth_step, int column_step, int32_t zero_a, int32_t zero_b, int32_t factor, int shift,
                      int32_t zero_out);
void aersut_add_s8(const int8_t *a, const int8_t *b, int8_t *y, const aersut_broadcast *shape, const aersut_sum *rule,
                   int sign);
void aersut_multiply_s8(const int8_t *a, const int8_t *b, int8_t *y, const aersut_broadcast *shape,
                        const aersut_sum *rule);
void aersut_sum_s8(const int8_t *x, int8_t *y, int outer, int count, int inner, int32_t zero_in, int32_t factor,
                   int shift, int32_t zero_out);
void aersut_table_s8(const int8_t *x, const int8_t *table, int8_t *y, int count);
void aersut_softmax_s8(const int8_t *x, int8_t *y, int rows, int columns, int32_t factor, int shift, int32_t least);
void aersut_lstm_s8(const int8_t *x, int8_t *y, int8_t *state, int16_t *cell, int16_t *gates, int frames, int width,
                    int units, const aersut_lstm *rule);

/* float32 */
void aersut_cast_s16_f32(const int16_t *x, float *y, int count);
void aersut_cast_bool_f32(const uint8_t *x, float *y, int count);
void aersut_differ_bool(const uint8_t *a, const uint8_t *b, uint8_t *y, int count);
void aersut_quantize_f32(const float *x, int8_t *y, int count, float scale, int32_t zero);
void aersut_dequantize_s8(const int8_t *x, float *y, int count, float scale, int32_t zero);
void aersut_dense_f32(const float *x, const float *weights, const float *bias, float *y, int rows, int depth,
                      int columns);
/* Weights of the inputs from limits[2 o] to limits[2 o + 1] - 1 of each output o, one after the other. */
void aersut_bands_f32(const float *x, const float *weights, const int16_t *limits, float *y, int columns);
/* length / 2 + 1 complex numbers, real and imaginary parts alternating, of `length` values; length / 2 turns. */
void aersut_rfft_f32(const float *x, float *y, const aersut_turn *turns, int length);
void aersut_part_c64(const float *x, float *y, int part, int count);
void aersut_sum_f32(const float *x, float *y, int outer, int count, int inner);
void aersut_reduce_max_f32(const float *x, float *y, int outer, int count, int inner);
void aersut_lowest_f32(float *y);                               /* y = -FLT_MAX */
void aersut_raise_f32(const float *x, float *y, int count);     /* y = max(y, x) */
void aersut_select_f32(const uint8_t *chosen, const float *a, const float *b, float *y, int chosen_step, int a_step,
                       int b_step, int count);

#define AERSUT_UNARY(name) void name(const float *x, float *y, int count)
AERSUT_UNARY(aersut_relu_f32);
AERSUT_UNARY(aersut_negate_f32);
AERSUT_UNARY(aersut_abs_f32);
AERSUT_UNARY(aersut_log_f32);
AERSUT_UNARY(aersut_exp_f32);
AERSUT_UNARY(aersut_sin_f32);
AERSUT_UNARY(aersut_cos_f32);
AERSUT_UNARY(aersut_sqrt_f32);
AERSUT_UNARY(aersut_rsqrt_f32);
AERSUT_UNARY(aersut_square_f32);

#define AERSUT_BINARY(name, type) void name(const float *a, const float *b, type *y, const aersut_broadcast *shape)
AERSUT_BINARY(aersut_add_f32, float);
AERSUT_BINARY(aersut_subtract_f32, float);
AERSUT_BINARY(aersut_multiply_f32, float);
AERSUT_BINARY(aersut_divide_f32, float);
AERSUT_BINARY(aersut_maximum_f32, float);
AERSUT_BINARY(aersut_minimum_f32, float);
AERSUT_BINARY(aersut_greater_f32, uint8_t);
AERSUT_BINARY(aersut_greater_equal_f32, uint8_t);
AERSUT_BINARY(aersut_less_f32, uint8_t);

#endif /* AERSUT_KERNELS_H_ */
