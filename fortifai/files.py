"""Files and folders that are there whole or not at all, and that a crash of the machine does not take back."""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PIECE = 2**20
"""Bytes that are hashed at a time."""


def write_text(path: Path, text: str, *, wait: bool = True) -> None:
    """Write a file of text in UTF-8; see `write_bytes`."""
    write_bytes(path, text.encode(), wait=wait)


def write_bytes(path: Path, content: bytes, *, wait: bool = True) -> None:
    """Write a file under a temporary name and rename it, so that a reader never sees half of it.

    The temporary name is random and new: a link that somebody laid there is never followed.

    Args:
        path: The file.
        content: What is written.
        wait: Whether to wait until it is on disk, so that a crash of the machine does not take it back.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        os.fchmod(descriptor, 0o666 & ~_umask())
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if wait:
                os.fsync(file.fileno())
        temporary.replace(path)
        if wait:
            _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to fill, which takes the name ``path`` when the block ends well and is removed when it does not.

    Its files are on disk before it has the name, and it has the name on disk before the block is left.
    """
    with unfinished(path) as temporary:
        yield temporary
        put(temporary, path)


def put(staged: Path, path: Path) -> None:
    """Rename a file or a folder that is whole, in place of what had the name; it is on disk before, and has the name after.

    Args:
        staged: Where it is, on the same file system.
        path: Its name.
    """
    if staged.is_dir():
        _sync_tree(staged)
        remove(path)
        staged.rename(path)
    else:
        _sync(staged)
        staged.replace(path)
    _sync_folder(path.parent)


@contextmanager
def new_files(folder: Path) -> Iterator[Path]:
    """Yield a folder to fill, whose files move into ``folder`` when the block ends well; no file, and ``folder`` is not made."""
    with unfinished(folder) as temporary:
        yield temporary
        for file in sorted(temporary.iterdir()):
            folder.mkdir(exist_ok=True)
            file.replace(folder / file.name)


@contextmanager
def offered_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to fill, which takes the name ``path`` when the block ends well, unless somebody was faster: theirs stays.

    Unlike with `new_folder`, several processes may be at it, each with a temporary name of its own. What one leaves that is
    killed is for `sweep`.
    """
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    temporary.chmod(0o777 & ~_umask())
    try:
        yield temporary
        _sync_tree(temporary)
        try:
            temporary.rename(path)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
        _sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what killed processes left half filled in a folder, while nobody is at it."""
    for left in folder.glob(".*.tmp"):
        remove(left)


def link_or_copy(source: Path, target: Path) -> None:
    """Make a second name for a file, or for every file of a folder, or copy it on a file system that has no such links.

    None of them may be written to afterwards; `write_text` and the others here replace files instead.
    """
    if source.is_dir():
        target.mkdir()
        for inner in sorted(source.iterdir()):
            link_or_copy(inner, target / inner.name)
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES):
            raise
        shutil.copyfile(source, target, follow_symlinks=False)


def append_line(path: Path, line: str) -> None:
    """Append one line and see it on disk; of a line that does not fit nothing stays.

    Written without a buffer: one that is flushed by closing the file would put back what a full disk cut off. A line that a
    crash tore is cut off by `drop_torn_line` later.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    before = os.fstat(descriptor).st_size
    try:
        try:
            _write_all(descriptor, line.encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        os.truncate(path, before)
        raise
    if before == 0:
        _sync_folder(path.parent)


def drop_torn_line(path: Path) -> None:
    """Cut off what follows the last line break: the remains of a line that was being written when its process died."""
    if path.exists():
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(path, whole)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_at_once(folder: Path, beside: Path) -> None:
    """Remove a folder so that a kill leaves all of it or nothing under its name; what it leaves elsewhere is for `sweep`.

    Args:
        folder: What goes; nothing there is fine.
        beside: A folder of the same file system that is swept, in which it is put meanwhile.
    """
    if folder.exists():
        with unfinished(beside / "removed") as temporary:
            folder.rename(temporary / folder.name)


def set_aside(path: Path) -> Path:
    """Rename what is damaged, so that nothing stands in its way and nothing is lost, and return the new path."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists() or aside.is_symlink():
        number += 1
    return path.rename(aside)


def is_regular(path: Path) -> bool:
    """Return whether a path is a file itself: no link to one, no folder, no pipe, which would be waited for."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of all files of a folder with their names, 64 hexadecimal digits.

    Raises:
        OSError: Something in it cannot be read.
    """
    digest = hashlib.sha256()
    if path.is_dir():
        for inner in sorted(inner for inner in path.rglob("*") if not inner.is_dir()):
            digest.update(f"{inner.relative_to(path).as_posix()}|{sha256_of(inner)}|".encode())
        return digest.hexdigest()
    if not is_regular(path):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def size_of(folder: Path) -> int:
    """Return the bytes of all files of a folder; one that is removed meanwhile counts as nothing."""
    total = 0
    for inner in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += inner.lstat().st_size if is_regular(inner) else 0
    return total


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error means that no space is left; safetensors says so in words alone."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return any(os.strerror(number) in str(error) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def clear_unfinished(path: Path) -> bool:
    """Remove what killed processes left of `unfinished` folders for a path, and return whether there was any."""
    left = list(path.parent.glob(f".{path.name}.*.tmp"))
    for folder in left:
        remove(folder)
    return bool(left)


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Yield a new folder beside ``path``, which goes with all that is still in it; those that killed processes left go first."""
    clear_unfinished(path)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    temporary.chmod(0o777 & ~_umask())
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _sync_tree(folder: Path) -> None:
    for inner in folder.rglob("*"):
        _sync(inner)
    _sync(folder)


def _sync_folder(folder: Path) -> None:
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
