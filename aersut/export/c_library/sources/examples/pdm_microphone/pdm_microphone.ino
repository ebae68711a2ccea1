// Emotions on the serial monitor, from the PDM microphone of an Arduino board (Nano 33 BLE Sense).
// Not compiled by AERSUT's tests: it needs the board's core, whose PDM library it uses.
#include <PDM.h>
#include <aersut.h>

#define RING (AERSUT_SAMPLE_RATE <= 16384 ? 8192 : 16384)  // a power of two: half a second, for a classification

static aersut ser;
static int16_t block[256];
static int16_t ring[RING];  // samples between the interrupt and loop()
static volatile uint32_t written = 0;
static uint32_t consumed = 0;

static void onSamples() {
  int bytes = PDM.available();
  if (bytes > (int)sizeof block) bytes = sizeof block;
  PDM.read(block, bytes);
  for (int i = 0; i < bytes / 2; ++i) ring[written++ % RING] = block[i];
}

void setup() {
  Serial.begin(115200);
  if (!aersut_self_test(&ser)) Serial.println("the outputs of the self-test differ from the expected ones");
  aersut_init(&ser);
  PDM.onReceive(onSamples);
  if (!PDM.begin(1, AERSUT_SAMPLE_RATE)) Serial.println("the microphone does not start at this sample rate");
}

void loop() {
  while (consumed != written) {
    if (written - consumed > RING) {
      Serial.println("samples lost: the board is too slow for this model");
      consumed = written;
      aersut_init(&ser);
      return;
    }
    const int16_t sample = ring[consumed % RING];
    consumed += aersut_push(&ser, &sample, 1);
    if (!aersut_ready(&ser)) continue;
    aersut_result result;
    aersut_classify(&ser, &result);
    Serial.print(aersut_name(&result));
    Serial.print(" ");
    Serial.println(result.confidence, 2);
  }
}
