"""Download a corpus from its publisher into the folders that its loader reads.

RAVDESS is one zip whose checksum Zenodo publishes. CREMA-D is stored in Git LFS: the zip of its repository (24 MB)
contains a pointer with size and SHA-256 instead of each clip. Each clip is downloaded and verified by its pointer.

Downloads stay in the cache until they are complete and verified, so that a loader never sees a partial corpus. Then the
cached files are deleted. Existing files of the user are never overwritten.

The download is tested against a server on loopback; the addresses in SOURCES are not tested.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import requests

import aersut
from aersut.data.archives import NoSpaceError, file_size, lfs_pointers, require_space, unpack
from aersut.data.http_download import Downloader, FetchError, RefusedError, host, progress_bar
from aersut.errors import UserError, nearest
from aersut.notebook import notices
from aersut.paths import cache_dir, new_folder
from aersut.registry import CORPORA
from aersut.texts import megabytes


@dataclass(frozen=True)
class DownloadSource:
    """Where a corpus is published, and where its clips are put.

    Attributes:
        archive: URL of a zip.
        checksum: of the zip, `md5:…` or `sha256:…`; None if none is published.
        wanted: a regular expression for the names of the members with clips, or with Git LFS pointers to clips.
        media: None if those members are clips; for pointers, the URL of the folder of the clips.
        target: folder of the clips under the data root.
        clips: expected number of clips.
        largest: limit of the size of archive and clips, in bytes.
        licence: as the publisher states it; printed before the download.
        citation: as the publisher states it; printed before the download.
        manual: how to get the corpus by other means.
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
    "ravdess": DownloadSource(
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
    "cremad": DownloadSource(
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
    source: DownloadSource | None = None,
    *,
    attempts: int = 5,
    pause: float = 1.0,
    workers: int = 8,
) -> Path:
    """Download a corpus into the folder under `root` from which its loader reads it, and return that folder.

    Licence and citation are printed first. After an interruption, the same call resumes the download. If the loader
    already finds clips under `root`, nothing is downloaded or changed.

    Args:
        name: a name in SOURCES.
        root: the data root; it is created if necessary.
        source: replaces SOURCES[name].
        attempts, pause: see `Downloader`.
        workers: number of clips that are downloaded at a time, if they are separate files.

    Raises:
        UserError: an unknown name, a target folder with other files, a server that cannot be reached or breaks the
            connection, a wrong checksum, an archive that is not safe to unpack, or a full disk.
    """
    if name not in SOURCES:
        raise UserError(
            f"download: corpus '{name}' cannot be downloaded.{nearest(name, SOURCES)} Expected one of "
            f"{', '.join(SOURCES)}."
        )
    source = source or SOURCES[name]
    target = root / source.target
    cache = cache_dir() / "downloads" / name
    try:
        if (existing := _existing_clips(name, root, source)) is not None:
            return existing
        _say(f"{name}: {source.licence}\n{name}: please cite {source.citation}")
        cache.mkdir(parents=True, exist_ok=True)
        with requests.Session() as session:
            # Zenodo throttles clients that do not name themselves
            session.headers.update({"User-Agent": f"aersut/{aersut.__version__}", "Accept-Encoding": "identity"})
            session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=workers))
            downloader = Downloader(session, attempts, pause)
            archive = cache / Path(source.archive.partition("?")[0]).name
            _say(f"{name}: downloading {archive.name} from {host(source.archive)}")
            downloader.fetch(source.archive, archive, source.checksum, source.largest)
            if source.media is None:
                with _deleted_if_invalid(archive):
                    clips = unpack(archive, target, source.wanted, source.largest)
            else:
                clips = _fetch_clips(downloader, source.media, archive, source, target, workers)
    except FetchError as error:
        raise UserError(f"{name}: {error} Alternatively, {source.manual}: {target}.") from error
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    except OSError as error:
        where = error.filename or target
        raise UserError(
            f"{name}: {where} cannot be written or read: {error.strerror or error}. Fix this, then run the same "
            "command again to resume the download."
        ) from error
    shutil.rmtree(cache, ignore_errors=True)
    difference = "" if clips == source.clips else f" (expected {source.clips:,}: the published corpus has changed)"
    _say(f"{name}: {clips:,} clips in {target}{difference}")
    return target


def _say(text: str) -> None:
    print(text, file=notices(), flush=True)  # standard output may be JSON


def _existing_clips(name: str, root: Path, source: DownloadSource) -> Path | None:
    """The folder of the clips that the loader already finds; a target folder with other files is refused."""
    target = root / source.target
    listing = None
    with contextlib.suppress(UserError):  # the loader raises it if there are no clips
        listing = CORPORA[name]().load(root)
    if listing is not None and listing.clips:
        folder = Path(os.path.commonpath([clip.path.parent for clip in listing.clips]))
        missing = source.clips - len(listing.clips)
        remedy = f"; {missing:,} are missing: move the folder away to download all clips" if missing > 0 else ""
        _say(f"{name}: {len(listing.clips):,} clips are already in {folder}, unchanged{remedy}")
        return folder
    if target.is_dir() and any(target.iterdir()):
        reason = f"; the first {listing.skipped[0].reason}" if listing is not None and listing.skipped else ""
        raise UserError(f"{target} contains files, but no clip{reason}. Move it away and run the same command again.")
    parent = next(path for path in (target, *target.parents) if path.exists())
    if not (parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)):
        raise UserError(f"{parent} is not a writable folder. Change its permissions, or set another data.root.")
    return None


@contextlib.contextmanager
def _deleted_if_invalid(archive: Path) -> Iterator[None]:
    """Delete an archive whose content is invalid, so that the next call downloads it again; a full disk keeps it."""
    try:
        yield
    except NoSpaceError:
        raise
    except UserError:
        archive.unlink()
        raise


def _fetch_clips(
    downloader: Downloader, media: str, archive: Path, source: DownloadSource, target: Path, workers: int
) -> int:
    with _deleted_if_invalid(archive):
        pointers = lfs_pointers(archive, source.wanted, source.largest)
    folder = archive.parent / "clips"
    folder.mkdir(exist_ok=True)
    total = sum(pointer.size for pointer in pointers.values())
    target.parent.mkdir(parents=True, exist_ok=True)
    require_space(folder, total - sum(file_size(folder / name) for name in pointers))
    if target.parent.stat().st_dev != folder.stat().st_dev:
        require_space(target.parent, total)
    _say(f"{len(pointers):,} clips of {megabytes(total)} in all, from {host(media)}")
    pool = ThreadPoolExecutor(workers)
    try:
        tasks = {
            pool.submit(downloader.fetch, media + name, folder / name, pointer.checksum, pointer.size, True): pointer
            for name, pointer in pointers.items()
        }
        with progress_bar(archive.name, total) as bar:
            for count, task in enumerate(as_completed(tasks), 1):
                task.result()
                bar.set_postfix_str(f"{count}/{len(tasks)} clips", refresh=False)
                bar.update(tasks[task].size)
    except UserError as error:
        if isinstance(error, RefusedError) or not isinstance(error, FetchError):
            archive.unlink(missing_ok=True)  # its pointers may be out of date
        done = sum(1 for path in folder.iterdir() if path.suffix != ".part")
        raise type(error)(f"{error} {done:,} of {len(pointers):,} clips are downloaded and kept.") from error
    finally:
        downloader.stop.set()  # after an interrupt, do not wait for pauses and partial clips
        pool.shutdown(cancel_futures=True)
    with new_folder(target) as staging:
        for name in pointers:
            try:
                (staging / name).hardlink_to(folder / name)  # needs no space, but works only on the same disk
            except OSError:
                shutil.copyfile(folder / name, staging / name)
    return len(pointers)
