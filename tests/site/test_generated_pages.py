"""The generated pages of the site: they follow the registries, the flags and the configuration."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from aersut.augment import Example
from aersut.commands import COMMANDS
from aersut.config import Experiment
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS, FEATURES, MODELS

GENERATE = Path(__file__).parents[2] / "docs" / "generate"


@pytest.fixture(autouse=True)
def generate(monkeypatch):
    monkeypatch.syspath_prepend(GENERATE)
    yield
    for name in ("demonstrations", "docstrings", "plugin_pages", "reference_pages"):
        sys.modules.pop(name, None)


def test_the_page_of_a_plugin_has_its_fields_picture_and_sounds(tmp_path):
    from plugin_pages import plugin_page

    @AUGMENTERS.register("halved")
    @dataclasses.dataclass(frozen=True)
    class Halved(Augmenter):
        """Half the level.

        Attributes:
            factor: of the samples.
        """

        factor: float = 0.5

        def __call__(self, key, example: Example) -> Example:
            return dataclasses.replace(example, values=example.values * self.factor)

    page = plugin_page(AUGMENTERS, "halved", tmp_path)
    assert page.text.startswith("# `halved`\n\nHalf the level.\n")
    assert "| `factor` | `float` | `0.5` | of the samples. |" in page.text
    assert "--experiment.augment=halved" in page.text
    assert 'src="voice.wav"' in page.text
    assert 'src="halved.wav"' in page.text
    before, after = (
        np.frombuffer(page.sounds[name][44:], np.int16).astype(int) for name in ("voice.wav", "halved.wav")
    )
    assert np.abs(2 * after - before).max() <= 2
    [(key, svg)] = page.pictures.items()
    assert f'data-picture="{key}"' in page.text
    assert 'aria-label="Waveform and log-mel spectrogram of a synthetic voice before and after halved"' in svg
    assert "currentColor" in svg


def test_every_field_of_log_mel_has_a_meaning_and_a_type_without_a_backslash(tmp_path):
    from plugin_pages import plugin_page

    text = plugin_page(FEATURES, "log_mel", tmp_path).text
    assert "| `fmax` | `float | None` | `None` | lowest and highest band edge in Hz; None is half" in text
    assert "| `n_mels` | `int` | `64` | number of mel bands. |" in text


@pytest.mark.parametrize(
    ("name", "streams"), [("zcr", "yes"), ("rasta", "yes, with a state"), ("relative", "no: it depends on the whole")]
)
def test_a_feature_states_whether_it_streams(name, streams, tmp_path):
    from plugin_pages import plugin_page

    page = plugin_page(FEATURES, name, tmp_path)
    assert f"| streaming | {streams}" in page.text
    assert "ms per window" in page.text


def test_a_model_has_its_cost(tmp_path):
    from plugin_pages import plugin_page

    from aersut.models.cost import REFERENCE_SIZE, cost

    assert (
        f"| parameters | {cost(MODELS['cnn'](), *REFERENCE_SIZE).parameters:,} |"
        in plugin_page(MODELS, "cnn", tmp_path).text
    )


def test_a_sound_of_a_spectrogram_has_about_this_spectrogram():
    import demonstrations as show

    rows = show.log_mel(show.voice())
    first, second = show.sounds(rows, rows - 6)
    assert 20 * np.log10(np.std(first) / np.std(second)) == pytest.approx(6, abs=0.5)
    again = show.log_mel(first)[: len(rows)]
    loud = rows[: len(again)] > rows.max() - 30
    assert np.corrcoef(again[loud], rows[: len(again)][loud])[0, 1] > 0.8


def test_every_flag_and_key_has_a_row():
    from reference_pages import command_line, configuration

    pages = command_line(), configuration()
    for command in COMMANDS.values():
        for flag in command.flags:
            assert f"| `--{flag}" in pages[0], flag
    for field in dataclasses.fields(Experiment):
        assert f"| `{field.name}` |" in pages[1], field.name
    assert "| `data.trim_db` | `float | None` | `40.0` | trims leading" in pages[1]
    assert "| `select` | `best`, `last` | `best` |" in pages[1]
