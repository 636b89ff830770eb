from __future__ import annotations

import numpy as np
import pytest

from gnomon.worlds.digits import scan_ink, scan_value, scans


def test_the_two_pools_are_disjoint_and_hold_every_scan() -> None:
    pools = {split: {i for v in range(10) for i in scans(v, split)} for split in ("train", "test")}
    assert not pools["train"] & pools["test"]
    assert pools["train"] | pools["test"] == set(range(1797))


@pytest.mark.parametrize("value", range(10))
def test_a_fifth_of_each_class_is_held_out(value: int) -> None:
    held, kept = len(scans(value, "test")), len(scans(value, "train"))
    assert 0.19 < held / (held + kept) <= 0.2


def test_scans_of_a_value_show_that_value() -> None:
    assert all(scan_value(scan) == 7 for scan in scans(7, "train"))


def test_ink_is_eight_by_eight_and_reaches_full_black() -> None:
    ink = scan_ink(0)
    assert ink.shape == (8, 8)
    assert ink.dtype == np.uint8
    assert max(int(scan_ink(scan).max()) for scan in range(10)) == 255
