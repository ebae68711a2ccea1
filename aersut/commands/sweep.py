"""--mode=sweep: try many values of an experiment's keys, and say which is best."""

import dataclasses
import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS
from aersut.errors import UserError

if TYPE_CHECKING:
    from aersut.sweep.plan import Plan, Sweep

PROGRAM = ("trials", "seeds", "folds", "sampler", "pruner", "objectives")
"""The flags that stand for the fields of a sweep file."""
flags.DEFINE_string(
    "sweep", None, "With --mode=sweep: what is varied: a .py file with get_sweep(), or its name in experiments/sweeps."
)
flags.DEFINE_integer(
    "trials", None, "With --mode=sweep: combinations to try in all; by default the whole grid, or 20.", lower_bound=1
)
flags.DEFINE_list("seeds", None, "With --mode=sweep: train each combination with each of these seeds; the mean counts.")
flags.DEFINE_enum(
    "sampler", None, ["grid", "random", "tpe"], "With --mode=sweep: by default grid for lists, tpe for ranges."
)
flags.DEFINE_enum(
    "pruner", None, ["none", "median", "hyperband"], "With --mode=sweep: which trials are given up early."
)
flags.DEFINE_list(
    "objectives", None, "With --mode=sweep: uar; or uar,size or uar,arena (of the int8 file), for the Pareto front."
)
flags.DEFINE_integer("workers", None, "With --mode=sweep: processes on this machine that train at once.", lower_bound=1)
flags.DEFINE_float("timeout", None, "With --mode=sweep: seconds after which no trial is begun.", lower_bound=0)
flags.DEFINE_string(
    "storage", None, "With --mode=sweep: postgresql://…: the database that workers on many machines share."
)
flags.DEFINE_string(
    "study", None, "With --mode=sweep: name of the sweep in it; by default the experiment's, with a digest."
)
flags.DEFINE_integer(
    "keep", None, "With --mode=sweep: keep the checkpoints of so many of the best trials only.", lower_bound=1
)
flags.DEFINE_bool("retry", False, "With --mode=sweep: take failed trials up again.")
flags.DEFINE_integer(
    "heartbeat", 10, "With --mode=sweep: a worker that is silent for six times so many seconds is dead.", lower_bound=1
)
flags.DEFINE_bool("status", False, "With --mode=sweep: only say what has been found so far.")
flags.DEFINE_integer(
    "trial", None, "With --mode=sweep: which trial the commands and --write are about; by default the best."
)
flags.DEFINE_string("write", None, "With --mode=sweep: write that trial's configuration as an experiment file.")


def require() -> None:
    """Raise `UserError` where the libraries of the sweeps are not installed."""
    if missing := [name for name in ("optuna", "matplotlib") if importlib.util.find_spec(name) is None]:
        raise UserError(f"sweeps need {missing[0]}: pip install 'aersut[sweep]'.")


def _run(arguments: Arguments) -> None:
    require()
    from aersut.sweep import worker

    plan = _plan(arguments)
    if not FLAGS.status:
        from aersut.sweep.worker import DEFAULT_WORKERS

        print(f"sweep {plan.name} in {plan.folder}: {plan.trials} trials, {plan.sampler}")
        for key, one in plan.space.items():
            print(f"  {key} = {one}")
        if not worker.sweep(plan, FLAGS.workers or DEFAULT_WORKERS, FLAGS.timeout, FLAGS.retry):
            print("time is up; the same command goes on")
    _report(plan)


def _plan(arguments: Arguments) -> "Plan":
    from aersut import experiment
    from aersut.sweep import plan

    varied = dict(arguments.dotted.get("sweep", []))
    if FLAGS.experiment is None:
        raise UserError("which experiment is to be varied? --experiment=NAME.")
    asked = experiment.load(FLAGS.experiment, arguments.experiment)
    sweep = plan.read(FLAGS.sweep) if FLAGS.sweep else plan.Sweep()
    sweep = _changed(sweep, varied)
    words = (
        f"--experiment={FLAGS.experiment}",
        *(f"--experiment.{key}={value}" for key, value in arguments.experiment),
    )
    folder = Path(FLAGS.workdir) if FLAGS.workdir else None
    others: dict[str, Any] = {"storage": FLAGS.storage or "", "keep": FLAGS.keep, "heartbeat": FLAGS.heartbeat}
    return plan.make(asked, words, sweep, FLAGS.study, folder, **others)


def _changed(sweep: "Sweep", varied: dict[str, str]) -> "Sweep":
    """The sweep of a file with what the command line says instead."""
    changes: dict[str, Any] = {name: FLAGS[name].value for name in PROGRAM if FLAGS[name].value is not None}
    for name in ("seeds", "folds"):
        if name in changes:
            try:
                changes[name] = tuple(int(text) for text in changes[name])
            except ValueError:
                raise UserError(f"--{name}={','.join(changes[name])}: expected whole numbers, as 0,1,2.") from None
    if "objectives" in changes:
        changes["objectives"] = tuple(changes["objectives"])
    try:
        return dataclasses.replace(sweep, space={**sweep.space, **varied}, **changes)
    except ValueError as error:
        raise UserError(f"--{error}.") from None


def _report(plan: "Plan") -> None:
    from aersut.paths import write_text
    from aersut.sweep import plots, results, source
    from aersut.sweep.study import database, open_study

    with open_study(plan, new=False) as study, database(plan):
        found = results.results(plan, study)
    print(results.table(found))
    if not found.done:
        return
    print()
    print(results.commands(found, FLAGS.trial))
    paths = [results.write_csv(found), *plots.draw(found)]
    print(f"\nwritten: {', '.join(map(str, paths))}")
    if FLAGS.write:
        path = Path(FLAGS.write)
        if path.suffix != ".py" or path.exists():
            raise UserError(f"--write={path}: expected the name of a .py file that does not exist yet.")
        trial = found.trial(FLAGS.trial)
        about = (
            f"{plan.experiment.name} as trial {trial.number} of sweep {plan.name} found it best.\n\n"
            f"Expected: validation UAR {trial.values[0]:.3f}.\n"
            f"Varied: {json.dumps({key: str(one) for key, one in plan.space.items()})}"
        )
        write_text(path, source.experiment_file(results.configuration(found, FLAGS.trial), about))
        print(f"experiment file {path}")


USAGE = (
    ("--mode=sweep --experiment=NAME --sweep.KEY=LOW:HIGH:log", "try values of a key, on all workers that are started"),
    ("--mode=sweep --experiment=NAME --sweep=FILE.py --status", "what a sweep has found so far"),
)
OWN = (
    "sweep",
    *PROGRAM,
    "workers",
    "timeout",
    "storage",
    "study",
    "keep",
    "retry",
    "heartbeat",
    "status",
    "trial",
    "write",
)
COMMAND = Command(_run, USAGE, flags=OWN, dotted=("sweep",))
