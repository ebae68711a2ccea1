"""Hyperparameter search over an experiment's values.

{program} --mode=sweep --experiment=quickstart --sweep.optimizer.learning_rate=1e-4:1e-2:log --trials=8
    Search the learning rate; the same command resumes. With --storage, on another machine, it adds a worker.
{program} --mode=sweep --experiment=quickstart --sweep=learning_rate --status
    Print the results so far.
"""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, integers, selected_experiment
from aersut.errors import UserError

if TYPE_CHECKING:
    from aersut.results import SweepResult
    from aersut.sweep.plan import Plan, Sweep

FIELDS = ("trials", "seeds", "folds", "sampler", "pruner", "objectives")
"""The flags that stand for the fields of a sweep file."""
flags.DEFINE_string("sweep", None, "A .py file with get_sweep(), or the name of one in experiments/sweeps.")
flags.DEFINE_integer("trials", None, "Number of combinations to try; default: those of the grid, or 20.", lower_bound=1)
flags.DEFINE_enum(
    "sampler", None, ["grid", "random", "tpe"], "Default: grid for at most 10,000 combinations, else tpe."
)
flags.DEFINE_enum("pruner", None, ["none", "median", "hyperband"], "Which trials stop early; default: none.")
flags.DEFINE_list("objectives", None, "uar (default), or for a Pareto front uar,size or uar,arena of the int8 file.")
flags.DEFINE_float("timeout", None, "Seconds after which no new trial starts.", lower_bound=0)
flags.DEFINE_string("storage", None, "postgresql://… of the database that workers on several machines share.")
flags.DEFINE_string("study", None, "Name of the study; default: the experiment's name with a digest.")
flags.DEFINE_integer("keep", None, "Keep the checkpoints of this many best trials only.", lower_bound=1)
flags.DEFINE_bool("retry", False, "Run failed trials again.")
flags.DEFINE_integer("heartbeat", 10, "Seconds between heartbeats; after six missed ones, others resume the trial.", 1)
flags.DEFINE_bool("status", False, "Print the results so far, and run nothing.")
flags.DEFINE_integer("trial", None, "Number of the trial for the printed commands and --write; default: the best.")
flags.DEFINE_string("write", None, "Write that trial as an experiment file (.py); an edited file is not overwritten.")


def _run(arguments: Arguments) -> None:
    from aersut import api
    from aersut.sweep.experiment_source import check_output

    if FLAGS.status and (unused := [name for name in ("retry", "timeout", "workers") if FLAGS[name].present]):
        raise UserError(f"--{unused[0]} is for running trials, and --status runs none: omit one of them.")
    plan = _plan(arguments)
    if FLAGS.write:
        check_output(Path(FLAGS.write))
    _print(api.read_sweep(plan) if FLAGS.status else api.run_sweep(plan, FLAGS.workers, FLAGS.timeout, FLAGS.retry))


def _plan(arguments: Arguments) -> "Plan":
    from aersut.sweep import plan

    base = selected_experiment(arguments)
    sweep = plan.read_sweep(FLAGS.sweep) if FLAGS.sweep else plan.Sweep()
    sweep = _override_fields(sweep, dict(arguments.dotted.get("sweep", [])))
    command_line = (
        f"--experiment={FLAGS.experiment}",
        *(f"--experiment.{key}={value}" for key, value in arguments.experiment),
    )
    folder = Path(FLAGS.workdir) if FLAGS.workdir else None
    others: dict[str, Any] = {"storage": FLAGS.storage or "", "keep": FLAGS.keep, "heartbeat": FLAGS.heartbeat}
    return plan.make_plan(base, command_line, sweep, FLAGS.study, folder, **others)


def _override_fields(sweep: "Sweep", space: dict[str, str]) -> "Sweep":
    """The sweep of a file, with the keys and flags of the command line in place of its own."""
    changes: dict[str, Any] = {name: FLAGS[name].value for name in FIELDS if FLAGS[name].value is not None}
    for name in {"seeds", "folds"} & changes.keys():
        changes[name] = integers(name)
    if "objectives" in changes:
        changes["objectives"] = tuple(changes["objectives"])
    try:
        return dataclasses.replace(sweep, space={**sweep.space, **space}, **changes)
    except ValueError as error:
        raise UserError(f"--{error}.") from None


def _print(result: "SweepResult") -> None:
    """Print the results, and write the best trial as an experiment file if it is wanted."""
    from aersut.sweep import results
    from aersut.sweep.experiment_source import write_experiment

    print(result)
    found, plan = result.results, result.results.plan
    if not found.complete and not (FLAGS.write or FLAGS.trial is not None):
        return
    print()
    print(results.reproduction_commands(found, FLAGS.trial))
    print(f"\nwritten: {', '.join(map(str, result.written))}")
    if FLAGS.write:
        trial = found.trial(FLAGS.trial)
        about = (
            f"{plan.experiment.name} with the values of trial {trial.number} of sweep {plan.name}.\n\n"
            f"Expected: validation UAR {trial.values[0]:.3f}.\n"
            f"Search space: {json.dumps({key: str(one) for key, one in plan.space.items()})}"
        )
        write_experiment(Path(FLAGS.write), results.trial_experiment(found, FLAGS.trial), about)
        print(f"experiment file {FLAGS.write}")


COMMAND = Command(
    _run,
    __doc__,
    flags=(
        *("experiment", "init", "sweep", *FIELDS, "workers", "timeout", "workdir", "storage", "study", "keep", "retry"),
        *("heartbeat", "status", "trial", "write"),
    ),
    settings={"sweep": "Values to search for one key: LOW:HIGH, LOW:HIGH:log, LOW:HIGH:log:COUNT or a list A,B,C."},
    notes={
        "workdir": "Folder of the sweep; default: sweeps/STUDY.",
        "seeds": "Train each combination with each of these seeds; the mean is the objective.",
        "folds": "Train each combination on each of these folds; the mean is the objective.",
    },
    extras=("train", "sweep", "report"),
)
