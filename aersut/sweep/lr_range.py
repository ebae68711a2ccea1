"""The learning-rate range test: a short training with a rising learning rate shows which rates are worth a sweep.

Smith, "Cyclical Learning Rates for Training Neural Networks" (2017), with an exponential rise and a smoothed loss, as
has become usual.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import optax
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from aersut import run_folder as runs
from aersut.config import Experiment
from aersut.contracts import Optimizer
from aersut.errors import UserError
from aersut.progress import stage
from aersut.registry import OPTIMIZERS
from aersut.training.optimizers import Scheduled
from aersut.training.setup import set_up
from aersut.training.step import make_train_step

LOW, HIGH, STEPS = 1e-7, 10.0, 300
WIDTH = 8
"""Standard deviation, in steps, of the Gaussian that smooths the losses: a quarter of a decade."""
FALLEN = 0.1
"""The suggested range begins where the smoothed loss has fallen by this fraction of its total fall."""
DIVERGED = 4.0
"""The test ends when the loss exceeds its first value by this factor."""
NO_FALL = 0.02
"""A loss that falls by less than this fraction counts as not falling."""


@dataclass(frozen=True)
class RangeTest:
    """The result of a range test.

    Attributes:
        rates: the learning rate of each step.
        losses: the training loss of each step, in nats.
        smooth: the losses, smoothed over adjacent steps.
        suggested: the range worth a sweep, from where the loss begins to fall to where it is lowest.
        steepest: the learning rate at which the loss falls fastest, a good constant rate.
    """

    rates: Float[np.ndarray, " steps"]
    losses: Float[np.ndarray, " steps"]
    smooth: Float[np.ndarray, " steps"]
    suggested: tuple[float, float]
    steepest: float


@dataclass(frozen=True)
class _Rising(Optimizer):
    """The rule of an optimizer under an exponentially rising learning rate."""

    base: Scheduled

    def build(self, steps: int, steps_per_epoch: int) -> optax.GradientTransformation:
        return optax.chain(*self.base.clipped_rule(optax.exponential_decay(LOW, STEPS - 1, HIGH / LOW)))


def range_test(experiment: Experiment) -> RangeTest:
    """Train for 300 steps, or until the loss diverges, while the learning rate rises exponentially from 1e-7 to 10.

    No files are kept. The training is on hard labels, without teacher and encoders, which take longer than the test.

    Raises:
        UserError: the experiment cannot be trained, its optimizer takes no schedule, or its loss does not fall.
    """
    optimizer = experiment.optimizer
    if not isinstance(optimizer, Scheduled):
        raise UserError(
            f"optimizer '{OPTIMIZERS.name_of(optimizer)}' takes no schedule, which the range test needs: use an "
            "optimizer that derives from aersut.training.optimizers.Scheduled."
        )
    if optimizer.accumulate > 1:
        size = experiment.batch_size * optimizer.accumulate
        raise UserError(
            f"the range test updates the weights after each batch, and optimizer.accumulate={optimizer.accumulate} "
            "averages the gradients of several: add --experiment.optimizer.accumulate=1 "
            f"--experiment.batch_size={size}."
        )
    with tempfile.TemporaryDirectory() as folder:
        run = runs.start(replace(experiment, teacher=None, encoders=(), ema=0.0), Path(folder) / "run")
        setup = set_up(run, _Rising(optimizer))
        state = setup.initial_state()
        step = make_train_step(setup)
        losses: list[float] = []
        batches = map(setup.devices.shard, setup.batches())
        with stage("compiling the training step"):
            state, metrics = step(state, next(batches))
            losses.append(float(metrics["loss"]))
        with stage(f"training {STEPS} steps", STEPS, 1) as shown:
            for batch in batches:
                state, metrics = step(state, batch)
                losses.append(float(metrics["loss"]))
                shown.update()
                recent = np.median(losses[-WIDTH:])
                if len(losses) == STEPS or not recent < DIVERGED * losses[0]:
                    break
    finite = np.isfinite(losses)
    return suggest_range(np.geomspace(LOW, HIGH, STEPS)[: len(losses)][finite], np.array(losses)[finite])


def suggest_range(rates: Float[np.ndarray, " steps"], losses: Float[np.ndarray, " steps"]) -> RangeTest:
    """Smooth the losses of rising learning rates, and suggest a range; `UserError` if the loss does not fall."""
    if not len(losses):
        raise UserError("the training loss is not finite from the first step on. Check the features and the network.")
    initial = float(np.median(losses[: STEPS // 8]))  # over the first decade, whose rates are too low to train
    smooth = gaussian_filter1d(np.minimum(losses, 2 * initial), WIDTH, mode="nearest")
    lowest = int(np.argmin(smooth))
    fall = initial - smooth[lowest]
    if fall < NO_FALL * initial:
        raise UserError(
            f"the training loss does not fall at any learning rate from {LOW:g} to {HIGH:g}. Check the network, the "
            "features and the labels."
        )
    above = np.flatnonzero(smooth[:lowest] > initial - FALLEN * fall)
    begin = int(above[-1]) + 1 if len(above) else 0
    steepest = begin + int(np.argmin(np.gradient(smooth[begin : lowest + 2])))
    return RangeTest(rates, losses, smooth, (float(rates[begin]), float(rates[lowest])), float(rates[steepest]))
