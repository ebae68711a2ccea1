"""A mode of the command line: its function, its usage and its flags."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from absl import flags

OVERRIDE = (
    "Set one value of the experiment by its dotted key: epochs=40, model=cnn, features=mfcc,zcr, features.0.n_mfcc=20, "
    "data.trim_db=none."
)


@dataclass(frozen=True)
class Arguments:
    """The command line, except for the flags.

    Attributes:
        dotted: arguments --WORD.KEY=VALUE by their first word, as (key, value) pairs.
        paths: positional arguments.
        help: whether --help is among them.
    """

    dotted: Mapping[str, list[tuple[str, str]]] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    help: bool = False

    @property
    def experiment(self) -> list[tuple[str, str]]:
        """The overrides of the experiment, of which --init is one."""
        init = flags.FLAGS.init
        return [*([("init.model", init)] if init else []), *self.dotted.get("experiment", [])]


@dataclass(frozen=True)
class Command:
    """One mode.

    Attributes:
        run: runs the mode; returns the exit status, None for 0.
        doc: the module's docstring: a line for --help, then commands in which {program} stands for the program.
        flags: the flags that this mode takes, in the order of its help.
        settings: the first words of arguments --WORD.KEY=VALUE that this mode alone takes, and their help.
        notes: help of flags that mean something else in another mode.
        paths: whether the mode takes positional arguments.
        extras: the extras of the package that the mode needs.
    """

    run: Callable[[Arguments], int | None]
    doc: str | None
    flags: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    paths: bool = False
    extras: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """One line, without a full stop."""
        return (self.doc or "").partition("\n")[0].removesuffix(".")

    @property
    def dotted(self) -> Mapping[str, str]:
        """The first words of all arguments --WORD.KEY=VALUE that this mode takes, and their help."""
        return {"experiment": OVERRIDE, **self.settings} if "experiment" in self.flags else self.settings
