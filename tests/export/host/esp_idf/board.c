/* ESP-IDF's I2S driver with a recording as microphone: 16 bits at the upper end of a word of 32. It drops the blocks that
 * arrive while the board is busy, and calls on_recv_q_ovf. */
#include "driver/i2s_std.h"
#include "recording.h"

void app_main(void);

static i2s_isr_callback_t overflowed;
static bool initialized, enabled;

esp_err_t i2s_new_channel(const i2s_chan_config_t *config, i2s_chan_handle_t *tx, i2s_chan_handle_t *rx) {
  *rx = NULL;
  const uint32_t samples = config->dma_desc_num * config->dma_frame_num;
  /* half a second, in buffers within the driver's limit */
  return tx != NULL || samples < 8000 || config->dma_frame_num * sizeof(int32_t) > 4092;
}

esp_err_t i2s_channel_init_std_mode(i2s_chan_handle_t handle, const i2s_std_config_t *config) {
  (void)handle;
  initialized = true;
  return config->clk_cfg.sample_rate_hz != 16000 || config->slot_cfg.data_bit_width != I2S_DATA_BIT_WIDTH_32BIT ||
         config->slot_cfg.slot_mode != I2S_SLOT_MODE_MONO || config->slot_cfg.slot_mask != I2S_STD_SLOT_LEFT;
}

esp_err_t i2s_channel_register_event_callback(i2s_chan_handle_t handle, const i2s_event_callbacks_t *callbacks,
                                              void *context) {
  (void)handle, (void)context;
  overflowed = callbacks->on_recv_q_ovf;
  return enabled;
}

esp_err_t i2s_channel_enable(i2s_chan_handle_t handle) {
  (void)handle;
  open_recording();
  enabled = initialized;
  return !enabled;
}

esp_err_t i2s_channel_read(i2s_chan_handle_t handle, void *to, size_t size, size_t *read, uint32_t timeout_ms) {
  static int16_t samples[1024];
  int32_t *words = to;
  const size_t count = size / sizeof *words;
  (void)timeout_ms;
  if (!enabled || count > 1024) return 1;
  for (long lost = stalled(); lost > 0; lost -= (long)count) {
    i2s_event_data_t event = {.data = NULL, .size = size};
    read_block(samples, count);
    if (overflowed) overflowed(handle, &event, NULL);
  }
  read_block(samples, count);
  for (size_t i = 0; i < count; ++i) words[i] = samples[i] * 65536;
  *read = size;
  return ESP_OK;
}

int main(void) {
  app_main();
  return 1;
}
