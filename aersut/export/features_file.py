"""`features.tflite`: samples of a window in, scaled features out, in float32 for LiteRT."""

from jaxtyping import Array, Float

from aersut.contracts import Feature
from aersut.errors import UserError
from aersut.export.blame import each_convertible
from aersut.export.bridge import to_tflite
from aersut.export.products import Products, beside
from aersut.features.frontend import Frontend
from aersut.features.signal import Signal
from aersut.registry import FEATURES


def features_file(frontend: Frontend) -> bytes:
    """A .tflite file of one window of samples f32[1, samples] in [-1, 1] to scaled features f32[1, frames, channels].

    Raises:
        UserError: a feature runs on the host, or is made of an operator that TensorFlow Lite lacks.
    """
    refuse_host(frontend.features)
    framing = frontend.framing
    # LiteRT's RFFT2D takes powers of two
    kind: type[Signal] = Signal if framing.frame_length.bit_count() == 1 else Products

    def some(features: tuple[Feature, ...]) -> bytes:
        chosen = frontend.only(features)

        def features_of(samples: Float[Array, "1 samples"]) -> Float[Array, "1 frames channels"]:
            return chosen.scaled(beside(kind(samples[0], framing), features))[None]

        return to_tflite(features_of, [(1, framing.samples)])

    return each_convertible(frontend.features, some)


def refuse_host(features: tuple[Feature, ...]) -> None:
    """Raise `UserError` where a feature runs outside JAX, so that no file can hold it."""
    for feature in features:
        if feature.host:
            raise UserError(
                f"feature '{FEATURES.name_of(feature)}' runs on the host, so that no file can compute it from samples. "
                "Feed model_*.tflite with features that you compute, or train without it."
            )
