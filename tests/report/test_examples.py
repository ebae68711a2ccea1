"""The plot of a clip: waveform, spectrogram, mel spectrogram, MFCC."""

import matplotlib
import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from aersut.contracts import Framing
from aersut.report.plots import examples, style


def test_each_panel_has_its_label_and_axis():
    framing = Framing(sample_rate=16_000, seconds=1.0, frame_length=512, hop_length=256)
    figure = Figure(figsize=examples.SIZE)
    examples.paint_example(figure, np.sin(np.arange(16_000) * 2 * np.pi * 2_000 / 16_000), framing, "a tone")
    assert [axes.get_ylabel() for axes in figure.axes] == ["amplitude", "frequency (kHz)", "mel band", "MFCC"]
    spectrum, mels, mfcc = (axes.images[0] for axes in figure.axes[1:])
    loudest = spectrum.get_array().mean(axis=1).argmax() / (spectrum.get_array().shape[0] - 1)
    assert loudest * spectrum.get_extent()[3] == 2.0  # kHz
    assert (mels.get_array().shape[0], mfcc.get_array().shape[0]) == (64, 13)


def test_the_waveform_shows_the_extreme_samples_of_a_short_clip():
    framing = Framing(sample_rate=8_000, seconds=0.05, frame_length=256, hop_length=128)
    samples = np.zeros(400)
    samples[100], samples[300] = 0.5, -0.25
    figure = Figure(figsize=examples.SIZE)
    examples.paint_example(figure, samples, framing, "two clicks")
    (outline,) = figure.axes[0].collections
    x, y = outline.get_paths()[0].vertices.T
    assert (y.max(), y.min()) == (0.5, -0.25)
    assert abs(x[y.argmax()] - 100 / 8_000) < 1e-4


@pytest.mark.parametrize("peak", [1, 0.03, 0.004])
def test_no_label_is_cut_off_or_overwritten_at_any_level(peak):
    framing = Framing(sample_rate=16_000, seconds=1.0, frame_length=512, hop_length=256)
    samples = peak * np.sin(np.arange(16_000) * 2 * np.pi * 2_000 / 16_000)
    with matplotlib.rc_context(style.RC):
        figure = Figure(figsize=examples.SIZE)
        examples.paint_example(figure, samples, framing, "a tone")
        figure.canvas.draw()
        for axes in figure.axes:
            label = axes.yaxis.label.get_window_extent()
            assert label.x0 > 0
            assert label.x1 < min(tick.get_window_extent().x0 for tick in axes.get_yticklabels() if tick.get_text())


def test_clips_that_share_a_figure_have_the_plots_that_they_have_alone(tmp_path):
    framing = Framing(sample_rate=16_000, seconds=1.0, frame_length=512, hop_length=256)
    tone = np.sin(np.arange(16_000) * 2 * np.pi * 2_000 / 16_000)
    clips = {"loud": tone, "quiet": 0.03 * tone[::-1], "click": np.eye(1, 16_000, 900)[0]}
    plots = {tmp_path / name: (samples, framing, name) for name, samples in clips.items()}
    style.write_series(plots, examples.SIZE, examples.paint_example)
    for path, arguments in plots.items():
        alone = tmp_path / "alone" / path.name
        style.write_plot(alone, examples.SIZE, examples.paint_example, *arguments)
        shared, single = (matplotlib.image.imread(one.with_suffix(".png")) for one in (path, alone))
        np.testing.assert_array_equal(shared, single)
        text, expected = (one.with_suffix(".svg").read_text().count("<text") for one in (path, alone))
        assert text == expected
