/* Runs the C library on samples that are linked into the program, and prints every byte of its outputs.
 *
 * Lines: "frame HEX", "window HEX" (bytes of the frontend and of the classifier), "emotion NAME" (of the stream),
 * "measured …" (ticks and bytes).
 */
#include <string.h>

#include "aersut.h"
#include "board.h"

#define SPIN 100000u

extern const int16_t harness_samples[];
extern const int32_t harness_count;

static aersut ser;

static void write_hex(uint32_t value, int digits) {
  char text[9];
  for (int i = 0; i < digits; ++i) text[i] = "0123456789abcdef"[value >> (4 * (digits - 1 - i)) & 15];
  text[digits] = 0;
  board_write(text);
}

static void write_bytes(const char *title, const int8_t *bytes, int count) {
  static char text[2 * 1024 + 1];
  board_write(title);
  for (int begin = 0; begin < count; begin += 1024) {
    int length = 0;
    for (int i = begin; i < count && i < begin + 1024; ++i) {
      text[length++] = "0123456789abcdef"[(uint8_t)bytes[i] >> 4];
      text[length++] = "0123456789abcdef"[(uint8_t)bytes[i] & 15];
    }
    text[length] = 0;
    board_write(text);
  }
  board_write("\n");
}

static void write_number(const char *title, uint32_t value) {
  board_write(title);
  write_hex(value, 8);
}

/* Both models by themselves. */
static void run_models(void) {
  static int16_t samples[1 + AERSUT_FRAME_LENGTH];
  static int8_t rows[AERSUT_FRAMES * AERSUT_CHANNELS];
  static int8_t output[AERSUT_CLASSES];
  int begin = AERSUT_FIRST_SAMPLES - 1 - AERSUT_FRAME_LENGTH;
  aersut_init(&ser);
  for (int frame = 0; begin + 1 + AERSUT_FRAME_LENGTH <= harness_count; ++frame, begin += AERSUT_HOP_LENGTH) {
    int8_t *row = rows + (AERSUT_FRAMES - 1) * AERSUT_CHANNELS;
    for (int i = 0; i <= AERSUT_FRAME_LENGTH; ++i) samples[i] = begin + i < 0 ? 0 : harness_samples[begin + i];
    memmove(rows, rows + AERSUT_CHANNELS, sizeof rows - AERSUT_CHANNELS);
    aersut_extract(&ser, samples, row);
    write_bytes("frame ", row, AERSUT_CHANNELS);
    if (frame + 1 < AERSUT_FRAMES || (frame + 1 - AERSUT_FRAMES) % AERSUT_STRIDE != 0) continue;
    memcpy(ser.arena.bytes + AERSUT_WINDOW, rows, sizeof rows);
    aersut_run_classifier(output, ser.arena.bytes);
    write_bytes("window ", output, AERSUT_CLASSES);
  }
}

/* The library as a program uses it. Ticks: the mean of aersut_push() for the samples of one hop, and the most that
 * aersut_classify() took. */
static void run_stream(int block, uint32_t *ticks) {
  uint64_t pushing = 0;
  int pushed = 0;
  aersut_init(&ser);
  for (int begin = 0; begin < harness_count; begin += block) {
    const int count = harness_count - begin < block ? harness_count - begin : block;
    for (int done = 0; done < count;) {
      uint32_t start = board_counter();
      const int taken = aersut_push(&ser, harness_samples + begin + done, count - done);
      pushing += board_elapsed(start);
      done += taken;
      pushed += taken;
      if (!aersut_ready(&ser)) continue;
      aersut_result result;
      start = board_counter();
      aersut_classify(&ser, &result);
      start = board_elapsed(start);
      if (start > ticks[1]) ticks[1] = start;
      board_write("emotion ");
      board_write(aersut_name(&result));
      board_write("\n");
    }
  }
  ticks[0] = (uint32_t)(pushing / (uint32_t)(pushed / AERSUT_HOP_LENGTH));
}

int main(void) {
  uint32_t ticks[2] = {0, 0};
  uint32_t start = board_counter();
  board_spin(SPIN);
  const uint32_t spun = board_elapsed(start);
  run_models();
  run_stream(HARNESS_BLOCK, ticks);
  const uint32_t *painted = stack_low;
  while (*painted == PAINT) ++painted;
  write_number("measured ", spun);
  write_number(" ", ticks[0]);
  write_number(" ", ticks[1]);
  write_number(" ", (uint32_t)((const char *)stack_high - (const char *)painted));
  write_number(" ", (uint32_t)sizeof ser);
  board_write("\n");
  board_write(aersut_self_test(&ser) ? "self-test passed\n" : "self-test failed\n");
  return 0;
}
