// Emotions on the serial monitor, from the PDM microphone of an Arduino board (Nano 33 BLE Sense).
// Not compiled by AERSUT's tests: it needs the board's core, whose PDM library it uses.
#include <PDM.h>
#include <aersut.h>

static aersut ser;
static int16_t block[256];
static int16_t ring[4096];  // samples between the interrupt and loop(), a power of two: 256 ms at 16 kHz
static volatile uint32_t written = 0;
static uint32_t consumed = 0;

static void onSamples() {
  int bytes = PDM.available();
  if (bytes > (int)sizeof block) bytes = sizeof block;
  PDM.read(block, bytes);
  for (int i = 0; i < bytes / 2; ++i) ring[written++ % 4096] = block[i];
}

void setup() {
  Serial.begin(115200);
  if (!aersut_self_test(&ser)) Serial.println("the outputs of the self-test differ from the expected ones");
  PDM.onReceive(onSamples);
  if (!PDM.begin(1, AERSUT_SAMPLE_RATE)) Serial.println("the microphone does not start at this sample rate");
}

void loop() {
  while (consumed != written) {
    if (written - consumed > 4096) {
      Serial.println("samples lost: the board is too slow for this model");
      consumed = written;
      aersut_init(&ser);
      return;
    }
    const int16_t sample = ring[consumed % 4096];
    consumed += aersut_push(&ser, &sample, 1);
    if (!aersut_ready(&ser)) continue;
    aersut_result result;
    aersut_classify(&ser, &result);
    Serial.print(aersut_name(&result));
    Serial.print(" ");
    Serial.println(result.confidence, 2);
  }
}
