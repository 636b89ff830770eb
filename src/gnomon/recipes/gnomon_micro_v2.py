"""gnomon-micro v2: the base model, larger and at home in all worlds, image and video.

It begins as the model of `gnomon-micro-base`, made larger without a change in what it computes
(`gnomon.models.growth`). First its tower learns to tell what stands where, and each of its features
where it is itself, without the language model (`names`). Then the language model, with the tower as
it is, learns to find one thing by another, asked for little else: an object by what it is
(`things`), an element by its label and the number of a label (`named`, and `thought`, where most
answers are worked), then an element by its place, all objects of a kind, and what changes when in a
film (`asked`). Then everything is learnt at once, the tower with it: at a high rate (`mixed`), with
more of what was still wrong (`wide`), films and words for little else (`followed`), all to a low
rate (`settle`), and then what was short, with all else now and then: charts and counts (`lacking`,
`sliced`, `pies`), and films of up to five events, with the tower as it is: what changes from one
frame to the next (`frames`) and in which order (`ordered`, and `acted` with more of the actions on
screens that it had forgotten), for longest films of three events and more (`busy`, with the puzzles
of logic and of the cube that are answered in few words), and at last their order by numbers, one
question a film (`numbered`): of several the first answer tells the others', and only it teaches to
look. Most of what it is told are conversations about one picture or film, whose many short answers,
and one that says all that is shown, teach more for each token than one question a picture.

The bundled model was made so, each stage in a command of its own;
docs/results/gnomon-micro-v2-steps.jsonl is the log. Each of `lacking`, `sliced`, `pies` and `acted`
ends half-way between the weights before it and after it (WiSE-FT, arXiv 2109.01903), and `numbered`
four fifths of the way, which keeps what it made the model forget. Four things were otherwise when
it was made: in `names` the scale of the reader's tokens began at 1, `wide` was the first 600
updates of a course of 1,100 down to 1e-5, up to `lacking` fewer charts were pies, and up to `pies`
the split of a film hung on its question too.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import Evaluation, Model, Ocr, Optimizer, Recipe, Scale, Sft, Use, ours

BASE = "runs/gnomon-micro-base/model"
"""Where the model of the recipe before is looked for: a link to the folder that its run names."""
LOOK = ["locate", "box", "locate", "colour", "read-digit", "shape"]
"""What asks for one object of several, by its name or its place."""
SEEN = ["read-digit", "read-word", "colour", "shape", "size", "locate", "box"]
LISTED = ["count", "relation"]
"""What asks for all objects of a kind, or for two."""
HALF = ours(0.5)
"""As far towards what it has trained, from what it began with, a late stage ends."""


def gnomon_micro_v2(scale: Scale) -> Recipe:
    """The base model of every micro recipe, from that of `gnomon-micro-base`."""
    return Recipe(
        name="gnomon-micro-v2",
        description="Training of the bundled base model on all worlds.",
        scale=scale,
        seed=0,
        model=Model(path="new", architecture=Use("grown", base=BASE), dtype="bfloat16"),
        stages=(
            _names("names", ours(2500)),
            _find("things", ours(1000), THINGS),
            _find("named", ours(700), NAMED),
            _find("thought", ours(900), THOUGHT, floor=8e-4),
            _find("asked", ours(900), ASKED, floor=8e-4),
            _sft("mixed", ours(400), MIXED, _optimizer(8e-4, 4e-4), evaluate=False),
            _sft("wide", ours(600), WIDE, _optimizer(6e-4, 3e-4), evaluate=False),
            _sft("followed", ours(450), FOLLOWED, _optimizer(8e-4, 4e-4), evaluate=False),
            _sft("settle", ours(480), SETTLE, _optimizer(6e-4, 1e-5), evaluate=False),
            _sft(
                "lacking", ours(420), LACKING, _optimizer(7e-4, 1e-5), wise_ft=HALF, evaluate=False
            ),
            _sft("sliced", ours(240), SLICED, _optimizer(6e-4, 1e-5), wise_ft=HALF, evaluate=False),
            _sft("pies", ours(180), PIES, _optimizer(6e-4, 1e-5), wise_ft=HALF, evaluate=False),
            _follow("frames", ours(700), FRAMES, 8e-4, 4e-4, evaluate=False),
            _follow("ordered", ours(520), ORDERED, 6e-4, 1e-5, evaluate=False),
            _follow("acted", ours(160), ACTED, 5e-4, 1e-5, wise_ft=HALF, evaluate=False),
            _follow("busy", ours(1360), BUSY, 8e-4, 1e-5, evaluate=False),
            _follow("numbered", ours(880), NUMBERED, 8e-4, 1e-5, wise_ft=ours(0.8)),
        ),
        evaluation=Evaluation(
            benchmarks=(Use("microworld-perception", items=1040),),
            format=Use("direct"),
            grader=Use("lenient"),
            max_new_tokens=48,
        ),
    )


Shares = tuple[tuple[float, Any], ...]
"""Share and source, each as often as it says."""

SCENE = {"part": "microworld-chat", "modality": "image"}
DIRECT = {"part": "microworld", "answers": "direct"}
WORKED = {"part": "microworld", "answers": "worked"}


def _talk(world: str, least: int, most: int, turns: int = 8, **more: Any) -> dict[str, Any]:
    """Conversations about pictures or films of a world at some difficulties."""
    asked = {"world": world, "difficulty": [least, most], "turns": turns}
    return {"part": "world-chat", **asked, **more}


def _tasks(
    world: str, *tasks: str, least: int = 1, most: int = 3, answers: str = "direct"
) -> dict[str, Any]:
    """Questions of a world at some difficulties, answered directly or with a thought."""
    asked = {"world": world, "tasks": list(tasks), "difficulty": [least, most]}
    return {"part": "world", **asked, "answers": answers}


READ = ["value", "lookup", "largest"]
"""What one look at a chart or table answers, or nearly."""
METRO = ("TorF1", "TorF2", "Counting1", "Counting2", "Counting3")
EDITS = ("difference", "which-picture", "related", "evidence", "answerable")
REST: Shares = (
    (0.01, _talk("metro", 1, 2)),
    (0.005, _tasks("metro", *METRO, "planning")),
    (0.01, _talk("geometry", 1, 3, turns=5)),
    (0.005, _tasks("documents", "topmost")),
    (0.01, _tasks("edits", *EDITS)),
    (0.005, _tasks("edits", "refer-mask", "masked-shape", "what-changed", "differences", most=2)),
    (0.005, _tasks("exams", "fill", "choice", "true-false")),
    (0.005, _tasks("encyclopedia", "one-hop", "agreement", "pictured", most=2)),
    (0.005, _tasks("jigsaw", "single", "full", "pair", most=2)),
    (0.005, _tasks("plans", "correctness", most=2)),
    (0.005, _tasks("transformation", "changed-count", "transform", most=2)),
    (0.02, {**WORKED, "tasks": SEEN, "modality": "image"}),
    (0.005, {**WORKED, "tasks": SEEN[:-1], "modality": "text"}),
    (0.01, {**WORKED, "tasks": ["arithmetic", "logic"], "modality": "text"}),
    (0.005, _tasks("edits", "difference", most=2, answers="worked")),
)
"""What is asked now and then. A thought about a picture names what the question looks for; a single
one about a scene describes it before; only without a picture it reasons."""
MIXED: Shares = (
    (0.11, {**SCENE, "tasks": LOOK + SEEN, "turns": 8, "describe": 0.6}),
    (0.04, {**SCENE, "tasks": ["read-word"], "turns": 2, "describe": 0.9}),
    (0.10, {**SCENE, "tasks": LISTED, "difficulty": [1, 3], "describe": 0, "answers": "worked"}),
    (0.06, {**SCENE, "tasks": LISTED, "difficulty": [1, 3], "turns": 8}),
    (0.03, {**SCENE, "tasks": [*LISTED, "locate"], "modality": "text"}),
    (0.02, {**DIRECT, "tasks": LISTED, "difficulty": [1, 2]}),
    (0.01, {**DIRECT, "tasks": ["compare", "extreme", "digit-place", "digit-sum"]}),
    (0.07, _talk("charts", 1, 2, 7, tasks=READ, describe=0.3)),
    (0.03, _talk("charts", 3, 5, 7, tasks=READ, describe=0.3)),
    (0.08, _talk("charts", 1, 3, 6, tasks=READ, describe=0, answers="worked")),
    (0.01, _talk("charts", 1, 3)),
    (0.02, _tasks("charts", "value", "lookup", "largest", "trend")),
    (0.05, _talk("screens", 1, 2, 6, describe=0.3)),
    (0.03, _talk("screens", 3, 5, 6, describe=0.3)),
    (0.08, _talk("screens", 1, 3, 6, describe=0, answers="worked")),
    (0.03, _tasks("screens", "ground", "name", "act", "goal")),
    (0.06, _talk("motion", 1, 2)),
    (0.04, _talk("motion", 1, 2, 4, describe=0, answers="worked")),
    (0.02, _tasks("motion", "order", "direction", "narrate", most=2)),
    *REST,
)
"""Everything, at least now and then."""
WIDE: Shares = (
    (0.07, {**SCENE, "tasks": LOOK + SEEN, "turns": 8, "describe": 0.6}),
    (0.10, {**SCENE, "tasks": ["read-word"], "turns": 2, "describe": 0.9}),
    (0.05, {**SCENE, "tasks": LISTED, "difficulty": [1, 3], "describe": 0, "answers": "worked"}),
    (0.05, {**SCENE, "tasks": LISTED, "difficulty": [1, 3], "turns": 8}),
    (0.02, {**SCENE, "tasks": [*LISTED, "locate"], "modality": "text"}),
    (0.02, {**DIRECT, "tasks": LISTED, "difficulty": [1, 2]}),
    (0.01, {**DIRECT, "tasks": ["compare", "extreme", "digit-place", "digit-sum"]}),
    (0.06, _talk("charts", 1, 2, 7, tasks=READ, describe=0.3)),
    (0.03, _talk("charts", 3, 5, 7, tasks=READ, describe=0.3)),
    (0.06, _talk("charts", 1, 3, 6, tasks=READ, describe=0, answers="worked")),
    (0.01, _talk("charts", 1, 3)),
    (0.02, _tasks("charts", "value", "lookup", "largest", "trend")),
    (0.04, _talk("screens", 1, 2, 6, describe=0.3)),
    (0.02, _talk("screens", 3, 5, 6, describe=0.3)),
    (0.05, _talk("screens", 1, 3, 6, describe=0, answers="worked")),
    (0.06, _talk("screens", 1, 4, 3, tasks=["act"], describe=0)),
    (0.03, _tasks("screens", "ground", "name", "act", "goal")),
    (0.04, _talk("motion", 1, 2)),
    (0.05, _talk("motion", 1, 3, 2, tasks=["narrate", "order"], describe=0)),
    (0.08, _talk("motion", 1, 3, 2, tasks=["order"], describe=0, answers="worked")),
    (0.02, _tasks("motion", "order", "direction", "narrate", most=2)),
    *REST,
)
"""The same, and more of what is still wrong after it: words, actions and the order of a film."""
FOLLOWED: Shares = (
    (0.36, _talk("motion", 1, 2, 6, describe=0.9)),
    (0.08, _talk("motion", 1, 2, 2, describe=0, answers="worked")),
    (0.08, _talk("motion", 1, 2, 2, tasks=["order"], describe=0, answers="worked")),
    (0.06, _talk("motion", 1, 2, 2, tasks=["narrate", "order"], describe=0)),
    (
        0.26,
        {
            **SCENE,
            "tasks": ["read-word"],
            "turns": 5,
            "describe": 0.4,
            "share_multi": 0,
            "words": 4,
        },
    ),
    (0.05, {**SCENE, "tasks": LOOK + SEEN, "turns": 8, "describe": 0.3}),
    (0.02, {**SCENE, "tasks": LISTED, "difficulty": [1, 3], "turns": 8}),
    (0.04, _talk("charts", 1, 3, 7, tasks=READ, describe=0.1)),
    (0.05, _talk("screens", 1, 3, 6, describe=0.1)),
)
"""What a mixture does not teach: which of the things in a film it is that changes, and when; and
words, many in a scene."""

SETTLE: Shares = (
    (0.05, {**SCENE, "tasks": LOOK + SEEN, "turns": 8, "describe": 0.6}),
    (0.05, {**SCENE, "tasks": ["read-word"], "turns": 3, "describe": 0.6, "words": 2}),
    (0.08, {**SCENE, "tasks": LISTED, "describe": 0, "answers": "worked"}),
    (0.08, {**SCENE, "tasks": LISTED, "turns": 8, "describe": 0.2}),
    (0.01, {**SCENE, "tasks": [*LISTED, "locate"], "modality": "text"}),
    (0.02, {**DIRECT, "tasks": LISTED}),
    (0.01, {**DIRECT, "tasks": ["compare", "extreme", "digit-place", "digit-sum"]}),
    (0.12, _talk("charts", 1, 2, 7, tasks=READ, describe=0.9)),
    (0.08, _talk("charts", 3, 5, 7, tasks=READ, describe=0.9)),
    (0.04, _talk("charts", 1, 3, 6, tasks=READ, describe=0, answers="worked")),
    (0.01, _talk("charts", 1, 3)),
    (0.02, _tasks("charts", "value", "lookup", "largest", "trend")),
    (0.03, _talk("screens", 1, 2, 6, describe=0.3)),
    (0.06, _talk("screens", 3, 5, 6, describe=0.6)),
    (0.03, _talk("screens", 1, 3, 6, describe=0, answers="worked")),
    (0.04, _talk("screens", 1, 4, 3, tasks=["act"], describe=0)),
    (0.03, _tasks("screens", "ground", "name", "act", "goal")),
    (0.06, _talk("motion", 1, 2, 6, describe=0.6)),
    (0.04, _talk("motion", 1, 3, 2, tasks=["order"], describe=0, answers="worked")),
    (0.03, _tasks("motion", "order", "direction", "narrate", most=2)),
    *REST,
)
"""The same again, with pictures that are told whole: every number of a chart, every element."""

LACKING: Shares = (
    (0.14, _talk("motion", 2, 2, 6, describe=0.9)),
    (0.10, _talk("motion", 2, 2, 2, tasks=["order"], describe=0, answers="worked")),
    (0.08, _talk("motion", 1, 2, 3, tasks=["order"], describe=0)),
    (0.03, _tasks("motion", "order", "direction", "narrate", most=2)),
    (0.14, _talk("charts", 1, 2, 7, tasks=READ, describe=0.6)),
    (0.10, _talk("charts", 3, 5, 7, tasks=READ, describe=0.6)),
    (0.06, _talk("charts", 1, 3, 6, tasks=READ, describe=0, answers="worked")),
    (0.08, {**SCENE, "tasks": ["count"], "describe": 0, "answers": "worked"}),
    (0.09, {**SCENE, "tasks": ["count"], "turns": 8, "describe": 0.2}),
    (0.02, {**DIRECT, "tasks": LISTED}),
    (0.01, {**DIRECT, "tasks": ["compare", "extreme", "digit-place", "digit-sum"]}),
    (0.03, {**SCENE, "tasks": LOOK + SEEN, "turns": 8, "describe": 0.6}),
    (0.03, {**SCENE, "tasks": ["read-word"], "turns": 3, "describe": 0.6, "words": 2}),
    (0.03, _talk("screens", 1, 4, 6, describe=0.3)),
    (0.03, _talk("screens", 1, 4, 3, tasks=["act"], describe=0)),
    *REST,
)
"""What was still short: the numbers of a chart, counts and films of three events, with all else now
and then."""

SLICED: Shares = (
    (0.16, _talk("charts", 1, 2, 7, tasks=["value"], describe=0.3)),
    (0.08, _talk("charts", 3, 5, 7, tasks=["value", "largest"], describe=0.3)),
    (0.16, _talk("charts", 1, 3, 6, tasks=["value"], describe=0, answers="worked")),
    (0.04, _talk("charts", 1, 5, 6, describe=0.3)),
    (0.08, {**SCENE, "tasks": ["count"], "describe": 0, "answers": "worked"}),
    (0.12, {**SCENE, "tasks": ["count"], "turns": 8, "describe": 0.2}),
    (0.02, {**DIRECT, "tasks": LISTED}),
    (0.06, _talk("motion", 2, 2, 2, tasks=["order"], describe=0, answers="worked")),
    (0.05, _talk("motion", 1, 2, 3, tasks=["order"], describe=0)),
    (0.05, _talk("motion", 1, 2, 6, describe=0.6)),
    (0.04, {**SCENE, "tasks": LOOK + SEEN, "turns": 8, "describe": 0.6}),
    (0.03, {**SCENE, "tasks": ["read-word"], "turns": 3, "describe": 0.6, "words": 2}),
    (0.03, _talk("screens", 1, 4, 6, describe=0.3)),
    (0.04, _talk("screens", 1, 4, 3, tasks=["act"], describe=0)),
    *REST,
)
"""Charts whose labels stand beside a colour, not beside a number, and counts again."""

PIES: Shares = (
    (0.30, _talk("charts", 1, 4, 7, tasks=["value"], describe=0)),
    (0.30, _talk("charts", 1, 4, 6, tasks=["value"], describe=0, answers="worked")),
    (0.04, _talk("charts", 1, 5, 6, describe=0.3)),
    (0.06, {**SCENE, "tasks": ["count"], "turns": 8, "describe": 0.2}),
    (0.02, {**DIRECT, "tasks": LISTED}),
    (0.04, _talk("motion", 1, 2, 3, tasks=["order"], describe=0)),
    (0.02, _talk("motion", 1, 2, 6, describe=0.6)),
    (0.04, {**SCENE, "tasks": LOOK + SEEN, "turns": 8, "describe": 0.6}),
    (0.02, {**SCENE, "tasks": ["read-word"], "turns": 3, "describe": 0.6, "words": 2}),
    (0.03, _talk("screens", 1, 4, 6, describe=0.3)),
    (0.03, _talk("screens", 1, 4, 3, tasks=["act"], describe=0)),
    *REST,
)
"""The values of charts, of which nearly half are pies, for little else."""

FRAME_BY_FRAME = ["happens", "where"]
"""What is asked of a film frame by frame: what changes from one to the next, and what is where."""
CHOSEN = ("touch", "next-action", "first-mover", "direction", "how-many", "new-colour")
"""What a film is asked with options, or in a word."""
PUZZLES = (
    "boolean_expressions", "dyck_language", "object_counting", "object_properties", "operation",
    "space_reasoning", "time_sequence", "web_of_lies", "word_sorting", "word_sorting_mistake",
)  # fmt: skip
"""Puzzles in words that are answered in few."""
KEPT: Shares = (
    (0.05, {**SCENE, "tasks": LOOK + SEEN, "turns": 8, "describe": 0.5}),
    (0.03, {**SCENE, "tasks": ["read-word"], "turns": 3, "describe": 0.6, "words": 2}),
    (0.05, {**SCENE, "tasks": LISTED, "turns": 8, "describe": 0.2}),
    (0.02, {**SCENE, "tasks": LISTED, "describe": 0, "answers": "worked"}),
    (0.02, {**DIRECT, "tasks": LISTED}),
    (0.05, _talk("charts", 1, 5, 7, tasks=READ, describe=0.3)),
    (0.03, _talk("charts", 1, 4, 6, tasks=["value"], describe=0, answers="worked")),
    (0.03, _talk("screens", 1, 4, 6, describe=0.3)),
    (0.02, _talk("screens", 1, 4, 3, tasks=["act"], describe=0)),
    *REST,
)
"""What is known already, so that it is not forgotten."""
FRAMES: Shares = (
    (0.30, _talk("motion", 1, 5, 6, tasks=FRAME_BY_FRAME, describe=0.2)),
    (0.13, _talk("motion", 1, 5, 5, tasks=["happens", "narrate", "order"], describe=0.1)),
    (0.10, _talk("motion", 1, 5, 2, tasks=["order"], describe=0, answers="worked")),
    (0.06, _talk("motion", 1, 5, 6, describe=0.2)),
    *KEPT,
)
"""Films of up to five events, frame by frame."""
ORDERED: Shares = (
    (0.10, _talk("motion", 1, 5, 9, tasks=FRAME_BY_FRAME, describe=0.3)),
    (0.28, _talk("motion", 1, 5, 4, tasks=["order", "happens"], describe=0)),
    (0.08, _talk("motion", 1, 5, 2, tasks=["order", "narrate"], describe=0)),
    (0.08, _talk("motion", 1, 5, 1, tasks=["order"], describe=0, answers="worked")),
    (0.03, _talk("motion", 1, 5, 6, describe=0.2)),
    (0.02, _tasks("motion", "order", "direction", "narrate", most=5)),
    *KEPT,
)
"""The same, and in which order it happens."""
ACTED: Shares = (
    (0.10, _tasks("screens", "act", most=5)),
    (0.02, _tasks("screens", "goal", "name", most=3)),
    (0.08, _talk("motion", 1, 5, 9, tasks=FRAME_BY_FRAME, describe=0.3)),
    (0.28, _talk("motion", 1, 5, 4, tasks=["order", "happens"], describe=0)),
    (0.08, _talk("motion", 1, 5, 2, tasks=["order", "narrate"], describe=0)),
    (0.03, _tasks("motion", "order", "direction", "narrate", most=5)),
    *KEPT,
)
"""The same, and the actions on a screen that are no clicks, which these two made it forget."""
BUSY: Shares = (
    (0.18, _talk("motion", 3, 5, 12, tasks=FRAME_BY_FRAME, describe=0)),
    (0.05, _talk("motion", 1, 2, 8, tasks=FRAME_BY_FRAME, describe=0)),
    (0.20, _talk("motion", 3, 5, 6, tasks=["order", "happens"], describe=0)),
    (0.05, _talk("motion", 1, 3, 4, tasks=["order", "happens"], describe=0)),
    (0.06, _talk("motion", 3, 5, 4, tasks=["order", "narrate", "happens"], describe=0)),
    (0.02, _talk("motion", 1, 5, 6, describe=0.3)),
    (0.02, _tasks("motion", "order", "narrate", most=5)),
    (0.02, _tasks("motion", *CHOSEN, most=5)),
    (0.03, {**SCENE, "tasks": ["count"], "turns": 8, "describe": 0.2}),
    (0.05, _tasks("screens", "act", most=5)),
    (0.01, _tasks("screens", "goal", "name", most=4)),
    (0.01, _tasks("logic", *PUZZLES, most=2)),
    (0.004, _tasks("logic-image", "minesweeper", "futoshiki", "calcudoko", most=2)),
    (0.002, _tasks("cube", "perception", most=2)),
    *KEPT,
)
"""Films of three events and more, frame by frame, what of them is asked with letters, and the
puzzles of short answers, which no stage before has: a long one that cannot be learnt outweighs all
else in a mean over tokens."""

NUMBERED: Shares = (
    (0.48, _talk("motion", 3, 5, 1, tasks=["order"], describe=0)),
    (0.08, _talk("motion", 1, 3, 1, tasks=["order"], describe=0)),
    (0.08, _talk("motion", 4, 5, 1, tasks=["narrate"], describe=0)),
    (0.08, _talk("motion", 3, 5, 6, tasks=["happens", "where", "when"], describe=0)),
    (0.02, _tasks("motion", *CHOSEN, most=5)),
    (0.03, _tasks("screens", "act", most=5)),
    (0.01, _tasks("screens", "goal", "name", most=4)),
    (0.01, _tasks("logic", *PUZZLES, most=2)),
    (0.004, _tasks("logic-image", "minesweeper", "futoshiki", "calcudoko", most=2)),
    (0.002, _tasks("cube", "perception", most=2)),
    *tuple((0.6 * share, source) for share, source in KEPT),
)
"""The order of films by numbers, one question a film."""


THINGS: Shares = (
    (0.55, {**SCENE, "tasks": ["locate"], "turns": 8, "describe": 0.1}),
    (0.30, {**SCENE, "tasks": ["locate"], "modality": "text", "turns": 8, "describe": 0.1}),
    (0.15, {**SCENE, "tasks": SEEN, "turns": 8, "describe": 0.3}),
)
"""Where a thing of a scene is, and little else."""
NAMED: Shares = (
    (0.26, _talk("screens", 1, 2, 6, tasks=["ground"], describe=0, answers="worked")),
    (0.18, _talk("screens", 1, 3, 6, tasks=["ground"], describe=0.05)),
    (0.24, _talk("charts", 1, 2, 6, tasks=READ, describe=0, answers="worked")),
    (0.18, _talk("charts", 1, 3, 7, tasks=READ, describe=0.05)),
    (0.07, {**SCENE, "tasks": LISTED, "difficulty": [1, 2], "turns": 8}),
    (0.07, {**SCENE, "tasks": ["locate", "box"], "turns": 8, "describe": 0.1}),
)
"""Where an element is, and the number of a label."""
THOUGHT: Shares = (
    (0.26, _talk("screens", 1, 3, 6, tasks=["ground"], describe=0, answers="worked")),
    (0.12, _talk("screens", 1, 3, 6, tasks=["ground"], describe=0)),
    (0.31, _talk("charts", 1, 2, 6, tasks=READ, describe=0, answers="worked")),
    (0.15, _talk("charts", 1, 3, 7, tasks=READ, describe=0)),
    (0.10, {**SCENE, "tasks": LISTED, "difficulty": [1, 2], "turns": 8}),
    (0.06, {**SCENE, "tasks": ["locate", *SEEN], "turns": 8, "describe": 0.1}),
)
"""The same, mostly with a thought: it names the thing before it tells of it, so that what is asked
for stands directly before its answer."""
ASKED: Shares = (
    (0.14, _talk("screens", 1, 2, 6, tasks=["name"], describe=0, answers="worked")),
    (0.04, _talk("screens", 1, 2, 6, tasks=["name"], describe=0)),
    (0.04, _talk("screens", 1, 3, 6, tasks=["ground", "act"], describe=0, answers="worked")),
    (0.04, _talk("screens", 1, 3, 6, tasks=["ground", "act"], describe=0.2)),
    (0.06, _talk("charts", 1, 3, 6, tasks=READ, describe=0, answers="worked")),
    (0.06, _talk("charts", 1, 3, 7, tasks=READ, describe=0.2)),
    (0.12, _talk("motion", 1, 1, 2, describe=0, answers="worked")),
    (0.08, _talk("motion", 1, 2, 2, describe=0, answers="worked")),
    (0.04, _talk("motion", 1, 1, 4, describe=0.2)),
    (0.14, {**SCENE, "tasks": LISTED, "difficulty": [1, 2], "describe": 0, "answers": "worked"}),
    (0.06, {**SCENE, "tasks": LISTED, "difficulty": [1, 2], "turns": 8, "describe": 0.3}),
    (0.07, {**SCENE, "tasks": ["box", "box", "locate"], "turns": 8, "describe": 0}),
    (0.04, {**SCENE, "tasks": ["read-word"], "turns": 2, "describe": 0.9}),
    (0.05, {**SCENE, "tasks": SEEN, "turns": 8, "describe": 0.3}),
    (0.02, {**SCENE, "tasks": [*LISTED, "locate"], "modality": "text"}),
)
"""What else one look answers: an element by its place, all objects of a kind, what changes when in
a film. Of a film two things are asked, since the first thought tells all of it."""
TOLD = (
    (0.36, "charts", [1, 2]), (0.14, "charts", [3, 5]), (0.16, "screens", [1, 2]),
    (0.06, "screens", [3, 5]), (0.04, "metro", [1, 5]), (0.02, "exams", [1, 5]),
)  # fmt: skip
"""Share, world and difficulty of pictures that say what stands where; the others are scenes."""


def _names(name: str, steps: Any) -> Ocr:
    """Small print and names, of which answers about a picture teach little: all of them at once."""
    pages = [
        {"part": "inscriptions", "world": world, "difficulty": levels, "seed": 17}
        for _, world, levels in TOLD
    ]
    shares = [share for share, *_ in TOLD]
    scenes = {**SCENE, "seed": 17}
    return Ocr(
        name=name,
        data=Use("mixture", sources=[*pages, scenes], weights=ours([*shares, 0.22])),
        format=Use("direct"),
        steps=steps,
        batch_size=ours(64),
        micro_batch_tokens=ours(768),
        at_once=ours(2),
        freeze=("language",),
        keep=ours(5.0),
        optimizer=_optimizer(2e-3, 1e-4),
        save_every=200,
        workers=ours(1),
        evaluate=False,
    )


def _find(name: str, steps: Any, shares: Shares, floor: float = 3e-4) -> Sft:
    """What asks for one thing by another, with the tower as it is."""
    return _sft(name, steps, shares, _optimizer(1e-3, floor), freeze=("vision",), evaluate=False)


def _follow(name: str, steps: Any, shares: Shares, peak: float, floor: float, **more: Any) -> Sft:
    """What happens in a film, with the tower as it is."""
    return _sft(name, steps, shares, _optimizer(peak, floor), freeze=("vision",), **more)


def _sft(name: str, steps: Any, shares: Shares, optimizer: Optimizer, **more: Any) -> Sft:
    return Sft(
        name=name,
        data=Use(
            "mixture",
            sources=[{"seed": 13, **source} for _, source in shares],
            weights=ours([share for share, _ in shares]),
        ),
        format=Use("direct"),
        steps=steps,
        batch_size=ours(64),
        micro_batch_tokens=ours(4096),
        at_once=ours(2),
        max_tokens=1024,
        optimizer=optimizer,
        save_every=200,
        workers=ours(1),
        **more,
    )


def _optimizer(peak: float, floor: float) -> Optimizer:
    return Optimizer(
        algorithm="muon",
        learning_rate=Use("cosine", peak=ours(peak), warmup=50, floor=ours(floor)),
        betas=(0.9, 0.98),
        weight_decay=ours(0.05),
    )
