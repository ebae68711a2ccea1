r"""The CNN of the AERSUT paper on RAVDESS and CREMA-D (`aersut.presets.paper_experiment`).

The paper reports 67 % accuracy on a random split that leaks. Here the split is speaker-independent; results on
unseen speakers are lower.

Expected, on RAVDESS speech of 18 actors with a learning rate of 3e-4 and 40 epochs, mean over 3 seeds: test
accuracy 0.709 ± 0.004 on the paper's split, UAR 0.466 ± 0.012 on unseen speakers. As it is, on both corpora: UAR 0.511
on unseen speakers (int8, one seed).
Runtime of these runs: about 2 s an epoch on one core.

    python launch.py --experiment=cnn_combined
    python launch.py --experiment=cnn_combined --experiment.data.corpora=ravdess --experiment.data.root=FOLDER \
        --experiment.optimizer.learning_rate=3e-4 --experiment.epochs=40
"""

from aersut.config import Experiment
from aersut.models import CNN
from aersut.presets import paper_experiment


def get_config() -> Experiment:
    return paper_experiment(CNN(filters=(256, 128, 64), kernels=(5, 3, 3), dense=1024, dropout=0.5))
