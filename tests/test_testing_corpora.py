"""The contract check passes for built-in corpora and fails for a corpus that breaks one promise."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from aersut.contracts import Clip, Corpus, Listing, SkippedFile
from aersut.corpora import CremaD, Ravdess, Synthetic
from aersut.errors import UserError
from aersut.labels import EMOTIONS
from aersut.registry import CORPORA
from aersut.testing import check_corpus


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CORPORA, "_plugins", dict(CORPORA._plugins))


def test_synthetic_keeps_the_contract() -> None:
    check_corpus(Synthetic(speakers=2, repetitions=1), Path("anywhere"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One clip of each file-named corpus, and files that must be skipped."""
    for name in (
        "ravdess-emotional-speech-audio/audio_speech_actors_01-24/Actor_01/03-01-05-01-02-01-01.wav",
        "ravdess-emotional-speech-audio/audio_speech_actors_01-24/Actor_01/03-02-05-01-02-01-01.wav",
        "cremad/AudioWAV/1001_DFA_ANG_XX.wav",
        "cremad/AudioWAV/readme.wav",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"RIFF, or nearly")
    return tmp_path


@pytest.mark.parametrize("corpus", [Ravdess(), CremaD()])
def test_corpora_on_disk_keep_the_contract(corpus: Corpus, root: Path) -> None:
    check_corpus(corpus, root)


def test_real_speech_keeps_the_contract(real_data: Path) -> None:
    check_corpus(Ravdess(), real_data)


def _corpus(listing: Callable[[list[Clip], Path], Any]) -> Corpus:
    """Register a corpus "example" of the root's .wav files, changed by `listing`."""

    @CORPORA.register("example")
    @dataclass(frozen=True)
    class Example(Corpus):
        """A corpus."""

        def load(self, root: Path) -> Listing:
            files = sorted(root.rglob("*.wav"))
            clips = [Clip(path, EMOTIONS[i], "1", "example") for i, path in enumerate(files)]
            found = listing(clips, root)
            if isinstance(found, Listing) and not found.clips and not found.skipped:
                raise UserError("example: no .wav")
            return found

    return Example()


def _each(**fields: Any) -> Callable[[list[Clip], Path], Listing]:
    return lambda clips, root: Listing(tuple(replace(clip, **fields) for clip in clips))


calls = iter(range(10**6))


@pytest.mark.parametrize(
    ("listing", "promise"),
    [
        (lambda clips, root: clips, "returns a Listing.*list"),
        (lambda clips, root: Listing((), (SkippedFile(root, "a folder"),)), "finds clips"),
        (lambda clips, root: Listing(tuple(clips[:: 1 - 2 * (next(calls) % 2)])), "deterministic"),
        (lambda clips, root: Listing(tuple(replace(c, path=c.path / "x") for c in clips)), "every clip exists.*/x"),
        (_each(emotion="Bored"), "every emotion is a label.*'Bored'"),
        (_each(speaker=""), "has a speaker"),
        (_each(corpus="another"), "registered.*'another'"),
        (_each(split="dev"), "split is one of train, validation, test.*dev"),
        (lambda clips, root: Listing((*clips, *clips[:1])), "listed once"),
        (
            lambda clips, root: Listing(tuple(clips), tuple(SkippedFile(c.path, "odd") for c in clips[:1])),
            "listed once",
        ),
        (lambda clips, root: Listing(tuple(clips), (SkippedFile(root / "b.txt", " "),)), "has a reason.*b.txt"),
        (lambda clips, root: 1 / 0, "load lists the clips.*ZeroDivisionError"),
        (
            lambda clips, root: Listing(tuple(clips), (SkippedFile(root / "b", "odd"),)),
            "raises UserError.*empty Listing",
        ),
        (lambda clips, root: Listing((clips[0],)), "raises UserError.*IndexError"),
    ],
)
def test_a_broken_corpus_is_named(listing: Callable[[list[Clip], Path], Any], promise: str, root: Path) -> None:
    with pytest.raises(AssertionError, match=f"corpus 'example' breaks a promise.*{promise}"):
        check_corpus(_corpus(listing), root)


def test_a_sound_corpus_passes(root: Path) -> None:
    check_corpus(_corpus(_each()), root)
