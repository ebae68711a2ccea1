r"""A small residual temporal network, 56 KB as int8, for RAVDESS and CREMA-D, whatever the gain of the microphone.

Recipe: that of `tiny_speech`, with the same teacher. The network is that of `micro_ravdess` behind a convolution over
frames and bands. docs/joint.md has the ablation study and all results.

Expected, with the split below and seed 0, int8: UAR 0.603 on ten unseen speakers, 0.648 on those of RAVDESS, 0.563 on
those of CREMA-D; stress mean 0.575. On the 21 test speakers of fold 0 of `combined5` (no keys of the split): UAR
0.636, 0.688 and 0.581; stress mean 0.596. docs/joint.md says why both are optimistic.
Runtime: about 16 minutes on 2 cores, and 25 for the teacher, which `tiny_speech` shares.

    python launch.py --experiment=micro_speech --experiment.data.root=FOLDER --experiment.data.protocol=speaker \
        --experiment.data.test=0.1 --experiment.data.validation=0.05
    python launch.py --mode=evaluate --workdir=RUN --model=RUN/export/model_int8.tflite --stress
"""

from dataclasses import replace

from aersut.config import Experiment
from aersut.presets import RESIDUAL_NETWORK, SPEECH_TEACHER, speech_recipe


def get_config() -> Experiment:
    return speech_recipe(replace(RESIDUAL_NETWORK, bands=4), teacher=SPEECH_TEACHER)
