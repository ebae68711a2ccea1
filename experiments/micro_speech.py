"""A small residual temporal network for RAVDESS and CREMA-D that does not depend on the gain of the microphone."""

from aersut.config import Experiment
from aersut.presets import RESIDUAL_NETWORK, WIDE_ENSEMBLE, speech_recipe


def get_config() -> Experiment:
    return speech_recipe(RESIDUAL_NETWORK, teacher=WIDE_ENSEMBLE)
