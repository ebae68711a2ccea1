"""Which feature is to blame where TensorFlow Lite lacks an operator."""

import re
from collections.abc import Callable

from aersut.contracts import Feature
from aersut.errors import UserError
from aersut.registry import FEATURES


def each_convertible(features: tuple[Feature, ...], convert_some: Callable[[tuple[Feature, ...]], bytes]) -> bytes:
    """The file of all features; where there can be none, the one that is to blame is named.

    Raises:
        UserError: a feature is made of an operator that TensorFlow Lite lacks.
    """
    from tensorflow.lite.python.convert_phase import ConverterError

    try:
        return convert_some(features)
    except (ConverterError, UserError):
        for feature in features:
            try:
                convert_some((feature,))
            except (ConverterError, UserError) as error:
                operator = re.search(r"(?<=')[\w.]+(?=' op)|STABLEHLO_\w+", str(error))
                raise UserError(
                    f"feature '{FEATURES.name_of(feature)}' is made of an operator that TensorFlow Lite lacks"
                    f"{f' ({operator[0]})' if operator else ''}, so that no file can compute it from samples. "
                    "Feed model_*.tflite with features that you compute, or train without it."
                ) from None
        raise
