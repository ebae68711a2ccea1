"""The learning-rate range test: one short training under a rising rate says which rates are worth a sweep.

Smith, "Cyclical Learning Rates for Training Neural Networks" (2017), with the exponential rise and the smoothed loss
that became usual.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
import optax
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from aersut import run as runs
from aersut.config import Experiment
from aersut.errors import UserError
from aersut.registry import OPTIMIZERS
from aersut.training.devices import Devices
from aersut.training.loop import batches_of, steps_per_epoch, weights_of_classes
from aersut.training.optimizers import Scheduled
from aersut.training.state import create
from aersut.training.step import make_train_step

LOW, HIGH, STEPS = 1e-7, 10.0, 300
WIDTH = 8
"""Deviation, in steps, of the Gaussian that smooths the losses: a quarter of a decade."""
FALLEN = 0.1
"""The suggested range begins where the smoothed loss has fallen by this share of all that it falls."""
DIVERGED = 4.0
"""The test ends where the loss is so many times its first."""
NOTHING = 0.02
"""A loss that falls by less than this share does not fall."""


@dataclass(frozen=True)
class RangeTest:
    """What a test measured.

    Attributes:
        rates: the learning rate of each step.
        losses: the training loss of each step, in nats.
        smooth: the same, averaged over the steps around.
        suggested: the range worth a sweep: from where the loss has begun to fall to where it is lowest.
        steepest: the rate at which it falls fastest, a fair constant rate.
    """

    rates: Float[np.ndarray, " steps"]
    losses: Float[np.ndarray, " steps"]
    smooth: Float[np.ndarray, " steps"]
    suggested: tuple[float, float]
    steepest: float


def range_test(experiment: Experiment) -> RangeTest:
    """Train for 300 steps, or until the loss diverges, under a rate that rises from 1e-7 to 10; nothing is kept.

    What has a teacher learns from the labels here, since a teacher takes longer than the test.

    Raises:
        UserError: the experiment cannot be trained, its optimizer takes no schedule, or its loss does not fall.
    """
    optimizer = _rising(experiment)
    with tempfile.TemporaryDirectory() as folder:
        run = runs.start(experiment, Path(folder) / "run")
        prepared = runs.prepare(run)
        steps_per_epoch(run, prepared)
        devices = Devices(experiment.batch_size)
        graphs, state = create(runs.build_network(experiment, prepared.frontend), optimizer)
        state = devices.everywhere(state)
        key = jax.random.fold_in(jax.random.key(experiment.seed), 1)
        weights = weights_of_classes(run, prepared)
        step = make_train_step(
            graphs, optimizer, prepared.frontend, key, experiment.loss, weights, precision=experiment.precision
        )
        losses: list[float] = []
        for batch in map(devices.divided, batches_of(run, prepared)):
            state, figures = step(state, batch)
            losses.append(float(figures["loss"]))
            recent = np.median(losses[-WIDTH:])
            if len(losses) == STEPS or not recent < DIVERGED * losses[0]:
                break
    finite = np.isfinite(losses)
    return judged(np.geomspace(LOW, HIGH, STEPS)[: len(losses)][finite], np.array(losses)[finite])


def judged(rates: Float[np.ndarray, " steps"], losses: Float[np.ndarray, " steps"]) -> RangeTest:
    """What losses under rising rates say.

    Raises:
        UserError: they do not fall.
    """
    before = float(np.median(losses[: STEPS // 8]))  # the first decade, in which nothing is learned yet
    smooth = gaussian_filter1d(np.minimum(losses, 2 * before), WIDTH, mode="nearest")
    lowest = int(np.argmin(smooth))
    fall = before - smooth[lowest]
    if fall < NOTHING * before:
        raise UserError(
            f"the training loss does not fall under any learning rate from {LOW:g} to {HIGH:g}: the network, the "
            "features or the labels are at fault, not the rate."
        )
    above = np.flatnonzero(smooth[:lowest] > before - FALLEN * fall)
    begin = int(above[-1]) + 1 if len(above) else 0
    steepest = begin + int(np.argmin(np.gradient(smooth[begin : lowest + 2])))
    return RangeTest(rates, losses, smooth, (float(rates[begin]), float(rates[lowest])), float(rates[steepest]))


def _rising(experiment: Experiment) -> optax.GradientTransformation:
    """The experiment's optimizer under a rate that rises from 1e-7 to 10, each decade in as many steps.

    Raises:
        UserError: it takes no schedule.
    """
    optimizer = experiment.optimizer
    if not isinstance(optimizer, Scheduled):
        raise UserError(
            f"optimizer '{OPTIMIZERS.name_of(optimizer)}' takes no schedule, so that its rate cannot rise: the range "
            "test needs one that derives from aersut.training.optimizers.Scheduled."
        )
    parts = [optimizer.rule(optax.exponential_decay(LOW, STEPS - 1, HIGH / LOW))]
    if optimizer.clip_norm is not None:
        parts.insert(0, optax.clip_by_global_norm(optimizer.clip_norm))
    return optax.chain(*parts)
