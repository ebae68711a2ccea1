"""The learning-rate range test: what it suggests, and where it cannot."""

import numpy as np
import pytest

from aersut.errors import UserError
from aersut.sweep.lr_range import HIGH, LOW, STEPS, judged

RATES = np.geomspace(LOW, HIGH, STEPS)


def losses_that_fall(begin, lowest):
    """2 nats before `begin`, falling evenly over the decades to 1 at `lowest`, and rising at once behind it."""
    place = (np.log(RATES) - np.log(begin)) / (np.log(lowest) - np.log(begin))
    return np.where(place < 1, 2 - np.clip(place, 0, 1), 1 + 3 * (place - 1))


def test_the_range_goes_from_where_the_loss_falls_to_where_it_is_lowest():
    noise = np.random.default_rng(0).normal(0, 0.05, STEPS)
    found = judged(RATES, losses_that_fall(1e-5, 1e-2) + noise)
    low, high = found.suggested
    assert 1e-5 < low < 5e-5, "a tenth of the fall"
    assert 5e-3 < high < 2e-2
    assert low < found.steepest < high


def test_losses_that_diverge_do_not_hide_the_fall():
    losses = losses_that_fall(1e-5, 1e-3)
    losses[RATES > 1e-1] = 1e6
    assert judged(RATES, losses).suggested[1] == pytest.approx(1e-3, rel=0.5)


def test_a_loss_that_does_not_fall_is_nobodys_rate():
    with pytest.raises(UserError, match="does not fall under any learning rate"):
        judged(RATES, np.full(STEPS, 2.0) + np.random.default_rng(0).normal(0, 0.01, STEPS))


def test_one_short_run_gives_a_picture_and_a_sweep(launch, tiny, tmp_path):
    output = tmp_path / "range.png"
    done = launch("--mode=lr_range", f"--experiment={tiny}", f"--output={output}")
    assert done.status == 0, done.err
    assert output.read_bytes().startswith(b"\x89PNG")
    low, high, log = done.out.partition("--sweep.optimizer.learning_rate=")[2].split()[0].split(":")
    assert 1e-6 < float(low) < float(high) <= 1
    assert log == "log"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("", "which experiment?"),
        ("--experiment=quickstart --output=range.jpg", "expected the name of a .png file"),
        ("--experiment=quickstart --trials=3", "--trials goes with --mode=sweep"),
    ],
)
def test_what_cannot_be_tested_is_named(launch, flags, message):
    outcome = launch("--mode=lr_range", *flags.split())
    assert outcome.status == 2
    assert message in outcome.err
