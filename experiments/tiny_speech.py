"""A residual temporal network, 231 KB as int8, for RAVDESS and CREMA-D, whatever the gain of the microphone.

Recipe: `aersut.presets.speech_recipe`, with knowledge distillation. The network has two residual blocks, which follow a
convolution over frames and bands, and attentive statistics pooling. Its teacher is an ensemble of four larger networks
that learn from soft labels of a pretrained encoder (`pip install 'aersut[teachers]'`). docs/joint.md has the ablation
study.

Expected, on fold 0 of combined5 with seed 0, int8: UAR 0.682 on unseen speakers, 0.703 on those of RAVDESS and 0.631 on
those of CREMA-D; stress mean 0.660 (with a band limit on 20 % of the examples, where the recipe has 40 %).
docs/joint.md says why this is optimistic.
Runtime: about 32 minutes a fold on 2 cores, 23 of them for the teacher, which `micro_speech` shares.

    python launch.py --experiment=tiny_speech --experiment.data.root=FOLDER --experiment.data.fold=0
    python launch.py --mode=evaluate --workdir=RUN --model=RUN/export/model_int8.tflite --stress
"""

from aersut.config import Experiment
from aersut.presets import LARGE_ENSEMBLE, WIDE_NETWORK, speech_recipe


def get_config() -> Experiment:
    return speech_recipe(WIDE_NETWORK, teacher=LARGE_ENSEMBLE)
