/* SPDX-License-Identifier: MIT */
#include "aersut.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define OFFSET_BITS 14     /* of the fraction of the mean that is subtracted as DC offset */
#define OFFSET_SAMPLES 8192 /* its time constant */
#define CLICK (AERSUT_SAMPLE_RATE / AERSUT_HOP_LENGTH / 10 + 1) /* frames of a click, which lasts up to 0.1 s */
#define MEASURED (AERSUT_HOP_LENGTH < AERSUT_FRAME_LENGTH ? AERSUT_HOP_LENGTH : AERSUT_FRAME_LENGTH)

void aersut_init(aersut *self) {
  self->stride = AERSUT_STRIDE;
  self->smoothing = 3;
  self->min_confidence = 0.0f;
  self->vad_rms = 58.2706604f;   /* -55 dBFS */
  self->vad_range = 1.99526227f; /* 6 dB */
  aersut_restart(self);
}

void aersut_restart(aersut *self) {
  memset((unsigned char *)self + offsetof(aersut, arena), 0, sizeof *self - offsetof(aersut, arena));
  self->missing = AERSUT_FIRST_SAMPLES;
  self->until_window = AERSUT_FRAMES;
}

bool aersut_ready(const aersut *self) { return self->ready; }

const char *aersut_name(const aersut_result *result) {
  if (result->emotion == AERSUT_SILENCE) return "silence";
  return result->emotion == AERSUT_UNCERTAIN ? "uncertain" : aersut_labels[result->emotion];
}

/* Subtracts the running mean of the samples; training has removed the mean of its recordings. */
static int16_t without_offset(aersut *self, int16_t sample) {
  const int32_t scaled = sample * (INT32_C(1) << OFFSET_BITS);
  if (self->seen < OFFSET_SAMPLES) { /* a plain mean, since a stream may begin within speech */
    self->seen += 1;
    self->mean += (scaled - self->mean) / self->seen;
  } else {
    self->mean += (scaled - self->mean) / OFFSET_SAMPLES;
  }
  const int32_t value = sample - self->mean / (INT32_C(1) << OFFSET_BITS);
  return (int16_t)(value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value);
}

/* The variance of the middle of a frame, as long as the hop, so that each sample is measured once. */
static float power_of(const int16_t *frame) {
  int64_t sum = 0, squares = 0;
  const int16_t *x = frame + (AERSUT_FRAME_LENGTH - MEASURED) / 2;
  for (int i = 0; i < MEASURED; ++i) {
    sum += x[i];
    squares += x[i] * x[i];
  }
  return (float)(MEASURED * squares - sum * sum) / ((float)MEASURED * (float)MEASURED);
}

void aersut_extract(aersut *self, const int16_t *samples, int8_t *frame) {
#if AERSUT_STATE > 0
  aersut_run_frontend(samples, self->state, frame, self->next_state, self->arena.bytes);
  memcpy(self->state, self->next_state, sizeof self->state);
#else
  aersut_run_frontend(samples, frame, self->arena.bytes);
#endif
}

static void add_frame(aersut *self) {
  const int last = AERSUT_FRAMES - 1;
  const int16_t *samples = self->samples + AERSUT_KEPT - (1 + AERSUT_FRAME_LENGTH);
  memmove(self->frames, self->frames + AERSUT_CHANNELS, (size_t)(last * AERSUT_CHANNELS));
  memmove(self->powers, self->powers + 1, (size_t)last * sizeof self->powers[0]);
  aersut_extract(self, samples, self->frames + last * AERSUT_CHANNELS);
  self->powers[last] = power_of(samples + 1);
  self->until_window -= 1;
  if (self->until_window <= 0) {
    self->until_window = self->stride;
    self->ready = true;
  }
}

int aersut_push(aersut *self, const int16_t *samples, int count) {
  int taken = 0;
  self->ready = false;
  while (taken < count && !self->ready) {
    self->samples[AERSUT_KEPT - self->missing] = without_offset(self, samples[taken]);
    taken += 1;
    self->pushed += 1;
    self->missing -= 1;
    if (self->missing > 0) continue;
    add_frame(self);
    self->missing = AERSUT_HOP_LENGTH;
    memmove(self->samples, self->samples + AERSUT_HOP_LENGTH, (AERSUT_KEPT - AERSUT_HOP_LENGTH) * sizeof(int16_t));
  }
  return taken;
}

/* The power that `rank` frames of the window are below. */
static float ranked(const float *powers, int rank) {
  for (int i = 0; i < AERSUT_FRAMES; ++i) {
    int below = 0, equal = 0;
    for (int k = 0; k < AERSUT_FRAMES; ++k) {
      below += powers[k] < powers[i];
      equal += powers[k] == powers[i];
    }
    if (below <= rank && rank < below + equal) return powers[i];
  }
  return 0.0f; /* not reached: one of the frames has the rank */
}

static bool contains_speech(const aersut *self, float loud) {
  const float quiet = ranked(self->powers, (AERSUT_FRAMES - 1) / 10);
  return loud >= self->vad_rms * self->vad_rms && loud >= self->vad_range * self->vad_range * quiet;
}

/* A power in dBFS; logf(), since the frontend has it already. */
static float decibels(float power) {
  const float relative = power / 1073741824.0f;
  return relative > 1e-12f ? 4.34294482f * logf(relative) : -120.0f;
}

#ifdef AERSUT_TRIM
/* Whether a frame is speech: louder than `least`, and no part of a click, which is louder than `most`. */
static bool is_speech(const float *powers, int frame, float least, float most) {
  if (powers[frame] <= least) return false;
  for (int i = frame - 1; i <= frame + 1; ++i)
    if (i >= 0 && i < AERSUT_FRAMES && powers[i] > most) return false;
  return true;
}
#endif

/* Copies the frames to the input of the classifier. As in training, silence at both ends is removed, and follows. */
static void place(const aersut *self, int8_t *window) {
  int first = 0, last = AERSUT_FRAMES - 1;
#ifdef AERSUT_TRIM
  float loudest = 0.0f, most = INFINITY;
  for (int i = 0; i < AERSUT_FRAMES; ++i)
    if (self->powers[i] > loudest) loudest = self->powers[i];
#if AERSUT_FRAMES > 2 * CLICK
  const float steady = ranked(self->powers, AERSUT_FRAMES - 1 - CLICK);
  if (loudest > 100.0f * steady) { /* 20 dB above everything else: neither speech nor the reference */
    loudest = steady;
    most = 100.0f * steady;
  }
#endif
  while (first < last && !is_speech(self->powers, first, AERSUT_TRIM * loudest, most)) ++first;
  while (first < last && !is_speech(self->powers, last, AERSUT_TRIM * loudest, most)) --last;
#endif
  const int kept = last - first + 1;
  memcpy(window, self->frames + first * AERSUT_CHANNELS, (size_t)(kept * AERSUT_CHANNELS));
  for (int i = kept; i < AERSUT_FRAMES; ++i)
    memcpy(window + i * AERSUT_CHANNELS, aersut_silent_frame, AERSUT_CHANNELS);
}

void aersut_classify(aersut *self, aersut_result *result) {
  float *newest = self->recent[AERSUT_MAX_SMOOTHING - 1];
  memset(result, 0, sizeof *result);
  result->emotion = AERSUT_SILENCE;
  self->ready = false;
  memmove(self->recent[0], self->recent[1], sizeof self->recent - sizeof self->recent[0]);
  memset(newest, 0, sizeof self->recent[0]);
  const float loud = ranked(self->powers, 9 * (AERSUT_FRAMES - 1) / 10);
  result->level = decibels(loud);
  result->end = self->pushed;
  if (!contains_speech(self, loud)) return;

  int8_t output[AERSUT_CLASSES];
  place(self, (int8_t *)self->arena.bytes + AERSUT_WINDOW);
  aersut_run_classifier(output, self->arena.bytes);
  for (int i = 0; i < AERSUT_CLASSES; ++i)
    newest[i] = (float)(output[i] - AERSUT_OUTPUT_ZERO_POINT) * AERSUT_OUTPUT_SCALE;

  int windows = 0, best = 0;
  const int smoothing = self->smoothing < 1 ? 1 : self->smoothing;
  const int oldest = smoothing < AERSUT_MAX_SMOOTHING ? AERSUT_MAX_SMOOTHING - smoothing : 0;
  for (int k = oldest; k < AERSUT_MAX_SMOOTHING; ++k) {
    float total = 0.0f;
    for (int i = 0; i < AERSUT_CLASSES; ++i) total += self->recent[k][i];
    windows += total > 0.0f;
    for (int i = 0; i < AERSUT_CLASSES; ++i) result->probabilities[i] += self->recent[k][i];
  }
  if (windows == 0) return; /* all outputs are zero */
  for (int i = 0; i < AERSUT_CLASSES; ++i) {
    result->probabilities[i] /= (float)windows;
    if (result->probabilities[i] > result->probabilities[best]) best = i;
  }
  result->confidence = result->probabilities[best];
  result->emotion = result->confidence < self->min_confidence ? AERSUT_UNCERTAIN : best;
}
