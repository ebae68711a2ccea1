"""The paper's CNN-LSTM on RAVDESS and CREMA-D.

AERSUT, "Automatic Emotion Recognition System Using TinyML": 13 MFCCs with pre-emphasis × 130 frames of 3 s at 22,050
Hz, two augmented copies of each training clip, 120 epochs of batch 32 with Adam at 1e-5. The paper reports 72 %
accuracy on a random split that puts copies of test clips into the training part; here no speaker is in two parts,
which is harder, and `--experiment.data.protocol=paper` gives the paper's split with a warning that it leaks.

Expected, on RAVDESS speech of 18 actors with the learning rate at 3e-4 and 40 epochs, over 3 seeds: test
accuracy 0.787 ± 0.017 on the paper's split, UAR 0.513 ± 0.022 on unheard speakers.
Runtime: about 3 s an epoch on those on 2 cores.

    python launch.py --experiment=cnn_lstm_combined
    python launch.py --experiment=cnn_lstm_combined --experiment.data.corpora=ravdess --experiment.data.root=FOLDER
"""

from aersut.augment import Noise, PitchShift, TimeShift, TimeStretch
from aersut.config import Data, Experiment
from aersut.contracts import Framing
from aersut.corpora import CremaD, Ravdess
from aersut.features import MFCC
from aersut.models import CNNLSTM
from aersut.training.optimizers import Adam


def get_config() -> Experiment:
    return Experiment(
        data=Data(corpora=(Ravdess(), CremaD()), root="input", protocol="speaker"),
        framing=Framing(sample_rate=22_050, seconds=3.0, frame_length=2048, hop_length=512),
        features=(MFCC(n_mfcc=13, pre_emphasis=0.97),),
        augment=(Noise(probability=1.0), TimeStretch(), PitchShift(), TimeShift()),
        augmented_copies=2,
        model=CNNLSTM(filters=(256, 128, 64), kernels=(5, 3, 3), units=(128, 64), dense=64, dropout=0.5),
        optimizer=Adam(learning_rate=1e-5),
        epochs=120,
        batch_size=32,
    )
