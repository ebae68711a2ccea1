"""List, name and delete runs, and empty the cache.

{program} --mode=runs
    List all runs below runs/ with their state and size, and the size of the cache.
{program} --mode=runs --workdir=RUN --name=baseline
    Name a run; --workdir=baseline then selects it.
{program} --mode=runs --workdir=RUN_A,RUN_B --delete
    Delete two runs.
{program} --mode=runs --empty_cache=all
    Delete everything in the cache that can be computed again.
"""

import json

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, folders
from aersut.errors import UserError
from aersut.texts import megabytes

flags.DEFINE_bool("delete", False, "Delete the runs of --workdir.")
flags.DEFINE_string("name", None, "A name that selects the run of --workdir below runs/; an empty one removes it.")
flags.DEFINE_list("empty_cache", None, "all, or some folders of the cache, such as features,jax: delete them.")


def _run(arguments: Arguments) -> None:
    from aersut import run_list
    from aersut.evaluation.comparison import find_runs
    from aersut.run_folder import RUNS

    chosen = folders("")
    if bool(FLAGS.delete) + (FLAGS.name is not None) + (FLAGS.empty_cache is not None) > 1:
        raise UserError("--delete, --name and --empty_cache exclude each other: choose one.")
    if FLAGS.json and (FLAGS.delete or FLAGS.name is not None or FLAGS.empty_cache is not None):
        raise UserError("--json is for the list of runs: omit it.")
    if FLAGS.empty_cache is not None:
        if chosen:
            raise UserError("--empty_cache concerns all runs: omit --workdir.")
        for name, size in run_list.empty_cache(FLAGS.empty_cache).items():
            print(f"deleted {name}: {megabytes(size)}")
        return
    if (FLAGS.delete or FLAGS.name is not None) and not chosen:
        raise UserError("--delete and --name need --workdir=RUN.")
    if FLAGS.name is not None:
        if len(chosen) > 1:
            raise UserError("--name is for one run; --workdir names several.")
        run_list.name_run(chosen[0], FLAGS.name)
        return
    if FLAGS.delete:
        checked = [run_list.check_deletable(folder) for folder in chosen]  # one mistake deletes nothing
        for run in dict.fromkeys(checked):
            print(f"deleted {run.folder}: {megabytes(run_list.delete_run(run.folder))}")
        return
    found = find_runs(chosen or [RUNS]) if chosen or any(RUNS.rglob("config.json")) else []
    runs, sizes = [run_list.list_run(folder) for folder in found], run_list.cache_sizes()
    if FLAGS.json:
        print(json.dumps(run_list.runs_json(runs, sizes), indent=2))
        return
    print(run_list.runs_table(runs), run_list.cache_table(sizes), sep="\n\n")


COMMAND = Command(
    _run,
    __doc__,
    flags=("workdir", "name", "delete", "empty_cache", "json"),
    notes={"workdir": "Run folders, or for the list folders of runs, separated by commas; default: runs."},
    extras=("train",),
)
