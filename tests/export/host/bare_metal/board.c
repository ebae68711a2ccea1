/* A board whose microphone is a recording: an interrupt passes 256 samples while the loop sleeps, and more while it is busy.
 * BROKEN is set for a microphone that does not start. */
#include "recording.h"

#define BLOCK 256

bool start_microphone(void);
void wait_for_interrupt(void);
void on_samples(const int16_t *samples, int count);

static void interrupt(void) {
  int16_t block[BLOCK];
  read_block(block, BLOCK);
  on_samples(block, BLOCK);
}

bool start_microphone(void) {
  if (getenv("BROKEN")) return false;
  open_recording();
  return true;
}

void wait_for_interrupt(void) {
  long lost = stalled();
  do {
    interrupt();
    lost -= BLOCK;
  } while (lost > 0);
}
