"""List corpora and their problems, or download them.

{program} --mode=data --experiment=quickstart
    List the experiment's corpora on disk, their problems, and the classes that a run would have.
{program} --mode=data --download=ravdess,cremad
    Download RAVDESS and CREMA-D into input/, then list them.
"""

import json
from typing import TYPE_CHECKING

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS
from aersut.errors import UserError
from aersut.paths import expanded

if TYPE_CHECKING:
    from aersut.config import Experiment

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
        download(name, expanded(selected.data.root))
    surveys = survey(selected.data, selected.framing)
    print(json.dumps(survey_as_json(surveys), indent=2) if FLAGS.json else survey_table(surveys))
    blocked = any(one.blocking for one in surveys)
    if FLAGS.experiment and not blocked:
        classes = _classes(selected)
        if not FLAGS.json:
            print("\n".join(classes))
    return 2 if blocked else 0


def _classes(experiment: "Experiment") -> list[str]:
    """The classes of a run with these corpora; raises `UserError` if they cannot be split."""
    from aersut.run import divide
    from aersut.run_folder import class_notes

    try:
        divided = divide(experiment)
    except UserError as error:
        raise UserError(f"a run with this experiment would stop: {error}") from None
    emotions = divided.experiment.data.emotions
    return [f"{len(emotions)} classes: {', '.join(emotions)}", *class_notes(divided.records, emotions)]


COMMAND = Command(_run, __doc__, flags=("experiment", "download", "json"), extras=("train",))
