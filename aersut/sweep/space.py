"""The search space of a sweep: the notation of ranges and lists, checked against the experiment's schema.

The command line, sweep files and error messages use the same notation:

    1e-5:1e-2            any number between the two
    1e-5:1e-2:log        the same on a logarithmic scale
    1e-5:1e-2:log:7      seven numbers, evenly spaced on that scale; `linear` spaces them linearly
    cnn,cnn_lstm         one of these values
    [[64,64],[128,64]]   one of these values, as JSON, for values that contain commas
"""

import copy
import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aersut.config import Experiment, from_tree
from aersut.errors import UserError
from aersut.experiment import override, plain
from aersut.tree import to_tree

COMBINATIONS = 200
"""A value is refused if the schema rejects it with this many combinations of the other keys."""
NOTATION = "LOW:HIGH, LOW:HIGH:log, LOW:HIGH:log:COUNT, LOW:HIGH:linear:COUNT, or a list A,B,C"


@dataclass(frozen=True)
class Range:
    """Real numbers, or integers, from `low` to `high`; `log` samples them on a logarithmic scale."""

    low: float
    high: float
    log: bool = False
    integral: bool = False

    def __str__(self) -> str:
        return f"{self.text(self.low)}:{self.text(self.high)}{':log' if self.log else ''}"

    def text(self, value: float) -> str:
        """Return the override's text for a number of this range."""
        return str(round(value)) if self.integral else repr(float(value))


@dataclass(frozen=True)
class Choice:
    """A list of values, each as the text of a command-line override."""

    values: tuple[str, ...]

    def __str__(self) -> str:
        # values with commas are JSON themselves, so a JSON list keeps them apart
        return f"[{','.join(self.values)}]" if any("," in value for value in self.values) else ",".join(self.values)

    @property
    def numbers(self) -> tuple[float, ...] | None:
        """The values as numbers; None if one of them is not a number."""
        try:
            return tuple(float(value) for value in self.values)
        except ValueError:
            return None


Space = dict[str, Range | Choice]


def _override_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "none" if value is None else json.dumps(value)


def shorten(text: str) -> str:
    """Round a number to four significant digits; return other text unchanged.

    >>> shorten("0.000123456"), shorten("cnn_lstm")
    ('0.0001235', 'cnn_lstm')
    """
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text


def parse_notation(key: str, notation: Any) -> Range | Choice:
    """Parse the notation of one key, or a list of its values.

    >>> parse_notation("optimizer.learning_rate", "1e-5:1e-2:log:4").values
    ('1e-05', '0.0001', '0.001', '0.01')

    Raises:
        UserError: it is empty, reversed, or neither a range nor a list.
    """
    if isinstance(notation, str) and notation.startswith("["):
        try:
            notation = json.loads(notation)
        except json.JSONDecodeError as error:
            raise _notation_error(key, notation, f"is not valid JSON: {error}") from None
    if not isinstance(notation, str):
        if not isinstance(notation, list | tuple):
            raise _notation_error(key, notation, f"expected {NOTATION}")
        return _choice(key, [_override_text(plain(value)) for value in notation])
    if ":" in notation and "," not in notation:
        return _range(key, notation)
    return _choice(key, [value.strip() for value in notation.split(",") if value.strip()])


def parse_space(notations: Mapping[str, Any], experiment: Experiment) -> Space:
    """Parse the notations of all keys; check both ends of each range and each value against the experiment's schema.

    A value may depend on another key: `model.units` is valid only with some values of `model`. A value that no
    combination accepts is refused here. An invalid combination fails its own trial only.

    Returns:
        The keys in the order in which they are set: `model` before `model.units`.

    Raises:
        UserError: the experiment lacks a key (the error suggests the nearest one), or refuses a value.
    """
    if not notations:
        raise UserError(f"the sweep has no keys; expected --sweep=FILE.py, or --sweep.KEY=RANGE with {NOTATION}.")
    tree = to_tree(experiment)
    parsed = {key: parse_notation(key, notations[key]) for key in sorted(notations, key=lambda key: key.count("."))}
    for key, one in parsed.items():
        others = {other: _samples(parsed[other]) for other in parsed if other != key}
        if isinstance(one, Range) and one.low.is_integer() and one.high.is_integer():
            # the ends do not prove whether the leaf is an integer; a number with a fraction does
            between = one.low + (one.high - one.low) / math.pi
            refused = _refusal(tree, others, key, _override_text(between)) is not None
            parsed[key] = one = Range(one.low, one.high, one.log, integral=refused)
        for value in _samples(one):
            if refusal := _refusal(tree, others, key, value):
                raise UserError(f"--sweep.{key}={notations[key]}: {refusal}")
    return parsed


def _samples(one: Range | Choice) -> tuple[str, ...]:
    return one.values if isinstance(one, Choice) else (one.text(one.low), one.text(one.high))


def _refusal(tree: dict[str, Any], others: Mapping[str, tuple[str, ...]], key: str, value: str) -> UserError | None:
    """The schema's error for a value, alone and with each combination of the other keys; None if one is valid."""
    alone = [[(key, value)]]
    together = (
        [*zip(others, combination, strict=True), (key, value)] for combination in itertools.product(*others.values())
    )
    refusal = None
    for overrides in itertools.chain(alone, itertools.islice(together, COMBINATIONS)):
        changed = copy.deepcopy(tree)
        try:
            for name, text in sorted(overrides, key=lambda pair: pair[0].count(".")):
                override(changed, name, text)
            from_tree(changed)
        except UserError as error:
            refusal = refusal or error
        else:
            return None
    return refusal


def grid_values(one: Range | Choice) -> list[Any] | None:
    """The values of a key for a grid search; None for a range of real numbers."""
    if isinstance(one, Choice):
        return list(one.values)
    return list(range(round(one.low), round(one.high) + 1)) if one.integral else None


def grid_size(space: Space) -> int | None:
    """The number of combinations; None if the space has a range of real numbers."""
    size = 1
    for one in space.values():
        if isinstance(one, Choice):
            size *= len(one.values)
        elif one.integral:
            size *= round(one.high) - round(one.low) + 1
        else:
            return None
    return size


def _choice(key: str, values: list[str]) -> Choice:
    if len(values) < 2:
        what = f"has only one value, '{values[0]}'" if values else "has no value"
        raise _notation_error(key, ",".join(values), f"{what}; expected {NOTATION}, or --experiment.{key} to set it")
    if repeated := [value for value in values if values.count(value) > 1]:
        raise _notation_error(key, ",".join(values), f"contains '{repeated[0]}' twice; list each value once")
    return Choice(tuple(values))


def _range(key: str, notation: str) -> Range | Choice:
    low_text, high_text, *how = notation.split(":")
    try:
        low, high = float(low_text), float(high_text)
    except ValueError:
        raise _notation_error(key, notation, f"expected {NOTATION}") from None
    spacing, count = [*how, "", ""][:2]
    if len(how) > 2 or spacing not in ("", "log", "linear") or (count and not count.isdigit()):
        raise _notation_error(key, notation, f"expected {NOTATION}")
    if spacing == "linear" and not count:
        raise _notation_error(key, notation, "`linear` needs a count; write LOW:HIGH:linear:COUNT or omit `linear`")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise _notation_error(key, notation, "both ends must be finite")
    if low >= high:
        raise _notation_error(key, notation, f"is {'empty' if low == high else 'reversed'}: LOW must be below HIGH")
    if spacing == "log" and low <= 0:
        raise _notation_error(key, notation, "a logarithmic range must be above 0 at both ends")
    integral = all(text.strip().lstrip("+-").isdigit() for text in (low_text, high_text))
    if not count:
        return Range(low, high, spacing == "log", integral)
    if int(count) < 2:
        raise _notation_error(key, notation, "COUNT must be at least 2")
    spaced = np.geomspace(low, high, int(count)) if spacing == "log" else np.linspace(low, high, int(count))
    rounded = [float(f"{value:.6g}") for value in spaced]
    texts = [str(round(value)) if integral and value.is_integer() else repr(value) for value in rounded]
    return _choice(key, list(dict.fromkeys(texts)))


def _notation_error(key: str, notation: Any, problem: str) -> UserError:
    return UserError(f"--sweep.{key}={notation}: {problem}.")
