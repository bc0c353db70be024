"""Files are written whole or not at all, at the place that a path means."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from einsyn.errors import FileError
from einsyn.files import check_file, read_text, replacing

LONG = "a" * 300


def write(path: str | Path, text: str) -> None:
    with replacing(path) as stream:
        stream.write(text)


def refused(act: Callable[[], object]) -> tuple[str, str]:
    """Code and message of the diagnostic."""
    with pytest.raises(FileError) as caught:
        act()
    (found,) = caught.value.diagnostics
    return found.code, found.message


def test_a_file_is_replaced_when_all_went_well(tmp_path: Path) -> None:
    file = tmp_path / "nets.txt"
    file.write_text("old")
    kept = file.open()
    with replacing(file) as stream:
        stream.write("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    with kept:
        assert kept.read() == "old"  # another file: it was not written into


def test_a_file_stays_when_something_goes_wrong(tmp_path: Path) -> None:
    file = tmp_path / "nets.txt"
    file.write_text("new")

    def write_half() -> None:
        with replacing(file) as stream:
            stream.write("half")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_followed(tmp_path: Path, there: bool) -> None:
    (tmp_path / "far").mkdir()
    target = tmp_path / "far" / "nets.txt"
    if there:
        target.write_text("old")
    link, second = tmp_path / "link", tmp_path / "second"
    link.symlink_to(Path("far") / "nets.txt")
    second.symlink_to(link)
    write(second, "new")
    assert second.is_symlink()
    assert link.is_symlink()
    assert not target.is_symlink()
    assert target.read_text() == "new"
    assert list((tmp_path / "far").iterdir()) == [target]
    assert sorted(tmp_path.iterdir()) == [tmp_path / "far", link, second]


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "lost").symlink_to(Path("no") / "folder")
    code, said = refused(lambda: write(tmp_path / "loop", ""))
    assert (code, said.partition(" cannot ")[2]) == ("F009", "be written: Too many levels of symbolic links")
    assert refused(lambda: write(tmp_path / "lost", ""))[0] == "F009"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("mode", ["w", "wb"])
def test_a_pipe_stays_a_pipe(tmp_path: Path, mode: str, linked: bool) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    path = pipe
    if linked:
        path = tmp_path / "link"
        path.symlink_to(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()), daemon=True)
    reader.start()
    with replacing(path, mode) as stream:
        stream.write("é" if mode == "w" else b"\xc3\xa9")
    reader.join(timeout=30)
    assert found == [b"\xc3\xa9"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_pipe_that_is_not_read_to_the_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def read_one() -> None:
        with pipe.open("rb", buffering=0) as stream:
            stream.read(1)

    reader = threading.Thread(target=read_one, daemon=True)
    reader.start()
    assert refused(lambda: write(pipe, "x" * 10_000_000)) == ("F009", f"`{pipe}` cannot be written: Broken pipe")
    reader.join(timeout=30)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_directory_and_a_link_to_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    for path in (tmp_path, tmp_path / "link"):
        assert refused(lambda path=path: write(path, "")) == ("F002", f"`{path}` is a directory")


@pytest.mark.parametrize("name", [LONG, f"{LONG}/x", "x\0y"])
def test_names_that_no_file_has(tmp_path: Path, name: str) -> None:
    assert refused(lambda: write(tmp_path / name, ""))[0] == "F009"
    for read in (lambda: read_text(tmp_path / name, "a text"), lambda: check_file(tmp_path / name, "a text")):
        assert refused(read)[0] == "F006"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a" * 255, "\U0001f642" * 63])
def test_the_longest_names(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, "x")
    assert (tmp_path / name).read_text() == "x"


def test_who_may_read_it_is_as_for_any_new_file(tmp_path: Path) -> None:
    file = tmp_path / "nets.txt"
    before = os.umask(0o027)
    try:
        write(file, "")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_what_utf_8_cannot_hold_is_escaped(tmp_path: Path) -> None:
    write(tmp_path / "x", "\udcff")
    assert (tmp_path / "x").read_text() == r"\udcff"
