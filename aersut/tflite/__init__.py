"""TensorFlow Lite files: content, graph edits, and the interpreters LiteRT and TensorFlow Lite Micro."""
