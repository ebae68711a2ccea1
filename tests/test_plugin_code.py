"""The record of the code of plugins, and of the files that they read, in a run."""

import importlib.util
import sys

import numpy as np
import pytest
import soundfile

import aersut
from aersut import plugin_code
from aersut.augment import Background, Codec
from aersut.corpora import Ravdess
from aersut.errors import UserError
from aersut.features import MFCC
from aersut.plugin_code import code_digest, dependencies

PLUGIN = '''"""My features."""
from dataclasses import dataclass

import jax.numpy as jnp

from aersut.contracts import Feature


@dataclass
class Helper:
    factor: float = 2.0


def scaled(values):
    return Helper().factor * values  # a helper


@dataclass(frozen=True)
class Loud(Feature):
    """The largest magnitude of each frame."""

    channels = 1

    def __call__(self, signal):
        return scaled(jnp.max(jnp.abs(signal.frames()), axis=1, keepdims=True))


@dataclass(frozen=True)
class Other(Loud):
    channels = 1
'''


def digest_of(file, text):
    """The digest of Loud in a file with this text."""
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return code_digest(module.Loud())


@pytest.mark.parametrize(
    ("text", "by", "same"),
    [
        ("# a helper", "# a function", True),
        ("The largest magnitude", "Peak", True),
        ("Helper().factor * values", "(Helper().factor*values)", True),
        ("class Other(Loud):\n    channels = 1", "class Other(Loud):\n    channels = 2", True),
        ("", "\n\ndef unused():\n    pass\n\n\nif __name__ == '__main__':\n    print(Loud())\n", True),
        ("factor: float = 2.0", "factor: float = 3.0", False),
        ("import jax.numpy as jnp", "import numpy as jnp", False),
        ("Helper().factor * values", "Helper().factor + values", False),
        ("jnp.max", "jnp.min", False),
    ],
)
def test_it_changes_with_the_code_but_not_with_comments_or_other_plugins(tmp_path, text, by, same):
    before = digest_of(tmp_path / "plugins_before.py", PLUGIN)
    after = digest_of(tmp_path / "plugins_after.py", PLUGIN.replace(text, by) if text else PLUGIN + by)
    assert before
    assert (before == after) is same


def test_it_is_that_of_files_in_any_encoding(tmp_path):
    before = digest_of(tmp_path / "plugins_utf8.py", PLUGIN)
    assert digest_of(tmp_path / "plugins_bom.py", b"\xef\xbb\xbf" + PLUGIN.encode()) == before
    latin = f"# -*- coding: latin-1 -*-\n{PLUGIN}# é\n".encode("latin-1")
    assert digest_of(tmp_path / "plugins_latin.py", latin) == before


def test_plugins_of_this_package_depend_on_the_files_that_they_read(tmp_path):
    assert [code_digest(plugin) for plugin in (MFCC(), Ravdess())] == ["", ""]
    assert dependencies([Codec()]) == [""], "its fingerprint is a version of libsndfile, not a file"
    for number in range(2):
        soundfile.write(tmp_path / f"{number}.wav", 0.1 * np.random.default_rng(number).standard_normal(8000), 8000)
    before = dependencies([MFCC(), Background(str(tmp_path))])
    (tmp_path / "1.wav").unlink()
    after = dependencies([MFCC(), Background(str(tmp_path))])
    assert before[0] == after[0] == ""
    assert before[1] != after[1]


REGISTERED = PLUGIN.replace(
    "@dataclass(frozen=True)\nclass Loud", '@FEATURES.register("loud")\n@dataclass(frozen=True)\nclass Loud'
)
REGISTERED = REGISTERED.replace("import Feature\n", "import Feature\nfrom aersut.registry import FEATURES\n")


def test_changed_code_is_refused_by_evaluation_and_prediction(tiny, tmp_path):
    file = tmp_path / "loud_plugin.py"
    file.write_text(REGISTERED)
    values = {"plugins": [str(file)], "features": "mfcc,loud", "epochs": 1}
    training = aersut.train(aersut.load_experiment(tiny, **values), workdir=tmp_path / "run")
    file.write_text(REGISTERED.replace("# a helper", "# twice the values"))
    plugin_code._class_digest.cache_clear()  # as in another process
    aersut.evaluate(training)
    file.write_text(REGISTERED.replace("factor: float = 2.0", "factor: float = 3.0"))
    aersut.evaluate(training)  # this process still has the code of the training
    plugin_code._class_digest.cache_clear()
    for use in (aersut.evaluate, aersut.export, lambda run: aersut.load(run.run.folder)):
        with pytest.raises(UserError, match=r"experiment\.features 'loud', or a file that it reads, has changed"):
            use(training)


def test_an_interrupted_training_is_not_resumed_with_other_recordings(tiny, tmp_path):
    for number in range(2):
        soundfile.write(tmp_path / f"{number}.wav", 0.1 * np.random.default_rng(number).standard_normal(8000), 8000)
    experiment = aersut.load_experiment(tiny, augment=[Background(str(tmp_path))], epochs=3)

    def interrupt(record):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aersut.train(experiment, workdir=tmp_path / "run", on_epoch=interrupt)
    (tmp_path / "1.wav").rename(tmp_path / "1.txt")
    assert "the training is not complete: 1 of 3 epochs" in aersut.evaluate(tmp_path / "run").metrics["warning"]
    with pytest.raises(UserError, match=r"experiment\.augment 'background', or a file that it reads, has changed"):
        aersut.train(experiment, workdir=tmp_path / "run")
    (tmp_path / "1.txt").rename(tmp_path / "1.wav")
    assert len(aersut.train(experiment, workdir=tmp_path / "run").history) == 3


def test_code_that_trained_no_epoch_is_replaced(tiny, tmp_path, monkeypatch):
    """An interruption before the first epoch keeps split.json."""
    folder = tmp_path / "noise"
    folder.mkdir()
    soundfile.write(folder / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(8000), 8000)
    experiment = aersut.load_experiment(tiny, augment=[Background(str(folder))], epochs=2)

    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("aersut.training.loop._one_epoch", interrupt)
        aersut.train(experiment, workdir=tmp_path / "run")
    assert (tmp_path / "run/split.json").exists()
    soundfile.write(folder / "b.wav", 0.1 * np.random.default_rng(1).standard_normal(8000), 8000)
    with pytest.raises(KeyboardInterrupt):
        aersut.train(experiment, workdir=tmp_path / "run", on_epoch=interrupt)
    assert len(aersut.train(experiment, workdir=tmp_path / "run").history) == 2
