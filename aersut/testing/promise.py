"""What all checks share: complaints that name the plugin, and signals to try it on."""

import json
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import TypeAdapter

from aersut.config import REGISTRIES, Named, to_tree
from aersut.contracts import Plugin

T = TypeVar("T")
TOLERANCE = 1e-4
"""The largest difference between two ways to compute one thing, relative to the largest entry."""


class Promise:
    """Names the plugin in every complaint."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name

    def broken(self, what: str, why: str) -> AssertionError:
        return AssertionError(f"{self.kind} '{self.name}' breaks a promise of its contract, \"{what}\": {why}")

    def that(self, kept: bool, what: str, why: str) -> None:
        if not kept:
            raise self.broken(what, why)

    def holds(self, what: str, attempt: Callable[[], T]) -> T:
        try:
            return attempt()
        except Exception as error:
            raise self.broken(what, f"it raised {error!r}") from error

    def close(self, found: Any, expected: Any, what: str, why: str) -> None:
        found, expected = np.asarray(found), np.asarray(expected)
        scale = max(1e-6, float(np.abs(expected).max(initial=0)))
        difference = float(np.abs(found - expected).max(initial=0)) / scale
        self.that(difference <= TOLERANCE, what, f"off by {difference:.1e} of the largest entry; {why}")


def check_plugin(plugin: Plugin) -> Promise:
    cls = type(plugin)
    registry = next((registry for registry in REGISTRIES if isinstance(plugin, registry.contract)), None)
    if registry is None:
        raise AssertionError(f"{cls.__name__} is no plugin: derive it from one of the classes in aersut.contracts")
    promise = Promise(registry.kind, cls.__name__)
    frozen = "__dataclass_params__" in vars(cls) and cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    promise.that(frozen, "it is a frozen dataclass", "put @dataclass(frozen=True) over the class itself")
    promise.name = promise.holds("it is registered", lambda: registry.name_of(plugin))
    summary = registry.summary(promise.name)
    own = bool(summary) and not summary.startswith(f"{cls.__name__}(")  # what dataclass puts where there is none
    promise.that(own, "its docstring begins with a line for --list", "write one")
    what = "it survives config.json"
    text = promise.holds(what, lambda: json.dumps(to_tree(plugin), allow_nan=False))
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[registry.contract, Named(registry)])  # type: ignore[arg-type]
    again = promise.holds(what, lambda: adapter.validate_python(json.loads(text)))
    promise.that(again == plugin, what, f"{plugin} came back as {again}: store the fields as they are given")
    return promise


def noise(size: int, seed: int = 0) -> Float[Array, " size"]:
    return jnp.asarray(np.random.default_rng(seed).uniform(-0.5, 0.5, size), jnp.float32)


def hard_signals(size: int) -> dict[str, Array]:
    alternating = jnp.where(jnp.arange(size) // 50 % 2, 1.0, -1.0)
    return {
        "silence": jnp.zeros(size),
        "a constant": jnp.full(size, 0.5),
        "a single click": jnp.zeros(size).at[size // 2].set(1.0),
        "full scale": alternating,
        "a signal of 1e-8": 1e-8 * alternating,
    }


def equal(one: Any, other: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))
