"""A page for each plugin, from the registries: what it does, its fields, what it costs, a picture and a sound."""

import dataclasses
import inspect
import re
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import demonstrations as show
import griffe
import numpy as np
import soundfile
from docstrings import ungrouped

from aersut.contracts import Augmenter, Condition, Feature, Plugin, SkippedConditionError
from aersut.models.cost import REFERENCE_SIZE, cost
from aersut.registry import CONDITIONS, MODELS, TARGETS, Registry
from aersut.tree import REGISTRIES

FOLDERS = {
    "corpus": "corpora",
    "feature": "features",
    "augmenter": "augmenters",
    "encoder": "encoders",
    "model": "models",
    "optimizer": "optimizers",
    "stress condition": "conditions",
    "target": "targets",
}
TITLES = {
    "corpora": "Corpora",
    "features": "Features",
    "augmenters": "Augmenters",
    "encoders": "Encoders",
    "models": "Models",
    "optimizers": "Optimizers",
    "conditions": "Stress conditions",
    "targets": "Export targets",
}
USE = {
    "corpora": "--experiment.data.corpora={name}",
    "features": "--experiment.features={name}",
    "augmenters": "--experiment.augment={name}",
    "encoders": "--experiment.encoders={name}",
    "models": "--experiment.model={name}",
    "optimizers": "--experiment.optimizer={name}",
    "conditions": "--mode=evaluate --workdir=RUN --evaluate.conditions={name}",
}
VOICE = "voice.wav"
DOMAINS = {
    "waveform": "the waveform, on the fly or in cached copies",
    "features": "the base features, such as a log-mel spectrogram, in the training step",
    "batch": "the examples of a batch, in the training step",
}


@dataclasses.dataclass(frozen=True)
class Pages:
    """Pages and sounds by their path below the folder of the plugins, pictures, and entries of the navigation.

    Attributes:
        pictures: SVG elements by the keys of their `<div data-picture="KEY">`; Markdown would take seconds for them.
    """

    files: dict[str, str | bytes]
    pictures: dict[str, str]
    nav: list[Any]


@dataclasses.dataclass
class Page:
    """One page, with its sounds by file name and its pictures by key."""

    text: str
    sounds: dict[str, bytes] = dataclasses.field(default_factory=dict)
    pictures: dict[str, str] = dataclasses.field(default_factory=dict)


def plugin_pages() -> Pages:
    """All pages, with an overview for each kind."""
    files: dict[str, str | bytes] = {"index.md": _all_kinds()}
    pictures: dict[str, str] = {}
    nav: list[Any] = ["index.md"]
    with tempfile.TemporaryDirectory() as folder:
        _write_recordings(Path(folder))
        for registry in registries():
            kind = FOLDERS[registry.kind]
            for name in registry.names():
                made = plugin_page(registry, name, Path(folder))
                files[f"{kind}/{name}.md"] = made.text
                files |= {f"{kind}/{sound}": content for sound, content in made.sounds.items()}
                pictures |= made.pictures
            files[f"{kind}/index.md"] = _overview(registry)
            nav.append({TITLES[kind]: [f"{kind}/index.md", *({n: f"{kind}/{n}.md"} for n in registry.names())]})
    return Pages(files, pictures, nav)


def registries() -> tuple[Registry[Any], ...]:
    """The registries of all kinds."""
    return (*REGISTRIES, CONDITIONS, TARGETS)


def plugin_page(registry: Registry[Any], name: str, recordings: Path) -> Page:
    """The page of one plugin; `recordings` has a WAV file for plugins that read some."""
    cls, kind = registry[name], FOLDERS[registry.kind]
    description, documented = parsed(cls)
    lines = [f"# `{name}`", "", description, ""]
    if use := USE.get(kind):
        lines += ["```", use.format(name=name), "```", ""]
    lines += [f"Python: `from {cls.__module__} import {cls.__name__}`", "", "## Fields", "", *fields(cls, documented)]
    try:
        plugin = cls(**({"folder": str(recordings)} if "folder" in _names(cls) else {}))
    except TypeError:
        plugin = None  # a field without a default
    if facts := list(properties(plugin, kind)):
        lines += ["", "## Properties", "", "| property | value |", "|---|---|", *facts]
    shown = Page("") if plugin is None else demonstration(f"{kind}-{name}", name, plugin)
    return dataclasses.replace(shown, text="\n".join([*lines, shown.text]) + "\n")


def parsed(cls: type) -> tuple[str, dict[str, str]]:
    """The docstring of a class without its attributes, and the attributes by name."""
    texts: list[str] = []
    attributes: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__doc__ and dataclasses.is_dataclass(base):
            for section in griffe.Docstring(ungrouped(inspect.cleandoc(base.__doc__))).parse("google"):
                if section.kind is griffe.DocstringSectionKind.attributes:
                    for one in section.value:
                        if not one.description.startswith("as in "):  # the base class's text is shown instead
                            attributes[one.name] = " ".join(one.description.split())
    for section in griffe.Docstring(inspect.getdoc(cls) or "").parse("google"):
        if section.kind is griffe.DocstringSectionKind.text:
            texts.append(section.value)
    return "\n\n".join(texts), attributes


def fields(cls: Any, documented: dict[str, str]) -> Iterator[str]:
    """The rows of the table of a dataclass's fields."""
    found = dataclasses.fields(cls)
    if not found:
        yield "None."
        return
    yield "| field | type | default | meaning |"
    yield "|---|---|---|---|"
    for field in found:
        meaning = cell(documented.get(field.name, ""))
        yield f"| `{field.name}` | `{type_name(field.type)}` | {default(field)} | {meaning} |"


def type_name(annotation: Any) -> str:
    """A type as it is written in Python, without the notes of `Annotated`."""
    if isinstance(annotation, str):
        return annotation
    if hasattr(annotation, "__metadata__"):
        return type_name(annotation.__origin__)
    return inspect.formatannotation(annotation).replace("aersut.contracts.", "").replace("typing.", "")


def default(field: "dataclasses.Field[Any]") -> str:
    """The default of a field in Markdown; "required" without one."""
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    elif field.default is not dataclasses.MISSING:
        value = field.default
    else:
        return "required"
    if isinstance(value, Plugin):
        value = plugin_name(value)
    elif isinstance(value, tuple) and value and all(isinstance(one, Plugin) for one in value):
        value = ", ".join(plugin_name(one) for one in value)
    text = value if isinstance(value, str) and value else repr(value)
    return cell(f"`{text}`") if len(text) <= 60 else f"`{type(value).__name__}(…)`"


def plugin_name(plugin: Any) -> str:
    """The registered name of a plugin."""
    registry = next(one for one in registries() if isinstance(plugin, one.contract))
    return registry.name_of(plugin)


def cell(text: str) -> str:
    """Markdown inside a cell of a table; in code, a | needs no backslash, which would be shown."""
    return re.sub(r"(`[^`]*`)|\|", lambda found: found[1] or "\\|", text.replace("\n", " "))


def properties(plugin: Any, kind: str) -> Iterator[str]:
    """Rows of properties that follow from the class."""
    if isinstance(plugin, Feature):
        yield f"| channels, with the default fields | {plugin.channels} |"
        before, after = plugin.context
        yield f"| adjacent frames that a frame depends on | {before} before, {after} after |"
        yield f"| streaming | {streaming(plugin)} |"
        yield f"| runs | {'on the host, before the training (cached)' if plugin.host else 'in JAX, on any device'} |"
    if isinstance(plugin, Augmenter):
        yield f"| changes | {DOMAINS[plugin.domain]} |"
        spectrogram = "one spectrogram in dB, such as `log_mel`" if plugin.spectrogram else "any"
        yield f"| base feature | {'`log_mel` only' if plugin.log_mel else spectrogram} |"
        copies = plugin.host or plugin.domain == "waveform"
        yield f"| cached copies | {'only' if plugin.host else 'yes' if copies else 'no; each epoch draws new values'} |"
    if isinstance(plugin, Condition):
        yield f"| title, with the default fields | {plugin.title} |"
        yield f"| point of the curve | {plugin.curve or '–'} |"
    if kind == "models" and plugin is not None:
        frames, channels, classes = REFERENCE_SIZE
        found = cost(plugin, *REFERENCE_SIZE)
        yield f"| input of the cost below | {frames} frames × {channels} channels, {classes} classes (3 s at 16 kHz) |"
        yield f"| parameters | {found.parameters:,} |"
        yield f"| multiply-accumulates | {found.macs:,} |"
        yield f"| int8 weights | {found.int8_bytes:,} bytes |"
        yield f"| exported to TensorFlow Lite | {'yes' if plugin.exportable else 'no'} |"
    if kind == "corpora" and plugin is not None:
        yield f"| licence of the recordings | {plugin.licence or 'not stated'} |"
        yield f"| speakers of the complete corpus | {len(plugin.all_speakers) or 'not stated'} |"
        yield f"| synthetic speech | {'yes' if plugin.synthetic else 'no'} |"
    if kind == "encoders" and plugin is not None:
        yield f"| sample rate | {plugin.sample_rate:,} Hz |"
        if isinstance(inspect.getattr_static(type(plugin), "provenance"), str):
            yield f"| provenance | {cell(plugin.provenance)} |"
    if kind == "optimizers" and plugin is not None:
        yield f"| arguments of the compiled step | {', '.join(f'`{one}`' for one in plugin.traced) or 'none'} |"


def streaming(feature: Feature) -> str:
    """Whether `frontend.tflite` can compute a feature frame by frame."""
    if feature.host:
        return "no: it runs on the host"
    if feature.whole_utterance:
        return "no: it depends on the whole window; the classifier's file computes it, if it reads no samples"
    return "yes, with a state" if feature.recursive else "yes"


def demonstration(key: str, name: str, plugin: Any) -> Page:
    """Picture, sounds and cost of a feature, an augmenter or a stress condition, made from a synthetic voice."""
    if isinstance(plugin, Feature):
        rows, taken = show.feature_rows(plugin)
        alt = f"Waveform of a synthetic voice, and {name} of it over time"
        drawn = show.picture(key, alt, (6.4, 3.4), show.paint_feature, name, rows)
        cost_of = f"{taken:.2g} ms per window of 2 s at 16 kHz on one CPU core"
        lines = [*_example(key), show.player("The synthetic voice", VOICE), "## Cost", ""]
        lines += [f"{cost_of} (median of 9, measured when this page was built, {date.today():%-d %B %Y})."]
        return Page("\n".join(lines), {VOICE: show.wav(show.voice())}, {key: drawn})
    if isinstance(plugin, Condition):
        try:
            return _change(key, name, *show.changed(plugin))
        except SkippedConditionError as error:
            return Page(f"\nNo example: {error}")
    if isinstance(plugin, Augmenter):
        page = _change(key, name, *show.augmented(plugin))
        return dataclasses.replace(page, text=f"{page.text}\n## Cost\n\n{augmenter_cost(name)}")
    return Page("")


def augmenter_cost(name: str) -> str:
    """The measured cost of an augmenter in docs/augmentation.md."""
    text = (Path(__file__).parents[1] / "augmentation.md").read_text(encoding="utf-8")
    table = (
        "[Augmentation](../../../augmentation.md#cost) has the cost of all augmenters, with command, date and machine."
    )
    found = re.search(rf"^\| `{name}` \| \w+ \| ([\d.]+) \| ([\d.]+) \|", text, re.MULTILINE)
    if not found:
        return table
    return f"{found[1]} ms per clip of 3 s at 16 kHz, {found[2]} of the time of a training step of `tc_resnet`. {table}"


def _example(key: str) -> list[str]:
    return ["", "## Example", "", f'<div data-picture="{key}"></div>', ""]


def _change(key: str, name: str, before: Any, after: Any) -> Page:
    waveform = before.ndim == 1
    panels = [(values if waveform else np.zeros(0), show.log_mel(values) if waveform else values)
              for values in (before, after)]  # fmt: skip
    what, height = ("Waveform and log-mel spectrogram", 3.4) if waveform else ("Log-mel spectrogram", 2.2)
    alt = f"{what} of a synthetic voice before and after {name}"
    drawn = show.picture(key, alt, (6.4, height), show.paint_change, *panels)
    if not waveform:
        before, after = show.sounds(before, after)
    first = VOICE if waveform else f"{name}-{VOICE}"
    lines = [*_example(key), show.player("before", first), show.player("after", f"{name}.wav")]
    if not waveform:
        lines += ["The sounds are computed from the spectrograms; their phase is estimated (Griffin & Lim 1984)."]
    return Page("\n".join([*lines, ""]), {first: show.wav(before), f"{name}.wav": show.wav(after)}, {key: drawn})


def _all_kinds() -> str:
    lines = ["# Plugins", "", "Every built-in plugin, by kind. [Writing a plugin](../../plugins.md) adds your own.", ""]
    lines += ["| kind | plugins |", "|---|---|"]
    for registry in registries():
        kind = FOLDERS[registry.kind]
        links = ", ".join(f"[`{name}`]({kind}/{name}.md)" for name in registry.names())
        lines.append(f"| [{TITLES[kind]}]({kind}/index.md) | {links} |")
    return "\n".join(lines) + "\n"


def _overview(registry: Registry[Any]) -> str:
    kind = FOLDERS[registry.kind]
    contract = (inspect.getdoc(registry.contract) or "").partition("\n\n")[0]
    lines = [f"# {TITLES[kind]}", "", contract, "", "| name | effect |", "|---|---|"]
    lines += [f"| [`{name}`]({name}.md) | {cell(registry.summary(name))} |" for name in registry.names()]
    if registry is MODELS:
        frames, channels, classes = REFERENCE_SIZE
        lines += ["", f"Cost on {frames} frames × {channels} channels and {classes} classes:", ""]
        lines += ["| model | parameters | multiply-accumulates | int8 weights |", "|---|---|---|---|"]
        for name in MODELS.names():
            found = cost(MODELS[name](), *REFERENCE_SIZE)
            lines.append(f"| `{name}` | {found.parameters:,} | {found.macs:,} | {found.int8_bytes:,} bytes |")
    return "\n".join(lines) + "\n"


def _names(cls: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(cls)}


def _write_recordings(folder: Path) -> None:
    """Noise and impulse responses for plugins that read recordings; one file serves as both."""
    rng = np.random.default_rng(0)
    decaying = rng.standard_normal(show.RATE) * 10 ** (-3 * np.arange(show.RATE) / show.RATE / 0.4)
    decaying[0] = 5.0
    soundfile.write(folder / "0.wav", np.tile(0.1 * decaying, 3), show.RATE)
