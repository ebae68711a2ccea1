"""A sweep of the learning rate: seven values from 1e-5 to 1e-2, each with three seeds.

python launch.py --experiment=cnn_lstm_combined --mode=sweep --sweep=experiments/sweeps/learning_rate.py
"""

from aersut.sweep.plan import Sweep


def get_sweep() -> Sweep:
    return Sweep(space={"optimizer.learning_rate": "1e-5:1e-2:log:7"}, seeds=(0, 1, 2))
