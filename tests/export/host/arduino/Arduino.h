// What the example uses of Arduino's core.
#ifndef ARDUINO_H_
#define ARDUINO_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

class Print {
 public:
  size_t print(const char *text);
  size_t print(double value, int digits = 2);
  size_t println(const char *text);
  size_t println(double value, int digits = 2);
};

class HardwareSerial : public Print {
 public:
  void begin(unsigned long baud);
  operator bool();
};

extern HardwareSerial Serial;
unsigned long millis();
void delay(unsigned long milliseconds);
void setup();
void loop();

#endif  // ARDUINO_H_
