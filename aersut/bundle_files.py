"""Names of files in an exported bundle that several packages read."""


def classifier_file(number_format: str) -> str:
    """The name of the classifier in a number format."""
    return f"model_{number_format}.tflite"


CLASSIFIER = classifier_file("int8")
RING = "ring_int8.tflite"
"""The classifier of a stream whose features are of several frames."""
FRONTEND = "frontend.tflite"
EXPORT = "export.json"
"""Results of the export."""
CARD = "model_card.md"
LABELS = "labels.txt"
