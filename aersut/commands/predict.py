"""--mode=predict: what is heard in sound files, or in a stream."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS
from aersut.errors import UserError

if TYPE_CHECKING:
    from aersut.serving.predict import Options
    from aersut.serving.recognizer import Recognizer

LIVE = "With --mode=predict and monitor:"
flags.DEFINE_float("hop", None, f"{LIVE} seconds from one window to the next.", lower_bound=0)
flags.DEFINE_float("smoothing", 0.0, f"{LIVE} average over so many seconds.", lower_bound=0)
flags.DEFINE_float("gate", -55.0, f"{LIVE} a window without a voice above this, in dB of full scale, is silence.")
flags.DEFINE_bool("csv", False, "With --mode=predict: print CSV instead of a table.")
flags.DEFINE_bool("stream", False, "With --mode=predict: judge raw 16-bit mono samples from standard input, live.")
flags.DEFINE_integer("rate", 16_000, "With --stream: the sample rate in Hz.", lower_bound=1000, upper_bound=768_000)


def _run(arguments: Arguments) -> int:
    from aersut.serving.predict import Options, find
    from aersut.serving.recognizer import load

    if not FLAGS.model:
        raise UserError("which model? --model=FILE.tflite, or --model=RUN for a run's best checkpoint.")
    if FLAGS.json and FLAGS.csv:
        raise UserError("--json and --csv exclude each other.")
    if FLAGS.stream == bool(arguments.paths):
        raise UserError("what shall be judged? Name files and folders, or --stream for samples from standard input.")
    files = find(arguments.paths)
    recognizer = load(FLAGS.model)
    options = Options(FLAGS.hop, FLAGS.smoothing, FLAGS.gate)
    recognizer.stream(**options.following)  # a hop that cannot be is refused here, not by each file
    try:
        return _stream(recognizer, options) if FLAGS.stream else _files(recognizer, files, options)
    except KeyboardInterrupt:  # which is how a live stream ends
        return 130


def _files(recognizer: "Recognizer", files: list[Path], options: "Options") -> int:
    """Print what is heard in each file as soon as it is known; 1 where one of them cannot be used."""
    from tqdm import tqdm

    from aersut.serving import predict

    lines: Callable[[predict.Heard], str] = predict.as_json
    if not FLAGS.json:
        rows = predict.Rows(recognizer.labels) if FLAGS.csv else predict.Table(recognizer.labels, files)
        print(rows.header)
        lines = rows
    failed = 0
    with tqdm(
        total=len(files), file=sys.stderr, disable=len(files) < 2 or not sys.stderr.isatty(), unit=" files"
    ) as bar:
        for heard in predict.predict(recognizer, files, options):
            failed += bool(heard.problem)
            bar.write(lines(heard), file=sys.stdout)
            if heard.warning:
                bar.write(f"warning: {predict.shown(heard.file)} {heard.warning}", file=sys.stderr)
            bar.update()
    if failed:
        print(f"error: {failed:,} of {len(files):,} files could not be used", file=sys.stderr)
    return 1 if failed else 0


def _stream(recognizer: "Recognizer", options: "Options") -> int:
    """Print a line of JSON for each window."""
    from aersut.serving.predict import listen

    for prediction in listen(recognizer, sys.stdin.buffer, FLAGS.rate, options):
        print(json.dumps(prediction.as_json()), flush=True)
    return 0


USAGE = (
    ("--mode=predict --model=FILE.tflite CLIP FOLDER …", "the emotion of each sound file"),
    ("arecord -f S16_LE -r 16000 | … --mode=predict --stream", "of sound as it arrives"),
)
COMMAND = Command(_run, USAGE, flags=("json", "csv", "model", "hop", "smoothing", "gate", "stream", "rate"), paths=True)
