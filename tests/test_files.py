"""Files that are there whole or not at all: on a full disk, after a kill, and where somebody laid a link."""

import errno
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from fortifai.files import append_line, drop_torn_line, is_disk_full, is_regular, new_files, new_folder, sha256_of, write_text

FILL = """
import resource, sys
from pathlib import Path
from fortifai.files import append_line, is_disk_full, write_text
path = Path(sys.argv[1])
if sys.argv[2] == "limit":
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
lines = 0
try:
    while lines < 100_000:
        append_line(path, "x" * 997)
        lines += 1
except OSError as error:
    assert is_disk_full(error), error
    print(lines)
"""


def filled(path: Path, how: str) -> int:
    done = subprocess.run([sys.executable, "-c", FILL, path, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_a_line_that_does_not_fit_leaves_nothing_behind_it(tmp_path):
    path = tmp_path / "generations.jsonl"
    lines = filled(path, "limit")
    assert lines == 20
    assert path.read_bytes() == (b"x" * 997 + b"\n") * lines
    append_line(path, "more")  # once there is room again
    assert path.read_bytes().endswith(b"x\nmore\n")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 KiB where this process may mount one; elsewhere a folder, and files in it are limited."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]
    mounted = shutil.which("mount") is not None and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    yield disk, "disk" if mounted else "limit"
    if mounted:
        subprocess.run(["umount", disk], check=True)


def test_a_disk_that_is_really_full_tears_no_line(small_disk):
    disk, how = small_disk
    path = disk / "generations.jsonl"
    lines = filled(path, how)
    assert lines > 10
    assert path.read_bytes() == (b"x" * 997 + b"\n") * lines
    if how == "disk":
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            write_text(disk / "suite.json", "y" * 70_000)
    assert sorted(file.name for file in disk.iterdir()) == ["generations.jsonl"]


def test_a_link_at_a_temporary_name_is_never_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("mine")
    for name in (".suite.json.tmp", ".folder.tmp"):
        (tmp_path / name).symlink_to(outside)
    write_text(tmp_path / "suite.json", "written")
    with new_folder(tmp_path / "folder") as folder:
        (folder / "file").write_text("written")
    assert outside.read_text() == "mine"
    assert (tmp_path / "suite.json").read_text() == (tmp_path / "folder" / "file").read_text() == "written"


def test_a_link_in_place_of_the_records_is_not_written_through(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("mine\n")
    (tmp_path / "generations.jsonl").symlink_to(outside)
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        append_line(tmp_path / "generations.jsonl", "more")
    assert outside.read_text() == "mine\n"


def test_a_folder_that_is_not_finished_leaves_the_old_one(tmp_path):
    folder = tmp_path / "generation-00"
    with new_folder(folder) as new:
        (new / "a").write_text("old")
    with suppress(RuntimeError), new_folder(folder) as new:
        (new / "a").write_text("new")
        raise RuntimeError
    assert (folder / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["generation-00"]


def test_what_a_killed_process_left_half_made_is_cleared(tmp_path):
    (tmp_path / ".generation-00.abc.tmp").mkdir()
    (tmp_path / ".generation-00.abc.tmp" / "half").write_text("half")
    (tmp_path / ".generation-01.abc.tmp").mkdir()
    with new_folder(tmp_path / "generation-00") as new:
        (new / "a").write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".generation-01.abc.tmp", "generation-00"]


def test_files_move_into_a_folder_that_no_file_does_not_make(tmp_path):
    with new_files(tmp_path / "examples"):
        pass
    assert not (tmp_path / "examples").exists()
    with new_files(tmp_path / "examples") as new:
        (new / "real.txt").write_text("real")
    assert (tmp_path / "examples" / "real.txt").read_text() == "real"


def test_only_a_file_itself_is_regular(tmp_path):
    file, link, pipe = (tmp_path / name for name in ("file", "link", "pipe"))
    file.write_text("")
    link.symlink_to(file)
    os.mkfifo(pipe)
    assert is_regular(file)
    assert not any(map(is_regular, (link, pipe, tmp_path, tmp_path / "nothing")))


def test_a_hash_of_a_folder_is_of_names_and_content(tmp_path):
    for name, content in (("a", "1"), ("b", "2")):
        (tmp_path / "x" / "deep").mkdir(parents=True, exist_ok=True)
        (tmp_path / "x" / "deep" / name).write_text(content)
    before = sha256_of(tmp_path / "x")
    assert before == sha256_of(tmp_path / "x")
    (tmp_path / "x" / "deep" / "a").rename(tmp_path / "x" / "deep" / "c")
    renamed = sha256_of(tmp_path / "x")
    (tmp_path / "x" / "deep" / "c").write_text("3")
    assert len({before, renamed, sha256_of(tmp_path / "x")}) == 3
    os.mkfifo(tmp_path / "x" / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        sha256_of(tmp_path / "x")


def test_a_torn_line_is_cut_off_and_a_whole_one_stays(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(b"one\ntwo\nthr")
    drop_torn_line(path)
    assert path.read_bytes() == b"one\ntwo\n"
    drop_torn_line(path)
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_file_keeps_the_permissions_that_files_have_here(tmp_path):
    (tmp_path / "plain").write_text("")
    write_text(tmp_path / "written", "")
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_known_by_number_or_by_words(number):
    assert is_disk_full(OSError(number, os.strerror(number)))
    assert is_disk_full(RuntimeError(f"Error while serializing: {os.strerror(number)} (os error {number})"))
    assert not is_disk_full(OSError(errno.EACCES, os.strerror(errno.EACCES)))
