/* SPDX-License-Identifier: MIT */
/* Emotions from a microphone without an operating system: STM32, NXP, Renesas or any other processor with an interrupt.
 *
 * Implement start_microphone() and wait_for_interrupt(), and the output of printf(). The interrupt writes blocks of
 * samples to a ring buffer, from which the loop takes them, so that a window may take as long as the ring buffer lasts.
 * With the HAL of an STM32 and a DMA in circular mode, whose buffer `dma` has two halves of BLOCK samples:
 *
 *     void HAL_SAI_RxHalfCpltCallback(SAI_HandleTypeDef *sai) { on_samples(dma, BLOCK); }
 *     void HAL_SAI_RxCpltCallback(SAI_HandleTypeDef *sai) { on_samples(dma + BLOCK, BLOCK); }
 *
 * On a processor with a data cache (Cortex-M7), the callback first calls SCB_InvalidateDCache_by_Addr() for its half,
 * `dma` is aligned to the 32 bytes of a cache line, and BLOCK is a multiple of 16. `dma` must be in memory that the DMA
 * reaches (of an STM32H743, not in DTCM). Interrupt and loop run on one core. The interrupt's priority is arbitrary: it
 * calls no function of aersut.h.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "aersut.h"

/* Implement for your board: start recording 16-bit mono samples at AERSUT_SAMPLE_RATE; its interrupt passes each block
 * to on_samples(). Speech at the intended distance needs -40 to -20 dBFS, which the program prints. False if it fails. */
bool start_microphone(void);

/* Implement: sleep until the next interrupt, as by __WFI(), or return at once. After an interrupt just before __WFI(),
 * the loop wakes one block later, unless interrupts are disabled around the test and __WFI(). */
void wait_for_interrupt(void);

void on_samples(const int16_t *samples, int count);

/* a power of two: a third of a second or more, for a classification */
#define RING (AERSUT_SAMPLE_RATE <= 16384 ? 8192 : AERSUT_SAMPLE_RATE <= 32768 ? 16384 : 32768)

static aersut ser;
static volatile int16_t ring[RING]; /* volatile, so that compilers keep the order of samples and counter */
static volatile uint32_t written;   /* samples since the start, by the interrupt */
static uint32_t consumed;           /* by the loop */

void on_samples(const int16_t *samples, int count) {
  for (int i = 0; i < count; ++i) ring[(written + (uint32_t)i) % RING] = samples[i];
  written += (uint32_t)count;
}

int main(void) {
  if (!aersut_self_test(&ser)) printf("the outputs of the self-test differ from the expected ones\n");
  aersut_init(&ser); /* options follow here, such as ser.min_confidence = 0.5f; */
  if (!start_microphone()) {
    printf("the microphone does not start\n");
    return 1;
  }
  for (;;) {
    if (consumed == written) {
      wait_for_interrupt();
      continue;
    }
    const int16_t sample = ring[consumed % RING];
    if (written - consumed > RING) { /* the interrupt has overwritten it */
      printf("samples lost: the buffer is too small, or the board too slow for this model\n");
      consumed = written;
      aersut_restart(&ser);
      continue;
    }
    consumed += (uint32_t)aersut_push(&ser, &sample, 1);
    if (!aersut_ready(&ser)) continue;
    aersut_result result;
    aersut_classify(&ser, &result);
    printf("%s %d %% %d dBFS\n", aersut_name(&result), (int)(100.0f * result.confidence + 0.5f),
           (int)(result.level - 0.5f));
  }
}
