"""An experiment file of a configuration."""

import json

from aersut import experiment
from aersut.registry import FEATURES
from aersut.sweep.source import experiment_file


def test_the_winner_of_plugins_of_ones_own_is_written_with_them(tmp_path, monkeypatch):
    FEATURES.names()
    monkeypatch.setattr(FEATURES, "_plugins", dict(FEATURES._plugins))
    plugin = tmp_path / "peak.py"
    plugin.write_text(
        "from dataclasses import dataclass\n"
        "from aersut.contracts import Feature\n"
        "from aersut.registry import FEATURES\n"
        "@FEATURES.register('peak_in_sweep')\n"
        "@dataclass(frozen=True)\n"
        "class Peak(Feature):\n"
        "    bands: int = 2\n"
        "    channels = 1\n"
        "    def __call__(self, signal):\n"
        "        return signal.frames()[:, :1]\n"
    )
    for name in ("quickstart", "cnn_lstm_combined_features"):
        base = experiment.load(
            name, [("plugins", str(plugin)), ("features", "mfcc,peak_in_sweep"), ("features.1.bands", "3")]
        )
        file = tmp_path / f"{name}.py"
        file.write_text(experiment_file(base, "A test."))
        assert experiment.load(str(file)) == base
    assert json.dumps(str(plugin))[1:-1] in file.read_text()
