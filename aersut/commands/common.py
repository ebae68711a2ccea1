"""Flags that several modes share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from aersut.commands.command import Arguments
from aersut.errors import UserError
from aersut.paths import expanded
from aersut.progress import stage

if TYPE_CHECKING:
    from aersut.config import Experiment
    from aersut.run_folder import Run

FLAGS = flags.FLAGS
LOADING = "loading the experiment"
"""With JAX and the plugins, which takes seconds."""
flags.DEFINE_string(
    "experiment", None, "Name of an experiment (--list), path of a .py file with get_config(), or a run's config.json."
)
flags.DEFINE_string(
    "init",
    None,
    "Fine-tune this model: a name of the zoo, or a run folder. Network and features come with its weights; "
    "--experiment.init.trainable=head trains the last layer only.",
)
flags.DEFINE_string("workdir", None, "Run folder; default: runs/EXPERIMENT/DIGEST_OF_THE_CONFIGURATION.")
flags.DEFINE_string("output", None, "The file to write.")
flags.DEFINE_list("folds", None, "Folds of the protocol.")
flags.DEFINE_list("seeds", None, "Seeds of the experiment.")
flags.DEFINE_integer("workers", None, "Number of processes on this machine that train at once.", lower_bound=1)
flags.DEFINE_string("model", None, "Exported .tflite file, or a run folder.")
flags.DEFINE_bool("json", False, "Print JSON instead of a table.")
flags.DEFINE_bool("dry-run", False, "Print configuration, clips, network, steps and disk use; train nothing.")


def dry_run(arguments: Arguments) -> bool:
    """With --dry-run, print what a training would do; return whether that is all."""
    if not FLAGS["dry-run"].value:
        return False
    with stage(LOADING):
        from aersut.training import dry_run

    print(dry_run.dry_run(planned_run(arguments)))
    return True


def selected_experiment(arguments: Arguments) -> "Experiment":
    """The experiment that --experiment and its overrides select; `UserError` if --experiment is missing."""
    if FLAGS.experiment is None:
        raise UserError(f"--mode={FLAGS.mode} needs --experiment=NAME; --list prints the names.")
    with stage(LOADING):
        from aersut.experiment import load_experiment

        return load_experiment(FLAGS.experiment, arguments.experiment)


def integers(flag: str) -> tuple[int, ...]:
    """The value of a flag such as --seeds=0,1,2; `UserError` for other values."""
    values: list[str] = FLAGS[flag].value or []
    try:
        return tuple(int(text) for text in values)
    except ValueError:
        raise UserError(f"--{flag}={','.join(values)}: expected integers, such as 0,1,2.") from None


def listed(value: str | None) -> list[str]:
    """The parts of a setting such as "classifier, web"."""
    return [part.strip() for part in (value or "").split(",") if part.strip()]


def folders(default: str) -> list[Path]:
    """The folders of --workdir=A,B."""
    return [expanded(folder) for folder in listed(FLAGS.workdir or default)]


def named_run(arguments: Arguments) -> "Run":
    """The run that --experiment, its overrides and --workdir name, which may not exist yet.

    If --workdir is not a run folder, the run and its folds are kept in it.
    """
    from aersut.run_folder import Run, default_folder, named_folder
    from aersut.tree import digest, to_tree

    if FLAGS.experiment is None:
        return open_run(arguments)
    experiment = selected_experiment(arguments)
    folder = named_folder(Path(FLAGS.workdir)) if FLAGS.workdir else default_folder(experiment)
    if FLAGS.workdir and not (folder / "config.json").exists():
        folder /= digest(to_tree(experiment))
    return Run(folder, experiment)


def open_run(arguments: Arguments) -> "Run":
    """The run that --experiment, its overrides and --workdir select; created if it is new."""
    with stage(LOADING):
        from aersut.run_folder import start

        return _selected(arguments, start)


def planned_run(arguments: Arguments) -> "Run":
    """The run that --experiment, its overrides and --workdir select, which may not exist; nothing is created."""
    with stage(LOADING):
        from aersut.run_folder import planned

        return _selected(arguments, planned)


def _selected(arguments: Arguments, begin: "Callable[[Experiment, Path | None], Run]") -> "Run":
    from aersut import experiment
    from aersut.run_folder import find_run, named_folder, open_run

    folder = named_folder(Path(FLAGS.workdir)) if FLAGS.workdir else None
    source = FLAGS.experiment
    if source is None:
        if folder is None:
            names = ", ".join(experiment.experiment_names())
            raise UserError(f"expected --experiment=NAME or --workdir=RUN. Experiments: {names}.")
        if not arguments.experiment:
            return open_run(folder)
        found = find_run(folder)
        source, folder = str(found.config), found.folder
    return begin(experiment.load_experiment(source, arguments.experiment), folder)
