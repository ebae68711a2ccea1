"""Predict the emotion of audio files, or of a stream.

{program} --mode=predict --model=micro_speech clip.wav folder/
    Print the emotion of each audio file, and of all audio files in a folder.
arecord -t raw -f S16_LE -c 1 -r 16000 | {program} --mode=predict --model=micro_speech --stream
    Print a JSON object for each window of audio from standard input (any program that writes raw samples).
{program} --mode=predict --model=RUN/export/frontend.tflite --stream clip.wav
    Print what a board with the C library prints.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS
from aersut.errors import UserError
from aersut.texts import printable

if TYPE_CHECKING:
    from aersut.serving.predict import PredictOptions
    from aersut.serving.recognizer import Recognizer

flags.DEFINE_float(
    "hop",
    None,
    "Seconds from window to window; default: 0.5, and one window for files of up to 10 s.",
    lower_bound=0,
)
flags.DEFINE_float(
    "smoothing",
    None,
    "Average the probabilities of windows over this many seconds, also of short files; default: 0, and three windows "
    "with frontend.tflite.",
    lower_bound=0,
)
flags.DEFINE_float(
    "vad_threshold",
    -55.0,
    "Voice activity detection (VAD) threshold, dBFS: quieter windows are silence.",
    upper_bound=0,
)
flags.DEFINE_float(
    "min_confidence", 0.0, "Confidence below which an emotion is 'uncertain'.", lower_bound=0, upper_bound=1
)
flags.DEFINE_bool("csv", False, "Print CSV: a row per window. In its column file, '-' stands for standard input.")
flags.DEFINE_bool(
    "stream",
    False,
    "Classify window by window: the files, or without files raw 16-bit little-endian mono samples from standard input.",
)
flags.DEFINE_integer(
    "rate",
    16_000,
    "Sample rate of --stream in Hz; that of a WAV header replaces it.",
    lower_bound=1000,
    upper_bound=768_000,
)


def _run(arguments: Arguments) -> int:
    from aersut.serving.predict import PredictOptions, find_files
    from aersut.serving.recognizer import load

    if not FLAGS.model:
        raise UserError("--model is missing: expected --model=NAME (--list names the zoo), FILE.tflite or RUN.")
    if FLAGS.json and FLAGS.csv:
        raise UserError("--json and --csv exclude each other: omit one of them.")
    if not (FLAGS.stream or arguments.paths):
        raise UserError("expected audio files and folders, or --stream for samples from standard input.")
    if FLAGS["rate"].present and (arguments.paths or not FLAGS.stream):
        raise UserError("--rate is that of raw samples from standard input; files state theirs: omit it.")
    files = find_files(arguments.paths)
    recognizer = load(FLAGS.model, FLAGS.min_confidence)
    options = PredictOptions(FLAGS.hop, FLAGS.smoothing, FLAGS.vad_threshold, whole=not FLAGS.stream)
    recognizer.stream(**options.stream_arguments)  # reports a value out of range once, not for each file
    try:
        return _files(recognizer, arguments.paths, files, options) if files else _stream(recognizer, options)
    except KeyboardInterrupt:  # Ctrl-C ends a live stream
        return 130


def _files(recognizer: "Recognizer", paths: tuple[str, ...], files: list[Path], options: "PredictOptions") -> int:
    """Print the predictions of each file as soon as they are known; return 1 if a file cannot be used."""
    from tqdm import tqdm

    from aersut.progress import bars_are_shown
    from aersut.serving import predict

    format_result: Callable[[predict.FilePrediction], str] = predict.as_json_lines
    if not FLAGS.json:
        table = predict.CsvFormat(recognizer.labels) if FLAGS.csv else predict.TableFormat(recognizer.labels, files)
        print(table.header)
        format_result = table
    failed = 0
    with tqdm(total=len(files), file=sys.stderr, disable=len(files) < 2 or not bars_are_shown(), unit=" files") as bar:
        for result in predict.predict_files(recognizer, files, options):
            failed += bool(result.error)
            bar.write(format_result(result), file=sys.stdout)
            if result.warning:
                bar.write(f"warning: {printable(result.file)} {result.warning}.", file=sys.stderr)
            bar.update()
    if others := predict.other_files(paths):
        print(f"note: {others}", file=sys.stderr)
    if failed:
        print(f"error: {failed:,} of {len(files):,} files could not be used", file=sys.stderr)
    return 1 if failed else 0


def _stream(recognizer: "Recognizer", options: "PredictOptions") -> int:
    """Print a line of JSON, or with --csv a row of CSV, for each window as soon as it is classified."""
    from aersut.serving.predict import STANDARD_INPUT, CsvFormat, FilePrediction, predict_stream

    table = CsvFormat(recognizer.labels)
    if FLAGS.csv:
        print(table.header, flush=True)
    warned = ""
    for prediction in predict_stream(recognizer, sys.stdin.buffer, FLAGS.rate, options):
        row = table(FilePrediction(STANDARD_INPUT, (prediction,))) if FLAGS.csv else json.dumps(prediction.as_json())
        print(row, flush=True)
        if prediction.warning != warned:
            warned = prediction.warning
            if warned:
                print(f"warning: standard input {warned}.", file=sys.stderr)
    return 0


COMMAND = Command(
    _run,
    __doc__,
    flags=("model", "json", "csv", "hop", "smoothing", "vad_threshold", "min_confidence", "stream", "rate"),
    notes={
        "model": "Name of a model in the zoo (--list), exported .tflite file (frontend.tflite: as a board), or a run "
        "folder, whose checkpoint runs in JAX.",
        "json": "Print one JSON object per window.",
    },
    paths=True,
)
