"""What a sweep varies: the notation of a range and of a choice, checked against the experiment's schema.

One notation serves the command line, sweep files and errors:

    1e-5:1e-2            any number between the two
    1e-5:1e-2:log        the same, each decade alike
    1e-5:1e-2:log:7      seven of them, evenly spaced; `linear` spaces them linearly
    cnn,cnn_lstm         one of these
    [[64,64],[128,64]]   one of these, as JSON, where the values themselves have commas
"""

import copy
import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aersut.config import Experiment, from_tree, to_tree
from aersut.errors import UserError
from aersut.experiment import override

COMBINATIONS = 200
"""A value that goes with none of so many combinations of other keys is refused."""
NOTATION = "LOW:HIGH, LOW:HIGH:log, LOW:HIGH:log:COUNT, LOW:HIGH:linear:COUNT, or a list A,B,C"


@dataclass(frozen=True)
class Range:
    """Any number from `low` to `high`, or any integer; `log` makes each decade alike."""

    low: float
    high: float
    log: bool = False
    integral: bool = False

    def __str__(self) -> str:
        return f"{self.text(self.low)}:{self.text(self.high)}{':log' if self.log else ''}"

    def text(self, value: float) -> str:
        """The text that sets a leaf to a number of this range."""
        return str(round(value)) if self.integral else repr(float(value))


@dataclass(frozen=True)
class Choice:
    """One of several values, each the text that the command line would set it with."""

    values: tuple[str, ...]

    def __str__(self) -> str:
        # values with commas are JSON themselves, so that they stay apart in a list of JSON
        return f"[{','.join(self.values)}]" if any("," in value for value in self.values) else ",".join(self.values)

    @property
    def numbers(self) -> tuple[float, ...] | None:
        """The values as numbers, where all of them are."""
        try:
            return tuple(float(value) for value in self.values)
        except ValueError:
            return None


Space = dict[str, Range | Choice]


def text_of(value: Any) -> str:
    """The text that sets a leaf to `value` on the command line."""
    if isinstance(value, str):
        return value
    return "none" if value is None else json.dumps(value)


def short(text: str) -> str:
    """A number's first four digits; other text as it is."""
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text


def parse(key: str, notation: Any) -> Range | Choice:
    """Read the notation of one key, or a list of values.

    Raises:
        UserError: it is empty, reversed, or no range and no list.
    """
    if isinstance(notation, str) and notation.startswith("["):
        try:
            notation = json.loads(notation)
        except json.JSONDecodeError as error:
            raise _wrong(key, notation, f"begins like JSON but is none: {error}") from None
    if not isinstance(notation, str):
        if not isinstance(notation, list | tuple):
            raise _wrong(key, notation, f"expected {NOTATION}")
        return _choice(key, [text_of(value) for value in notation])
    if ":" in notation and "," not in notation:
        return _range(key, notation)
    return _choice(key, [value.strip() for value in notation.split(",") if value.strip()])


def space(notations: Mapping[str, Any], experiment: Experiment) -> Space:
    """The space of some keys, with every end and every value checked against the experiment's schema.

    A value may need another key's: `model.units` goes with only some values of `model`. It is refused where no
    combination takes it; a trial of a combination that does not go together fails, and the others go on.

    Returns:
        The keys in the order in which they are set: `model` before `model.units`.

    Raises:
        UserError: a key that the experiment does not have (with the nearest one), or a value that it refuses.
    """
    if not notations:
        raise UserError(f"what is to be varied? --sweep=FILE.py, or --sweep.KEY=RANGE, as {NOTATION}.")
    tree = to_tree(experiment)
    parsed = {key: parse(key, notations[key]) for key in sorted(notations, key=lambda key: key.count("."))}
    for key, one in parsed.items():
        others = {other: _samples(parsed[other]) for other in parsed if other != key}
        if isinstance(one, Range) and one.integral:  # whole ends alone do not say that the leaf is an integer
            middle = text_of(math.floor((one.low + one.high) / 2) + 0.5)
            if _refusal(tree, others, key, middle) is None:
                parsed[key] = one = Range(one.low, one.high, one.log)
        for value in _samples(one):
            if refusal := _refusal(tree, others, key, value):
                raise UserError(f"--sweep.{key}={notations[key]}: {refusal}")
    return parsed


def _samples(one: Range | Choice) -> tuple[str, ...]:
    return one.values if isinstance(one, Choice) else (one.text(one.low), one.text(one.high))


def _refusal(tree: dict[str, Any], others: Mapping[str, tuple[str, ...]], key: str, value: str) -> UserError | None:
    """Why the schema refuses a value, alone and under each combination of the other keys; None where it takes it."""
    alone = [[(key, value)]]
    together = (
        [*zip(others, combination, strict=True), (key, value)] for combination in itertools.product(*others.values())
    )
    refusal = None
    for overrides in itertools.chain(alone, itertools.islice(together, COMBINATIONS)):
        changed = copy.deepcopy(tree)
        try:
            for name, text in sorted(overrides, key=_depth):
                override(changed, name, text)
            from_tree(changed)
        except UserError as error:
            refusal = refusal or error
        else:
            return None
    return refusal


def _depth(override: tuple[str, str]) -> int:
    return override[0].count(".")


def points(one: Range | Choice) -> list[Any] | None:
    """The finitely many values, as a grid needs them; None of a continuum."""
    if isinstance(one, Choice):
        return list(one.values)
    return list(range(round(one.low), round(one.high) + 1)) if one.integral else None


def size(space: Space) -> int | None:
    """How many combinations there are; None where there is a continuum."""
    every = [points(one) for one in space.values()]
    return None if any(one is None for one in every) else math.prod(len(one or ()) for one in every)


def _choice(key: str, values: list[str]) -> Choice:
    if len(values) < 2:
        what = f"the single value '{values[0]}'" if values else "nothing"
        raise _wrong(key, ",".join(values), f"varies {what}; expected {NOTATION}, or set it with --experiment.{key}")
    if repeated := [value for value in values if values.count(value) > 1]:
        raise _wrong(key, ",".join(values), f"holds '{repeated[0]}' twice")
    return Choice(tuple(values))


def _range(key: str, notation: str) -> Range | Choice:
    low_text, high_text, *how = notation.split(":")
    try:
        low, high = float(low_text), float(high_text)
    except ValueError:
        raise _wrong(key, notation, f"expected {NOTATION}") from None
    spacing, count = [*how, "", ""][:2]
    if len(how) > 2 or spacing not in ("", "log", "linear") or (count and not count.isdigit()):
        raise _wrong(key, notation, f"expected {NOTATION}")
    if spacing == "linear" and not count:
        raise _wrong(key, notation, "say how many, as LOW:HIGH:linear:COUNT, or leave `linear` out")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise _wrong(key, notation, "both ends must be finite")
    if low >= high:
        raise _wrong(key, notation, "is empty" if low == high else "is reversed: the lower end comes first")
    if spacing == "log" and low <= 0:
        raise _wrong(key, notation, "a logarithmic range must be above 0 at both ends")
    whole = all(text.strip().lstrip("+-").isdigit() for text in (low_text, high_text))
    if not count:
        return Range(low, high, spacing == "log", whole)
    if int(count) < 2:
        raise _wrong(key, notation, "COUNT must be at least 2")
    return _choice(key, list(dict.fromkeys(_spaced(low, high, int(count), spacing == "log", whole))))


def _spaced(low: float, high: float, count: int, log: bool, whole: bool) -> Iterator[str]:
    for value in (np.geomspace if log else np.linspace)(low, high, count):
        near = float(f"{value:.6g}")
        yield str(round(near)) if whole and near.is_integer() else repr(near)


def _wrong(key: str, notation: Any, why: str) -> UserError:
    return UserError(f"--sweep.{key}={notation}: {why}.")
