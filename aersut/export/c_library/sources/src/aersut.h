/* SPDX-License-Identifier: MIT */
/* Speech emotion recognition (SER) from a stream of samples, in C99 and without a heap.
 *
 *     static aersut ser;                      // all of its RAM: sizeof(aersut)
 *     aersut_init(&ser);
 *     for (;;) {
 *       int count = read_microphone(block);   // int16, mono, AERSUT_SAMPLE_RATE
 *       for (int done = 0; done < count;) {
 *         done += aersut_push(&ser, block + done, count - done);
 *         if (!aersut_ready(&ser)) continue;
 *         aersut_result result;
 *         aersut_classify(&ser, &result);
 *         puts(aersut_name(&result));         // "happy", "silence" or "uncertain"
 *       }
 *     }
 *
 * The samples are cut into frames, from which aersut_push() computes features. Every `stride` frames, the latest
 * AERSUT_FRAMES form a window for the classifier.
 */
#ifndef AERSUT_H_
#define AERSUT_H_

#include <stdbool.h>
#include <stdint.h>

#include "aersut_model.h"

#if AERSUT_MODEL_API != 1
#error "aersut_model.h is of another version of the library than aersut.h: take all files of one export"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Frames from one window to the next, at the start; about half a second. */
#define AERSUT_STRIDE (AERSUT_SAMPLE_RATE / AERSUT_HOP_LENGTH / 2 > 0 ? AERSUT_SAMPLE_RATE / AERSUT_HOP_LENGTH / 2 : 1)

/* The largest number of windows whose probabilities are averaged. */
#define AERSUT_MAX_SMOOTHING 8

/* int8 steps by which the probabilities of aersut_self_test() may differ. */
#ifndef AERSUT_PROBABILITY_TOLERANCE
#define AERSUT_PROBABILITY_TOLERANCE 0
#endif

#define AERSUT_SILENCE (-1)
#define AERSUT_UNCERTAIN (-2)

/* Samples that are kept: the sample before a frame, and the frame. */
#define AERSUT_KEPT (1 + (AERSUT_FRAME_LENGTH > AERSUT_HOP_LENGTH ? AERSUT_FRAME_LENGTH : AERSUT_HOP_LENGTH))

/* A stream. The first five members are options, which may be changed after aersut_init(); the others are private. */
typedef struct {
  int stride;    /* frames from one window to the next; 0 counts as 1 */
  int smoothing; /* number of latest windows whose probabilities are averaged, up to AERSUT_MAX_SMOOTHING; 3 */
  float min_confidence; /* a confidence below this is reported as AERSUT_UNCERTAIN; 0 */
  /* Voice activity detection (VAD): a window is silence if the 90th percentile of the RMS of its frames is below
   * vad_rms, in int16 steps (32768 * 10^(dBFS / 20); 58.3, -55 dBFS), or less than vad_range times the 10th
   * percentile (2, 6 dB: steady noise). Two zeros switch it off. */
  float vad_rms, vad_range;
  /* from here on, aersut_restart() clears everything */
  union {
    int64_t alignment;
    unsigned char bytes[AERSUT_ARENA];
  } arena; /* intermediate results of one frame or window */
  int16_t samples[AERSUT_KEPT];
  int8_t frames[AERSUT_FRAMES * AERSUT_CHANNELS]; /* features, the latest frame last */
  float powers[AERSUT_FRAMES];                    /* mean squares of frames */
  float state[AERSUT_STATE > 0 ? AERSUT_STATE : 1];
  float next_state[AERSUT_STATE > 0 ? AERSUT_STATE : 1];
  float recent[AERSUT_MAX_SMOOTHING][AERSUT_CLASSES]; /* probabilities of the latest windows; all 0 for silence */
  int32_t mean;                                   /* of the samples, times 2^14 */
  int seen;                                       /* number of samples, up to the time constant of the mean */
  uint32_t pushed;                                /* number of all samples, modulo 2^32 */
  int missing;                                    /* samples until the next frame is complete */
  int until_window;                               /* frames until the next window is complete */
  bool ready;
} aersut;

typedef struct {
  int emotion;                         /* index into aersut_labels, AERSUT_SILENCE or AERSUT_UNCERTAIN */
  float confidence;                    /* probability of the most probable emotion; 0 for silence */
  float probabilities[AERSUT_CLASSES]; /* after smoothing; 0 for silence */
  float level;                         /* the 90th percentile of the VAD in dBFS, for silence too; -120 or more */
  uint32_t end; /* samples pushed since the (re)start, up to the end of the window, modulo 2^32 */
} aersut_result;

/* Starts a stream with the default options. */
void aersut_init(aersut *self);

/* Starts the stream again with its options, and forgets all samples: after lost ones, since a window must not have samples
 * from before and after a gap. */
void aersut_restart(aersut *self);

/* Adds mono samples at AERSUT_SAMPLE_RATE; removes their DC offset, and computes the features of complete frames.
 *
 * Returns how many samples it took: all, or fewer if they complete a window. Then aersut_ready() is true, and
 * aersut_classify() comes before the rest of the samples; without it, the window is skipped. */
int aersut_push(aersut *self, const int16_t *samples, int count);

/* Whether a window is complete. */
bool aersut_ready(const aersut *self);

/* Classifies the latest window. */
void aersut_classify(aersut *self, aersut_result *result);

/* The name of the emotion, "silence" or "uncertain". */
const char *aersut_name(const aersut_result *result);

/* Computes the features of one frame, and carries the frontend's state: what aersut_push() does for each complete frame.
 * `samples` are the sample before the frame, and the frame. */
void aersut_extract(aersut *self, const int16_t *samples, int8_t *frame);

/* Runs both models on inputs with known outputs (aersut_vectors.h); false if a feature differs by more than one int8
 * step, or a probability by more than AERSUT_PROBABILITY_TOLERANCE: a wrong compiler option or a defect. It leaves the
 * stream as aersut_init() does. The linker drops it if it is not called. */
bool aersut_self_test(aersut *self);

#ifdef __cplusplus
}
#endif
#endif /* AERSUT_H_ */
