"""A folder is replaced whole or not at all.

The new folder is made beside the old one, under a name that begins with a dot. Then:

- where there is no old folder, one ``rename`` puts the new one in place;
- where there is one, ``renameat2(RENAME_EXCHANGE)`` (Linux) swaps the two in one step;
- where the system or the file system cannot do that, the old folder is renamed aside, the new one
  is renamed into place and the old one is removed. A crash between the two renames leaves the old
  folder aside, where :func:`current` finds it; the next write clears it away.

A writer holds a lock on its temporary folder, so a folder without a lock is one whose writer died,
and the next write removes it. Only files that likewise itself names are ever removed.
"""

import ctypes
import errno
import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from likewise.artifact.contents import MANIFEST, NAMES
from likewise.errors import InputError, MachineError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_CANNOT = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill; put it in the place of `path` when the block ends well.

    Raises
    ------
    InputError
        If `path` is there and is not a model folder, or has no parent.
    OSError
        If the machine fails; `path` is then as it was before, or whole and new.
    """
    require_replaceable(path)
    _remove_leftovers(path)
    stage = path.with_name(f"{_prefix(path)}new-{secrets.token_hex(8)}")
    stage.mkdir()
    try:
        with _locked(stage):
            yield stage
            sync_folder(stage)
            _put(stage, path)
            sync_folder(path.parent)
    finally:
        discard(stage)  # the old folder if they were exchanged, the new one if all failed
    discard(aside_of(path))


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    """Give a descriptor of a real folder; a link is refused."""
    descriptor = os.open(folder, FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def current(path: Path) -> Path:
    """Return where the folder of `path` is: there, or aside if a crash left it so."""
    return path if os.path.lexists(path) else aside_of(path)


def aside_of(path: Path) -> Path:
    """Return where the old folder is while the new one is put in place without an exchange."""
    return path.with_name(f"{_prefix(path)}old")


def sync_folder(folder: Path) -> None:
    """Have the folder's entries on the disk; some network file systems cannot, and are believed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    finally:
        os.close(descriptor)


def discard(folder: Path) -> None:
    """Remove a folder of files that likewise wrote; leave it if there is anything else in it."""
    with suppress(OSError), opened(folder) as descriptor:
        for name in NAMES:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=descriptor)
        folder.rmdir()


def exchange(one: Path, other: Path) -> None:
    """Swap two folders in one step.

    Raises
    ------
    OSError
        If it fails; with ENOSYS, EINVAL or ENOTSUP if it cannot be done here at all.
    """
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    names = os.fsencode(one), os.fsencode(other)
    if renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))


def _put(stage: Path, path: Path) -> None:
    require_replaceable(path)  # again: writing took a while
    if not path.exists():
        stage.rename(path)
        return
    try:
        exchange(stage, path)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        _put_aside_first(stage, path)


def _put_aside_first(stage: Path, path: Path) -> None:
    aside = aside_of(path)
    discard(aside)
    path.rename(aside)
    try:
        stage.rename(path)
    except OSError:
        aside.rename(path)
        raise


def require_replaceable(path: Path) -> None:
    """Refuse a place where something other than a model folder is, or that has no parent.

    Worth a call before hours of training; :func:`write_folder` makes it again.

    Raises
    ------
    InputError
        If `path` is a file, a link or a folder that likewise did not write, or has no parent.
    MachineError
        If nothing can be written where it is.

    Examples
    --------
    >>> require_replaceable(Path("/nowhere/shop.model"))
    Traceback (most recent call last):
        ...
    likewise.errors.InputError: there is no folder '/nowhere'; make it, or name another
    """
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {str(path.parent)!r}; make it, or name another")
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise InputError(f"{str(path)!r} is a file or a link; name a new folder or a model folder")
    require_room(path.parent, str(path))
    if not path.exists():
        return
    names = {entry.name for entry in path.iterdir()}
    if MANIFEST not in names or not names <= NAMES:
        raise InputError(
            f"{str(path)!r} is there and is not a model folder, so it is not overwritten; "
            "name a new folder"
        )


def require_room(folder: Path, what: str) -> None:
    """Refuse a folder that takes no new file, which root learns only by making one."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise MachineError(f"{what} cannot be written: {error.strerror}") from error


def _remove_leftovers(path: Path) -> None:
    for leftover in path.parent.iterdir():
        if leftover.name.startswith(f"{_prefix(path)}new-"):
            with suppress(OSError), _locked(leftover, must=True):
                discard(leftover)


@contextmanager
def _locked(folder: Path, must: bool = False) -> Iterator[None]:
    """Hold the folder's lock; where there are no locks go on without, unless one `must` be held."""
    with opened(folder) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if must:
                raise
        yield


def _prefix(path: Path) -> str:
    return f".{path.name}.likewise-"
