"""--mode=compare: runs as a table."""

import json
from pathlib import Path

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS

flags.DEFINE_string("sort", "uar", "With --mode=compare: a figure (best first), a key of the configuration, or folder.")


def _run(arguments: Arguments) -> None:
    from aersut.evaluation import compare

    folders = [Path(folder.strip()) for folder in (FLAGS.workdir or "runs").split(",")]
    rows = compare.ordered([compare.read(folder) for folder in compare.find(folders)], FLAGS.sort)
    print(json.dumps(compare.as_json(rows), indent=2) if FLAGS.json else compare.table(rows))


USAGE = (("--mode=compare --workdir=A,B --sort=KEY", "runs, or all below a folder, as a table; runs/ by default"),)
COMMAND = Command(_run, USAGE, flags=("json", "sort"))
