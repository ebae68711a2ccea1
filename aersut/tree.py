"""Conversion of dataclasses and plugins to and from plain trees, the types of JSON and of the command line.

pydantic validates and converts plain frozen dataclasses. The alternatives were cattrs, which converts 3.7 to the
integer 3, and tyro, which controls the whole command line.
"""

import dataclasses
import enum
import functools
import hashlib
import json
from dataclasses import MISSING
from pathlib import PurePath
from typing import Any, TypeVar, cast, get_type_hints

from pydantic import GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from aersut.errors import UserError, nearest
from aersut.registry import AUGMENTERS, CONDITIONS, CORPORA, ENCODERS, FEATURES, MODELS, OPTIMIZERS, Registry

T = TypeVar("T")
REGISTRIES: tuple[Registry[Any], ...] = (CORPORA, FEATURES, AUGMENTERS, ENCODERS, MODELS, OPTIMIZERS)


class Named:
    """Annotation of a field for a plugin of `registry`: an object, its name, or {"name": …, field: value}."""

    def __init__(self, registry: Registry[Any]) -> None:
        self.registry = registry

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._structure)

    def _structure(self, value: Any) -> Any:
        if isinstance(value, self.registry.contract):
            value = to_tree(value)
        if isinstance(value, str):
            value = {"name": value}
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            raise UserError(f"expected the name of a {self.registry.kind}, one of {', '.join(self.registry.names())}.")
        fields = dict(value)
        cls: Any = self.registry[fields.pop("name")]
        try:
            return _adapter(cls).validate_python(fields)
        except ValidationError as error:
            loc, message = _first_problem(error, cls)
            raise PydanticCustomError("plugin", "{message}", {"message": message, "loc": loc}) from None


def to_tree(value: Any) -> Any:
    """Convert an experiment (or a field of one) to the types of JSON; a plugin gets its registered "name".

    A field that is "omitted" has no key while it has its default, so that runs of earlier versions keep their digests.

    >>> from aersut.contracts import Framing
    >>> to_tree(Framing())["sample_rate"]
    22050
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = ((f, getattr(value, f.name)) for f in dataclasses.fields(value))
        tree = {
            f.name: to_tree(one)
            for f, one in named
            if not (f.metadata.get("omitted") and f.default_factory is not MISSING and one == f.default_factory())
        }
        for registry in (*REGISTRIES, CONDITIONS):
            if isinstance(value, registry.contract):
                return {"name": registry.name_of(value), **tree}
        return tree
    if isinstance(value, tuple | list):
        return [to_tree(item) for item in value]
    if isinstance(value, enum.Enum):
        return to_tree(value.value)
    if isinstance(value, PurePath):
        return str(value)
    return {key: to_tree(item) for key, item in value.items()} if isinstance(value, dict) else value


def validated(cls: type[T], tree: dict[str, Any], name: str) -> T:
    """Validate a plain tree and convert it to a dataclass; errors call the tree `name`."""
    try:
        return cast(T, _adapter(cast(Any, cls)).validate_python(tree))
    except ValidationError as error:
        loc, message = _first_problem(error, cls)
        raise UserError(f"{'.'.join((name, *map(str, loc)))}: {message}") from None


def digest(tree: Any) -> str:
    """Hash of a plain tree, ten hexadecimal digits of SHA-256."""
    return hashlib.sha256(json.dumps(tree, sort_keys=True, default=str).encode()).hexdigest()[:10]


def differences(one: Any, other: Any, at: str = "experiment") -> list[str]:
    """The leaves in which two trees differ.

    >>> differences({"epochs": 120, "seed": 0}, {"epochs": 40, "seed": 0})
    ['experiment.epochs: 120 / 40']
    >>> differences([{"name": "mfcc", "n_mfcc": 13}], [{"name": "mfcc", "n_mfcc": 20}], "features")
    ['features.0.n_mfcc: 13 / 20']
    """
    if isinstance(one, dict) and isinstance(other, dict):
        keys = list(one) + [key for key in other if key not in one]
        return [line for key in keys for line in differences(one.get(key), other.get(key), f"{at}.{key}")]
    if _plugin_names(one) and _plugin_names(one) == _plugin_names(other):
        return [line for n, pair in enumerate(zip(one, other, strict=True)) for line in differences(*pair, f"{at}.{n}")]
    return [] if one == other else [f"{at}: {json.dumps(one)} / {json.dumps(other)}"]


def _plugin_names(value: Any) -> list[Any]:
    """The names of the plugins in a list; none for another value."""
    return [item.get("name") for item in value if isinstance(item, dict)] if isinstance(value, list) else []


@functools.cache
def _adapter(cls: type) -> TypeAdapter[Any]:
    """The validator of a class; creating it takes ten times as long as using it."""
    return TypeAdapter(cls)


def _first_problem(error: ValidationError, cls: type) -> tuple[tuple[Any, ...], str]:
    problem = error.errors(include_url=False)[0]
    loc, message = problem["loc"], problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "plugin":
        return (*loc, *problem["ctx"]["loc"]), message
    if problem["type"] == "unexpected_keyword_argument":
        known = _fields_at(cls, loc[:-1])
        listed = f" Known: {', '.join(known)}." if known else ""
        return loc, f"there is no such key.{nearest(str(loc[-1]), known)}{listed}"
    if problem["type"] != "value_error":
        message += f", got {problem['input']!r}"
    return loc, message


def _fields_at(cls: type, loc: tuple[Any, ...]) -> list[str]:
    """The fields of the dataclass at a place in the schema; none if it is inside of another type, such as a tuple."""
    for key in loc:
        cls = get_type_hints(cls).get(key, Any) if dataclasses.is_dataclass(cls) else Any
    return [f.name for f in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
