/* Zephyr's nRF driver of digital microphones with a recording as microphone. As there, the driver has two blocks, and stops
 * when the board is busy: dmic_read() then returns -EAGAIN until the program starts it again. */
#include <errno.h>
#include <stdarg.h>
#include <zephyr/audio/dmic.h>
#include <zephyr/sys/printk.h>

#include "recording.h"

#define QUEUE 4 /* blocks, the default of the devicetree */

const struct device device_dmic_dev = {"dmic_dev"};

static struct pcm_stream_cfg configured;
static bool active, taken;

void printk(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
}

bool device_is_ready(const struct device *device) { return device == &device_dmic_dev; }

int dmic_configure(const struct device *device, struct dmic_cfg *config) {
  (void)device;
  configured = config->streams[0];
  const struct k_mem_slab *slab = configured.mem_slab;
  const unsigned waiting = slab->num_blocks - 3 < QUEUE ? slab->num_blocks - 3 : QUEUE; /* the program has one block */
  const bool half_a_second = waiting * configured.block_size >= configured.pcm_rate;
  const bool fits = slab->block_size == configured.block_size && half_a_second;
  const bool mono = configured.pcm_width == 16 && config->channel.req_num_chan == 1;
  return fits && mono && configured.pcm_rate == 16000 ? 0 : -EINVAL;
}

int dmic_trigger(const struct device *device, enum dmic_trigger command) {
  (void)device;
  if (recording == NULL) open_recording();
  active = command == DMIC_TRIGGER_START;
  return 0;
}

int dmic_read(const struct device *device, uint8_t stream, void **buffer, size_t *size, int32_t timeout) {
  (void)device, (void)stream, (void)timeout;
  if (taken) return -ENOMEM; /* the program has not freed its block */
  const size_t count = configured.block_size / sizeof(int16_t);
  *buffer = configured.mem_slab->buffer;
  for (long lost = stalled(); lost > 0; lost -= (long)count) {
    read_block(*buffer, count);
    active = false;
  }
  if (!active) return -EAGAIN;
  read_block(*buffer, count);
  *size = configured.block_size;
  taken = true;
  return 0;
}

void k_mem_slab_free(struct k_mem_slab *slab, void *block) {
  if (block != slab->buffer) abort();
  taken = false;
}
