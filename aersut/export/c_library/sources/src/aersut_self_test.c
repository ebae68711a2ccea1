/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "aersut.h"
#include "aersut_vectors.h"

/* Whether outputs differ from the expected ones by more than `tolerance` int8 steps. */
static bool differ(const int8_t *outputs, const int8_t *expected, int count, int tolerance) {
  for (int i = 0; i < count; ++i)
    if (outputs[i] - expected[i] > tolerance || expected[i] - outputs[i] > tolerance) return true;
  return false;
}

bool aersut_self_test(aersut *self) {
  bool passed = true;
  aersut_init(self);
  for (int i = 0; i < AERSUT_TEST_FRAMES; ++i) {
    int8_t frame[AERSUT_CHANNELS] = {0};
    aersut_extract(self, aersut_test_samples[i], frame);
    if (differ(frame, aersut_test_frames[i], AERSUT_CHANNELS, 1)) passed = false;
  }
  for (int i = 0; i < AERSUT_TEST_WINDOWS; ++i) {
    int8_t output[AERSUT_CLASSES];
    memcpy(self->arena.bytes + AERSUT_WINDOW, aersut_test_windows[i], sizeof aersut_test_windows[i]);
    aersut_run_classifier(output, self->arena.bytes);
    if (differ(output, aersut_test_probabilities[i], AERSUT_CLASSES, AERSUT_PROBABILITY_TOLERANCE)) passed = false;
  }
  aersut_init(self);
  return passed;
}
