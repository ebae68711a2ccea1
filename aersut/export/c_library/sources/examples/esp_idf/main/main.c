/* Emotions on the console, from an I2S microphone (INMP441 and its kin) on an ESP32, with ESP-IDF 5.3 or newer.
 *
 * Not compiled by AERSUT's tests. Set the pins, and run `idf.py set-target esp32s3 build flash monitor` in this example's
 * folder. The DMA buffers hold half a second, during which a window is classified.
 */
#include <stdio.h>

#include "aersut.h"
#include "driver/i2s_std.h"
#include "esp_err.h"

#define CLOCK_PIN 4
#define SELECT_PIN 5
#define DATA_PIN 6
#define BLOCK 256

static aersut ser;
static int32_t words[BLOCK];
static int16_t block[BLOCK];

static i2s_chan_handle_t start_microphone(void) {
  i2s_chan_handle_t channel;
  i2s_chan_config_t pair = I2S_CHANNEL_DEFAULT_CONFIG(I2S_NUM_AUTO, I2S_ROLE_MASTER);
  pair.dma_frame_num = BLOCK;
  pair.dma_desc_num = AERSUT_SAMPLE_RATE / 2 / BLOCK + 1;
  const i2s_std_config_t format = {
      .clk_cfg = I2S_STD_CLK_DEFAULT_CONFIG(AERSUT_SAMPLE_RATE),
      .slot_cfg = I2S_STD_PHILIPS_SLOT_DEFAULT_CONFIG(I2S_DATA_BIT_WIDTH_32BIT, I2S_SLOT_MODE_MONO),
      .gpio_cfg = {.mclk = I2S_GPIO_UNUSED,
                   .bclk = CLOCK_PIN,
                   .ws = SELECT_PIN,
                   .dout = I2S_GPIO_UNUSED,
                   .din = DATA_PIN},
  };
  ESP_ERROR_CHECK(i2s_new_channel(&pair, NULL, &channel));
  ESP_ERROR_CHECK(i2s_channel_init_std_mode(channel, &format));
  ESP_ERROR_CHECK(i2s_channel_enable(channel));
  return channel;
}

void app_main(void) {
  if (!aersut_self_test(&ser)) printf("the outputs of the self-test differ from the expected ones\n");
  aersut_init(&ser);
  const i2s_chan_handle_t microphone = start_microphone();
  for (;;) {
    size_t bytes = 0;
    ESP_ERROR_CHECK(i2s_channel_read(microphone, words, sizeof words, &bytes, portMAX_DELAY));
    const int count = (int)(bytes / sizeof words[0]);
    for (int i = 0; i < count; ++i) block[i] = (int16_t)(words[i] >> 16); /* 24 bits, left-aligned in 32 */
    for (int done = 0; done < count;) {
      done += aersut_push(&ser, block + done, count - done);
      if (!aersut_ready(&ser)) continue;
      aersut_result result;
      aersut_classify(&ser, &result);
      printf("%s %.2f\n", aersut_name(&result), (double)result.confidence);
    }
  }
}
