"""Errors: an interruption remains one, whatever a library makes of it; extras install what modes look for."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from aersut.errors import EXTRAS, interruptible


def test_an_error_that_an_interruption_caused_is_an_interruption():
    with pytest.raises(KeyboardInterrupt), interruptible():
        try:
            try:
                raise KeyboardInterrupt
            except KeyboardInterrupt as error:
                raise ValueError("arguments cannot be compared") from error
        except ValueError as error:
            raise RuntimeError("the step failed") from error


def test_other_errors_stay_what_they_are():
    with pytest.raises(ValueError, match="loss"), interruptible():
        try:
            raise KeyError("x")
        except KeyError as error:
            raise ValueError("the loss is not finite") from error


def test_each_extra_installs_the_modules_that_a_mode_looks_for():
    extras = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    distributions = metadata.packages_distributions()
    for extra, modules in EXTRAS.items():
        required = {normalized(re.match(r"[\w.-]+", text)[0]) for text in extras[extra]}
        for module in modules:
            assert required & set(map(normalized, distributions[module])), f"{extra}: {module}"


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()
