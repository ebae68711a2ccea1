// Arduino's core with a recording as microphone. Its first interrupt has 512 samples, as that of some boards, the others
// 256; while the board is busy, loop() is not called between interrupts. The serial monitor is never opened. BROKEN is
// set for a microphone that does not start.
#include <PDM.h>
#include <string.h>

#include "recording.h"

HardwareSerial Serial;
PDMClass PDM;

static const int kBlock = 256;
static int16_t block[2 * kBlock];
static size_t waiting = 0, taken = 0;
static unsigned long now = 0;
static bool gain_set = false, started = false;
static void (*receive)(void);

size_t Print::print(const char *text) { return printf("%s", text); }
size_t Print::print(double value, int digits) { return printf("%.*f", digits, value); }
size_t Print::println(const char *text) { return printf("%s\n", text); }
size_t Print::println(double value, int digits) { return printf("%.*f\n", digits, value); }
void HardwareSerial::begin(unsigned long) {}
HardwareSerial::operator bool() { return false; }
unsigned long millis() { return now += 100; }
void delay(unsigned long) { exit(fflush(stdout)); }

int PDMClass::begin(int channels, int rate) {
  if (getenv("BROKEN")) return 0;
  open_recording();
  return started = channels == 1 && rate == 16000 && gain_set && receive != nullptr;
}
int PDMClass::available() { return static_cast<int>(waiting - taken); }
int PDMClass::read(void *buffer, size_t size) {
  if (size > waiting - taken) size = waiting - taken;
  memcpy(buffer, reinterpret_cast<char *>(block) + taken, size);
  taken += size;
  return static_cast<int>(size);
}
void PDMClass::onReceive(void (*function)(void)) { receive = function; }
void PDMClass::setGain(int) { gain_set = true; }

static void interrupt() {
  const int count = position ? kBlock : 2 * kBlock;
  read_block(block, count);
  waiting = sizeof block[0] * count;
  taken = 0;
  receive();
}

int main() {
  setup();
  while (started) {
    for (long lost = stalled(); lost > 0; lost -= kBlock) interrupt();
    loop();
    interrupt();
    loop();
  }
  return 1;
}
