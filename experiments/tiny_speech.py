"""A residual temporal network for RAVDESS and CREMA-D that does not depend on the gain of the microphone."""

from aersut.config import Experiment
from aersut.presets import WIDE_ENSEMBLE, WIDE_NETWORK, speech_recipe


def get_config() -> Experiment:
    return speech_recipe(WIDE_NETWORK, teacher=WIDE_ENSEMBLE)
