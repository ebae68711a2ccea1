"""List corpora and their problems, or download them.

{program} --mode=data --experiment=quickstart
    List the experiment's corpora on disk, with their problems.
{program} --mode=data --download=ravdess,cremad
    Download RAVDESS and CREMA-D into input/, then list them.
"""

import json
from pathlib import Path

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS
from aersut.errors import UserError

flags.DEFINE_list("download", [], "Corpora to download into data.root first: ravdess, cremad.")


def _run(arguments: Arguments) -> int:
    from aersut import experiment
    from aersut.config import Data, Experiment
    from aersut.data.download import download
    from aersut.data.survey import survey, survey_as_json, survey_table
    from aersut.registry import CORPORA

    if FLAGS.experiment is None and not FLAGS.download:
        raise UserError("--mode=data needs --experiment=NAME, --download=NAMES or both.")
    names = tuple(dict.fromkeys(FLAGS.download))  # a repeated name is downloaded once
    downloaded = Experiment(data=Data(corpora=tuple(CORPORA[name]() for name in names)))
    selected = experiment.load_experiment(FLAGS.experiment or downloaded, arguments.experiment)
    for name in names:
        download(name, Path(selected.data.root).expanduser())
    surveys = survey(selected.data, selected.framing)
    print(json.dumps(survey_as_json(surveys), indent=2) if FLAGS.json else survey_table(surveys))
    return 2 if any(one.blocking for one in surveys) else 0


COMMAND = Command(_run, __doc__, flags=("experiment", "download", "json"))
