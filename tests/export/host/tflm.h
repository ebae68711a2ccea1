// The declarations of TensorFlow Lite Micro that the firmware uses, to compile it without its sources. Names and types
// are those of its headers.
#ifndef AERSUT_TESTS_TFLM_H_
#define AERSUT_TESTS_TFLM_H_

#include <stddef.h>
#include <stdint.h>

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };

#define TF_LITE_ENSURE_STATUS(a)          \
  do {                                    \
    const TfLiteStatus s = (a);           \
    if (s != kTfLiteOk) return s;         \
  } while (0)

void MicroPrintf(const char* format, ...);

namespace tflite {

struct Model;
const Model* GetModel(const void* data);
void InitializeTarget();

class MicroOpResolver {
 public:
  virtual ~MicroOpResolver() {}

 private:
  void operator delete(void*) {}
};

template <unsigned int tOpCount>
class MicroMutableOpResolver : public MicroOpResolver {
 public:
#define ADD(name) \
  TfLiteStatus name() { return ++count_ <= tOpCount ? kTfLiteOk : kTfLiteError; }
  ADD(AddAbs) ADD(AddAdd) ADD(AddAveragePool2D) ADD(AddBatchMatMul) ADD(AddCast) ADD(AddConcatenation) ADD(AddConv2D)
  ADD(AddDepthwiseConv2D) ADD(AddDequantize) ADD(AddDiv) ADD(AddExp) ADD(AddExpandDims) ADD(AddFullyConnected)
  ADD(AddGreater) ADD(AddLess) ADD(AddLog) ADD(AddLogistic) ADD(AddMaxPool2D) ADD(AddMaximum) ADD(AddMean)
  ADD(AddMinimum) ADD(AddMul) ADD(AddNeg) ADD(AddNotEqual) ADD(AddPad) ADD(AddPadV2) ADD(AddQuantize)
  ADD(AddReduceMax) ADD(AddRelu) ADD(AddReshape) ADD(AddRsqrt) ADD(AddSelectV2) ADD(AddSlice) ADD(AddSoftmax)
  ADD(AddSqrt) ADD(AddSquare) ADD(AddSquaredDifference) ADD(AddSqueeze) ADD(AddStridedSlice) ADD(AddSub) ADD(AddSum)
  ADD(AddTanh) ADD(AddTranspose) ADD(AddUnidirectionalSequenceLSTM)
#undef ADD
 private:
  void operator delete(void*) {}
  unsigned int count_ = 0;
};

class MicroInterpreter {
 public:
  MicroInterpreter(const Model* model, const MicroOpResolver& op_resolver, uint8_t* tensor_arena,
                   size_t tensor_arena_size);
  ~MicroInterpreter();
  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  template <class T>
  T* typed_input_tensor(int index) {
    return reinterpret_cast<T*>(index == 0 ? input_ : input_state_);
  }
  template <class T>
  T* typed_output_tensor(int index) {
    return reinterpret_cast<T*>(index == 0 ? output_ : output_state_);
  }

 private:
  const Model* model_;
  uint8_t* input_;
  uint8_t* output_;
  uint8_t* input_state_;
  uint8_t* output_state_;
};

}  // namespace tflite

#endif  // AERSUT_TESTS_TFLM_H_
