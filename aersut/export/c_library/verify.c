/* For the export: runs a model on inputs from the standard input, and writes its outputs.
 *
 *     verify frontend FRAMES_PER_SEQUENCE | verify classifier | verify stream BLOCK | verify self-test
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aersut.h"

static aersut ser;

static int frontend(int sequence) {
  static int16_t samples[1 + AERSUT_FRAME_LENGTH];
  int8_t frame[AERSUT_CHANNELS];
  for (int i = 0; fread(samples, sizeof samples, 1, stdin) == 1; ++i) {
    if (i % sequence == 0) aersut_init(&ser);
    aersut_extract(&ser, samples, frame);
    fwrite(frame, sizeof frame, 1, stdout);
  }
  return 0;
}

static int classifier(void) {
  int8_t output[AERSUT_CLASSES];
  while (fread(ser.arena.bytes + AERSUT_WINDOW, AERSUT_FRAMES * AERSUT_CHANNELS, 1, stdin) == 1) {
    aersut_run_classifier(output, ser.arena.bytes);
    fwrite(output, sizeof output, 1, stdout);
  }
  return 0;
}

static int stream(int block) {
  int16_t *samples = malloc((size_t)block * sizeof *samples);
  size_t count;
  aersut_init(&ser);
  while (samples && (count = fread(samples, sizeof *samples, (size_t)block, stdin)) > 0)
    for (size_t done = 0; done < count;) {
      done += (size_t)aersut_push(&ser, samples + done, (int)(count - done));
      if (!aersut_ready(&ser)) continue;
      aersut_result result;
      aersut_classify(&ser, &result);
      printf("%s", aersut_name(&result));
      for (int i = 0; i < AERSUT_CLASSES; ++i) printf(" %.9g", (double)result.probabilities[i]);
      printf("\n");
    }
  free(samples);
  return 0;
}

int main(int count, char **arguments) {
  if (count == 3 && strcmp(arguments[1], "frontend") == 0) return frontend(atoi(arguments[2]));
  if (count == 2 && strcmp(arguments[1], "classifier") == 0) return classifier();
  if (count == 3 && strcmp(arguments[1], "stream") == 0) return stream(atoi(arguments[2]));
  if (count == 2 && strcmp(arguments[1], "self-test") == 0) return printf(aersut_self_test(&ser) ? "passed" : "failed") < 0;
  return 2;
}
