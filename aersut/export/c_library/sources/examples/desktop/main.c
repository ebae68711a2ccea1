/* Emotions of speech from the standard input: 16-bit mono samples at AERSUT_SAMPLE_RATE, or a WAV file.
 *
 *     arecord -t raw -f S16_LE -c 1 -r @SAMPLE_RATE@ | ./aersut
 */
#include <stdio.h>
#include <string.h>

#include "aersut.h"

#define HEADER 22 /* samples that the 44 bytes of a WAV file's header would be */

int main(void) {
  static aersut ser;
  static int16_t block[1024];
  size_t count;
  bool first = true;
  double windows = 0;
  if (!aersut_self_test(&ser)) fputs("warning: the outputs of the self-test differ from the expected ones\n", stderr);
  aersut_init(&ser);
  while ((count = fread(block, sizeof block[0], sizeof block / sizeof block[0], stdin)) > 0) {
    size_t done = first && count >= HEADER && memcmp(block, "RIFF", 4) == 0 ? HEADER : 0;
    first = false;
    while (done < count) {
      done += (size_t)aersut_push(&ser, block + done, (int)(count - done));
      if (!aersut_ready(&ser)) continue;
      aersut_result result;
      aersut_classify(&ser, &result);
      /* the start of the window */
      printf("%7.2f s  %-10s %.3f %4.0f dBFS\n", windows++ * AERSUT_STRIDE * AERSUT_HOP_LENGTH / AERSUT_SAMPLE_RATE,
             aersut_name(&result), (double)result.confidence, (double)result.level);
      fflush(stdout);
    }
  }
  return 0;
}
