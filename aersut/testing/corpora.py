"""The contract of corpora."""

import tempfile
from pathlib import Path

from aersut.contracts import EMOTIONS, Corpus, Listing
from aersut.data.splits import PARTS
from aersut.errors import UserError
from aersut.testing.promise import check_plugin


def check_corpus(corpus: Corpus, root: Path) -> None:
    """Check that `corpus` lists the clips under `root` as `Listing` promises, and says so where there are none."""
    promise = check_plugin(corpus)
    listing = promise.holds("load lists the clips", lambda: corpus.load(root))
    promise.that(isinstance(listing, Listing), "load returns a Listing", f"it returned {type(listing).__name__}")
    promise.that(bool(listing.clips), "load finds clips", f"none under {root}: hand the check a root that has some")
    promise.that(corpus.load(root) == listing, "load is deterministic", "sort what is read from the disk")
    for clip in listing.clips:
        promise.that(clip.path.is_file(), "every clip exists", f"{clip.path} is no file")
        known = clip.emotion in EMOTIONS
        promise.that(known, "every emotion is one of EMOTIONS", f"{clip.path}: '{clip.emotion}'; leave such a clip out")
        promise.that(
            clip.part in ("", *PARTS), f"part is one of {', '.join(PARTS)} or empty", f"{clip.path}: {clip.part}"
        )
        promise.that(bool(clip.speaker), "every clip has a speaker", f"{clip.path}: splits need one")
        named = clip.corpus == promise.name
        promise.that(named, "clips name their corpus as it is registered", f"{clip.path}: '{clip.corpus}'")
    files = [clip.path for clip in listing.clips] + [item.path for item in listing.left_out]
    twice = sorted({str(path) for path in files if files.count(path) > 1}) if len(set(files)) < len(files) else []
    promise.that(not twice, "every file is listed once, as a clip or as left out", f"twice: {', '.join(twice[:3])}")
    for item in listing.left_out:
        promise.that(bool(item.reason.strip()), "every file left out has a reason", f"{item.path} has none")
    with tempfile.TemporaryDirectory() as empty:
        try:
            found = bool(corpus.load(Path(empty)).clips)
        except UserError:
            return
        except Exception as error:
            raise promise.broken("a root without the corpus raises UserError", f"it raised {error!r}") from error
    promise.that(
        found, "a root without the corpus raises UserError", "an empty Listing came back: say where you looked"
    )
