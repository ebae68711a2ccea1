r"""Fine-tuning of the head of `micro_speech` on your own recordings, which `input/manifest.csv` lists.

Network, features and scaling come with the weights. The last epoch is used, since few speakers are in the validation
set. docs/fine_tuning.md has the measured effect by the number of training speakers, and compares it with a training of
all weights.

Expected: about three points of UAR more than `micro_speech` under a simulated reverberation that its training set does
not contain, none on recordings like RAVDESS and CREMA-D.
Runtime: the training takes less than a minute for 600 clips on 2 cores; evaluation, stress conditions and export take
1 to 3 minutes more (`--mode=train` omits them).

    python launch.py --experiment=fine_tune --experiment.data.root=FOLDER
    python launch.py --experiment=fine_tune --experiment.data.root=FOLDER --experiment.init.trainable=all \
        --experiment.optimizer.learning_rate=1e-4
    python launch.py --experiment=fine_tune --experiment.data.root=FOLDER --init=tiny_speech
"""

from aersut.config import Data, Experiment, Init, Loss
from aersut.corpora import Manifest
from aersut.presets import RESIDUAL_NETWORK, speech_recipe
from aersut.training.optimizers import AdamW


def get_config() -> Experiment:
    return Experiment(
        data=Data(corpora=(Manifest(),), protocol="speaker"),
        init=Init("micro_speech", trainable="head"),
        augment=speech_recipe(RESIDUAL_NETWORK).augment,
        optimizer=AdamW(learning_rate=5e-4, schedule="cosine", warmup=0.05, weight_decay=0.02),
        loss=Loss(label_smoothing=0.1),
        ema=0.99,
        epochs=30,
        select="last",
    )
