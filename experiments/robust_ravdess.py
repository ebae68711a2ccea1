"""A small residual temporal network, 56 KB as int8, that does not depend on the gain of the microphone.

Recipe: `aersut.presets.robust_recipe`, with the level relative to the maximum of the window (`relative`) in place of
the level relative to full scale, and with random noise and placement in training. docs/robustness.md compares audio
frontends and augmentation.

Expected, on fold 0 with seed 0: UAR 0.631 on unseen speakers, stress mean 0.605; int8 files on untrimmed recordings, as
on a device: UAR 0.641, stress mean 0.612 (before the correction of `mel_noise` that docs/joint.md describes).
Runtime: about 1.5 minutes a fold on 2 cores, without evaluation.

    python launch.py --experiment=robust_ravdess --experiment.data.root=FOLDER --experiment.data.fold=0
    python launch.py --mode=evaluate --workdir=RUN --model=RUN/export/frontend.tflite --stress
"""

from aersut.config import Experiment
from aersut.presets import RESIDUAL_NETWORK, robust_recipe


def get_config() -> Experiment:
    return robust_recipe(RESIDUAL_NETWORK)
