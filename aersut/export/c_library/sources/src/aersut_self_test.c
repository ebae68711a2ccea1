#include <string.h>

#include "aersut.h"
#include "aersut_vectors.h"

bool aersut_self_test(aersut *self) {
  bool same = true;
  aersut_init(self);
  for (int i = 0; i < AERSUT_TEST_FRAMES; ++i) {
    int8_t frame[AERSUT_CHANNELS];
    aersut_extract(self, aersut_test_samples[i], frame);
    same = same && memcmp(frame, aersut_test_frames[i], sizeof frame) == 0;
  }
  for (int i = 0; i < AERSUT_TEST_WINDOWS; ++i) {
    int8_t output[AERSUT_CLASSES];
    memcpy(self->arena.bytes + AERSUT_WINDOW, aersut_test_windows[i], sizeof aersut_test_windows[i]);
    aersut_run_classifier(output, self->arena.bytes);
    same = same && memcmp(output, aersut_test_probabilities[i], sizeof output) == 0;
  }
  aersut_init(self);
  return same;
}
