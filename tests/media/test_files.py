from __future__ import annotations

from pathlib import Path

import pytest

from gnomon.media.files import check_kind, name_of, read_bytes, resolve_path, wanted_module
from gnomon.records import BadRecord, Media


def test_an_error_names_the_kind_and_the_path_or_the_length():
    assert name_of(Media("audio", path=Path("a.wav"))) == "audio 'a.wav'"
    assert name_of(Media("video", data=b"abc")) == "video of 3 bytes"


def test_another_kind_is_refused():
    with pytest.raises(BadRecord, match="an audio is needed, not video"):
        check_kind(Media("video", data=b"a"), "audio", "an")


def test_no_more_than_the_limit_is_read(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"abcd")
    assert read_bytes(Media("video", path=Path("a")), tmp_path, 4) == b"abcd"
    with pytest.raises(BadRecord, match="video 'a': over the limit of 3 bytes"):
        read_bytes(Media("video", path=Path("a")), tmp_path, 3)


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "http://host/a.mp4"])
def test_a_path_out_of_the_root_is_refused_by_its_kind(tmp_path: Path, path: str):
    with pytest.raises(BadRecord, match=r"^video "):
        read_bytes(Media("video", path=Path(path)), tmp_path, 9)


def test_a_link_out_of_the_root_is_refused(tmp_path: Path):
    (tmp_path / "root").mkdir()
    (tmp_path / "a.wav").write_bytes(b"a")
    (tmp_path / "root" / "b.wav").symlink_to(tmp_path / "a.wav")
    with pytest.raises(BadRecord, match="lies outside"):
        resolve_path(Path("b.wav"), tmp_path / "root", "audio")


def test_a_missing_or_an_empty_file_says_what_to_do(tmp_path: Path):
    (tmp_path / "empty").touch()
    with pytest.raises(BadRecord, match="no such file"):
        read_bytes(Media("audio", path=Path("none")), tmp_path, 9)
    with pytest.raises(BadRecord, match="empty; replace the file"):
        read_bytes(Media("audio", path=Path("empty")), tmp_path, 9)


def test_a_missing_package_is_named_with_its_extra():
    with pytest.raises(ImportError, match=r"video needs PyAV: pip install 'gnomon\[video\]'"):
        wanted_module("no_such_module", "PyAV", "video")
