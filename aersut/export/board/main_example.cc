// From microphone to emotion with TensorFlow Lite Micro.
//
// Samples go into a ring from the microphone's interrupt. As soon as there is a frame of them, frontend.tflite makes it
// features, in the numbers that the classifier takes; the frames of one window are kept in a second ring, and every
// kStride frames the classifier reads them. Its probabilities are smoothed, and an emotion that is likely enough is
// reported.
//
// To port it, write StartMicrophone() for your board, and link TensorFlow Lite Micro and model_data.cc.

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

// What you write: start a microphone of 16 bits, mono, at AERSUT_SAMPLE_RATE, whose interrupt calls OnSamples() with
// each block that it has recorded.
void StartMicrophone();

void OnSamples(const int16_t* samples, int count);

namespace {

constexpr int kStride = AERSUT_FRAMES_PER_SECOND / 2 > 0 ? AERSUT_FRAMES_PER_SECOND / 2 : 1;  // twice a second
constexpr float kSmoothing = 0.4f;   // the share of the latest probabilities; 1 for no smoothing
constexpr float kConfidence = 0.5f;  // what is less likely than that is not reported

alignas(16) uint8_t frontend_arena[AERSUT_FRONTEND_ARENA];
alignas(16) uint8_t classifier_arena[AERSUT_CLASSIFIER_ARENA];

int16_t sample_ring[AERSUT_SAMPLE_RING];
std::atomic<uint32_t> recorded{0};  // samples so far
uint32_t taken = 0;                 // of them, those that frames have been made of

int8_t frame_ring[AERSUT_FRAMES * AERSUT_CHANNELS];
uint32_t frames = 0;  // so far

float smoothed[AERSUT_CLASSES];

// Returns the next frame, AERSUT_FRAME_LENGTH samples and the one before them, or null while it is not complete. The
// first frame may begin with silence, as in training.
const int16_t* NextFrame() {
  constexpr uint32_t kKept = 1 + (AERSUT_FRAME_LENGTH > AERSUT_HOP_LENGTH ? AERSUT_FRAME_LENGTH : AERSUT_HOP_LENGTH);
  static int16_t kept[kKept];
  static uint32_t missing = AERSUT_FIRST_SAMPLES;
  const uint32_t waiting = recorded.load(std::memory_order_acquire) - taken;
  if (waiting < missing) return nullptr;
  if (waiting > AERSUT_SAMPLE_RING) {
    MicroPrintf("too slow: %u samples are lost", static_cast<unsigned>(waiting - missing));
    taken += waiting - missing;
  }
  memmove(kept, kept + missing, (kKept - missing) * sizeof(int16_t));
  for (uint32_t i = kKept - missing; i < kKept; ++i) kept[i] = sample_ring[taken++ % AERSUT_SAMPLE_RING];
  missing = AERSUT_HOP_LENGTH;
  return kept + kKept - (1 + AERSUT_FRAME_LENGTH);
}

// Runs a model on `count` input values; returns its output, or null.
template <typename Value>
const int8_t* Run(tflite::MicroInterpreter& model, const Value* input, int count) {
  memcpy(model.typed_input_tensor<Value>(0), input, count * sizeof(Value));
  return model.Invoke() == kTfLiteOk ? model.typed_output_tensor<int8_t>(0) : nullptr;
}

// Classifies the ring of frames, the oldest first, and updates the smoothed probabilities.
bool Classify(tflite::MicroInterpreter& classifier) {
  static int8_t window[sizeof(frame_ring)];
  const uint32_t oldest = frames % AERSUT_FRAMES * AERSUT_CHANNELS;
  memcpy(window, frame_ring + oldest, sizeof(frame_ring) - oldest);
  memcpy(window + sizeof(frame_ring) - oldest, frame_ring, oldest);
  const int8_t* output = Run(classifier, window, sizeof(window));
  if (output == nullptr) return false;
  const float share = frames == AERSUT_FRAMES ? 1.0f : kSmoothing;  // there is nothing before the first window
  for (int i = 0; i < AERSUT_CLASSES; ++i) {
    const float probability = (output[i] - AERSUT_OUTPUT_ZERO_POINT) * AERSUT_OUTPUT_SCALE;
    smoothed[i] += share * (probability - smoothed[i]);
  }
  return true;
}

void Report() {
  int best = 0;
  for (int i = 1; i < AERSUT_CLASSES; ++i) {
    if (smoothed[i] > smoothed[best]) best = i;
  }
  const int percent = static_cast<int>(100 * smoothed[best] + 0.5f);
  MicroPrintf("%s %d %%", smoothed[best] < kConfidence ? "uncertain" : aersut_labels[best], percent);
}

// Checks that this board gives what it should. Kernels that are optimized for a processor may round differently.
bool Same(const int8_t* found, const int8_t* expected, int count, int most) {
  for (int i = 0; found != nullptr && i < count; ++i) {
    const int difference = found[i] - expected[i];
    if (difference > most || difference < -most) return false;
  }
  return found != nullptr;
}

bool SelfTest(tflite::MicroInterpreter& frontend, tflite::MicroInterpreter& classifier) {
  for (int i = 0; i < AERSUT_TEST_FRAMES; ++i) {
    const int8_t* found = Run(frontend, aersut_test_samples[i], 1 + AERSUT_FRAME_LENGTH);
    if (!Same(found, aersut_test_frames[i], AERSUT_CHANNELS, 1)) return false;
  }
  for (int i = 0; i < AERSUT_TEST_WINDOWS; ++i) {
    const int8_t* found = Run(classifier, aersut_test_windows[i], AERSUT_FRAMES * AERSUT_CHANNELS);
    if (!Same(found, aersut_test_probabilities[i], AERSUT_CLASSES, 6)) return false;
  }
  return true;
}

}  // namespace

void OnSamples(const int16_t* samples, int count) {
  uint32_t place = recorded.load(std::memory_order_relaxed);
  for (int i = 0; i < count; ++i) sample_ring[place++ % AERSUT_SAMPLE_RING] = samples[i];
  recorded.store(place, std::memory_order_release);
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
    MicroPrintf("this board does not give what test_vectors.h expects");
    return 1;
  }

  StartMicrophone();
  while (true) {
    const int16_t* samples = NextFrame();
    if (samples == nullptr) continue;  // a good place to sleep until the next interrupt
    const int8_t* frame = Run(frontend, samples, 1 + AERSUT_FRAME_LENGTH);
    if (frame == nullptr) return 1;
    memcpy(frame_ring + frames % AERSUT_FRAMES * AERSUT_CHANNELS, frame, AERSUT_CHANNELS);
    ++frames;
    if (frames >= AERSUT_FRAMES && (frames - AERSUT_FRAMES) % kStride == 0) {
      if (!Classify(classifier)) return 1;
      Report();
    }
  }
}
