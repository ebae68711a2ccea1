"""The command and the study of a small sweep."""

import optuna

TINY = (
    "--experiment.epochs=2",
    "--experiment.augmented_copies=0",
    "--experiment.augment=",
    "--experiment.model.filters=4",
    "--experiment.model.kernels=3",
)
"""Overrides that reduce the tiny experiment further: most of a trial is compilation."""


def sweep_command(tiny, folder, *more):
    return ["--mode=sweep", f"--experiment={tiny}", *TINY, f"--workdir={folder}", *more]


def study_of(folder):
    """The study, read from its database as any other program does."""
    names = optuna.get_all_study_names(f"sqlite:///{folder / 'study.db'}")
    return optuna.load_study(study_name=names[0], storage=f"sqlite:///{folder / 'study.db'}")
