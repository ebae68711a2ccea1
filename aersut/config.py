"""The typed schema of an experiment, and its way to and from plain trees (JSON, the command line).

Structuring and type checks are pydantic's, on plain frozen dataclasses. It was weighed against cattrs (coerces 3.7 to
the integer 3) and tyro (owns the whole command line).
"""

import dataclasses
import functools
import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, TypeVar, cast, get_type_hints

from pydantic import GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from aersut.contracts import EMOTIONS, STRICT, Augmenter, Corpus, Feature, Framing, Model, Optimizer
from aersut.errors import UserError, nearest
from aersut.registry import AUGMENTERS, CORPORA, FEATURES, MODELS, OPTIMIZERS, Registry

T = TypeVar("T")
ProtocolName = Literal[
    "speaker",
    "random",
    "paper",
    "given",
    "cross_corpus",
    "leave_one_speaker_out",
    "ravdess5",
    "ravdess6",
    "cremad_tfds",
]
REGISTRIES: tuple[Registry[Any], ...] = (CORPORA, FEATURES, AUGMENTERS, MODELS, OPTIMIZERS)


class Named:
    """Marks a field that holds a plugin of `registry`: an object, its name, or {"name": …, field: value}."""

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
            raise UserError(f"expected the name of a {self.registry.kind}: {', '.join(self.registry.names())}.")
        fields = dict(value)
        cls: Any = self.registry[fields.pop("name")]
        try:
            return _adapter(cls).validate_python(fields)
        except ValidationError as error:
            loc, message = _first_problem(error, cls)
            raise PydanticCustomError("plugin", "{message}", {"message": message, "loc": loc}) from None


@dataclass(frozen=True)
class Data:
    """Which clips, who is in which part, and how a clip becomes a window.

    Attributes:
        corpora: corpus plugins.
        root: the folder that holds them.
        protocol: the rule of the split, see `aersut.data.splits`: "speaker" (no speaker in two parts), "random" (by
            clip; speakers are shared), "paper" (augmented copies are split apart: leaks), "given" (the speakers below,
            or a manifest's own parts), "cross_corpus" (tests on `test_corpora`), "leave_one_speaker_out", or a
            published one: "ravdess5", "ravdess6", "cremad_tfds" (`aersut.data.protocols`).
        test: fraction of the speakers (clips, items) that judge.
        validation: fraction that chooses the best epoch.
        fold: which of the disjoint test parts: of the 1 / test ones, of the speakers left out, or of the published.
        seed: of the split.
        train_speakers: for "given"; "2", or "ravdess:2" where two corpora have a speaker 2. Likewise the two others.
        test_corpora: for "cross_corpus": the names of those of `corpora` that are tested on.
        emotions: the classes, in the order of the network's outputs; clips of other emotions are left out.
        trim_db: silence at both ends is cut this far under the clip's maximum; None keeps it.
        fit: which part of a clip longer than the window is kept; shorter ones are padded with silence accordingly.
            "random" is drawn anew whenever a training example is made, and is the centre in evaluation.
    """

    __pydantic_config__: ClassVar = STRICT
    corpora: tuple[Annotated[Corpus, Named(CORPORA)], ...] = ()
    root: str = "input"
    protocol: ProtocolName = "speaker"
    test: float = 0.2
    validation: float = 0.15
    fold: int = 0
    seed: int = 0
    train_speakers: tuple[str, ...] = ()
    validation_speakers: tuple[str, ...] = ()
    test_speakers: tuple[str, ...] = ()
    test_corpora: tuple[str, ...] = ()
    emotions: tuple[str, ...] = EMOTIONS
    trim_db: float | None = 40.0
    fit: Literal["start", "center", "random"] = "start"

    def __post_init__(self) -> None:
        if not (self.test > 0 and self.validation > 0 and self.test + self.validation < 1):
            raise ValueError(
                f"test ({self.test}) and validation ({self.validation}) must be above 0 and leave something to train on"
            )
        dealt = self.protocol in ("speaker", "random", "paper")
        if self.fold < 0 or (dealt and self.fold >= math.floor(1 / self.test + 1e-9)):
            raise ValueError(
                f"fold {self.fold} does not exist: test={self.test} makes {math.floor(1 / self.test)} folds"
            )
        for emotion in self.emotions:
            if emotion not in EMOTIONS:
                raise ValueError(
                    f"unknown emotion '{emotion}'.{nearest(emotion, EMOTIONS)} Known: {', '.join(EMOTIONS)}"
                )
        if len(set(self.emotions)) != len(self.emotions) or len(self.emotions) < 2:
            raise ValueError(f"emotions must be two or more different ones, got {', '.join(self.emotions) or 'none'}")
        if self.trim_db is not None and self.trim_db <= 0:
            raise ValueError(f"trim_db must be above 0, or none, got {self.trim_db}")
        names = [CORPORA.name_of(corpus) for corpus in self.corpora]
        if repeated := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"corpora holds '{repeated[0]}' twice; its speakers could not be told apart")
        given = (self.train_speakers, self.validation_speakers, self.test_speakers)
        if self.protocol == "given" and any(given) and not all(given):
            raise ValueError(
                "protocol=given needs train_speakers, validation_speakers and test_speakers (or none of them)"
            )
        if self.protocol != "given" and any(given):
            raise ValueError(f"speakers are named, but protocol={self.protocol} ignores them; set protocol=given")
        if (self.protocol == "cross_corpus") != bool(self.test_corpora):
            raise ValueError("protocol=cross_corpus and test_corpora go together")


@dataclass(frozen=True)
class Loss:
    """Cross-entropy, and how it may differ from it.

    Attributes:
        label_smoothing: share of each label that is spread evenly over all classes (Szegedy et al. 2016).
        class_weights: weigh rare classes more, so that each counts as much as any other.
        focal: exponent of 1 - p that makes examples count less the surer they are (Lin et al. 2017); 0 for none.
    """

    __pydantic_config__: ClassVar = STRICT
    label_smoothing: float = 0.0
    class_weights: bool = False
    focal: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be from 0 to below 1, got {self.label_smoothing}")
        if not self.focal >= 0:
            raise ValueError(f"focal must be 0 or more, got {self.focal}")


@dataclass(frozen=True)
class Experiment:
    """Everything about a run. Every field has a default, so that an experiment elsewhere survives a new field.

    Attributes:
        name: the run folder's parent; the experiment file's name unless it is set.
        plugins: modules (dotted paths, or paths of .py files) that register plugins of the user's own.
        augmented_copies: 0 augments on the fly, inside the training step; k adds k augmented versions of each training
            clip, computed once and cached.
        sampling: "shuffle" shows each training example once an epoch; "balanced" draws each class equally often.
        scaling: "standard" gives each channel mean 0 and deviation 1 over the training part, "utterance" over each clip
            by itself (which needs the whole clip, and takes loudness away); "none" leaves it.
        teacher: a model that the same experiment trains first, in the run's folder `teacher/`, for the network to learn
            what it says of each augmented example in place of the label (Hinton et al. 2015); `loss` is the teacher's
            then. It is not exported, and may be of any size. None learns from the labels.
        precision: of the training step's matmuls and activations; weights, losses, the teacher's answers and everything
            after training are in float32. "bfloat16" is for accelerators that are faster with it.
        ema: decay of a moving average of the weights, which is what is evaluated and exported (0.999 is usual); 0 for
            none. It begins as a plain average, so that it forgets the first weights.
        patience: epochs without a better validation UAR after which training stops early; None for never.
        select: the epoch that is evaluated and exported: "best", of the highest validation UAR, or "last", since the
            best of many epochs may be luck where few speakers validate.
        seed: of the weights, the data order, dropout and augmentation.
    """

    __pydantic_config__: ClassVar = STRICT
    name: str = ""
    plugins: tuple[str, ...] = ()
    data: Data = field(default_factory=Data)
    framing: Framing = field(default_factory=Framing)
    features: tuple[Annotated[Feature, Named(FEATURES)], ...] = field(default_factory=lambda: (FEATURES["mfcc"](),))
    augment: tuple[Annotated[Augmenter, Named(AUGMENTERS)], ...] = ()
    augmented_copies: int = 0
    sampling: Literal["shuffle", "balanced"] = "shuffle"
    scaling: Literal["standard", "utterance", "none"] = "standard"
    model: Annotated[Model, Named(MODELS)] = field(default_factory=lambda: MODELS["cnn"]())
    teacher: Annotated[Model, Named(MODELS)] | None = None
    optimizer: Annotated[Optimizer, Named(OPTIMIZERS)] = field(default_factory=lambda: OPTIMIZERS["adam"]())
    loss: Loss = field(default_factory=Loss)
    precision: Literal["float32", "bfloat16"] = "float32"
    ema: float = 0.0
    epochs: int = 120
    patience: int | None = None
    select: Literal["best", "last"] = "best"
    batch_size: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        if {"/", "\\"} & set(self.name) or self.name.startswith("."):
            raise ValueError(f"name is that of a folder, without slashes or a dot at its start, got {self.name!r}")
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema is a decay from 0 (none) to below 1, got {self.ema}")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience must be at least 1 epoch, or none, got {self.patience}")
        if self.augmented_copies < 0:
            raise ValueError(f"augmented_copies must be 0 (on the fly) or more, got {self.augmented_copies}")
        on_waveform = any(augmenter.domain == "waveform" for augmenter in self.augment)
        if self.augmented_copies and not on_waveform and self.data.fit != "random":
            raise ValueError(
                f"augmented_copies is {self.augmented_copies}, but augment has nothing that changes the waveform, "
                "so all copies would be equal"
            )
        if self.data.protocol == "paper" and not self.augmented_copies:
            raise ValueError(
                "protocol=paper splits augmented copies: set augmented_copies (the paper's is 2) and augment"
            )
        if not self.features:
            raise ValueError("features is empty: name at least one")
        if self.on_the_fly:
            for feature in self.features:
                if feature.host:
                    raise ValueError(
                        f"feature '{FEATURES.name_of(feature)}' runs outside JAX, where no on-the-fly augmentation is: "
                        "set augmented_copies"
                    )

    @property
    def on_the_fly(self) -> bool:
        """Whether training reads audio, since its windows differ from epoch to epoch, and not cached features."""
        changing = self.data.fit == "random" or any(augmenter.domain == "waveform" for augmenter in self.augment)
        return changing and not self.augmented_copies


def to_tree(value: Any) -> Any:
    """Turn an experiment (or a part of one) into dicts, lists and scalars; a plugin gets its registered "name"."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        tree = {f.name: to_tree(getattr(value, f.name)) for f in dataclasses.fields(value)}
        for registry in REGISTRIES:
            if isinstance(value, registry.contract):
                return {"name": registry.name_of(value), **tree}
        return tree
    if isinstance(value, tuple | list):
        return [to_tree(item) for item in value]
    return value


def from_tree(tree: dict[str, Any]) -> Experiment:
    """Check a plain tree against the schema and return the experiment; what is not in the tree keeps its default.

    Raises:
        UserError: names the key, what was expected there, and for an unknown key the nearest one.
    """
    try:
        return cast(Experiment, _adapter(Experiment).validate_python(tree))
    except ValidationError as error:
        loc, message = _first_problem(error, Experiment)
        raise UserError(f"{'.'.join(('experiment', *map(str, loc)))}: {message}") from None


def checked(experiment: Experiment) -> Experiment:
    """The same experiment with every leaf's type checked, as dataclasses themselves do not."""
    return from_tree(to_tree(experiment))


def digest(tree: Any) -> str:
    """Ten hexadecimal digits that stand for a plain tree."""
    return hashlib.sha256(json.dumps(tree, sort_keys=True, default=str).encode()).hexdigest()[:10]


def differences(one: Any, other: Any, at: str = "experiment") -> list[str]:
    """Name the leaves in which two trees differ: "experiment.epochs: 120 / 40"."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = list(one) + [key for key in other if key not in one]
        return [line for key in keys for line in differences(one.get(key), other.get(key), f"{at}.{key}")]
    return [] if one == other else [f"{at}: {json.dumps(one)} / {json.dumps(other)}"]


@functools.cache
def _adapter(cls: type) -> TypeAdapter[Any]:
    """What checks a class: making it takes ten times as long as using it."""
    return TypeAdapter(cls)


def _first_problem(error: ValidationError, cls: type) -> tuple[tuple[Any, ...], str]:
    problem = error.errors(include_url=False)[0]
    loc, message = problem["loc"], problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "plugin":
        return (*loc, *problem["ctx"]["loc"]), message
    if problem["type"] == "unexpected_keyword_argument":
        known = _fields_at(cls, loc[:-1])
        return loc, f"there is no such key.{nearest(str(loc[-1]), known)} Known: {', '.join(known)}."
    if problem["type"] != "value_error":
        message += f", got {problem['input']!r}"
    return loc, message


def _fields_at(cls: type, loc: tuple[Any, ...]) -> list[str]:
    for key in loc:
        cls = get_type_hints(cls)[key]
    return [f.name for f in dataclasses.fields(cls)]
