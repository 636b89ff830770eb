from __future__ import annotations

from hypothesis import settings

# The first tensor operation of a busy machine can take longer than hypothesis allows one example.
settings.register_profile("busy-machine", deadline=None)
settings.load_profile("busy-machine")
