/* Emotions of speech from the standard input: 16-bit mono samples at AERSUT_SAMPLE_RATE, or a WAV file of these.
 *
 *     arecord -t raw -f S16_LE -c 1 -r @SAMPLE_RATE@ | ./aersut
 */
#include <stdio.h>
#include <string.h>

#include "aersut.h"

#define HEADER 22 /* samples that the 44 bytes of a WAV file's header would be */

/* A number in the header of a WAV file, in little-endian byte order. */
static unsigned long number(const int16_t *header, int offset, int bytes) {
  const unsigned char *at = (const unsigned char *)header + offset;
  unsigned long value = 0;
  while (bytes-- > 0) value = value << 8 | at[bytes];
  return value;
}

int main(void) {
  static aersut ser;
  static int16_t block[1024];
  size_t count;
  bool first = true;
  double windows = 0;
  if (!aersut_self_test(&ser)) fputs("warning: the outputs of the self-test differ from the expected ones\n", stderr);
  aersut_init(&ser);
  while ((count = fread(block, sizeof block[0], sizeof block / sizeof block[0], stdin)) > 0) {
    size_t done = 0;
    if (first && count >= HEADER && memcmp(block, "RIFF", 4) == 0) {
      if (number(block, 20, 2) != 1 || number(block, 22, 2) != 1 || number(block, 24, 4) != AERSUT_SAMPLE_RATE ||
          number(block, 34, 2) != 16) {
        fputs("error: expected a WAV file of 16-bit mono samples at @SAMPLE_RATE@ Hz; convert it:\n"
              "  ffmpeg -i FILE -f s16le -ac 1 -ar @SAMPLE_RATE@ - | ./aersut\n", stderr);
        return 2;
      }
      done = HEADER;
    }
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
