"""The typed schema of an experiment."""

import math
import sys
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

from aersut.contracts import (
    STRICT,
    Augmenter,
    Corpus,
    Encoder,
    Feature,
    Framing,
    Model,
    Optimizer,
)
from aersut.labels import label_problem
from aersut.registry import AUGMENTERS, CORPORA, ENCODERS, FEATURES, MODELS, OPTIMIZERS
from aersut.tree import Named, to_tree, validated

PublishedName = Literal["ravdess5", "ravdess6", "cremad_tfds", "combined5"]
ProtocolName = Literal[
    "speaker", "random", "paper", "given", "given_folds", "cross_corpus", "leave_one_speaker_out", PublishedName
]


def _text_of_none(value: object) -> object:
    """The word none, of which the command line has made None, in a field that has it as a word."""
    return "none" if value is None else value


def check_seed(name: str, seed: int) -> None:
    """Raise `ValueError` for a seed that a random generator refuses."""
    if not 0 <= seed < 2**32:
        raise ValueError(f"{name} must be from 0 to {2**32 - 1}, got {seed}")


@dataclass(frozen=True)
class Data:
    """Corpora, evaluation protocol, and preparation of clips.

    Attributes:
        corpora: corpus plugins.
        root: the folder that contains the corpora.
        protocol: the rule that splits clips into training set, validation set and test set (`aersut.data.protocols`):
            "speaker": speaker-independent, by fractions of the speakers;
            "random": by clip; speaker-dependent;
            "paper": by augmented copy, which leaks copies of test clips into the training set;
            "given": by the speakers named below, or by the column "split" of a manifest;
            "given_folds": the test set is a fold of the column "fold" of a manifest;
            "cross_corpus": the test set is `test_corpora`;
            "leave_one_speaker_out": the test set is one speaker;
            "ravdess5", "ravdess6", "cremad_tfds": published; "combined5": ravdess5 with five folds of CREMA-D
            (`aersut.data.protocols`).
        test: fraction of the speakers (for "random", clips; for "paper", copies) in the test set.
        validation: fraction in the validation set, which selects the best epoch.
        fold: index of the test set among disjoint ones: 1 / `test` of them, one per speaker, given or published ones.
        seed: of the split.
        train_speakers: speakers of the training set, for "given": "2", or "ravdess:2" if two corpora have a speaker 2;
            a number may have leading zeros, as in RAVDESS's file names.
        validation_speakers: likewise for the validation set.
        test_speakers: likewise for the test set.
        test_corpora: names of those of `corpora` that are the test set, for "cross_corpus".
        emotions: the classes, in the order of the network's outputs: any labels of the corpora, in lower case; clips of
            other labels are skipped. By default, (), the labels of the training set (`aersut.run.with_classes`).
        trim_db: trims leading and trailing silence more than this many dB below the loudest frame; None keeps it.
        fit: position of the window in a longer clip, or of a shorter clip in the zero-padded window: "start", "center"
            or "random", which is drawn anew for each training example and is the centre in evaluation.
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
    emotions: tuple[str, ...] = ()
    trim_db: float | None = 40.0
    fit: Literal["start", "center", "random"] = "start"

    def __post_init__(self) -> None:
        if not (self.test > 0 and self.validation > 0 and self.test + self.validation < 1):
            raise ValueError(
                f"test ({self.test}) and validation ({self.validation}) must be above 0, and their sum below 1"
            )
        check_seed("seed", self.seed)
        if self.fold < 0 or self.fold >= (self.folds or sys.maxsize):
            made = f": test={self.test} makes folds 0 to {self.folds - 1}" if self.folds else ""
            raise ValueError(f"fold {self.fold} does not exist{made}")
        object.__setattr__(self, "emotions", tuple(emotion.strip().lower() for emotion in self.emotions))
        for emotion in self.emotions:
            if problem := label_problem(emotion):
                raise ValueError(f"emotion '{emotion}' {problem}")
        if len(set(self.emotions)) != len(self.emotions) or len(self.emotions) == 1:
            raise ValueError(f"emotions must be at least two different ones, got {', '.join(self.emotions)}")
        if self.trim_db is not None and self.trim_db <= 0:
            raise ValueError(f"trim_db must be above 0, or none, got {self.trim_db}")
        names = [CORPORA.name_of(corpus) for corpus in self.corpora]
        if repeated := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"corpora contains '{repeated[0]}' twice, so that speakers are ambiguous; name it once")
        given = (self.train_speakers, self.validation_speakers, self.test_speakers)
        if self.protocol == "given" and any(given) and not all(given):
            raise ValueError(
                "protocol=given needs train_speakers, validation_speakers and test_speakers, or none of them"
            )
        if self.protocol != "given" and any(given):
            raise ValueError(f"speakers are named, but protocol={self.protocol} ignores them; set protocol=given")
        if (self.protocol == "cross_corpus") != bool(self.test_corpora):
            raise ValueError("protocol=cross_corpus needs test_corpora, and no other protocol accepts them")

    @property
    def folds(self) -> int | None:
        """The number of folds that `test` makes; None for protocols whose folds do not depend on it."""
        return math.floor(1 / self.test + 1e-9) if self.protocol in ("speaker", "random", "paper") else None


@dataclass(frozen=True)
class Loss:
    """Cross-entropy loss and its variants.

    Attributes:
        label_smoothing: fraction of each label that is distributed evenly over all classes (Szegedy et al. 2016).
        class_weights: weight classes by inverse frequency, so that each contributes equally.
        focal: exponent of 1 - p in the focal loss, which down-weights confident examples (Lin et al. 2017); 0 for none.
    """

    __pydantic_config__: ClassVar = STRICT
    label_smoothing: float = 0.0
    class_weights: bool = False
    focal: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be at least 0 and below 1, got {self.label_smoothing}")
        if not self.focal >= 0:
            raise ValueError(f"focal must be 0 or more, got {self.focal}")


@dataclass(frozen=True)
class Init:
    """Initial weights, for fine-tuning. By default, the network is initialized at random.

    Attributes:
        model: whose weights are taken: the name of a model in the zoo, or a run folder. Its framing, features, scaling
            (with the statistics of its training set), network and `data.trim_db` come with them.
        trainable: "all" weights, or only the "head" (the last linear layer). With "head", the others are constant, and
            BatchNorm uses its running averages instead of the statistics of each batch.
        digest: of the weights; it is set when the experiment is loaded, so that other weights give another run.
    """

    __pydantic_config__: ClassVar = STRICT
    model: str = ""
    trainable: Literal["all", "head"] = "all"
    digest: str = ""

    def __post_init__(self) -> None:
        if not self.model and (self.digest or self.trainable != "all"):
            raise ValueError("trainable=head needs init.model, the model whose weights it keeps")


@dataclass(frozen=True)
class Experiment:
    """Complete configuration of a run. Every field has a default, so that older configurations remain valid.

    Attributes:
        name: of the parent of the run folder; by default that of the experiment file.
        plugins: modules (dotted paths, or paths of .py files) that register the user's own plugins.
        features: feature extractors, whose channels are concatenated.
        augment: augmenters of training examples, applied in this order within each domain.
        augmented_copies: 0 augments on the fly, in the training step; k > 0 adds k augmented copies of each training
            clip, computed once and cached.
        sampling: "shuffle" draws each training example once per epoch; "balanced" draws each class equally often,
            "corpora" each corpus.
        scaling: standardization: "standard" transforms each channel to mean 0 and standard deviation 1 over the
            training set; "utterance" does so over each clip (which needs the whole clip, and removes level
            differences); "none" omits it.
        init: initial weights of another model, for fine-tuning.
        teacher: for knowledge distillation: a model that is trained first, with the same configuration, in a run of its
            own under `runs/`, which students share. The student `model` then learns the teacher's soft targets for each
            augmented example instead of labels (Hinton et al. 2015), and `loss` applies to the teacher. The teacher is
            not exported with its student and may have any size. None trains on labels.
        encoders: frozen pretrained speech encoders. A classifier of their embeddings, which is trained on the training
            speakers, gives soft labels for each training clip (`aersut.encoders.soft_labels`). A student of a teacher
            learns from them by way of its teacher.
        soft_labels: fraction of the soft labels in the label of each training clip, if there are encoders.
        precision: data type of matrix products and activations in the training step. Weights, losses, soft targets and
            everything after training are float32. "bfloat16" is for accelerators that are faster with it.
        ema: decay of an exponential moving average of the weights, which is evaluated and exported (typically 0.999); 0
            for none. Its memory grows from a tenth of the steps so far, so that it forgets the initial weights. The
            running averages of BatchNorm are those of the weights that were not averaged, which agree at the end of a
            decaying learning rate.
        epochs: maximum number of epochs.
        patience: training stops after this number of epochs without a higher validation UAR; None never stops early.
        select: the epoch that is evaluated and exported: "best" (highest validation UAR) or "last"; with few validation
            speakers, the best of many epochs may be chance.
        batch_size: examples per training step.
        seed: of initial weights, data order, dropout and augmentation.
    """

    __pydantic_config__: ClassVar = STRICT
    name: str = ""
    plugins: tuple[str, ...] = ()
    data: Data = field(default_factory=Data)
    framing: Framing = field(default_factory=Framing)
    features: tuple[Annotated[Feature, Named(FEATURES)], ...] = field(default_factory=lambda: (FEATURES["mfcc"](),))
    augment: tuple[Annotated[Augmenter, Named(AUGMENTERS)], ...] = ()
    augmented_copies: int = 0
    sampling: Literal["shuffle", "balanced", "corpora"] = "shuffle"
    scaling: Annotated[Literal["standard", "utterance", "none"], BeforeValidator(_text_of_none)] = "standard"
    model: Annotated[Model, Named(MODELS)] = field(default_factory=lambda: MODELS["cnn"]())
    init: Init = field(default_factory=Init, metadata={"omitted": True})
    teacher: Annotated[Model, Named(MODELS)] | None = None
    encoders: tuple[Annotated[Encoder, Named(ENCODERS)], ...] = ()
    soft_labels: float = 0.5
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
            raise ValueError(f"name must be a folder name without slashes or a leading dot, got {self.name!r}")
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        check_seed("seed", self.seed)
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema must be 0 (none), or a decay below 1, got {self.ema}")
        if not 0 < self.soft_labels <= 1:
            raise ValueError(f"soft_labels must be above 0 and at most 1, got {self.soft_labels}")
        if self.loss.class_weights and self.sampling != "shuffle":
            raise ValueError(
                "loss.class_weights weights clips that are drawn once an epoch, and "
                f"sampling={self.sampling} draws rare ones more often; omit one of them"
            )
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience must be at least 1 epoch, or none, got {self.patience}")
        if self.augmented_copies < 0:
            raise ValueError(f"augmented_copies must be 0 (on the fly) or more, got {self.augmented_copies}")
        on_waveform = any(augmenter.domain == "waveform" for augmenter in self.augment)
        if self.augmented_copies and not on_waveform and self.data.fit != "random":
            raise ValueError(
                f"augmented_copies is {self.augmented_copies}, but no augmenter changes the waveform, so all copies "
                "would be equal; set it to 0, or add a waveform augmenter to augment"
            )
        if self.init.trainable == "head" and self.precision != "float32":
            raise ValueError(f"init.trainable=head needs precision=float32, got {self.precision}")
        if self.data.protocol == "paper" and not self.augmented_copies:
            raise ValueError("protocol=paper needs augment, and augmented_copies above 0 (2 in the paper)")
        if not self.features:
            raise ValueError("features is empty; set at least one feature")
        on_host = [f"feature '{FEATURES.name_of(feature)}'" for feature in self.features if feature.host]
        on_host += [f"augmenter '{AUGMENTERS.name_of(one)}'" for one in self.augment if one.host]
        if on_host and self.on_the_fly:
            raise ValueError(
                f"{on_host[0]} runs outside JAX, which on-the-fly augmentation excludes; set augmented_copies above 0"
            )

    @property
    def on_the_fly(self) -> bool:
        """Whether training reads audio instead of cached features, since its windows differ between epochs."""
        changing = self.data.fit == "random" or any(augmenter.domain == "waveform" for augmenter in self.augment)
        return changing and not self.augmented_copies


def from_tree(tree: dict[str, Any]) -> Experiment:
    """Validate a plain tree and convert it to an experiment; missing keys have their defaults.

    A `UserError` names the invalid key, the expected value, and for an unknown key the most similar one.
    """
    return validated(Experiment, tree, "experiment")


def checked(experiment: Experiment) -> Experiment:
    """The same experiment after validation of the types, which dataclasses do not check."""
    return from_tree(to_tree(experiment))
