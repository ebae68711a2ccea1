// Runs the loop of main_example.cc on the host, with a recording in place of the microphone, and with recorded outputs
// of TensorFlow Lite Micro in place of inference. The inputs of both models are written to files.
//
// Environment variables: the files RECORDING (int16), FRAMES and PROBABILITIES (int8, in the order of the calls) are
// read; GIVEN_SAMPLES, GIVEN_STATES (float) and GIVEN_WINDOWS are written. The next state of the frontend is its state
// plus 1. BLOCK is the number of samples per call of OnSamples().

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>
#include <thread>
#include <vector>

#include "model_data.h"
#include "model_settings.h"
#include "tflm.h"

void StartMicrophone();
void OnSamples(const int16_t* samples, int count);

namespace {

constexpr size_t kState = AERSUT_STATE;
constexpr int kSamples = 1 + AERSUT_FRAME_LENGTH, kWindow = AERSUT_FRAMES * AERSUT_CHANNELS;
FILE* Open(const char* variable, const char* how) { return fopen(getenv(variable), how); }
FILE *frames, *probabilities, *given_samples, *given_states, *given_windows;
std::atomic<int> done{0};

}  // namespace

void MicroPrintf(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  printf("\n");
}

namespace tflite {

const Model* GetModel(const void* data) { return static_cast<const Model*>(data); }

void InitializeTarget() {
  frames = Open("FRAMES", "rb"), probabilities = Open("PROBABILITIES", "rb");
  given_samples = Open("GIVEN_SAMPLES", "wb"), given_windows = Open("GIVEN_WINDOWS", "wb");
  given_states = Open("GIVEN_STATES", "wb");
}

MicroInterpreter::MicroInterpreter(const Model* model, const MicroOpResolver&, uint8_t*, size_t) : model_(model) {
  input_ = static_cast<uint8_t*>(malloc(2 * kSamples + kWindow));
  output_ = static_cast<uint8_t*>(malloc(AERSUT_CHANNELS + AERSUT_CLASSES));
  input_state_ = static_cast<uint8_t*>(malloc(4 * kState + 4));
  output_state_ = static_cast<uint8_t*>(malloc(4 * kState + 4));
}

TfLiteStatus MicroInterpreter::AllocateTensors() { return kTfLiteOk; }

TfLiteStatus MicroInterpreter::Invoke() {
  const bool frontend = static_cast<const void*>(model_) == aersut_frontend;
  if (frontend) {
    fwrite(input_, 2, kSamples, given_samples);
    if (fread(output_, 1, AERSUT_CHANNELS, frames) != AERSUT_CHANNELS) return kTfLiteError;
    float* state = reinterpret_cast<float*>(input_state_);
    fwrite(state, 4, kState, given_states);
    for (size_t i = 0; i < kState; ++i) reinterpret_cast<float*>(output_state_)[i] = state[i] + 1;
    memset(input_state_, 0x55, 4 * kState);  // as in an arena, whose tensors share memory
    ++done;
  } else {
    fwrite(input_, 1, kWindow, given_windows);
    if (fread(output_, 1, AERSUT_CLASSES, probabilities) != AERSUT_CLASSES) return kTfLiteError;
  }
  return kTfLiteOk;
}

}  // namespace tflite

void StartMicrophone() {
  std::thread([tested = done.load()] {
    FILE* recording = Open("RECORDING", "rb");
    std::vector<int16_t> block(atoi(getenv("BLOCK")));
    long given = 0;
    while (size_t count = fread(block.data(), 2, block.size(), recording)) {
      OnSamples(block.data(), static_cast<int>(count));
      given += static_cast<long>(count);
      // wait for the loop, so that no samples are lost
      const long complete = given < AERSUT_FIRST_SAMPLES ? 0 : 1 + (given - AERSUT_FIRST_SAMPLES) / AERSUT_HOP_LENGTH;
      while (done - tested < complete) std::this_thread::yield();
    }
    OnSamples(block.data(), 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // until the last window is classified
    exit(0);
  }).detach();
}
