// SPDX-License-Identifier: MIT
// The model functions of aersut_model.h in TensorFlow Lite Micro.
//
// It works on bare metal: no object with a constructor or a destructor is static, since such objects need guards,
// __dso_handle and atexit().

#include <string.h>

#include "aersut_model.h"
#include "op_resolver.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace {

alignas(16) uint8_t frontend_arena[AERSUT_FRONTEND_ARENA];
alignas(16) uint8_t classifier_arena[AERSUT_CLASSIFIER_ARENA];

struct Models {
  Models()
      : frontend(tflite::GetModel(aersut_frontend), operators, frontend_arena, sizeof(frontend_arena)),
        classifier(tflite::GetModel(aersut_classifier), operators, classifier_arena, sizeof(classifier_arena)) {}

  bool Prepare() {
    return AersutAddOperators(operators) == kTfLiteOk && frontend.AllocateTensors() == kTfLiteOk &&
           classifier.AllocateTensors() == kTfLiteOk;
  }

  void* operator new(size_t, void* at) { return at; }  // as in <new>, which a bare-metal toolchain may lack

  AersutOpResolver operators;
  tflite::MicroInterpreter frontend;
  tflite::MicroInterpreter classifier;
};

alignas(Models) uint8_t memory[sizeof(Models)];
Models* models = nullptr;
bool ok = false;

// Copies `count` values to the first input tensor, runs the model and copies its first output.
template <typename Value>
void Run(tflite::MicroInterpreter& model, const Value* input, int count, int8_t* output, int outputs) {
  memcpy(model.typed_input_tensor<Value>(0), input, count * sizeof(Value));
  ok = model.Invoke() == kTfLiteOk;
  if (ok) memcpy(output, model.typed_output_tensor<int8_t>(0), outputs);
}

}  // namespace

extern "C" bool aersut_models_ok(void) {
  if (models == nullptr) {
    models = new (memory) Models();
    ok = models->Prepare();
  }
  return ok;
}

// The state is kept outside the tensor arena, whose tensors share memory.
#if AERSUT_STATE > 0
extern "C" void aersut_run_frontend(const int16_t* samples, const float* state, int8_t* frame, float* next_state,
                                    void*) {
  if (!aersut_models_ok()) return;
  memcpy(models->frontend.typed_input_tensor<float>(1), state, AERSUT_STATE * sizeof(float));
  Run(models->frontend, samples, 1 + AERSUT_FRAME_LENGTH, frame, AERSUT_CHANNELS);
  memcpy(next_state, models->frontend.typed_output_tensor<float>(1), AERSUT_STATE * sizeof(float));
}
#else
extern "C" void aersut_run_frontend(const int16_t* samples, int8_t* frame, void*) {
  if (aersut_models_ok()) Run(models->frontend, samples, 1 + AERSUT_FRAME_LENGTH, frame, AERSUT_CHANNELS);
}
#endif

extern "C" void aersut_run_classifier(int8_t* probabilities, void* arena) {
  memset(probabilities, AERSUT_OUTPUT_ZERO_POINT, AERSUT_CLASSES);  // which they remain if the model does not run
  if (!aersut_models_ok()) return;
  const int8_t* window = static_cast<const int8_t*>(arena) + AERSUT_WINDOW;
  Run(models->classifier, window, AERSUT_FRAMES * AERSUT_CHANNELS, probabilities, AERSUT_CLASSES);
}
