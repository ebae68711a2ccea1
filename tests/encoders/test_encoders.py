"""Encoders keep their contract, and embeddings are cached and do not depend on the gain."""

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from aersut.contracts import Encoder
from aersut.data.collection import Collection, collect
from aersut.encoders import HuggingFace, Moonshine, SmartTurn, onnx
from aersut.encoders import embeddings as module
from aersut.encoders.embeddings import embeddings
from aersut.errors import UserError
from aersut.experiment import load_experiment
from aersut.registry import ENCODERS
from aersut.testing import Check, check_encoder, encoder_checks

PACKAGED = [
    encoder
    for encoder, package in ((Moonshine(), "moonshine_voice"), (SmartTurn(), "pipecat"))
    if importlib.util.find_spec(package)
]


@pytest.mark.parametrize("check", [check for encoder in PACKAGED for check in encoder_checks(encoder)], ids=str)
def test_a_packaged_encoder_keeps_its_contract(check: Check) -> None:
    check()


def test_one_of_them_is_installed() -> None:
    assert PACKAGED


@pytest.mark.skipif(importlib.util.find_spec("pipecat") is None, reason="pipecat-ai is not installed")
def test_the_spectrogram_of_smart_turn_is_that_of_its_own_package() -> None:
    from aersut.encoders.smart_turn import _log_mel

    file = Path(importlib.util.find_spec("pipecat").origin).parent / "audio/turn/smart_turn/_whisper_features.py"
    spec = importlib.util.spec_from_file_location("whisper_features", file)
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    samples = np.random.default_rng(0).normal(0, 0.05, 40_000).astype(np.float32)
    expected = theirs.compute_whisper_log_mel_features(np.pad(samples, (128_000 - 40_000, 0)))
    np.testing.assert_allclose(_log_mel(samples), expected, atol=1e-4)


@dataclass(frozen=True)
class Energy(Encoder):
    """Mean power and mean magnitude of frames of 100 samples."""

    provenance = "written for a test"

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        frames = np.pad(samples, (0, -len(samples) % 100)).reshape(-1, 100)
        return np.stack([np.square(frames).mean(1), np.abs(frames).mean(1)], axis=1)


@pytest.fixture
def energy() -> Encoder:
    ENCODERS.register("energy")(Energy)
    return Energy()


def test_an_encoder_of_another_type_breaks_the_contract() -> None:
    @ENCODERS.register("lists")
    @dataclass(frozen=True)
    class Lists(Energy):
        """Lists instead of arrays."""

        def __call__(self, samples: np.ndarray) -> list:
            return super().__call__(samples).tolist()

    with pytest.raises(AssertionError, match="it returned list"):
        check_encoder(Lists())
    with pytest.raises(AssertionError, match="it is a plugin"):
        check_encoder("moonshine")


@pytest.fixture
def collection(tiny: str) -> Collection:
    experiment = load_experiment(tiny)
    return collect(experiment.data, experiment.framing)


def test_an_encoder_of_ones_own_keeps_the_contract(energy: Encoder) -> None:
    check_encoder(energy)


def test_an_embedding_is_mean_and_deviation_at_one_level(energy: Encoder, collection: Collection) -> None:
    found = embeddings(energy, collection)
    assert found.shape == (len(collection), 4)
    # the mean power is that of the level, up to the padding of the last frame
    np.testing.assert_allclose(found[:, 0], module.LEVEL**2, rtol=0.05)
    assert found[:, 2].min() > 0


def test_embeddings_are_computed_once(energy: Encoder, collection: Collection, monkeypatch) -> None:
    first = embeddings(energy, collection)
    monkeypatch.setattr(module, "_computed", lambda *_: pytest.fail("computed again"))
    np.testing.assert_array_equal(embeddings(energy, collection), first)


def test_a_failing_encoder_is_named_with_the_clip(collection: Collection) -> None:
    @ENCODERS.register("failing")
    @dataclass(frozen=True)
    class Failing(Encoder):
        """Fails."""

        provenance = "written for a test"

        def __call__(self, samples: np.ndarray) -> np.ndarray:
            raise RuntimeError("out of order")

    with pytest.raises(UserError, match=r"encoder 'failing' failed on .*RuntimeError: out of order"):
        embeddings(Failing(), collection)


def test_an_encoder_without_frames_is_named(collection: Collection) -> None:
    @ENCODERS.register("flat")
    @dataclass(frozen=True)
    class Flat(Encoder):
        """Returns one value."""

        provenance = "written for a test"

        def __call__(self, samples: np.ndarray) -> np.ndarray:
            return np.ones(1)

    with pytest.raises(UserError, match=r"encoder 'flat' returned shape \(1,\) for .*expected f32"):
        embeddings(Flat(), collection)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"'moonshine' needs the package moonshine_voice.*aersut\[teachers\]"):
        Moonshine().check()
    with pytest.raises(UserError, match="'hugging_face' needs the package transformers: pip install transformers"):
        HuggingFace(checkpoint="x").check()


def test_a_later_version_without_the_encoder_is_named() -> None:
    with pytest.raises(UserError, match=r"needs the file assets/none.onnx.*lacks"):
        onnx.packaged_file("onnxruntime", "assets/none.onnx", "moonshine", "teachers")


@pytest.mark.skipif(
    not (importlib.util.find_spec("transformers") and importlib.util.find_spec("torch")),
    reason="transformers and torch are not installed",
)
def test_checkpoints_of_hugging_face(tmp_path: Path) -> None:
    from transformers import (
        Wav2Vec2FeatureExtractor,
        WavLMConfig,
        WavLMModel,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperModel,
    )

    sizes = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32, "num_hidden_layers": 2}
    convolutions = {"conv_dim": (8,) * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
    WavLMModel(WavLMConfig(**sizes, **convolutions)).save_pretrained(tmp_path / "wavlm")
    Wav2Vec2FeatureExtractor().save_pretrained(tmp_path / "wavlm")
    layers = {"encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    sizes = {"d_model": 16, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "vocab_size": 60}
    tokens = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 1)
    WhisperModel(WhisperConfig(**layers, **sizes, **tokens)).save_pretrained(tmp_path / "whisper")
    WhisperFeatureExtractor().save_pretrained(tmp_path / "whisper")
    for name, frames in (("wavlm", 49), ("whisper", 50)):
        encoder = HuggingFace(checkpoint=str(tmp_path / name))
        assert encoder(np.zeros(16_000, np.float32)).shape == (frames, 16)
    shutil.rmtree(tmp_path / "wavlm")
    with pytest.raises(UserError, match=r"not a folder with a config.json. Download"):
        HuggingFace(checkpoint=str(tmp_path / "wavlm")).check()
