"""The features cache: features are reused and never stale; copies differ; host features keep their position."""

import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import jax.numpy as jnp
import numpy as np
import pytest
import soundfile

from aersut.augment import Background, SpecAugment, TimeShift
from aersut.config import Data
from aersut.contracts import Feature, Framing
from aersut.corpora import Synthetic
from aersut.data.collection import Collection, collect
from aersut.features import MFCC, RMS, ZCR, Delta, Signal
from aersut.features import cache as cache_module
from aersut.features.cache import cached_features
from aersut.features.frontend import Frontend
from aersut.registry import AUGMENTERS, FEATURES, import_file

FRAMING = Framing(sample_rate=16_000, seconds=0.5, frame_length=512, hop_length=256)
PLAIN = Frontend(FRAMING, (RMS(), ZCR()), (), classes=8)
SHIFTED = replace(PLAIN, augment=(TimeShift(probability=1.0),))
ONE, THREE = np.ones((16, 1), bool), np.ones((16, 3), bool)
EVERY = np.argwhere(THREE)


@pytest.fixture(scope="module")
def collection() -> Collection:
    return collect(Data(corpora=(Synthetic(speakers=2, repetitions=1),)), FRAMING)


@pytest.fixture(scope="module")
def copies(collection: Collection) -> np.ndarray:
    return cached_features(SHIFTED, collection, THREE, seed=0).take(EVERY).reshape(16, 3, *PLAIN.shape)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, collection: Collection) -> Path:
    for registry in (FEATURES, AUGMENTERS):
        monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))
    monkeypatch.setenv("AERSUT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


def _count(cache: Path) -> int:
    return len(_folders(cache))


def _folders(cache: Path) -> list[Path]:
    return [path for path in cache.iterdir() if path.is_dir()]  # beside them are the files of locks


def test_cached_features_are_the_features_of_the_clips(collection: Collection) -> None:
    rows = cached_features(PLAIN, collection, ONE, seed=0).take(np.argwhere(ONE))
    assert rows.shape == (16, *PLAIN.shape)
    for clip in range(16):
        samples = jnp.asarray(collection.window(clip), jnp.float32) / 32768
        np.testing.assert_allclose(rows[clip], PLAIN.extract(samples), atol=1e-6)


def test_the_cache_is_reused(collection: Collection, cache: Path) -> None:
    cached_features(PLAIN, collection, ONE, seed=0)
    [folder] = _folders(cache)
    np.save(folder / "features.npy", np.full((16, 1, *PLAIN.shape), 7, np.float32))
    np.testing.assert_array_equal(cached_features(PLAIN, collection, ONE, seed=0).take(EVERY[:1]), 7)
    assert _count(cache) == 1


@pytest.mark.parametrize(
    "changed",
    [
        replace(PLAIN, features=(ZCR(), RMS())),
        replace(PLAIN, framing=replace(FRAMING, center=False)),
    ],
)
def test_another_configuration_is_computed(changed: Frontend, collection: Collection, cache: Path) -> None:
    cached_features(PLAIN, collection, ONE, seed=0)
    assert cached_features(changed, collection, ONE, seed=0).shape[2:] == changed.shape
    assert _count(cache) == 2


def test_a_changed_field_of_a_plugin_changes_the_digest(collection: Collection) -> None:
    one, other = (replace(PLAIN, features=(MFCC(n_mels=20, fmax=top),)) for top in (4_000.0, 8_000.0))
    first, second = (cached_features(frontend, collection, ONE, seed=0).take(EVERY[:1]) for frontend in (one, other))
    assert np.abs(first - second).max() > 1


def test_the_seed_changes_the_digest_of_copies_only(collection: Collection, cache: Path) -> None:
    cached_features(PLAIN, collection, ONE, seed=0)
    cached_features(PLAIN, collection, ONE, seed=1)
    assert _count(cache) == 1


PLUGIN = '''
from dataclasses import dataclass
import jax.numpy as jnp
from aersut.contracts import Feature
from aersut.registry import FEATURES

@FEATURES.register("constant")
@dataclass(frozen=True)
class Constant(Feature):
    """A constant."""
    channels = 1
    def __call__(self, signal):
        return jnp.full((signal.framing.frames, 1), 5.0)
'''


def test_copies_depend_on_the_place_of_an_augmenter_which_its_key_comes_from(collection: Collection) -> None:
    augment = TimeShift(probability=1.0)
    alone, second = (replace(PLAIN, augment=places) for places in ((augment,), (SpecAugment(), augment)))
    first = cached_features(alone, collection, THREE, seed=0).take(EVERY)
    later = cached_features(second, collection, THREE, seed=0).take(EVERY)
    assert (first[EVERY[:, 1] > 0] != later[EVERY[:, 1] > 0]).any()
    np.testing.assert_array_equal(first[EVERY[:, 1] == 0], later[EVERY[:, 1] == 0])


def test_an_edited_plugin_changes_the_digest(collection: Collection, cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(PLUGIN, encoding="utf-8")
    import_file(file, "plugin")
    frontend = replace(PLAIN, features=(FEATURES["constant"](),))
    for _ in range(2):
        cached_features(frontend, collection, ONE, seed=0)
    assert _count(cache) == 1
    file.write_text(PLUGIN.replace("5.0", "6.0"), encoding="utf-8")
    cached_features(frontend, collection, ONE, seed=0)
    assert _count(cache) == 2


@pytest.mark.parametrize(
    "code",
    [
        PLUGIN,
        PLUGIN.replace("5.0", "LEVEL") + "LEVEL = 5.0",
        PLUGIN.replace("5.0", "level(1)") + "def level(x):\n    return (lambda: 5.0 * x)()",
    ],
    ids=["constant", "global", "function"],
)
def test_another_definition_in_a_notebook_changes_the_digest(
    code: str, collection: Collection, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("notebook")  # without a source file
    monkeypatch.setitem(sys.modules, "notebook", module)
    for text, count, value in ((code, 1, 5), (code, 1, 5), (code.replace("5.0", "6.0"), 2, 6)):
        exec(text, vars(module))  # as a cell that runs again
        frontend = replace(PLAIN, features=(FEATURES["constant"](),))
        rows = cached_features(frontend, collection, ONE, seed=0).take(EVERY[:1])
        assert (_count(cache), rows.max()) == (count, value)


@pytest.mark.parametrize("package", [0, 1])
def test_an_edited_module_of_features_or_augment_changes_the_digest(
    package: int, collection: Collection, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached_features(PLAIN, collection, ONE, seed=0)
    edited = tmp_path / "edited"
    shutil.copytree(cache_module.PACKAGES[package], edited)
    monkeypatch.setattr(
        cache_module, "PACKAGES", tuple(edited if n == package else one for n, one in enumerate(cache_module.PACKAGES))
    )
    cached_features(PLAIN, collection, ONE, seed=0)
    assert _count(cache) == 1
    helper = edited / ("signal.py" if package == 0 else "phase_vocoder.py")
    helper.write_text(helper.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    cached_features(PLAIN, collection, ONE, seed=0)
    assert _count(cache) == 2


def test_an_edited_plugin_inside_another_changes_the_digest(
    collection: Collection, cache: Path, tmp_path: Path
) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(PLUGIN, encoding="utf-8")
    import_file(file, "plugin")
    frontend = replace(PLAIN, features=(Delta(of=FEATURES["constant"]()),))
    cached_features(frontend, collection, ONE, seed=0)
    file.write_text(PLUGIN.replace("5.0", "6.0"), encoding="utf-8")
    cached_features(frontend, collection, ONE, seed=0)
    assert _count(cache) == 2


def test_another_background_recording_changes_the_digest(collection: Collection, cache: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(1000, 0.1), 16_000)
    frontend = replace(PLAIN, augment=(Background(str(tmp_path), probability=1.0),))
    cached_features(frontend, collection, THREE, seed=0)
    cached_features(frontend, collection, THREE, seed=0)
    assert _count(cache) == 1
    soundfile.write(tmp_path / "b.wav", np.full(1000, 0.2), 16_000)
    cached_features(frontend, collection, THREE, seed=0)
    assert _count(cache) == 2


def test_copies_differ_from_the_clip_and_from_each_other(copies: np.ndarray, collection: Collection) -> None:
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (np.abs(copies[:, one] - copies[:, other]).max(axis=(1, 2)) > 1e-5).all()
    plain = cached_features(PLAIN, collection, ONE, seed=0).take(np.argwhere(ONE))
    np.testing.assert_allclose(copies[:, 0], plain, atol=1e-6)


def test_copies_depend_on_augmenters_and_seed(copies: np.ndarray, collection: Collection, cache: Path) -> None:
    for frontend, seed in ((SHIFTED, 1), (replace(PLAIN, augment=(TimeShift(seconds=0.1, probability=1.0),)), 0)):
        other = cached_features(frontend, collection, THREE, seed=seed).take(EVERY).reshape(copies.shape)
        changed = np.abs(other - copies).max(axis=(2, 3))
        assert (changed[:, 0] < 1e-6).all()
        assert (changed[:, 1:] > 1e-5).mean() > 0.9
    assert _count(cache) == 2


def test_copies_do_not_depend_on_other_copies(copies: np.ndarray, collection: Collection) -> None:
    some = THREE.copy()
    some[::2, 1:] = False
    fewer = cached_features(SHIFTED, collection, some, seed=0).take(EVERY).reshape(copies.shape)
    np.testing.assert_array_equal(fewer[some], copies[some])
    np.testing.assert_array_equal(fewer[~some], 0)


def test_the_windows_of_copies_depend_on_the_seed(collection: Collection) -> None:
    cropped = collect(replace(collection.data, fit="random"), FRAMING)
    one, other = (cached_features(PLAIN, cropped, THREE, seed=seed).take(EVERY).reshape(16, 3, -1) for seed in (0, 1))
    np.testing.assert_allclose(one[:, 0], other[:, 0], atol=1e-6)
    assert np.abs(one[:, 1:] - other[:, 1:]).max() > 1e-3


def _ramp() -> Feature:
    @FEATURES.register("ramp")
    @dataclass(frozen=True)
    class Ramp(Feature):
        """The frame's number and its negative."""

        channels = 2
        host = True

        def __call__(self, signal: Signal) -> np.ndarray:
            assert isinstance(signal.samples, np.ndarray)
            ramp = np.arange(signal.framing.frames, dtype=np.float32)
            return np.stack([ramp, -ramp], axis=1)

    return Ramp()


@pytest.mark.parametrize(
    "order",
    [("rms", "ramp", "zcr"), ("ramp", "rms", "zcr"), ("zcr", "rms", "ramp"), ("ramp",), ("ramp", "ramp", "rms")],
)
def test_host_features_keep_their_position(order: tuple[str, ...], collection: Collection) -> None:
    plugins = {"rms": RMS(), "zcr": ZCR(), "ramp": _ramp()}
    frontend = replace(PLAIN, features=tuple(plugins[name] for name in order))
    rows = frontend.finished(cached_features(frontend, collection, ONE, seed=0).take(EVERY[:1]))
    samples = np.asarray(collection.window(0), np.float32) / 32768
    expected = [np.asarray(plugins[name](Signal(samples, FRAMING))) for name in order]
    np.testing.assert_allclose(rows[0], np.concatenate(expected, axis=1), atol=1e-6)
