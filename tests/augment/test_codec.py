"""The codec augmenter applies the codecs of aersut.data.codecs, in jit, vmap and lax.map."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aersut.augment import Codec, Example
from aersut.augment import codec as codec_module
from aersut.contracts import Framing
from aersut.data.codecs import recoded
from aersut.errors import UserError
from aersut.features import RMS
from aersut.features.frontend import Frontend

RATE = 16_000
SAMPLES = (0.2 * np.sin(2 * np.pi * 300 / RATE * np.arange(RATE // 2))).astype(np.float32)
EXAMPLE = Example(jnp.asarray(SAMPLES), jnp.eye(8)[1], RATE)


@pytest.mark.parametrize("name", ["mu_law", "gsm", "opus", "mp3"])
def test_applies_the_codec(name: str) -> None:
    changed = Codec((name,), probability=1.0)(jax.random.key(0), EXAMPLE).values
    np.testing.assert_allclose(changed, recoded(SAMPLES, RATE, name), atol=1e-6)


def test_jit_vmap_and_map_agree() -> None:
    augmenter = Codec(("mu_law", "gsm"), probability=0.5)
    keys = jax.random.split(jax.random.key(0), 12)

    def one(key: jax.Array) -> jax.Array:
        return augmenter(key, EXAMPLE).values

    mapped = np.asarray(jax.jit(lambda: jax.lax.map(one, keys))())
    np.testing.assert_allclose(jax.jit(jax.vmap(one))(keys), mapped, atol=1e-7)
    np.testing.assert_allclose(np.stack([jax.jit(one)(key) for key in keys]), mapped, atol=1e-7)
    kinds = [SAMPLES, *(recoded(SAMPLES, RATE, name) for name in ("mu_law", "gsm"))]
    found = [int(np.argmin([np.abs(row - kind).max() for kind in kinds])) for row in mapped]
    assert set(found) == {0, 1, 2}  # unchanged, and each codec


def test_runs_in_the_frontend_on_several_clips() -> None:
    frontend = Frontend(Framing(RATE, 0.5, 512, 256), (RMS(),), (Codec(("mu_law",), probability=1.0),), classes=8)
    keys = jax.random.split(jax.random.key(0), 3)
    windows, _ = jax.jit(frontend.transformed)(jnp.stack([EXAMPLE.values] * 3), keys)
    expected = np.round(recoded(SAMPLES, RATE, "mu_law") * 32768) / 32768
    np.testing.assert_allclose(windows, np.stack([expected] * 3), atol=1.1 / 32768)


def test_an_unchanged_clip_is_not_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec_module, "recoded", lambda samples, *_: samples if len(samples) == 160 else 1 / 0)
    changed = jax.jit(lambda key: Codec(probability=0.0)(key, EXAMPLE).values)(jax.random.key(0))
    np.testing.assert_array_equal(changed, SAMPLES)


def test_a_codec_that_libsndfile_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(samples: np.ndarray, sample_rate: int, codec: str) -> np.ndarray:
        if codec == "mp3":
            raise UserError("codec mp3: libsndfile 1.0.31 cannot write it")
        return samples

    monkeypatch.setattr(codec_module, "recoded", missing)
    with pytest.raises(UserError, match="codec mp3: libsndfile"):
        jax.jit(lambda key: Codec()(key, EXAMPLE).values)(jax.random.key(0))


@pytest.mark.parametrize(
    ("codecs", "message"),
    [((), "codecs must name at least one of mu_law"), (("mp3", "mp4"), "codecs must be names out of .*, got mp4")],
)
def test_refuses_unknown_codecs(codecs: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Codec(codecs)
