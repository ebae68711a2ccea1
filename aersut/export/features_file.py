"""`features.tflite`: window of samples to scaled features, in float32 for LiteRT."""

from jaxtyping import Array, Float

from aersut.contracts import Feature
from aersut.errors import UserError
from aersut.export.convert import convert_features, to_tflite
from aersut.export.matrix_dft import MatrixDFTSignal
from aersut.features.frontend import Frontend
from aersut.features.signal import Signal
from aersut.registry import FEATURES
from aersut.tflite.file import TFLiteFile


def features_file(frontend: Frontend) -> TFLiteFile:
    """Convert the audio frontend of a window: samples f32[1, samples] in [-1, 1] to f32[1, frames, channels].

    Raises:
        UserError: a feature is computed outside JAX, or needs an operator that TensorFlow Lite lacks.
    """
    for feature in frontend.features:
        if feature.host:
            raise UserError(
                f"feature '{FEATURES.name_of(feature)}' is computed outside JAX, so it cannot be exported. "
                "Compute the features yourself for model_*.tflite, or train without this feature."
            )
    framing = frontend.framing
    # LiteRT's RFFT2D takes powers of two
    kind: type[Signal] = Signal if framing.frame_length.bit_count() == 1 else MatrixDFTSignal

    def convert(features: tuple[Feature, ...]) -> TFLiteFile:
        chosen = frontend.only(features)

        def features_of(samples: Float[Array, "1 samples"]) -> Float[Array, "1 frames channels"]:
            return chosen.scaled(kind(samples[0], framing).concatenated(chosen.bases))[None]

        return to_tflite(features_of, [(1, framing.samples)], name="features.tflite")

    return convert_features(frontend.features, convert)
