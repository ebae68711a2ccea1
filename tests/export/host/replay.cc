// Runs main_example.cc on the host: a recording in place of the microphone, and in place of the interpreter the models
// of the C library, whose functions are compiled under other names (c_run_frontend, c_run_classifier).
//
// Environment variables: RECORDING (int16) is read; the state that each call of the frontend gets is written to
// GIVEN_STATES (float). The next state is the state plus 1. BLOCK is the number of samples per call of OnSamples(),
// LOST that of a call with more than the ring buffer holds, after kBefore frames. FAIL is the number of calls of both
// models after which they fail.

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>
#include <thread>
#include <vector>

#include "aersut.h"
#include "tflm.h"

extern "C" void c_run_frontend(const int16_t* samples, int8_t* frame, void* arena);
extern "C" void c_run_classifier(int8_t* probabilities, void* arena);

void StartMicrophone();
void OnSamples(const int16_t* samples, int count);

namespace {

constexpr size_t kState = AERSUT_STATE;
constexpr long kBefore = 8;  // frames before the samples that are lost
constexpr int kSamples = 1 + AERSUT_FRAME_LENGTH, kWindow = AERSUT_FRAMES * AERSUT_CHANNELS;
FILE* given_states;
alignas(16) uint8_t arena[C_ARENA];
std::atomic<int> frames{0}, printed{0};
int calls = 0, fail = -1;

void Wait(const std::atomic<int>& value, long least) {
  while (value < least) std::this_thread::yield();
}

}  // namespace

void MicroPrintf(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  printf("\n");
  ++printed;
}

namespace tflite {

const Model* GetModel(const void* data) { return static_cast<const Model*>(data); }

void InitializeTarget() {
  given_states = fopen(getenv("GIVEN_STATES"), "wb");
  if (const char* after = getenv("FAIL")) fail = atoi(after);
}

MicroInterpreter::MicroInterpreter(const Model* model, const MicroOpResolver&, uint8_t*, size_t) : model_(model) {
  input_ = static_cast<uint8_t*>(malloc(2 * kSamples + kWindow));
  output_ = static_cast<uint8_t*>(malloc(AERSUT_CHANNELS + AERSUT_CLASSES));
  input_state_ = static_cast<uint8_t*>(malloc(4 * kState + 4));
  output_state_ = static_cast<uint8_t*>(malloc(4 * kState + 4));
}

MicroInterpreter::~MicroInterpreter() { abort(); }  // an interpreter lives as long as the program

TfLiteStatus MicroInterpreter::AllocateTensors() { return fail == 0 ? kTfLiteError : kTfLiteOk; }

TfLiteStatus MicroInterpreter::Invoke() {
  if (calls++ == fail) return kTfLiteError;
  int8_t* output = reinterpret_cast<int8_t*>(output_);
  if (static_cast<const void*>(model_) == aersut_frontend) {
    c_run_frontend(reinterpret_cast<const int16_t*>(input_), output, arena);
    float* state = reinterpret_cast<float*>(input_state_);
    fwrite(state, 4, kState, given_states);
    for (size_t i = 0; i < kState; ++i) reinterpret_cast<float*>(output_state_)[i] = state[i] + 1;
    memset(input_state_, 0x55, 4 * kState);  // as in an arena, whose tensors share memory
    ++frames;
  } else {
    memcpy(arena + C_WINDOW, input_, kWindow);
    c_run_classifier(output, arena);
  }
  return kTfLiteOk;
}

}  // namespace tflite

void StartMicrophone() {
  std::thread([tested = static_cast<long>(frames.load())]() mutable {
    FILE* recording = fopen(getenv("RECORDING"), "rb");
    std::vector<int16_t> block(atoi(getenv("BLOCK"))), lost(getenv("LOST") ? atoi(getenv("LOST")) : 0);
    long given = 0, complete = 0, reported = 0;
    if (!lost.empty()) {
      std::vector<int16_t> before(AERSUT_FIRST_SAMPLES + (kBefore - 1) * AERSUT_HOP_LENGTH);
      OnSamples(before.data(), static_cast<int>(fread(before.data(), 2, before.size(), recording)));
      Wait(frames, tested += kBefore);
      OnSamples(lost.data(), static_cast<int>(fread(lost.data(), 2, lost.size(), recording)));
      Wait(printed, reported = 1);
    }
    while (size_t count = fread(block.data(), 2, block.size(), recording)) {
      OnSamples(block.data(), static_cast<int>(count));
      given += static_cast<long>(count);
      complete = given < AERSUT_FIRST_SAMPLES ? 0 : 1 + (given - AERSUT_FIRST_SAMPLES) / AERSUT_HOP_LENGTH;
      Wait(frames, tested + complete);  // so that no further samples are lost
    }
    const long windows = complete < AERSUT_FRAMES ? 0 : 1 + (complete - AERSUT_FRAMES) / AERSUT_STRIDE;
    Wait(printed, reported + windows);
    fflush(stdout);
    fclose(given_states);
    _Exit(0);
  }).detach();
}
