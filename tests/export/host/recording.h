// A recording in place of the microphone, for the examples of the C library.
//
// Environment variables: RECORDING (int16) is read in blocks. Before the block that begins at sample STALL, the board is
// busy for as long as LOST samples take, once; the platform's driver decides what becomes of them.
#ifndef RECORDING_H_
#define RECORDING_H_

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static FILE *recording;
static long position;

static void open_recording(void) { recording = fopen(getenv("RECORDING"), "rb"); }

// Reads one block; the program ends before one that is incomplete.
static void read_block(int16_t *samples, size_t count) {
  if (fread(samples, sizeof *samples, count, recording) < count) exit(fflush(stdout));
  position += (long)count;
}

// How many samples are recorded while the board is busy: LOST at STALL, otherwise 0.
static long stalled(void) {
  const char *at = getenv("STALL");
  static bool done;
  if (done || at == NULL || position < atol(at)) return 0;
  done = true;
  return atol(getenv("LOST"));
}

#endif  // RECORDING_H_
