"""What a mode of the command line is: a function, and the flags that go with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Arguments:
    """What the command line said, beside the flags.

    Attributes:
        dotted: by their first word, the arguments --WORD.KEY=VALUE, as pairs of the dotted key and its value.
        paths: the arguments that are no options.
    """

    dotted: Mapping[str, list[tuple[str, str]]] = field(default_factory=dict)
    paths: tuple[str, ...] = ()

    @property
    def experiment(self) -> list[tuple[str, str]]:
        """The overrides of the experiment."""
        return self.dotted.get("experiment", [])


@dataclass(frozen=True)
class Command:
    """One mode.

    Attributes:
        run: carries it out and returns the exit status, None for 0.
        usage: for --help: the options of a typical call, and what it does.
        flags: those that go with this mode and not with all.
        dotted: the first words of the dotted arguments that do.
        paths: whether it takes arguments that are no options.
    """

    run: Callable[[Arguments], int | None]
    usage: tuple[tuple[str, str], ...]
    flags: tuple[str, ...] = ()
    dotted: tuple[str, ...] = ()
    paths: bool = False
