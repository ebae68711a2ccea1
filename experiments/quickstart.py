"""The quick start: a small CNN on synthetic speech, trained and exported to a .tflite file in about a minute.

The speech is generated (see `aersut/corpora/synthetic.py`). Results on it show that the software works; they do not
apply to real speech.

Expected: UAR about 0.8 on unseen synthetic speakers.
Runtime: about a minute on 2 cores.

    python launch.py --experiment=quickstart
"""

from aersut.augment import Noise, TimeShift
from aersut.config import Data, Experiment
from aersut.contracts import Framing
from aersut.corpora import Synthetic
from aersut.features import MFCC
from aersut.models import CNN
from aersut.training.optimizers import Adam


def get_config() -> Experiment:
    return Experiment(
        data=Data(corpora=(Synthetic(speakers=20, repetitions=4),), protocol="speaker"),
        framing=Framing(sample_rate=16_000, seconds=2.5, frame_length=512, hop_length=320),
        features=(MFCC(n_mfcc=20, n_mels=40, pre_emphasis=0.97),),
        augment=(Noise(), TimeShift()),
        augmented_copies=1,
        model=CNN(filters=(64, 64, 64), kernels=(5, 3, 3), dense=128, dropout=0.5),
        optimizer=Adam(learning_rate=1e-3),
        epochs=20,
        batch_size=32,
    )
