"""The frontend's cache: features are found again and never stale; copies differ; host features stand in their place."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import soundfile

from aersut.augment import Background, TimeShift
from aersut.config import Data, Experiment
from aersut.contracts import Feature, Framing
from aersut.corpora import Synthetic
from aersut.data.collection import Collection, collect
from aersut.errors import UserError
from aersut.features import MFCC, RMS, ZCR, Delta, Signal
from aersut.features import frontend as frontend_module
from aersut.features.frontend import Frontend
from aersut.registry import AUGMENTERS, FEATURES, import_file
from aersut.run import make_frontend

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
    return SHIFTED.cached(collection, THREE, seed=0).take(EVERY).reshape(16, 3, *PLAIN.shape)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, collection: Collection) -> Path:
    for registry in (FEATURES, AUGMENTERS):
        monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))
    monkeypatch.setenv("AERSUT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


def _count(cache: Path) -> int:
    return len([folder for folder in cache.iterdir() if not folder.name.startswith(".")])


def test_what_is_cached_is_what_the_clips_hold(collection: Collection) -> None:
    rows = PLAIN.cached(collection, ONE, seed=0).take(np.argwhere(ONE))
    assert rows.shape == (16, *PLAIN.shape)
    for clip in range(16):
        samples = jnp.asarray(collection.window(clip), jnp.float32) / 32768
        np.testing.assert_allclose(rows[clip], PLAIN.extract(samples), atol=1e-6)


def test_the_cache_is_read_again(collection: Collection, cache: Path) -> None:
    PLAIN.cached(collection, ONE, seed=0)
    [folder] = cache.iterdir()
    np.save(folder / "features.npy", np.full((16, 1, *PLAIN.shape), 7, np.float32))
    np.testing.assert_array_equal(PLAIN.cached(collection, ONE, seed=0).take(EVERY[:1]), 7)
    assert _count(cache) == 1


@pytest.mark.parametrize(
    "changed",
    [
        replace(PLAIN, features=(ZCR(), RMS())),
        replace(PLAIN, framing=replace(FRAMING, center=False)),
    ],
)
def test_another_configuration_is_computed_anew(changed: Frontend, collection: Collection, cache: Path) -> None:
    PLAIN.cached(collection, ONE, seed=0)
    assert changed.cached(collection, ONE, seed=0).shape[2:] == changed.shape
    assert _count(cache) == 2


def test_a_changed_field_of_a_plugin_is_seen(collection: Collection) -> None:
    one, other = (replace(PLAIN, features=(MFCC(n_mels=20, fmax=top),)) for top in (4_000.0, 8_000.0))
    first, second = (frontend.cached(collection, ONE, seed=0).take(EVERY[:1]) for frontend in (one, other))
    assert np.abs(first - second).max() > 1


def test_the_seed_counts_for_copies_alone(collection: Collection, cache: Path) -> None:
    PLAIN.cached(collection, ONE, seed=0)
    PLAIN.cached(collection, ONE, seed=1)
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


def test_an_edited_plugin_is_not_served_from_the_cache(collection: Collection, cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(PLUGIN, encoding="utf-8")
    import_file(file, "plugin")
    frontend = replace(PLAIN, features=(FEATURES["constant"](),))
    for _ in range(2):
        frontend.cached(collection, ONE, seed=0)
    assert _count(cache) == 1
    file.write_text(PLUGIN.replace("5.0", "6.0"), encoding="utf-8")
    frontend.cached(collection, ONE, seed=0)
    assert _count(cache) == 2


@pytest.mark.parametrize("room", [0, 1])
def test_an_edited_helper_of_features_or_augmenters_is_seen(
    room: int, collection: Collection, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PLAIN.cached(collection, ONE, seed=0)
    edited = tmp_path / "edited"
    shutil.copytree(frontend_module.ROOMS[room], edited)
    monkeypatch.setattr(
        frontend_module, "ROOMS", tuple(edited if n == room else one for n, one in enumerate(frontend_module.ROOMS))
    )
    PLAIN.cached(collection, ONE, seed=0)
    assert _count(cache) == 1
    helper = edited / ("signal.py" if room == 0 else "vocoder.py")
    helper.write_text(helper.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    PLAIN.cached(collection, ONE, seed=0)
    assert _count(cache) == 2


def test_an_edited_plugin_that_another_wraps_is_seen(collection: Collection, cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(PLUGIN, encoding="utf-8")
    import_file(file, "plugin")
    frontend = replace(PLAIN, features=(Delta(of=FEATURES["constant"]()),))
    frontend.cached(collection, ONE, seed=0)
    file.write_text(PLUGIN.replace("5.0", "6.0"), encoding="utf-8")
    frontend.cached(collection, ONE, seed=0)
    assert _count(cache) == 2


def test_another_background_recording_is_seen(collection: Collection, cache: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(1000, 0.1), 16_000)
    frontend = replace(PLAIN, augment=(Background(str(tmp_path), probability=1.0),))
    frontend.cached(collection, THREE, seed=0)
    frontend.cached(collection, THREE, seed=0)
    assert _count(cache) == 1
    soundfile.write(tmp_path / "b.wav", np.full(1000, 0.2), 16_000)
    frontend.cached(collection, THREE, seed=0)
    assert _count(cache) == 2


def test_copies_differ_from_the_clip_and_from_each_other(copies: np.ndarray, collection: Collection) -> None:
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (np.abs(copies[:, one] - copies[:, other]).max(axis=(1, 2)) > 1e-5).all()
    plain = PLAIN.cached(collection, ONE, seed=0).take(np.argwhere(ONE))
    np.testing.assert_allclose(copies[:, 0], plain, atol=1e-6)


def test_copies_are_the_augmenters_and_the_seeds(copies: np.ndarray, collection: Collection, cache: Path) -> None:
    for frontend, seed in ((SHIFTED, 1), (replace(PLAIN, augment=(TimeShift(seconds=0.1, probability=1.0),)), 0)):
        other = frontend.cached(collection, THREE, seed=seed).take(EVERY).reshape(copies.shape)
        changed = np.abs(other - copies).max(axis=(2, 3))
        assert (changed[:, 0] < 1e-6).all()
        assert (changed[:, 1:] > 1e-5).mean() > 0.9
    assert _count(cache) == 2


def test_copies_are_reproducible_whichever_others_are_made(copies: np.ndarray, collection: Collection) -> None:
    some = THREE.copy()
    some[::2, 1:] = False
    fewer = SHIFTED.cached(collection, some, seed=0).take(EVERY).reshape(copies.shape)
    np.testing.assert_array_equal(fewer[some], copies[some])
    np.testing.assert_array_equal(fewer[~some], 0)


def test_copies_of_random_windows_alone_are_the_seeds(collection: Collection) -> None:
    cropped = collect(replace(collection.data, fit="random"), FRAMING)
    one, other = (PLAIN.cached(cropped, THREE, seed=seed).take(EVERY).reshape(16, 3, -1) for seed in (0, 1))
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
def test_host_features_stand_where_the_experiment_lists_them(order: tuple[str, ...], collection: Collection) -> None:
    plugins = {"rms": RMS(), "zcr": ZCR(), "ramp": _ramp()}
    rows = (
        replace(PLAIN, features=tuple(plugins[name] for name in order)).cached(collection, ONE, seed=0).take(EVERY[:1])
    )
    samples = np.asarray(collection.window(0), np.float32) / 32768
    expected = [np.asarray(plugins[name](Signal(samples, FRAMING))) for name in order]
    np.testing.assert_allclose(rows[0], np.concatenate(expected, axis=1), atol=1e-6)


def test_an_edge_above_nyquist_is_named() -> None:
    features = (MFCC(fmax=9_000.0),)
    with pytest.raises(ValueError, match=r"fmax 9000.* Nyquist frequency, 8000 Hz at 16000 Hz"):
        replace(PLAIN, features=features)
    with pytest.raises(UserError, match=r"experiment\.features: .*fmax 9000"):
        make_frontend(Experiment(framing=FRAMING, features=features))
