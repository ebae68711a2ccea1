"""Cross-corpus evaluation: several corpora in one command, with results by corpus."""

import csv
import json

import numpy as np
import pytest
import xxhash

from aersut.corpora import CremaD, Synthetic
from aersut.evaluation.cross_corpus import corpus_results, cross_corpus_table
from aersut.evaluation.evaluation_set import CorpusPart
from aersut.evaluation.other_corpora import SEEN_SPEAKERS
from aersut.run_folder import open_run
from aersut.training.initial_weights import Origin, write_origin
from tests.evaluation.made_predictions import predictions_of

EMOTIONS = ("neutral", "calm", "happy", "sad")


def made():
    """Eight clips: six of a corpus without "happy", two of a corpus of one speaker."""
    labels = [0, 0, 1, 1, 3, 3, 2, 3]
    rows = [
        *([0.6, 0.2, 0.1, 0.1], [0.2, 0.1, 0.6, 0.1]),  # neutral: correct; predicted happy, and neutral without it
        *([0.1, 0.2, 0.6, 0.1], [0.1, 0.1, 0.5, 0.3]),  # calm: happy, and calm without it; happy, and sad without it
        *([0.1, 0.1, 0.2, 0.6], [0.1, 0.2, 0.4, 0.3]),  # sad: correct; happy, and sad without it
        *([0.1, 0.1, 0.7, 0.1], [0.1, 0.1, 0.7, 0.1]),
    ]
    return predictions_of(labels, rows, ["a", "b", "a", "b", "d", "b", "c", "c"], EMOTIONS)


PARTS = (
    CorpusPart("one", "x", slice(0, 6), untrained=("calm",)),
    CorpusPart("two", "y", slice(6, 6), skipped="no .wav or .flac under y"),
    CorpusPart("three", "x", slice(6, 8), warning="some speakers are seen."),
)


def test_metrics_by_hand():
    one, two, three = corpus_results(made(), PARTS)
    assert (one["classes"], one["untrained"]) == (["neutral", "calm", "sad"], ["calm"])
    assert (one["clips"], one["speakers"], one["chance"]) == (6, 3, pytest.approx(1 / 3))
    assert one["uar"] == pytest.approx((1 / 2 + 0 + 1 / 2) / 3)
    assert one["uar_restricted"] == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert (one["most_predicted"], one["most_predicted_fraction"]) == ("happy", pytest.approx(4 / 6))
    assert (one["uar_interval"], one["uar_restricted_interval"]) == (None, None)  # an emotion has two speakers only
    assert (two["skipped"], two["clips"], two["uar"]) == ("no .wav or .flac under y", 0, None)
    assert (three["uar"], three["uar_interval"]) == (0.5, None)  # one speaker
    assert set(one) == set(two) == set(three)


def test_intervals_are_those_of_three_speakers():
    rows = [[0.4, 0.3, 0.2, 0.1]] * 4 + [[0.1, 0.2, 0.3, 0.4]] * 2
    predictions = predictions_of([0, 0, 0, 2, 2, 2], rows, ["a", "b", "c"] * 2, EMOTIONS)
    [one] = corpus_results(predictions, (CorpusPart("one", "x", slice(0, 6)),))
    for key in ("uar", "uar_restricted"):
        low, high = one[f"{key}_interval"]
        assert low <= one[key] <= high


def test_the_table_has_a_line_for_each_corpus_and_the_reasons():
    lines = cross_corpus_table(corpus_results(made(), PARTS)).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["one", "two", "three"]
    assert {"0.333", "0.833", "happy", "(67%)"} <= set(lines[1].split())
    assert "one: the training set has no clip of calm." in lines
    assert "skipped two: no .wav or .flac under y" in lines
    assert "three: some speakers are seen." in lines
    assert "too few speakers" in lines[3]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """Folders with generated corpora: RAVDESS and CREMA-D in one, RAVDESS of other speakers in another."""
    folder = tmp_path_factory.mktemp("corpora")
    Synthetic(speakers=2, repetitions=1, seed=7).write(folder / "a", "ravdess")
    Synthetic(speakers=3, repetitions=1, seed=8).write(folder / "a", "cremad")
    Synthetic(speakers=2, repetitions=1, seed=9).write(folder / "b", "ravdess")
    return folder


def evaluated(run):
    [path] = run.evaluation.parent.glob("*+*/metrics.json")
    return json.loads(path.read_text()), list(
        csv.DictReader(path.with_name("predictions.csv").read_text().splitlines())
    )


def test_corpora_of_one_root_and_a_missing_one(launch, own_run, corpora):
    command = ("--mode=evaluate", f"--workdir={own_run.folder}", f"--evaluate.root={corpora / 'a'}")
    ran = launch(*command, "--evaluate.corpora=cremad,tess,ravdess")
    assert ran.status == 0, ran.err
    result, rows = evaluated(own_run)
    assert (result["corpora"], result["clips"], result["speakers"]) == (["cremad", "ravdess"], 34, 5)
    cremad, tess, ravdess = result["cross_corpus"]
    assert (cremad["clips"], len(cremad["classes"]), cremad["chance"]) == (18, 6, pytest.approx(1 / 6))
    assert (ravdess["clips"], len(ravdess["classes"]), ravdess["speakers"]) == (16, 8, 2)
    assert tess["skipped"].startswith("tess: no .wav or .flac under")
    assert "skipped tess: no .wav" in ran.out
    # restricted predictions from predictions.csv
    own = [row for row in rows if row["corpus"] == "cremad"]
    correct = {emotion: [] for emotion in cremad["classes"]}
    for row in own:
        best = max(cremad["classes"], key=lambda emotion, row=row: float(row[emotion]))
        correct[row["emotion"]].append(best == row["emotion"])
    assert cremad["uar_restricted"] == pytest.approx(np.mean([np.mean(hits) for hits in correct.values()]))
    assert cremad["uar"] == pytest.approx(result["groups"]["corpus"]["cremad"]["uar"])

    file = own_run.export / "model_float32.tflite"
    assert launch(*command, "--evaluate.corpora=cremad,tess,ravdess", f"--model={file}").status == 0
    [of_file] = own_run.evaluation.parent.glob("*+*-model_float32/metrics.json")
    for row, other in zip(result["cross_corpus"], json.loads(of_file.read_text())["cross_corpus"], strict=True):
        assert row == other
    assert launch("--mode=report", f"--workdir={own_run.folder}").status == 0
    page = own_run.report.read_text()
    assert "Cross-corpus evaluation" in page
    assert "tess: no .wav or .flac under" in page


def test_one_corpus_of_two_roots(launch, own_run, corpora):
    roots = f"--evaluate.root={corpora / 'a'},{corpora / 'b'}"
    ran = launch("--mode=evaluate", f"--workdir={own_run.folder}", roots, "--evaluate.corpora=ravdess,ravdess")
    assert ran.status == 0, ran.err
    first, second = evaluated(own_run)[0]["cross_corpus"]
    assert (first["clips"], second["clips"]) == (16, 16)
    assert (first["root"], second["root"]) == (str(corpora / "a"), str(corpora / "b"))
    waveform = own_run.export / "waveform_float32.tflite"
    both = ("--evaluate.corpora=ravdess,ravdess", f"--model={waveform}")
    assert launch("--mode=evaluate", f"--workdir={own_run.folder}", roots, *both).status == 0
    [path] = own_run.evaluation.parent.glob("*+*-waveform_float32/metrics.json")
    assert [row["uar"] for row in json.loads(path.read_text())["cross_corpus"]] == [first["uar"], second["uar"]]


def test_a_class_without_training_clips_is_named(launch, own_run, corpora):
    split = json.loads(own_run.split.read_text())
    split["clips"] = [clip for clip in split["clips"] if clip["emotion"] != "calm"]
    own_run.split.write_text(json.dumps(split))
    command = ("--mode=evaluate", f"--workdir={own_run.folder}", f"--evaluate.root={corpora / 'a'}")
    ran = launch(*command, "--evaluate.corpora=ravdess,cremad")
    assert ran.status == 0, ran.err
    ravdess, cremad = evaluated(open_run(own_run.folder))[0]["cross_corpus"]
    assert (ravdess["untrained"], cremad["untrained"]) == (["calm"], [])
    assert "ravdess: the training set has no clip of calm." in ran.out


def test_a_corpus_may_lack_a_label_of_the_model(launch, own_run, corpora):
    own_run.split.write_text(own_run.split.read_text().replace('"calm"', '"bored"'))
    command = ("--mode=evaluate", f"--workdir={own_run.folder}", f"--evaluate.root={corpora / 'a'}")
    ran = launch(*command, "--evaluate.corpora=ravdess")
    assert ran.status == 0, ran.err
    [path] = own_run.evaluation.parent.glob("ravdess-*/metrics.json")
    [ravdess] = json.loads(path.read_text())["cross_corpus"]
    assert (ravdess["clips"], len(ravdess["classes"])) == (14, 7), "all but the two calm clips"


def test_speakers_of_the_initial_weights_are_seen(launch, own_run, corpora):
    command = ("--mode=evaluate", f"--workdir={own_run.folder}", f"--evaluate.root={corpora / 'a'}")
    seen = sorted({clip.speaker for clip in CremaD().load(corpora / "a").clips})[:1]
    write_origin(own_run, Origin("micro_speech", "0" * 64, {}, {"cremad": seen}))
    ran = launch(*command, "--evaluate.corpora=ravdess,cremad")
    assert ran.status == 0, ran.err
    result = evaluated(own_run)[0]
    assert (result["leaks"], result["speaker_independent"]) == (False, False)
    assert result["warning"] == SEEN_SPEAKERS
    assert SEEN_SPEAKERS in ran.out + ran.err


def test_a_segment_of_a_training_recording_leaks(launch, own_run, tmp_path):
    """Contents are hashes of files, those of segments with start and end."""
    synthetic = Synthetic(speakers=3, repetitions=1, seed=8)
    folder = tmp_path / "own"
    synthetic.write(folder, "cremad")
    paths = sorted(folder.rglob("*.wav"))
    rows = [f"{path.relative_to(folder)},sad,{index % 2},0,{1 - index % 2 / 2}" for index, path in enumerate(paths)]
    (folder / "manifest.csv").write_text("\n".join(["path,emotion,speaker,start,end", *rows]))
    command = ("--mode=evaluate", f"--workdir={own_run.folder}", f"--evaluate.root={folder}")
    for seen, leaks in ((paths[0], True), (None, False)):
        split = json.loads(own_run.split.read_text())
        trained = next(clip for clip in split["clips"] if "train" in clip["splits"])
        trained["content"] = xxhash.xxh3_128_hexdigest(seen.read_bytes() if seen else b"another recording")
        own_run.split.write_text(json.dumps(split))
        ran = launch(*command, "--evaluate.corpora=manifest")
        assert ran.status == 0, ran.err
        [path] = own_run.evaluation.parent.glob("manifest-*/metrics.json")
        assert json.loads(path.read_text())["leaks"] == leaks


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--evaluate.root=ROOT", "--evaluate.corpora=tess,savee"], "savee: no .wav or .flac under"),
        (["--evaluate.root=ROOT", "--evaluate.corpora=ravdess", "--model=ROOT"], "is a folder: expected a .tflite"),
        (["--evaluate.root=ROOT,ROOT,ROOT", "--evaluate.corpora=ravdess,cremad"], "has 3 folders for 2 corpora"),
        (["--evaluate.root=ROOT", "--evaluate.corpora=ravdess,cremadd"], "unknown corpus 'cremadd'"),
        (["--evaluate.root=ROOT", "--evaluate.corpora=ravdess,ravdess"], "names 'ravdess' twice; name it once"),
    ],
)
def test_a_mistake_is_named(launch, finished, corpora, arguments, words):
    arguments = [argument.replace("ROOT", str(corpora / "a")) for argument in arguments]
    ran = launch("--mode=evaluate", f"--workdir={finished.folder}", *arguments)
    assert (ran.status, words in ran.err) == (2, True), ran.err


def test_a_cache_that_cannot_be_used_is_no_skipped_corpus(launch, own_run, corpora, monkeypatch, tmp_path):
    for name in ("AERSUT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def homeless(path):
        raise RuntimeError("Could not determine home directory.")

    command = ("--mode=evaluate", f"--workdir={own_run.folder}", f"--evaluate.root={corpora / 'a'}")
    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "expanduser", lambda path: homeless(path) if str(path)[0] == "~" else path)
        ran = launch(*command, "--evaluate.corpora=cremad,ravdess")
        surveyed = launch("--mode=data", "--experiment=cnn_combined", f"--experiment.data.root={corpora / 'a'}")
    for one in (ran, surveyed):
        assert one.status == 2
        assert "Set AERSUT_CACHE to a writable folder." in one.err
