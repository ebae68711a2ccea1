"""The learning-rate range test: the suggested range, and errors."""

import numpy as np
import pytest

from aersut.errors import UserError
from aersut.sweep.lr_range import HIGH, LOW, STEPS, suggest_range

RATES = np.geomspace(LOW, HIGH, STEPS)


def losses_that_fall(begin, lowest):
    """2 nats below `begin`, then falling linearly in the logarithm of the rate to 1 at `lowest`, then rising."""
    place = (np.log(RATES) - np.log(begin)) / (np.log(lowest) - np.log(begin))
    return np.where(place < 1, 2 - np.clip(place, 0, 1), 1 + 3 * (place - 1))


def test_the_range_is_from_the_start_of_the_fall_to_the_lowest_loss():
    noise = np.random.default_rng(0).normal(0, 0.05, STEPS)
    result = suggest_range(RATES, losses_that_fall(1e-5, 1e-2) + noise)
    low, high = result.suggested
    assert 1e-5 < low < 5e-5, "the loss has fallen by a tenth"
    assert 5e-3 < high < 2e-2
    assert low < result.steepest < high


def test_diverging_losses_do_not_hide_the_fall():
    losses = losses_that_fall(1e-5, 1e-3)
    losses[RATES > 1e-1] = 1e6
    assert suggest_range(RATES, losses).suggested[1] == pytest.approx(1e-3, rel=0.5)


def test_a_loss_that_does_not_fall_is_reported():
    with pytest.raises(UserError, match="does not fall at any learning rate"):
        suggest_range(RATES, np.full(STEPS, 2.0) + np.random.default_rng(0).normal(0, 0.01, STEPS))


def test_a_loss_that_is_never_finite_is_reported():
    with pytest.raises(UserError, match="is not finite from the first step on"):
        suggest_range(RATES[:0], RATES[:0])


def test_the_mode_writes_a_plot_and_prints_a_range(launch, tiny, tmp_path):
    output = tmp_path / "range.png"
    output.write_text("mine")
    refused = launch("--mode=lr_range", f"--experiment={tiny}", f"--output={output}")
    assert (refused.status, output.read_text()) == (2, "mine")
    output.unlink()
    done = launch("--mode=lr_range", f"--experiment={tiny}", f"--output={output}")
    assert done.status == 0, done.err
    assert output.read_bytes().startswith(b"\x89PNG")
    low, high, log = done.out.partition("--sweep.optimizer.learning_rate=")[2].split()[0].split(":")
    assert 1e-6 < float(low) < float(high) <= 1
    assert log == "log"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("", "--mode=lr_range needs --experiment=NAME"),
        ("--experiment=quickstart --output=range.jpg", "expected the name of a .png file"),
        ("--experiment=quickstart --trials=3", "--trials goes with --mode=sweep"),
        ("--experiment=quickstart --experiment.optimizer.accumulate=4", "--experiment.batch_size=128"),
    ],
)
def test_invalid_flags_are_refused(launch, flags, message):
    outcome = launch("--mode=lr_range", *flags.split())
    assert outcome.status == 2
    assert message in outcome.err
