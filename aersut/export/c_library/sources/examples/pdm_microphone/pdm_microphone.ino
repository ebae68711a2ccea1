// SPDX-License-Identifier: MIT
// Emotions on the serial monitor, from the PDM microphone of an Arduino board (Nano 33 BLE Sense).
// AERSUT's tests compile it against declarations of what it uses of the board's core, not with the core.
#include <PDM.h>
#include <aersut.h>

// a power of two: a third of a second or more, for a classification
#define RING (AERSUT_SAMPLE_RATE <= 16384 ? 8192 : AERSUT_SAMPLE_RATE <= 32768 ? 16384 : 32768)

// Speech at the intended distance must have -40 to -20 dBFS, which loop() prints. The unit of the gain depends on the
// board: for others, define GAIN by their PDM.h; without it, the gain is the PDM library's default.
#ifdef ARDUINO_ARCH_NRF52840
#define GAIN 80  // 0 to 80 in steps of 0.5 dB; 40 is 0 dB, and the default is 20
#endif

static aersut ser;
static int16_t block[256];
static volatile int16_t ring[RING];  // samples between the interrupt and loop()
static volatile uint32_t written = 0;
static uint32_t consumed = 0;

static void onSamples() {
  for (int bytes; (bytes = PDM.read(block, sizeof block)) > 0;)
    for (int i = 0; i < bytes / 2; ++i) ring[written++ % RING] = block[i];
}

void setup() {
  Serial.begin(115200);
  while (!Serial && millis() < 5000) {  // until the serial monitor is open
  }
  if (!aersut_self_test(&ser)) Serial.println("the outputs of the self-test differ from the expected ones");
  aersut_init(&ser);  // options follow here, such as ser.min_confidence = 0.5f;
  PDM.onReceive(onSamples);
#ifdef GAIN
  PDM.setGain(GAIN);
#endif
  if (!PDM.begin(1, AERSUT_SAMPLE_RATE)) {
    Serial.println("the microphone does not start at this sample rate");
    while (true) delay(1000);
  }
}

void loop() {
  while (consumed != written) {
    if (written - consumed > RING) {
      Serial.println("samples lost: the buffer is too small, or the board too slow for this model");
      consumed = written;
      aersut_restart(&ser);
      return;
    }
    const int16_t sample = ring[consumed % RING];
    consumed += aersut_push(&ser, &sample, 1);
    if (!aersut_ready(&ser)) continue;
    aersut_result result;
    aersut_classify(&ser, &result);
    Serial.print(aersut_name(&result));
    Serial.print(" ");
    Serial.print(result.confidence, 2);
    Serial.print(" ");
    Serial.print(result.level, 0);
    Serial.println(" dBFS");
  }
}
