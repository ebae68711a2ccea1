// SPDX-License-Identifier: MIT
// Speech emotion recognition from a microphone with TensorFlow Lite Micro.
//
// The microphone's interrupt writes samples to a ring buffer. The loop passes them to aersut.c, which computes
// features, detects speech, classifies about twice per second and averages over windows; aersut.h has its options.
//
// To port it, implement StartMicrophone() for your board, and compile the files of this folder with TensorFlow Lite
// Micro.

#include "aersut.h"
#include "tensorflow/lite/micro/micro_log.h"
#include "tensorflow/lite/micro/system_setup.h"

// Implement for your board: start recording 16-bit mono samples at AERSUT_SAMPLE_RATE. The interrupt handler or DMA
// callback, on the core of the loop, passes each block of samples to OnSamples().
void StartMicrophone();

void OnSamples(const int16_t* samples, int count);

namespace {

constexpr uint32_t kBlock = 64;  // samples that the loop takes from the ring buffer at once

int16_t sample_ring[AERSUT_SAMPLE_RING];
uint32_t written = 0;   // samples written to sample_ring since the start, by OnSamples()
uint32_t consumed = 0;  // samples read from sample_ring since the start, by the loop

aersut ser;

// <atomic> is part of a C++ library that a bare-metal toolchain may lack; GCC and Clang have these functions built in.
uint32_t Written() { return __atomic_load_n(&written, __ATOMIC_ACQUIRE); }

// Takes up to kBlock samples from the ring buffer; returns their number.
int ReadSamples(int16_t* block) {
  const uint32_t available = Written() - consumed;
  const uint32_t count = available < kBlock ? available : kBlock;
  for (uint32_t i = 0; i < count; ++i) block[i] = sample_ring[(consumed + i) % AERSUT_SAMPLE_RING];
  const uint32_t lost = Written() - consumed;
  if (lost > AERSUT_SAMPLE_RING) {  // OnSamples() has overwritten what was copied
    MicroPrintf("sample ring buffer overrun: %u samples lost", static_cast<unsigned>(lost));
    consumed += lost;
    aersut_restart(&ser);  // a window must not have samples from before and after the gap
    return 0;
  }
  consumed += count;
  return static_cast<int>(count);
}

}  // namespace

void OnSamples(const int16_t* samples, int count) {
  uint32_t index = written;
  for (int i = 0; i < count; ++i) sample_ring[index++ % AERSUT_SAMPLE_RING] = samples[i];
  __atomic_store_n(&written, index, __ATOMIC_RELEASE);
}

int main() {
  tflite::InitializeTarget();
  if (!aersut_models_ok()) return 1;
  if (!aersut_self_test(&ser)) {
    MicroPrintf("self-test failed: the outputs of a model differ from those in aersut_vectors.h");
    return 1;
  }
  aersut_init(&ser);  // options follow here, such as ser.min_confidence = 0.5f;
  StartMicrophone();
  while (aersut_models_ok()) {
    int16_t block[kBlock];
    const int count = ReadSamples(block);  // a low-power board sleeps after 0 until the next interrupt
    for (int done = 0; done < count;) {
      done += aersut_push(&ser, block + done, count - done);
      if (!aersut_ready(&ser)) continue;
      aersut_result result;
      aersut_classify(&ser, &result);
      MicroPrintf("%s %d %% %d dBFS", aersut_name(&result), static_cast<int>(100 * result.confidence + 0.5f),
                  static_cast<int>(result.level - 0.5f));
    }
  }
  return 1;
}
