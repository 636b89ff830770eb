"""The world of edits: masks, hidden evidence, patterns, differences, several pictures.

Scenes of the microworld with what `editing` does to them. The first written scene of a question
decides the split, and all others are of that split. All tasks ours, after the needs of PixelThink,
DeFacto, PAPO and MPCC, whose records' fields the facts hold.
"""

from __future__ import annotations

from functools import partial

from gnomon.worlds import comparing, hiding, referring
from gnomon.worlds.pictures import task_of

WHOLE = partial(hiding.evidence, variants=("pos",))
"""The same questions about pictures that hide nothing."""

TASKS = (
    task_of("refer-mask", "single", "image", referring.refer, referring.seen_mask),
    task_of("related", "multi", "image", referring.related, referring.seen_related),
    task_of("evidence", "multi", "image", hiding.evidence, hiding.seen_evidence),
    task_of("evidence-pos", "multi", "image", WHOLE, hiding.seen_evidence),
    task_of("answerable", "multi", "image", hiding.answerable, hiding.seen_answerable),
    task_of("masked-shape", "multi", "image", hiding.masked, hiding.seen_masked),
    task_of("difference", "single", "images", comparing.difference, comparing.seen_difference),
    task_of("differences", "multi", "images", comparing.differences, comparing.seen_differences),
    task_of("what-changed", "multi", "images", comparing.what_changed, comparing.seen_change),
    task_of("which-picture", "multi", "images", comparing.which, comparing.seen_which),
)
