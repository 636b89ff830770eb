"""What every source of samples keeps."""

from __future__ import annotations

import pytest

from gnomon.parts import PartError, part
from gnomon.records import Sample
from gnomon.worlds.source import SampleSource

SOURCES = {
    "world": {"world": "charts"},
    "world-chat": {"world": "charts"},
    "inscriptions": {"world": "charts"},
    "jigsaw": {"rows": 2, "columns": 2},
    "microworld": {"tasks": ["count"]},
    "microworld-chat": {},
    "sound-chat": {},
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_cannot_hold_fewer_samples_than_none(name: str) -> None:
    with pytest.raises(PartError, match="size=-3: use 1 or more, or leave it out"):
        part("source", name, **SOURCES[name], size=-3)()


def test_a_source_may_be_empty() -> None:
    source = SampleSource(0, lambda index: Sample(str(index), ()))
    assert len(source) == 0 and not list(source)
