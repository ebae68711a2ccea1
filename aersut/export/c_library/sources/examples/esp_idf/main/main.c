/* SPDX-License-Identifier: MIT */
/* Emotions on the console, from an I2S microphone (INMP441 and its kin) on an ESP32, with ESP-IDF 5.3 or newer.
 *
 * Set the pins, and run `idf.py set-target esp32s3 build flash monitor` in this example's folder. The DMA buffers hold
 * half a second, during which a window is classified. AERSUT's tests compile it against declarations of what it uses of
 * ESP-IDF, not with ESP-IDF.
 */
#include <stdio.h>

#include "aersut.h"
#include "driver/i2s_std.h"
#include "esp_attr.h"
#include "esp_err.h"
#include "freertos/FreeRTOS.h"

#define CLOCK_PIN 4
#define SELECT_PIN 5
#ifdef CONFIG_IDF_TARGET_ESP32
#define DATA_PIN 18 /* 6 to 11 belong to its flash */
#else
#define DATA_PIN 6
#endif
#define BLOCK 256
/* Gain in steps of 6 dB. An INMP441 gives speech at a distance of 1 m (60 dB SPL) at -60 dBFS; aersut needs -40 to -20
 * dBFS. */
#define GAIN_BITS 4

static aersut ser;
static int32_t words[BLOCK];
static int16_t block[BLOCK];
static volatile bool lost;

/* In IRAM, as the driver asks with CONFIG_I2S_ISR_IRAM_SAFE. */
static IRAM_ATTR bool on_overflow(i2s_chan_handle_t channel, i2s_event_data_t *event, void *context) {
  (void)channel, (void)event, (void)context;
  lost = true;
  return false;
}

static i2s_chan_handle_t start_microphone(void) {
  i2s_chan_handle_t channel;
  i2s_chan_config_t pair = I2S_CHANNEL_DEFAULT_CONFIG(I2S_NUM_AUTO, I2S_ROLE_MASTER);
  pair.dma_frame_num = BLOCK;
  pair.dma_desc_num = AERSUT_SAMPLE_RATE / 2 / BLOCK + 1;
  i2s_std_config_t format = {
      .clk_cfg = I2S_STD_CLK_DEFAULT_CONFIG(AERSUT_SAMPLE_RATE),
      .slot_cfg = I2S_STD_PHILIPS_SLOT_DEFAULT_CONFIG(I2S_DATA_BIT_WIDTH_32BIT, I2S_SLOT_MODE_MONO),
      .gpio_cfg = {.mclk = I2S_GPIO_UNUSED,
                   .bclk = CLOCK_PIN,
                   .ws = SELECT_PIN,
                   .dout = I2S_GPIO_UNUSED,
                   .din = DATA_PIN},
  };
  format.slot_cfg.slot_mask = I2S_STD_SLOT_LEFT; /* the microphone's L/R pin is connected to ground */
  const i2s_event_callbacks_t callbacks = {.on_recv_q_ovf = on_overflow};
  ESP_ERROR_CHECK(i2s_new_channel(&pair, NULL, &channel));
  ESP_ERROR_CHECK(i2s_channel_init_std_mode(channel, &format));
  ESP_ERROR_CHECK(i2s_channel_register_event_callback(channel, &callbacks, NULL));
  ESP_ERROR_CHECK(i2s_channel_enable(channel));
  return channel;
}

/* The upper bits of a word, in which the microphone's 24 bits are left-aligned. */
static int16_t sample_of(int32_t word) {
  const int32_t value = word >> (16 - GAIN_BITS);
  return (int16_t)(value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value);
}

void app_main(void) {
  if (!aersut_self_test(&ser)) printf("the outputs of the self-test differ from the expected ones\n");
  aersut_init(&ser); /* options follow here, such as ser.min_confidence = 0.5f; */
  const i2s_chan_handle_t microphone = start_microphone();
  for (;;) {
    size_t bytes = 0;
    ESP_ERROR_CHECK(i2s_channel_read(microphone, words, sizeof words, &bytes, portMAX_DELAY));
    if (lost) { /* the driver has dropped DMA buffers */
      lost = false;
      printf("samples lost: the buffer is too small, or the board too slow for this model\n");
      aersut_restart(&ser);
    }
    const int count = (int)(bytes / sizeof words[0]);
    for (int i = 0; i < count; ++i) block[i] = sample_of(words[i]);
    for (int done = 0; done < count;) {
      done += aersut_push(&ser, block + done, count - done);
      if (!aersut_ready(&ser)) continue;
      aersut_result result;
      aersut_classify(&ser, &result);
      printf("%s %.2f %.0f dBFS\n", aersut_name(&result), (double)result.confidence, (double)result.level);
    }
  }
}
