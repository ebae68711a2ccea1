"""The synthetic corpus is reproducible, complete and written atomically, and its speech expresses the emotions."""

from collections import Counter
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from aersut.corpora import synthetic
from aersut.corpora.cremad import CremaD
from aersut.corpora.ravdess import Ravdess
from aersut.corpora.synthetic import SAMPLE_RATE, Synthetic, draw_voice, render
from aersut.errors import UserError
from aersut.labels import EMOTIONS
from aersut.registry import CORPORA
from tests.pitch import fundamental

SPEAKERS = range(1, 17)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AERSUT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def mute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write silence, for tests of names alone."""
    monkeypatch.setattr(synthetic, "render", lambda *_, **__: np.zeros(160, np.float32))


@pytest.fixture(scope="module")
def speech() -> dict[tuple[int, str], np.ndarray]:
    """Every emotion by sixteen speakers, all in one sentence."""
    return {(s, e): render(s, e, 0) for s in SPEAKERS for e in EMOTIONS}


@pytest.fixture(scope="module")
def measured(speech: dict[tuple[int, str], np.ndarray]) -> dict[tuple[int, str], dict[str, float]]:
    return {key: _measure(samples) for key, samples in speech.items()}


def _measure(samples: np.ndarray) -> dict[str, float]:
    """Acoustics of one clip."""
    f0 = fundamental(samples, SAMPLE_RATE, 1024, 512)
    rms = librosa.feature.rms(y=samples, frame_length=1024, hop_length=512)[0]
    loud = rms > 0.3 * rms.max()
    semitones = 12 * np.log2(f0[loud])
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    above, below = spectrum[(frequencies > 1000) & (frequencies < 4000)].sum(), spectrum[frequencies < 1000].sum()
    return {
        "pitch": float(np.median(semitones)),
        "range": float(np.percentile(semitones, 90) - np.percentile(semitones, 10)),
        "rise": float(semitones[-4:].mean() - semitones.mean()),
        "level": float(10 * np.log10(np.mean(samples**2))),
        "seconds": len(samples) / SAMPLE_RATE,
        "brightness": float(10 * np.log10(above / below)),
    }


def test_is_registered_with_a_warning_in_its_summary() -> None:
    assert CORPORA["synthetic"] is Synthetic
    assert "never a measure of real speech" in CORPORA.summary("synthetic")


def test_same_configuration_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Synthetic(speakers=2, repetitions=1).load(tmp_path).clips
    monkeypatch.setenv("AERSUT_CACHE", str(tmp_path / "another cache"))
    second = Synthetic(speakers=2, repetitions=1).load(tmp_path / "no such root").clips
    assert [clip.path.name for clip in first] == [clip.path.name for clip in second]
    for one, other in zip(first, second, strict=True):
        assert one.path != other.path
        assert one.path.read_bytes() == other.path.read_bytes()


def test_seed_speaker_emotion_repetition_and_intensity_each_change_the_samples() -> None:
    reference = render(1, "happy", 0)
    others = [
        render(1, "happy", 0, seed=1),
        render(2, "happy", 0),
        render(1, "sad", 0),
        render(1, "happy", 1),
        render(1, "happy", 0, sentence=1),
        render(1, "happy", 0, intensity="strong"),
    ]
    assert np.array_equal(reference, render(1, "happy", 0))
    assert not any(np.array_equal(reference, other) for other in others)


@pytest.mark.usefixtures("mute")
def test_listing_is_complete_and_ordered(tmp_path: Path) -> None:
    listing = Synthetic(speakers=3, repetitions=4).load(tmp_path)
    assert listing.skipped == ()
    assert [(clip.speaker, clip.emotion) for clip in listing.clips] == [
        (speaker, emotion) for speaker in "123" for emotion in EMOTIONS for _ in range(4)
    ]
    assert {(clip.speaker, clip.sex) for clip in listing.clips} == {("1", "male"), ("2", "female"), ("3", "male")}
    assert {clip.corpus for clip in listing.clips} == {"synthetic"}
    happy = [(clip.text, clip.intensity) for clip in listing.clips if clip.emotion == "happy" and clip.speaker == "1"]
    assert happy == [("01", "normal"), ("02", "normal"), ("01", "strong"), ("02", "strong")]
    assert {clip.intensity for clip in listing.clips if clip.emotion == "neutral"} == {"normal"}
    assert len({clip.path for clip in listing.clips}) == len(listing.clips)


def test_files_are_16_bit_mono_at_16_khz(tmp_path: Path) -> None:
    for clip in Synthetic(speakers=1, repetitions=1).load(tmp_path).clips:
        info = soundfile.info(clip.path)
        assert (info.format, info.subtype, info.channels, info.samplerate) == ("WAV", "PCM_16", 1, 16_000)
        assert 1.0 < info.duration < 4.0


@pytest.mark.usefixtures("mute")
def test_many_repetitions_stay_within_the_sentences(tmp_path: Path) -> None:
    texts = Counter(clip.text for clip in Synthetic(speakers=1, repetitions=28).load(tmp_path).clips)
    assert sorted(texts) == [f"{number:02}" for number in range(1, 13)]


def test_second_load_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Synthetic(speakers=1, repetitions=1).load(tmp_path)
    times = [clip.path.stat().st_mtime_ns for clip in first.clips]
    monkeypatch.setattr(synthetic, "render", _interrupt)
    second = Synthetic(speakers=1, repetitions=1).load(tmp_path)
    assert second == first
    assert [clip.path.stat().st_mtime_ns for clip in second.clips] == times


def _interrupt(*_: object, **__: object) -> np.ndarray:
    raise KeyboardInterrupt


def test_interrupted_writing_leaves_no_files_and_is_repeated(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, calls = Synthetic(speakers=1, repetitions=1), iter(range(3))
    with monkeypatch.context() as patch:
        patch.setattr(
            synthetic, "render", lambda *a, **k: render(*a, **k) if next(calls, None) is not None else _interrupt()
        )
        with pytest.raises(KeyboardInterrupt):
            corpus.load(tmp_path)
    assert list((cache / "synthetic").iterdir()) == []
    # what a killed process leaves behind must not be taken for the corpus either
    (cache / "synthetic" / ".v1-1x1-seed0.abandoned").mkdir()
    assert len(corpus.load(tmp_path).clips) == len(EMOTIONS)


def test_a_clip_deleted_from_the_cache_is_named(tmp_path: Path) -> None:
    lost = Synthetic(speakers=1, repetitions=1).load(tmp_path).clips[2].path
    lost.unlink()
    listing = Synthetic(speakers=1, repetitions=1).load(tmp_path)
    assert [left.path for left in listing.skipped] == [lost]
    assert "delete the folder" in listing.skipped[0].reason
    assert len(listing.clips) == len(EMOTIONS) - 1


def test_a_cache_that_cannot_be_written_is_a_user_error(tmp_path: Path, cache: Path) -> None:
    cache.write_text("a file in the place of the folder")
    with pytest.raises(UserError, match="AERSUT_CACHE"):
        Synthetic(speakers=1, repetitions=1).load(tmp_path)


def test_samples_are_finite_and_neither_silent_nor_clipped(speech: dict[tuple[int, str], np.ndarray]) -> None:
    for samples in speech.values():
        assert samples.dtype == np.float32
        assert np.isfinite(samples).all()
        assert 0.005 < np.abs(samples).max() <= 0.9


@pytest.mark.parametrize("sample_rate", [8000, 22_050, 48_000])
def test_other_sample_rates_have_the_same_speech_at_the_same_level(sample_rate: int) -> None:
    here, there = render(1, "angry", 0), render(1, "angry", 0, sample_rate=sample_rate)
    assert len(there) / sample_rate == pytest.approx(len(here) / SAMPLE_RATE, abs=1e-3)
    assert 10 * np.log10(np.mean(there**2) / np.mean(here**2)) == pytest.approx(0, abs=1)


# what the sources in the module's docstring report, as (quantity, greater in, than in)
CLAIMS = [
    *(("level", emotion, "sad") for emotion in ("angry", "happy", "neutral", "surprise")),
    *(("level", "angry", emotion) for emotion in ("neutral", "calm", "happy", "disgust")),
    *(("pitch", emotion, "neutral") for emotion in ("angry", "happy", "fear", "surprise")),
    *(("pitch", "neutral", emotion) for emotion in ("calm", "sad", "disgust")),
    *(("range", emotion, "sad") for emotion in ("angry", "happy", "surprise")),
    *(("range", emotion, "neutral") for emotion in ("angry", "happy", "surprise")),
    *(("seconds", emotion, "neutral") for emotion in ("sad", "disgust", "calm")),
    *(("seconds", "neutral", emotion) for emotion in ("angry", "fear", "happy")),
    *(("brightness", "angry", emotion) for emotion in ("neutral", "sad", "calm", "fear")),
    *(("brightness", "neutral", emotion) for emotion in ("sad", "calm")),
    *(("rise", "surprise", emotion) for emotion in ("neutral", "angry", "sad")),
]


@pytest.mark.parametrize(("quantity", "more", "less"), CLAIMS)
def test_acoustics_follow_the_emotion(
    measured: dict[tuple[int, str], dict[str, float]], quantity: str, more: str, less: str
) -> None:
    mean = {
        emotion: np.mean([m[quantity] for (_, one), m in measured.items() if one == emotion])
        for emotion in (more, less)
    }
    assert mean[more] > mean[less]


def test_women_have_a_higher_pitch_than_men(measured: dict[tuple[int, str], dict[str, float]]) -> None:
    pitch = {
        sex: [m["pitch"] for (s, _), m in measured.items() if draw_voice(0, s).sex == sex] for sex in ("female", "male")
    }
    assert np.mean(pitch["female"]) - np.mean(pitch["male"]) > 6


def test_emotions_of_unseen_speakers_are_recognized_but_not_all(
    speech: dict[tuple[int, str], np.ndarray], measured: dict[tuple[int, str], dict[str, float]]
) -> None:
    x = np.array([[*_spectrum(speech[key]), *measured[key].values()] for key in speech])
    y = np.array([EMOTIONS.index(emotion) for _, emotion in speech])
    fold = np.array([speaker % 4 for speaker, _ in speech])
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    hits = [_ridge(x[fold != k], y[fold != k], x[fold == k]) == y[fold == k] for k in range(4)]
    recalls = [np.mean(np.concatenate(hits)[np.concatenate([y[fold == k] for k in range(4)]) == c]) for c in range(8)]
    assert 0.6 < np.mean(recalls) < 0.98  # chance is 0.125


def _spectrum(samples: np.ndarray) -> np.ndarray:
    mfcc = librosa.feature.mfcc(y=samples, sr=SAMPLE_RATE, n_mfcc=13, n_fft=512, hop_length=512, n_mels=40)
    return np.concatenate([mfcc.mean(axis=1), mfcc.std(axis=1)])


def _ridge(x: np.ndarray, y: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """Classes of `unseen` by ridge regression onto one-hot labels."""
    centre = x.mean(axis=0)
    inputs, targets = x - centre, np.eye(len(EMOTIONS))[y]
    weights = np.linalg.solve(inputs.T @ inputs + 10 * np.eye(x.shape[1]), inputs.T @ targets)
    return np.asarray(((unseen - centre) @ weights).argmax(axis=1))


@pytest.mark.usefixtures("mute")
def test_ravdess_layout_is_read_by_its_loader(tmp_path: Path) -> None:
    folder = Synthetic(speakers=2, repetitions=8).write(tmp_path, "ravdess")
    assert folder == tmp_path / "ravdess-emotional-speech-audio"
    assert (folder / "audio_speech_actors_01-24/Actor_02/03-01-05-02-02-02-02.wav").is_file()
    listing = Ravdess().load(tmp_path)
    assert listing.skipped == ()
    counts = Counter(clip.emotion for clip in listing.clips)
    assert counts == {emotion: 8 if emotion == "neutral" else 16 for emotion in EMOTIONS}
    assert {clip.speaker: clip.sex for clip in listing.clips} == {"1": "male", "2": "female"}


@pytest.mark.usefixtures("mute")
def test_ravdess_layout_by_default_has_two_statements_twice(tmp_path: Path) -> None:
    Synthetic(speakers=1).write(tmp_path, "ravdess")
    calm = sorted(path.name for path in tmp_path.rglob("03-01-02-*"))
    assert calm == [f"03-01-02-01-{statement:02}-{take:02}-01.wav" for statement in (1, 2) for take in (1, 2)]


@pytest.mark.usefixtures("mute")
def test_cremad_layout_is_read_by_its_loader(tmp_path: Path) -> None:
    corpus = Synthetic(speakers=2, repetitions=4)
    folder = corpus.write(tmp_path, "cremad", sample_rate=22_050, suffix=".flac")
    assert folder == tmp_path / "cremad"
    names = sorted(path.name for path in (folder / "AudioWAV").iterdir() if path.name.startswith("1001_"))
    assert [name for name in names if "ANG" in name] == [
        "1001_IEO_ANG_HI.flac", "1001_IEO_ANG_LO.flac", "1001_IEO_ANG_MD.flac", "1001_TIE_ANG_XX.flac",
    ]  # fmt: skip
    assert "1001_IEO_NEU_XX.flac" in names
    listing = CremaD().load(tmp_path)
    assert listing.skipped == ()
    assert Counter(clip.emotion for clip in listing.clips) == dict.fromkeys(
        ("neutral", "happy", "sad", "angry", "fear", "disgust"), 8
    )
    assert soundfile.info(listing.clips[0].path).samplerate == 22_050


def test_cremad_voices_have_the_sex_of_the_corpus_actors(tmp_path: Path) -> None:
    Synthetic(speakers=6, repetitions=1).write(tmp_path, "cremad")
    neutral = [clip for clip in CremaD().load(tmp_path).clips if clip.emotion == "neutral"]
    assert {clip.sex for clip in neutral} == {"female", "male"}
    for clip in neutral:
        pitch = _measure(soundfile.read(clip.path)[0])["pitch"]
        assert (2 ** (pitch / 12) > 155) == (clip.sex == "female")


@pytest.mark.parametrize(
    "fields", [{"speakers": 0}, {"repetitions": 0}, {"seed": -1}], ids=["speakers", "repetitions", "seed"]
)
def test_bad_parameters_are_refused(fields: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(fields))} must be at least"):
        Synthetic(**fields)


@pytest.mark.parametrize(
    ("corpus", "layout", "options", "message"),
    [
        (Synthetic(speakers=25), "ravdess", {}, "24 speakers at most"),
        (Synthetic(repetitions=9), "ravdess", {}, "8 repetitions at most"),
        (Synthetic(speakers=92), "cremad", {}, "91 speakers at most"),
        (Synthetic(repetitions=15), "cremad", {}, "14 repetitions at most"),
        (Synthetic(), "emodb", {}, "layout must be one of"),
        (Synthetic(), "ravdess", {"suffix": ".mp3"}, "suffix must be"),
        (Synthetic(), "ravdess", {"sample_rate": 4000}, "sample_rate must be at least 8000"),
    ],
)
def test_layouts_refuse_numbers_that_their_names_cannot_represent(
    tmp_path: Path, corpus: Synthetic, layout: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        corpus.write(tmp_path, layout, **options)  # type: ignore[arg-type]
