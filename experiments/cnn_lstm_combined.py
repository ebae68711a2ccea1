r"""The CNN-LSTM of the AERSUT paper on RAVDESS and CREMA-D (`aersut.presets.paper_experiment`).

The paper reports 72 % accuracy on a random split that leaks. Here the split is speaker-independent; results on
unseen speakers are lower.

Expected, on RAVDESS speech of 18 actors with a learning rate of 3e-4 and 40 epochs, mean over 3 seeds: test
accuracy 0.787 ± 0.017 on the paper's split, UAR 0.513 ± 0.022 on unseen speakers. As it is, on both corpora: UAR 0.501
on unseen speakers (one seed).
Runtime of these runs: about 2 s an epoch on one core.

    python launch.py --experiment=cnn_lstm_combined
    python launch.py --experiment=cnn_lstm_combined --experiment.data.corpora=ravdess --experiment.data.root=FOLDER \
        --experiment.optimizer.learning_rate=3e-4 --experiment.epochs=40
"""

from aersut.config import Experiment
from aersut.models import CNNLSTM
from aersut.presets import paper_experiment


def get_config() -> Experiment:
    return paper_experiment(CNNLSTM(filters=(256, 128, 64), kernels=(5, 3, 3), units=(128, 64), dense=64, dropout=0.5))
