"""The user's own speech in a folder for each label."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from aersut.audio_input import BY_LIBSNDFILE, READABLE
from aersut.contracts import UNKNOWN, Clip, Corpus, Listing
from aersut.corpora.files import audio_files, list_clips, other_formats
from aersut.corpora.labels import IGNORED, SPLIT_NAMES, SYNONYMS, check_words, label_of, speaker_notes
from aersut.errors import UserError
from aersut.registry import CORPORA
from aersut.texts import abbreviated


@CORPORA.register("folders")
@dataclass(frozen=True)
class Folders(Corpus):
    """Your own speech: a folder for each label, such as angry/anna/1.wav; in any format that is read.

    The next folder, if there is one, is the speaker. Without speakers, all clips have the speaker "unknown", and only
    protocol=random can split them. Another layout has a pattern.

    Attributes:
        path: of the folder with the folders, relative to data.root.
        pattern: regular expression of the paths below this folder, with / as separator. It has the group emotion, and
            optionally speaker, split (train, validation, test), fold; it need not match the whole path. The default is
            `(?P<emotion>[^/]+)/(?:(?P<speaker>[^/]+)/)?`; `(?P<speaker>[^/]+)/(?P<emotion>[^/]+)/` has the speaker
            first, and `(?P<emotion>[^/]+)/(?P<speaker>[^_]+)_` in the file's name.
        labels: names of folders with their labels, such as {"stress": "stressed"}; by default the usual names of
            emotions, and other names as labels of their own.
        ignore: names of folders that are no label; their clips are skipped and are no damage.
    """

    path: str = "."
    pattern: str = r"(?P<emotion>[^/]+)/(?:(?P<speaker>[^/]+)/)?"
    labels: dict[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = IGNORED

    def __post_init__(self) -> None:
        check_words(self.labels)
        try:
            groups = re.compile(self.pattern).groupindex
        except re.error as error:
            raise ValueError(f"pattern is not a regular expression: {error}") from None
        if "emotion" not in groups or not {"emotion", "speaker", "split", "fold"} >= set(groups):
            known = "expected emotion, and optionally speaker, split, fold"
            raise ValueError(f"pattern has the groups {', '.join(groups) or 'none'}: {known}")

    def load(self, root: Path) -> Listing:
        folder = root / self.path
        # a recording of a phone may lie beside its conversion, which needs no ffmpeg
        files = sorted(audio_files(folder, READABLE), key=lambda path: path.suffix.lower() not in BY_LIBSNDFILE)
        if not files:
            raise UserError(
                f"folders: no audio file under {folder}. Put a folder for each label there, such as angry/anna/1.wav, "
                "or set its path (relative to data.root): --experiment.data.corpora.0.path=FOLDER."
            )

        def parse(path: Path) -> Clip:
            match = re.match(self.pattern, path.relative_to(folder).as_posix())
            if not match or not match["emotion"]:
                raise ValueError("its path does not match the pattern: expected a folder for each label")
            named = match.groupdict()
            split = (named.get("split") or "").lower()
            if split not in SPLIT_NAMES:
                raise ValueError(f"split '{split}' is not one of train, validation and test")
            label = label_of(match["emotion"], self.labels, self.ignore)
            speaker, fold = named.get("speaker") or UNKNOWN, named.get("fold") or ""
            return Clip(path, label, speaker, "folders", split=SPLIT_NAMES[split], fold=fold)

        listing = list_clips(files, parse, identity=lambda clip: clip.path.with_suffix(""))
        if self.pattern == Folders.pattern:
            _check_order([path.relative_to(folder).parts for path in files])
        notes = [*other_formats(folder, READABLE), *speaker_notes(clip.speaker for clip in listing.clips)]
        if any(clip.speaker == UNKNOWN for clip in listing.clips):
            notes.append(
                "the speaker of some files is unknown: expected LABEL/SPEAKER/FILE. For other paths set the field "
                "pattern, or else --experiment.data.protocol=random."
            )
        return Listing(listing.clips, listing.skipped, tuple(notes))


def _check_order(paths: Iterable[tuple[str, ...]]) -> None:
    """Raise `UserError` for folders in another order, of which a network would learn speakers or sets."""
    words = [tuple(part.strip().lower() for part in path[:-1]) for path in paths]
    labels = {SYNONYMS.get(folders[0], folders[0]) for folders in words if folders}
    inner = {folders[1] for folders in words if len(folders) > 1}
    if labels and labels <= SPLIT_NAMES.keys():
        found, pattern = "sets", "(?P<split>[^/]+)/(?P<emotion>[^/]+)/(?:(?P<speaker>[^/]+)/)?"
    elif labels.isdisjoint(SYNONYMS.values()) and not inner.isdisjoint(SYNONYMS):
        found, pattern = "speakers", "(?P<speaker>[^/]+)/(?P<emotion>[^/]+)/"
    else:
        return
    raise UserError(
        f"folders: the outer folders seem to be {found}, not labels: {abbreviated(sorted(labels))}. Set the pattern "
        f"{pattern} by --experiment.data.corpora.0.pattern, or rename the folders."
    )
