"""The code in docs/plugins.md runs."""

import re
import sys
from pathlib import Path

import pytest

import aersut
from aersut.registry import AUGMENTERS, CONDITIONS, FEATURES

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The Python files of docs/plugins.md, on the Python path."""
    text = (DOCS / "plugins.md").read_text(encoding="utf-8")
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        name = code.split("\n", 1)[0].removeprefix("# ")
        assert name.endswith(".py")
        (tmp_path / name).write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for registry in (FEATURES, AUGMENTERS, CONDITIONS):
        registry.names()
        monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))
    for name in ("my_features", "my_augmenters", "my_conditions", "test_mine"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_the_templates_keep_their_contracts(files):
    import my_features
    import test_mine

    [parametrized] = test_mine.test_band_energy.pytestmark
    for check in parametrized.args[1]:
        test_mine.test_band_energy(check)
    test_mine.test_the_others()

    with pytest.raises(ValueError, match="bands must be at least 1, got 0"):
        my_features.BandEnergy(bands=0)


def test_the_experiment_template_has_the_feature(files, monkeypatch):
    monkeypatch.chdir(files)
    assert type(aersut.load_experiment("my_experiment.py").features[-1]).__name__ == "BandEnergy"


def test_the_feature_template_is_found_by_the_command_line(files, launch):
    ran = launch(
        "--mode=show", "--experiment=quickstart", f"--experiment.plugins={files / 'my_features.py'}",
        "--experiment.features=band_energy", "--experiment.features.0.bands=0", "--clip=none.wav",
    )  # fmt: skip
    assert ran.status == 2
    assert "experiment.features.0: bands must be at least 1, got 0" in ran.err
