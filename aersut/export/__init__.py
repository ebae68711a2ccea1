"""Export to TensorFlow Lite. TensorFlow is imported in this package only."""
