from __future__ import annotations

from pathlib import Path

import pytest

from child import held_elsewhere
from gnomon.disk import Busy, alone_in


def test_a_folder_is_held_by_one_process_until_it_ends_however_it_ends(tmp_path: Path) -> None:
    process = held_elsewhere(tmp_path)
    with pytest.raises(Busy, match="another process works in"), alone_in(tmp_path):
        pass
    process.kill()
    process.join()
    with alone_in(tmp_path):
        pass
