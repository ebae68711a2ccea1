"""A small sweep, and its study."""

import optuna

TINY = (
    "--experiment.epochs=2",
    "--experiment.augmented_copies=0",
    "--experiment.augment=",
    "--experiment.model.filters=4",
    "--experiment.model.kernels=3",
)
"""What makes the tiny experiment smaller still: a trial is mostly compiling."""


def sweep_command(tiny, folder, *more):
    return ["--mode=sweep", f"--experiment={tiny}", *TINY, f"--workdir={folder}", *more]


def study_of(folder):
    """The study itself, as any other program reads it."""
    names = optuna.get_all_study_names(f"sqlite:///{folder / 'study.db'}")
    return optuna.load_study(study_name=names[0], storage=f"sqlite:///{folder / 'study.db'}")
