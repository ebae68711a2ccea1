// What the example uses of the library PDM of Arduino's core for mbed.
#ifndef PDM_H_
#define PDM_H_

#include <Arduino.h>

class PDMClass {
 public:
  int begin(int channels, int sampleRate);
  virtual int available();
  virtual int read(void *buffer, size_t size);
  void onReceive(void (*function)(void));
  void setGain(int gain);
};

extern PDMClass PDM;

#endif  // PDM_H_
