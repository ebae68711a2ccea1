"""Base class of features that are computed from the rows of another feature."""

from dataclasses import dataclass, field
from typing import Annotated

from aersut.contracts import Feature, Framing
from aersut.features.log_mel import LogMel
from aersut.registry import FEATURES
from aersut.tree import Named


@dataclass(frozen=True)
class Wrapper(Feature):
    """A feature with the channels of another one, from which it takes context, recursion and the rest.

    Attributes:
        of: the feature.
    """

    of: Annotated[Feature, Named(FEATURES)] = field(default_factory=LogMel)

    def check(self, framing: Framing) -> None:
        self.of.check(framing)

    @property
    def channels(self) -> int:
        return self.of.channels

    @property
    def context(self) -> tuple[int, int]:
        return self.of.context

    @property
    def whole_utterance(self) -> bool:
        return self.of.whole_utterance

    @property
    def recursive(self) -> bool:
        return self.of.recursive
