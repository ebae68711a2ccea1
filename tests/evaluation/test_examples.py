"""A clip's picture: waveform, spectrogram, mel bands, MFCC, one under the other."""

import numpy as np
from matplotlib.figure import Figure

from aersut.contracts import Framing
from aersut.evaluation.plots import examples


def test_each_panel_shows_what_its_label_says():
    framing = Framing(sample_rate=16_000, seconds=1.0, frame_length=512, hop_length=256)
    figure = Figure(figsize=examples.SIZE)
    examples.paint(figure, np.sin(np.arange(16_000) * 2 * np.pi * 2_000 / 16_000), framing, "a tone")
    assert [axes.get_ylabel() for axes in figure.axes] == ["amplitude", "kHz", "mel band", "MFCC"]
    spectrum, mels, mfcc = (axes.images[0] for axes in figure.axes[1:])
    loudest = spectrum.get_array().mean(axis=1).argmax() / (spectrum.get_array().shape[0] - 1)
    assert loudest * spectrum.get_extent()[3] == 2.0  # kHz
    assert (mels.get_array().shape[0], mfcc.get_array().shape[0]) == (64, 13)
