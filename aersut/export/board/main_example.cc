// Speech emotion recognition from a microphone with TensorFlow Lite Micro.
//
// The microphone's interrupt writes samples to a ring buffer. For each complete frame of samples, frontend.tflite
// computes one frame of features, quantized like the classifier's input. A second ring buffer holds the frames of one
// window, and the classifier runs on it every kStride frames. An exponential moving average smooths the probabilities.
// The most probable emotion is printed, or "uncertain" if its probability is below kConfidence.
//
// To port it, implement StartMicrophone() for your board, and link TensorFlow Lite Micro and model_data.cc.

#include <string.h>

#include <atomic>

#include "model_data.h"
#include "model_settings.h"
#include "op_resolver.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_log.h"
#include "tensorflow/lite/micro/system_setup.h"
#include "tensorflow/lite/schema/schema_generated.h"
#include "test_vectors.h"

// Implement for your board: start recording 16-bit mono samples at AERSUT_SAMPLE_RATE. The interrupt handler or DMA
// callback passes each block of samples to OnSamples().
void StartMicrophone();

void OnSamples(const int16_t* samples, int count);

namespace {

constexpr int kStride = AERSUT_FRAMES_PER_SECOND / 2 > 0 ? AERSUT_FRAMES_PER_SECOND / 2 : 1;  // frames in half a second
constexpr float kSmoothing = 0.4f;   // weight of the newest window in the moving average; 1 disables smoothing
constexpr float kConfidence = 0.5f;  // threshold of the smoothed probability

alignas(16) uint8_t frontend_arena[AERSUT_FRONTEND_ARENA];
alignas(16) uint8_t classifier_arena[AERSUT_CLASSIFIER_ARENA];

int16_t sample_ring[AERSUT_SAMPLE_RING];
std::atomic<uint32_t> written{0};  // samples written to sample_ring since the start
uint32_t consumed = 0;             // samples read from sample_ring since the start

float frontend_state[AERSUT_STATE > 0 ? AERSUT_STATE : 1];  // of recursive features, zero before the first frame

int8_t frame_ring[AERSUT_FRAMES * AERSUT_CHANNELS];
uint32_t frames = 0;  // frames written to frame_ring since the start

float smoothed[AERSUT_CLASSES];

// Subtracts the DC offset of the microphone, a running mean with a time constant of 8192 samples that starts at the first
// sample. Training has removed the offset of its recordings.
int16_t WithoutOffset(int16_t sample) {
  static bool started = false;
  static int32_t mean = 0;  // times 2^14
  const int32_t scaled = sample * (1 << 14);
  mean = started ? mean + (scaled - mean) / (1 << 13) : scaled;
  started = true;
  const int32_t value = sample - mean / (1 << 14);
  return static_cast<int16_t>(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
}

// Returns the input of the frontend: the previous sample and the AERSUT_FRAME_LENGTH samples of the next frame. Returns
// nullptr while the frame is incomplete. In the first frame, zeros precede AERSUT_FIRST_SAMPLES samples.
const int16_t* NextFrame() {
  constexpr uint32_t kSize = 1 + (AERSUT_FRAME_LENGTH > AERSUT_HOP_LENGTH ? AERSUT_FRAME_LENGTH : AERSUT_HOP_LENGTH);
  static int16_t latest[kSize];  // the samples that were read last
  static uint32_t needed = AERSUT_FIRST_SAMPLES;
  const uint32_t available = written.load(std::memory_order_acquire) - consumed;
  if (available < needed) return nullptr;
  if (available > AERSUT_SAMPLE_RING) {
    MicroPrintf("sample ring buffer overrun: %u samples lost", static_cast<unsigned>(available - needed));
    consumed += available - needed;
  }
  memmove(latest, latest + needed, (kSize - needed) * sizeof(int16_t));
  for (uint32_t i = kSize - needed; i < kSize; ++i) latest[i] = sample_ring[consumed++ % AERSUT_SAMPLE_RING];
  needed = AERSUT_HOP_LENGTH;
  return latest + kSize - (1 + AERSUT_FRAME_LENGTH);
}

// Copies `count` values to the input tensor and runs the model; returns its output tensor, or nullptr on error.
template <typename Value>
const int8_t* Run(tflite::MicroInterpreter& model, const Value* input, int count) {
  memcpy(model.typed_input_tensor<Value>(0), input, count * sizeof(Value));
  return model.Invoke() == kTfLiteOk ? model.typed_output_tensor<int8_t>(0) : nullptr;
}

// Runs the frontend on the samples of one frame, and carries its state to the next frame; returns the features of the
// frame, or nullptr on error. The state is kept outside the tensor arena, whose tensors share memory.
const int8_t* Extract(tflite::MicroInterpreter& frontend, const int16_t* samples) {
  if (AERSUT_STATE > 0) memcpy(frontend.typed_input_tensor<float>(1), frontend_state, sizeof(frontend_state));
  const int8_t* frame = Run(frontend, samples, 1 + AERSUT_FRAME_LENGTH);
  if (AERSUT_STATE > 0 && frame != nullptr) {
    memcpy(frontend_state, frontend.typed_output_tensor<float>(1), sizeof(frontend_state));
  }
  return frame;
}

void ClearState() { memset(frontend_state, 0, sizeof(frontend_state)); }

// Classifies the window in frame_ring and updates the smoothed probabilities; returns false on error.
bool Classify(tflite::MicroInterpreter& classifier) {
  static int8_t window[sizeof(frame_ring)];  // the frames in order of time
  const uint32_t oldest = frames % AERSUT_FRAMES * AERSUT_CHANNELS;
  memcpy(window, frame_ring + oldest, sizeof(frame_ring) - oldest);
  memcpy(window + sizeof(frame_ring) - oldest, frame_ring, oldest);
  const int8_t* output = Run(classifier, window, sizeof(window));
  if (output == nullptr) return false;
  const float weight = frames == AERSUT_FRAMES ? 1.0f : kSmoothing;  // the first window initializes the average
  for (int i = 0; i < AERSUT_CLASSES; ++i) {
    const float probability = (output[i] - AERSUT_OUTPUT_ZERO_POINT) * AERSUT_OUTPUT_SCALE;
    smoothed[i] += weight * (probability - smoothed[i]);
  }
  return true;
}

void PrintEmotion() {
  int best = 0;
  for (int i = 1; i < AERSUT_CLASSES; ++i) {
    if (smoothed[i] > smoothed[best]) best = i;
  }
  const int percent = static_cast<int>(100 * smoothed[best] + 0.5f);
  MicroPrintf("%s %d %%", smoothed[best] < kConfidence ? "uncertain" : aersut_labels[best], percent);
}

// Compares int8 outputs. Optimized kernels may round differently from the reference kernels.
bool AllClose(const int8_t* output, const int8_t* expected, int count, int tolerance) {
  for (int i = 0; output != nullptr && i < count; ++i) {
    const int difference = output[i] - expected[i];
    if (difference > tolerance || difference < -tolerance) return false;
  }
  return output != nullptr;
}

// Runs both models on the test vectors and compares their outputs.
bool SelfTest(tflite::MicroInterpreter& frontend, tflite::MicroInterpreter& classifier) {
  ClearState();
  for (int i = 0; i < AERSUT_TEST_FRAMES; ++i) {
    const int8_t* output = Extract(frontend, aersut_test_samples[i]);
    if (!AllClose(output, aersut_test_frames[i], AERSUT_CHANNELS, 1)) return false;
  }
  for (int i = 0; i < AERSUT_TEST_WINDOWS; ++i) {
    const int8_t* output = Run(classifier, aersut_test_windows[i], AERSUT_FRAMES * AERSUT_CHANNELS);
    if (!AllClose(output, aersut_test_probabilities[i], AERSUT_CLASSES, 6)) return false;
  }
  return true;
}

}  // namespace

void OnSamples(const int16_t* samples, int count) {
  uint32_t index = written.load(std::memory_order_relaxed);
  for (int i = 0; i < count; ++i) sample_ring[index++ % AERSUT_SAMPLE_RING] = WithoutOffset(samples[i]);
  written.store(index, std::memory_order_release);
}

int main() {
  tflite::InitializeTarget();
  static AersutOpResolver resolver;
  if (AersutAddOperators(resolver) != kTfLiteOk) return 1;
  static tflite::MicroInterpreter frontend(tflite::GetModel(aersut_frontend), resolver, frontend_arena,
                                           sizeof(frontend_arena));
  static tflite::MicroInterpreter classifier(tflite::GetModel(aersut_classifier), resolver, classifier_arena,
                                             sizeof(classifier_arena));
  if (frontend.AllocateTensors() != kTfLiteOk || classifier.AllocateTensors() != kTfLiteOk) return 1;
  if (!SelfTest(frontend, classifier)) {
    MicroPrintf("self-test failed: a model does not run, or its output differs from test_vectors.h");
    return 1;
  }

  ClearState();
  StartMicrophone();
  while (true) {
    const int16_t* samples = NextFrame();
    if (samples == nullptr) continue;  // a low-power board sleeps here until the next interrupt
    const int8_t* frame = Extract(frontend, samples);
    if (frame == nullptr) return 1;
    memcpy(frame_ring + frames % AERSUT_FRAMES * AERSUT_CHANNELS, frame, AERSUT_CHANNELS);
    ++frames;
    if (frames >= AERSUT_FRAMES && (frames - AERSUT_FRAMES) % kStride == 0) {
      if (!Classify(classifier)) return 1;
      PrintEmotion();
    }
  }
}
