"""A small residual temporal network, 56 KB as int8, for RAVDESS and CREMA-D, whatever the gain of the microphone.

Recipe: that of `tiny_speech`, with the same teacher and the network of `micro_ravdess`. docs/joint.md has the ablation
study and all results.

Expected, on fold 0 of combined5 with seed 0, int8: UAR 0.632 on unseen speakers, 0.666 on those of RAVDESS and 0.569 on
those of CREMA-D; stress mean 0.600 (with a band limit on 20 % of the examples, where the recipe has 40 %).
docs/joint.md says why this is optimistic.
Runtime: about 7 minutes a fold on 2 cores, and 23 for the teacher, which `tiny_speech` shares.

    python launch.py --experiment=micro_speech --experiment.data.root=FOLDER --experiment.data.fold=0
    python launch.py --mode=evaluate --workdir=RUN --model=RUN/export/model_int8.tflite --stress
"""

from aersut.config import Experiment
from aersut.presets import LARGE_ENSEMBLE, RESIDUAL_NETWORK, speech_recipe


def get_config() -> Experiment:
    return speech_recipe(RESIDUAL_NETWORK, teacher=LARGE_ENSEMBLE)
