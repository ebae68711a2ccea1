/* SPDX-License-Identifier: MIT */
/* Emotions of speech from the standard input: 16-bit mono samples at AERSUT_SAMPLE_RATE, or a WAV file of these.
 *
 *     arecord -t raw -f S16_LE -c 1 -r @SAMPLE_RATE@ | ./aersut
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "aersut.h"

/* A number in the header of a WAV file, in little-endian byte order. */
static unsigned long number(const unsigned char *at, int bytes) {
  unsigned long value = 0;
  while (bytes-- > 0) value = value << 8 | at[bytes];
  return value;
}

/* Reads the chunks of a WAV file up to its samples, after "RIFF", a size and "WAVE"; the number of samples, or -1 if
 * there are none that are 16-bit, mono and at AERSUT_SAMPLE_RATE. A recorder that writes to a pipe does not know the
 * number and states 0, or about 2 or 4 GB. */
static long read_header(void) {
  unsigned char chunk[8], format[16] = {0};
  unsigned long size = 0;
  bool found = false;
  while (!found && fread(chunk, 1, sizeof chunk, stdin) == sizeof chunk) {
    size = number(chunk + 4, 4);
    found = memcmp(chunk, "data", 4) == 0;
    unsigned long rest = found ? 0 : size + size % 2;
    if (memcmp(chunk, "fmt ", 4) == 0 && size >= sizeof format) rest -= fread(format, 1, sizeof format, stdin);
    while (rest > 0 && getchar() != EOF) rest -= 1;
  }
  if (!found || number(format, 2) != 1 || number(format + 2, 2) != 1 || number(format + 4, 4) != AERSUT_SAMPLE_RATE ||
      number(format + 14, 2) != 16)
    return -1;
  return size && size < 0x7FFF0000 ? (long)(size / sizeof(int16_t)) : LONG_MAX;
}

int main(int count_of_arguments, char **arguments) {
  static aersut ser;
  static int16_t block[1024];
  long left = LONG_MAX; /* samples up to the end of the stream */
  double windows = 0;
  if (count_of_arguments > 1) {
    fprintf(stderr, "error: unexpected argument '%s'; the audio is the standard input: %s < FILE.wav\n", arguments[1],
            arguments[0]);
    return 2;
  }
  if (!aersut_self_test(&ser)) fputs("warning: the outputs of the self-test differ from the expected ones\n", stderr);
  aersut_init(&ser);
  size_t count = fread(block, sizeof block[0], 6, stdin); /* the first 12 bytes, which WAV files have in common */
  if (count == 6 && memcmp(block, "RIFF", 4) == 0) {
    left = read_header();
    if (left < 0) {
      fputs("error: expected a WAV file of 16-bit mono samples at @SAMPLE_RATE@ Hz; convert it:\n"
            "  ffmpeg -i FILE -f s16le -ac 1 -ar @SAMPLE_RATE@ - | ./aersut\n", stderr);
      return 2;
    }
    count = fread(block, sizeof block[0], sizeof block / sizeof block[0], stdin);
  }
  for (; count > 0 && left > 0; count = fread(block, sizeof block[0], sizeof block / sizeof block[0], stdin)) {
    if ((long)count > left) count = (size_t)left;
    left -= (long)count;
    for (size_t done = 0; done < count;) {
      done += (size_t)aersut_push(&ser, block + done, (int)(count - done));
      if (!aersut_ready(&ser)) continue;
      aersut_result result;
      aersut_classify(&ser, &result);
      /* the start of the window */
      printf("%7.2f s  %-10s %.3f %4.0f dBFS\n", windows++ * ser.stride * AERSUT_HOP_LENGTH / AERSUT_SAMPLE_RATE,
             aersut_name(&result), (double)result.confidence, (double)result.level);
      fflush(stdout);
    }
  }
  if (windows == 0) {
    fprintf(stderr, "error: the input ended before one window of %.1f s\n",
            (double)(AERSUT_FRAMES - 1) * AERSUT_HOP_LENGTH / AERSUT_SAMPLE_RATE);
    return 1;
  }
  return 0;
}
