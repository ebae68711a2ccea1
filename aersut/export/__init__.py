"""Export of a run: TensorFlow Lite files, firmware and model card, verified and written as one bundle."""
