/* SPDX-License-Identifier: MIT */
/* Emotions on the console, from the PDM microphone of a board with a `dmic_dev` node in its devicetree, with Zephyr 3.7
 * or newer.
 *
 * Run `west build -b BOARD` in this example's folder. AERSUT's tests compile it against declarations of what it uses of
 * Zephyr, not with Zephyr.
 */
#include <errno.h>
#include <zephyr/audio/dmic.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include "aersut.h"

#define BLOCK_SIZE (AERSUT_SAMPLE_RATE / 16 * 2 * sizeof(int16_t)) /* bytes; 1/8 s */
/* Gain in steps of 6 dB. A PDM microphone gives speech at a distance of 1 m (60 dB SPL) at about -60 dBFS; aersut needs
 * -40 to -20 dBFS. */
#define GAIN_BITS 4

/* While a window is classified, four blocks may wait in the queue of the nRF driver (its default, half a second). The
 * driver has two more, the program one. */
K_MEM_SLAB_DEFINE_STATIC(blocks, BLOCK_SIZE, 7, 4);

static aersut ser;

static int start_microphone(const struct device *microphone) {
  struct pcm_stream_cfg stream = {
      .pcm_rate = AERSUT_SAMPLE_RATE, .pcm_width = 16, .block_size = BLOCK_SIZE, .mem_slab = &blocks};
  struct dmic_cfg config = {
      .io = {.min_pdm_clk_freq = 1000000, .max_pdm_clk_freq = 3500000, .min_pdm_clk_dc = 40, .max_pdm_clk_dc = 60},
      .streams = &stream,
      .channel = {.req_num_streams = 1,
                  .req_num_chan = 1,
                  .req_chan_map_lo = dmic_build_channel_map(0, 0, PDM_CHAN_LEFT)},
  };
  const int error = device_is_ready(microphone) ? dmic_configure(microphone, &config) : -ENODEV;
  return error < 0 ? error : dmic_trigger(microphone, DMIC_TRIGGER_START);
}

static void amplify(int16_t *samples, int count) {
  for (int i = 0; i < count; ++i) {
    const int32_t value = samples[i] * (1 << GAIN_BITS);
    samples[i] = (int16_t)(value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value);
  }
}

int main(void) {
  const struct device *const microphone = DEVICE_DT_GET(DT_NODELABEL(dmic_dev));
  if (!aersut_self_test(&ser)) printk("the outputs of the self-test differ from the expected ones\n");
  aersut_init(&ser); /* options follow here, such as ser.min_confidence = 0.5f; */
  int error = start_microphone(microphone);
  while (error >= 0) {
    void *block;
    size_t size;
    error = dmic_read(microphone, 0, &block, &size, 1000);
    if (error == -EAGAIN) { /* the nRF driver stops when it has no free block */
      printk("samples lost: the buffer is too small, or the board too slow for this model\n");
      aersut_restart(&ser);
      dmic_trigger(microphone, DMIC_TRIGGER_STOP);
      error = dmic_trigger(microphone, DMIC_TRIGGER_START);
      continue;
    }
    if (error < 0) break;
    const int count = (int)(size / sizeof(int16_t));
    amplify(block, count);
    for (int done = 0; done < count;) {
      done += aersut_push(&ser, (const int16_t *)block + done, count - done);
      if (!aersut_ready(&ser)) continue;
      aersut_result result;
      aersut_classify(&ser, &result);
      printk("%s %d %% %d dBFS\n", aersut_name(&result), (int)(100.0f * result.confidence + 0.5f),
             (int)(result.level - 0.5f));
    }
    k_mem_slab_free(&blocks, block);
  }
  printk("the microphone failed: error %d\n", error);
  return 0;
}
