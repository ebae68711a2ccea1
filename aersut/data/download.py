"""Fetch a corpus from the place where its authors publish it, into the folders that its loader reads.

RAVDESS is one zip whose checksum Zenodo publishes. CREMA-D lies in Git LFS: the zip of its repository (24 MB) holds a
pointer with size and SHA-256 in the place of each clip, and the clips come one by one, each verified by its pointer.

Whatever is fetched waits in the cache until all of it is there and verified, so a loader never meets half a corpus;
then it is removed from there. What a user has is never overwritten.

The machine that this was written on reaches no network: it is tested against a server on loopback, and the addresses
in SOURCES have yet to be tried.
"""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import requests
from tqdm import tqdm

import aersut
from aersut.data.archives import NoSpaceError, megabytes, need_space, pointers_in, size, unpack
from aersut.data.web import FetchError, RefusedError, Web, host
from aersut.errors import UserError, nearest
from aersut.paths import cache_dir, new_folder
from aersut.registry import CORPORA

WORKERS = 8


@dataclass(frozen=True)
class Source:
    """Where a corpus is published, and what of it goes where.

    Attributes:
        archive: the URL of a zip.
        checksum: of that zip, `md5:…` or `sha256:…`; None where none is published.
        wanted: a regular expression for the names of the members that are wanted.
        media: None where those members are the clips. Where they are Git LFS pointers: the URL under which the clips
            are served by their names.
        target: the folder under the data root into which the clips go.
        clips: how many there should be.
        largest: what archive and clips may take, in bytes.
        licence, citation: as the publisher gives them; printed before anything is fetched.
        manual: how to get it by other means.
    """

    archive: str
    checksum: str | None
    wanted: str
    media: str | None
    target: str
    clips: int
    largest: int
    licence: str
    citation: str
    manual: str


SOURCES = {
    "ravdess": Source(
        archive="https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1",
        checksum="md5:bc696df654c87fed845eb13823edef8a",
        wanted=r"Actor_\d\d/[\w-]+\.wav",
        media=None,
        target="ravdess-emotional-speech-audio/audio_speech_actors_01-24",
        clips=1440,
        largest=2_000_000_000,
        licence="CC BY-NC-SA 4.0 (https://creativecommons.org/licenses/by-nc-sa/4.0/): no commercial use",
        citation="Livingstone SR, Russo FA (2018). The Ryerson Audio-Visual Database of Emotional Speech and Song "
        "(RAVDESS). PLoS ONE 13(5): e0196391. https://doi.org/10.1371/journal.pone.0196391",
        manual="get Audio_Speech_Actors_01-24.zip from https://zenodo.org/records/1188976 and unpack it there",
    ),
    "cremad": Source(
        archive="https://github.com/CheyneyComputerScience/CREMA-D/archive/refs/heads/master.zip",
        checksum=None,
        wanted=r"[^/]+/AudioWAV/[\w-]+\.wav",
        media="https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/master/AudioWAV/",
        target="cremad/AudioWAV",
        clips=7442,
        largest=4_000_000_000,
        licence="Open Database License 1.0 (https://opendatacommons.org/licenses/odbl/1-0/), its contents under the "
        "Database Contents License 1.0 (https://opendatacommons.org/licenses/dbcl/1-0/). The authors ask users to fill "
        "in the form at https://github.com/CheyneyComputerScience/CREMA-D#access",
        citation="Cao H, Cooper DG, Keutmann MK, Gur RC, Nenkova A, Verma R (2014). CREMA-D: Crowd-sourced Emotional "
        "Multimodal Actors Dataset. IEEE Transactions on Affective Computing 5(4): 377-390. "
        "https://doi.org/10.1109/TAFFC.2014.2336244",
        manual="run `git lfs clone https://github.com/CheyneyComputerScience/CREMA-D.git` and copy its AudioWAV there",
    ),
}


def download(
    name: str,
    root: Path,
    source: Source | None = None,
    *,
    attempts: int = 5,
    pause: float = 1.0,
    workers: int = WORKERS,
) -> Path:
    """Fetch a corpus into the folder under `root` from which its loader reads it, and return that folder.

    Prints licence and citation first. Broken off at any point, the same call goes on from what is there. Clips that the
    loader finds under `root` already are left alone, and nothing is fetched then.

    Args:
        name: a name in SOURCES.
        root: the data root; made where it does not exist.
        source: another place than SOURCES[name].
        attempts: how often in a row a connection may break without any progress.
        pause: seconds before the second attempt; doubled for each further one.
        workers: how many clips are fetched at a time, where they are files of their own.

    Raises:
        UserError: an unknown name, a target that holds something else, a server that cannot be reached or breaks off,
            a wrong checksum, an archive that is not safe to unpack, a full disk.
    """
    if name not in SOURCES:
        raise UserError(
            f"download: no source for a corpus '{name}'.{nearest(name, SOURCES)} Expected one of {', '.join(SOURCES)}."
        )
    source = source or SOURCES[name]
    target = root / source.target
    cache = cache_dir() / "downloads" / name
    try:
        if (there := _present(name, root, source)) is not None:
            return there
        print(f"{name}: {source.licence}\n{name}: please cite {source.citation}", flush=True)
        cache.mkdir(parents=True, exist_ok=True)
        with requests.Session() as session:
            # Zenodo throttles clients that do not name themselves
            session.headers.update({"User-Agent": f"aersut/{aersut.__version__}", "Accept-Encoding": "identity"})
            session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=workers))
            web = Web(session, attempts, pause)
            archive = cache / Path(source.archive.partition("?")[0]).name
            print(f"{name}: fetching {archive.name} from {host(source.archive)}", flush=True)
            web.fetch(source.archive, archive, source.checksum, source.largest)
            if source.media is None:
                with _deleted_when_bad(archive):
                    clips = unpack(archive, target, source.wanted, source.largest)
            else:
                clips = _fetch_clips(web, source.media, archive, source, target, workers)
    except FetchError as error:
        raise UserError(f"{name}: {error} Or {source.manual}: {target}.") from error
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    except OSError as error:
        where = error.filename or target
        raise UserError(
            f"{name}: {where} cannot be written or read: {error.strerror or error}. Mend that, and run the same "
            "command again: it goes on from what is there."
        ) from error
    shutil.rmtree(cache, ignore_errors=True)
    unusual = "" if clips == source.clips else f" (expected {source.clips:,}: the published corpus has changed)"
    print(f"{name}: {clips:,} clips in {target}{unusual}", flush=True)
    return target


def _present(name: str, root: Path, source: Source) -> Path | None:
    """The folder of the clips that the loader finds already; refuses a target that holds something else."""
    target = root / source.target
    listing = None
    with contextlib.suppress(UserError):  # the loader's way to say that there is nothing
        listing = CORPORA[name]().load(root)
    if listing is not None and listing.clips:
        folder = Path(os.path.commonpath([clip.path.parent for clip in listing.clips]))
        missing = source.clips - len(listing.clips)
        remedy = f"; {missing:,} are missing: move it away to fetch all of it" if missing > 0 else ""
        print(
            f"{name}: {len(listing.clips):,} clips are in {folder} already, which is left as it is{remedy}", flush=True
        )
        return folder
    if target.is_dir() and any(target.iterdir()):
        reason = f", {listing.left_out[0].reason}" if listing is not None and listing.left_out else ""
        raise UserError(f"{target} holds files, but no clip{reason}. Move it away, and run the same command again.")
    place = next(path for path in (target, *target.parents) if path.exists())
    if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        raise UserError(f"{place} is no folder that can be written to. Choose another data.root, or mend it.")
    return None


@contextlib.contextmanager
def _deleted_when_bad(archive: Path) -> Iterator[None]:
    """Delete an archive whose content is refused, so that the next call fetches it anew; not for want of space."""
    try:
        yield
    except NoSpaceError:
        raise
    except UserError:
        archive.unlink()
        raise


def _fetch_clips(web: Web, media: str, archive: Path, source: Source, target: Path, workers: int) -> int:
    with _deleted_when_bad(archive):
        pointers = pointers_in(archive, source.wanted, source.largest)
    folder = archive.parent / "clips"
    folder.mkdir(exist_ok=True)
    total = sum(pointer.size for pointer in pointers.values())
    target.parent.mkdir(parents=True, exist_ok=True)
    need_space(folder, total - sum(size(folder / name) for name in pointers))
    if target.parent.stat().st_dev != folder.stat().st_dev:
        need_space(target.parent, total)
    print(f"{len(pointers):,} clips of {megabytes(total)} in all, from {host(media)}", flush=True)
    pool = ThreadPoolExecutor(workers)
    try:
        tasks = {
            pool.submit(web.fetch, media + name, folder / name, pointer.checksum, pointer.size, True): pointer
            for name, pointer in pointers.items()
        }
        with tqdm(
            desc=archive.name,
            total=total,
            unit="B",
            unit_scale=True,
            dynamic_ncols=True,
            disable=not sys.stderr.isatty(),
        ) as bar:
            for done, task in enumerate(as_completed(tasks), 1):
                task.result()
                bar.set_postfix_str(f"{done}/{len(tasks)} clips", refresh=False)
                bar.update(tasks[task].size)
    except UserError as error:
        if isinstance(error, RefusedError) or not isinstance(error, FetchError):
            archive.unlink(missing_ok=True)  # it may be the pointers that are out of date
        there = sum(1 for path in folder.iterdir() if path.suffix != ".part")
        raise type(error)(
            f"{error} {there:,} of {len(pointers):,} clips are there and need not be fetched again."
        ) from error
    finally:
        web.stop.set()  # an interrupted user waits for no pause and no half-fetched clip
        pool.shutdown(cancel_futures=True)
    with new_folder(target) as aside:
        for name in pointers:
            _place(folder / name, aside / name)
    return len(pointers)


def _place(clip: Path, path: Path) -> None:
    """Link where the disk is the same, which takes no space; copy elsewhere."""
    try:
        path.hardlink_to(clip)
    except OSError:
        shutil.copyfile(clip, path)
