"""--mode=data: what is on disk, and what is wrong with it."""

import json
from pathlib import Path

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS
from aersut.errors import UserError

flags.DEFINE_list("download", [], "With --mode=data: corpora to download into data.root first: ravdess, cremad.")


def _run(arguments: Arguments) -> int:
    from aersut import experiment
    from aersut.config import Data, Experiment
    from aersut.data.download import download
    from aersut.data.survey import as_json, survey, table
    from aersut.registry import CORPORA

    if FLAGS.experiment is None and not FLAGS.download:
        raise UserError("which corpora? --experiment=NAME, or --download=NAMES.")
    downloaded = Experiment(data=Data(corpora=tuple(CORPORA[name]() for name in FLAGS.download)))
    asked = experiment.load(FLAGS.experiment or downloaded, arguments.experiment)
    for name in FLAGS.download:
        download(name, Path(asked.data.root).expanduser())
    surveys = survey(asked.data, asked.framing)
    print(json.dumps(as_json(surveys), indent=2) if FLAGS.json else table(surveys))
    return 2 if any(one.spoils for one in surveys) else 0


USAGE = (
    ("--mode=data --experiment=NAME", "what is on disk, and what is wrong with it"),
    ("--mode=data --download=ravdess,cremad", "download corpora into input/ first"),
)
COMMAND = Command(_run, USAGE, flags=("json", "download"))
