"""--mode=show: the features and augmentations of a clip in one image."""

import struct

import numpy as np
import pytest
import soundfile

from aersut import experiment
from aersut.report.show import MARK, SPECTROGRAM, augmenter_views


@pytest.fixture
def clip(tmp_path):
    """1.5 s of a tone with a rising frequency."""
    times = np.arange(24_000) / 16_000
    tone = 0.3 * np.sin(2 * np.pi * (150 * times + 60 * times**2)) * np.sin(np.pi * times / 1.5)
    soundfile.write(tmp_path / "rising.wav", tone, 16_000)
    return tmp_path / "rising.wav"


def pixels(path):
    """Width and height of a PNG file."""
    return struct.unpack(">II", path.read_bytes()[16:24])


def test_draws_a_column_for_each_augmenter_and_a_row_for_each_feature(launch, tiny, clip, tmp_path):
    few = launch(
        "--mode=show", f"--experiment={tiny}", f"--clip={clip}", f"--output={tmp_path / 'few.png'}",
        "--experiment.features=mfcc", "--experiment.augment=", "--experiment.augmented_copies=0",
    )  # fmt: skip
    many = launch(
        "--mode=show", f"--experiment={tiny}", f"--clip={clip}", f"--output={tmp_path / 'many.png'}",
        "--experiment.features=log_mel,f0,delta", "--experiment.augment=noise,time_shift,spec_augment,mixup",
        "--experiment.augmented_copies=1",
    )  # fmt: skip
    assert (few.status, many.status) == (0, 0), few.err + many.err
    assert many.out == f"plot {tmp_path / 'many.png'}\n"
    (width, height), (wider, higher) = pixels(tmp_path / "few.png"), pixels(tmp_path / "many.png")
    assert wider > 2.5 * width
    assert higher > 1.3 * height
    assert (tmp_path / "many.png").read_bytes().startswith(b"\x89PNG")


def test_shows_the_effect_of_each_augmenter_alone(tiny):
    configured = experiment.load_experiment(
        tiny,
        [
            ("features", "log_mel,zcr"),
            ("augment", "gain,spec_augment"),
            ("augment.0.db", "-6,-6"),
            ("augment.0.probability", "0.0"),
            ("augmented_copies", "0"),
        ],
    )
    samples = 0.3 * np.sin(0.3 * np.arange(configured.framing.samples)).astype(np.float32)
    plain, softer, masked = augmenter_views(configured, samples)
    assert [view.title for view in (plain, softer, masked)] == ["original", "gain", "spec_augment"]
    assert set(plain.panels) == {SPECTROGRAM, "mfcc", "log_mel", "zcr"}
    # applied in spite of the probability of 0
    np.testing.assert_allclose(softer.samples, 10 ** (-6 / 20) * samples, atol=1e-4)
    loudest = [view.panels["log_mel"].max(axis=1) for view in (plain, softer)]
    np.testing.assert_allclose(loudest[1] - loudest[0], -6, atol=0.1)
    np.testing.assert_array_equal(masked.samples, samples)
    changed = masked.panels["log_mel"] != plain.panels["log_mel"]
    assert 0 < changed.mean() < 1
    np.testing.assert_array_equal(masked.panels["mfcc"], plain.panels["mfcc"])


def test_augmenters_of_features_change_what_is_normalized_afterwards(tiny):
    relative = '[{"name": "relative", "of": {"name": "log_mel"}}, {"name": "log_mel"}]'
    configured = experiment.load_experiment(
        tiny, [("features", relative), ("augment", "mel_gain"), ("augment.0.db", "20,20"), ("augmented_copies", "0")]
    )
    samples = 0.3 * np.sin(0.3 * np.arange(configured.framing.samples)).astype(np.float32)
    plain, louder = (view.panels for view in augmenter_views(configured, samples))
    np.testing.assert_allclose(louder["log_mel"].max() - plain["log_mel"].max(), 20, atol=0.1)
    np.testing.assert_allclose(louder["relative"].max(axis=1), plain["relative"].max(axis=1), atol=0.1)


def test_two_features_of_one_name_have_a_row_each(tiny):
    configured = experiment.load_experiment(tiny, [("features", "delta,f0,delta"), ("features.2.of", "rms")])
    samples = np.zeros(configured.framing.samples, np.float32)
    assert set(augmenter_views(configured, samples)[0].panels) >= {"delta", "f0[0]", "f0[1]", "delta, features.2"}


class TestWhereItIsWritten:
    def test_by_default_is_named_after_the_clip_and_the_experiment(self, launch, tiny, clip, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        ran = launch("--mode=show", f"--experiment={tiny}", f"--clip={clip}")
        assert ran.out == "plot rising-tiny.png\n"
        assert MARK in (tmp_path / "rising-tiny.png").read_bytes()[:4096]
        assert launch("--mode=show", f"--experiment={tiny}", f"--clip={clip}").status == 0  # drawn again

    def test_is_never_over_another_file(self, launch, tiny, clip, tmp_path):
        (tmp_path / "mine.png").write_bytes(b"another file")
        ran = launch("--mode=show", f"--experiment={tiny}", f"--clip={clip}", f"--output={tmp_path / 'mine.png'}")
        assert ran.status == 2
        assert "exists and is not an image of --mode=show" in ran.err
        assert (tmp_path / "mine.png").read_bytes() == b"another file"

    def test_has_to_be_writable(self, launch, tiny, clip, tmp_path):
        for output in (tmp_path, clip / "in a file.png"):
            ran = launch("--mode=show", f"--experiment={tiny}", f"--clip={clip}", f"--output={output}")
            assert ran.status == 2
            assert f"{output} " in ran.err
            assert ran.err.strip().endswith("hoose another --output.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mode=show", "--clip=a.wav"], "--mode=show needs --experiment=NAME"),
        (["--mode=show", "--experiment=quickstart"], "--mode=show needs --clip=FILE"),
        (["--mode=show", "--experiment=quickstart", "--clip=gone.wav"], "clip gone.wav cannot be read: No such file"),
        (["--experiment=quickstart", "--clip=a.wav"], "--clip goes with --mode=show"),
    ],
)
def test_a_mistake_gets_a_message_and_status_2(launch, arguments, message):
    ran = launch(*arguments)
    assert ran.status == 2
    assert message in ran.err


def test_a_clip_with_nan_samples_is_named(launch, tiny, tmp_path):
    soundfile.write(tmp_path / "nan.wav", np.full(1000, np.nan, np.float32), 16_000, subtype="FLOAT")
    ran = launch("--mode=show", f"--experiment={tiny}", f"--clip={tmp_path / 'nan.wav'}")
    assert ran.status == 2
    assert "nan.wav contains samples that are NaN or infinity" in ran.err
