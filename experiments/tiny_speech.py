r"""A residual temporal network, 225 KB as int8, for RAVDESS and CREMA-D, whatever the gain of the microphone.

Recipe: `aersut.presets.speech_recipe`, with knowledge distillation. The network has two residual blocks, which follow a
convolution over frames and bands, and attentive statistics pooling. Its teacher is an ensemble of two larger networks
that learn from soft labels of a pretrained encoder (`pip install 'aersut[teachers]'`). docs/joint.md has the ablation
study.

Expected, with the split below and seed 0, int8: UAR 0.662 on ten unseen speakers, 0.688 on those of RAVDESS, 0.656 on
those of CREMA-D; stress mean 0.624. On the 21 test speakers of fold 0 of `combined5` (no keys of the split): UAR
0.675, 0.728 and 0.619; stress mean 0.646. docs/joint.md says why both are optimistic.
Runtime: about 45 minutes on 2 cores, 25 of them for the teacher, which `micro_speech` shares.

    python launch.py --experiment=tiny_speech --experiment.data.root=FOLDER --experiment.data.protocol=speaker \
        --experiment.data.test=0.1 --experiment.data.validation=0.05
    python launch.py --mode=evaluate --workdir=RUN --model=RUN/export/model_int8.tflite --stress
"""

from aersut.config import Experiment
from aersut.presets import SPEECH_TEACHER, WIDE_NETWORK, speech_recipe


def get_config() -> Experiment:
    return speech_recipe(WIDE_NETWORK, teacher=SPEECH_TEACHER)
