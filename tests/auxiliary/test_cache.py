from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gnomon.auxiliary.cache import Cache


def test_replies_are_known_again_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "replies.jsonl"
    first = Cache(path)
    first.put("a", "one\ntwo")
    first.put("a", "other")
    again = Cache(path)
    assert (again.get("a"), again.get("b"), len(again)) == ("one\ntwo", None, 1)


def test_without_a_path_nothing_is_kept() -> None:
    cache = Cache(None)
    cache.put("a", "one")
    assert cache.get("a") is None


def test_a_line_that_was_cut_off_costs_one_reply(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    Cache(path).put("a", "one")
    with path.open("ab") as file:
        file.write(b'{"key": "b", "rep')
    again = Cache(path)
    assert again.get("b") is None
    again.put("c", "three")
    assert [Cache(path).get(key) for key in "abc"] == ["one", None, "three"]


def test_threads_keep_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    cache = Cache(path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: cache.put(str(n), "x" * n), range(50)))
    assert len(Cache(path)) == 50
