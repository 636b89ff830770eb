"""Measure the bundled models on held-out data and write their model cards.

    python benchmarks/model_card.py [MODEL ...]

Writes docs/results/MODEL.json and, from it, docs/models/MODEL.md, which is also the README.md in the model's
folder; all bundled models when none is named.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnomon import evaluate
from gnomon.models.load import BUNDLED, load_policy, model_folder
from gnomon.worlds.questions import multi_step_tasks, single_step_tasks
from gnomon.worlds.world import LEVELS, tasks_of, worlds

Results = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""What `evaluate` gave, by title and form."""


@dataclass(frozen=True)
class Card:
    """What is measured of a model, and how it is told.

    ``benchmarks`` by title: name and settings; ``forms`` and their graders, of which only the first is asked of
    those in ``once``; ``tables`` makes Markdown of the results. ``text`` has places for ``parameters`` in millions and
    ``tables``.
    """

    benchmarks: Mapping[str, tuple[str, dict[str, Any]]]
    forms: Mapping[str, str]
    tables: Callable[[Results], str]
    text: str
    once: frozenset[str] = frozenset()


SHOWN = ("image", "images", "video")
CELL = 40
"""Items of a task at a difficulty."""


def in_worlds() -> dict[str, tuple[str, dict[str, Any]]]:
    """Every world that is seen, at every difficulty. Pages are left out: they want a browser."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for title, name, tasks in (
        ("microworld, one look", "microworld-perception", single_step_tasks()),
        ("microworld, several steps", "microworld-reasoning", multi_step_tasks()),
    ):
        for level in LEVELS:
            settings = {"difficulty": (level, level), "items": CELL * len(tasks)}
            found[f"{title}, difficulty {level}"] = (name, settings)
    for world in worlds():
        tasks = [task.name for task in tasks_of(world).values() if task.shows in SHOWN]
        if world == "pages" or not tasks:
            continue
        for level in LEVELS:
            settings = {"world": world, "tasks": tasks, "difficulty": (level, level)}
            found[f"{world}, difficulty {level}"] = (
                "world",
                {**settings, "items": CELL * len(tasks)},
            )
    return found


COUNTED = "counts and relations up to difficulty 3"
"""As far as one look answers: counts of what one or two properties pick out."""
SEEN = {
    "one object in the picture": ("microworld-perception", {"items": 520, "difficulty": (0, 0)}),
    "two to seven objects": ("microworld-perception", {"items": 520}),
    "several steps": ("microworld-reasoning", {"items": 512}),
    "several steps, the scene written out, and problems": ("microworld-text", {"items": 513}),
    COUNTED: ("microworld-reasoning", {"items": 700, "difficulty": (1, 3)}),
}

SEES = """# gnomon-micro

A real `Qwen2_5_VLForConditionalGeneration` of {parameters:.2f} million parameters with a tokenizer of its own. It
answers what one look answers about the pictures and short films of the worlds (docs/worlds.md): scenes, charts, tables,
screens, moving shapes. It does not reason. It is the base model of every micro recipe that sees, and of no use on real
pictures. What it does badly stands in the tables below: what takes several steps, films of four events or more, and
the worlds of which it saw little (maps, geometry, documents, edits, exams, the encyclopedia, jigsaws, plans, puzzles).
Real pages, which a browser has to draw, it never saw.

- Architecture: Qwen2.5-VL, text 6 layers x 192, 6 heads (6 key-value), vision 4 layers x 192, patch 14, vocabulary 1,024.
  The weights are stored in bfloat16, as they were trained, and load as float32.
- Processor: `AutoProcessor` loads it in any process, without torchvision. Pictures come as Pillow images, films as
  frames after their times.
- Made by `gnomon train gnomon-micro-base` and, from its model, `gnomon train gnomon-micro-v2`, each stage in a command of
  its own (`--set stages=[...]`) from the model of the one before. The first three stages of all ran on one H200, the
  others on two CPU cores. After each of `lacking`, `sliced`, `pies` and `acted` the weights are the mean of those
  before and after it. The log of the second recipe, every 25th step, is in docs/results/gnomon-micro-v2-steps.jsonl,
  that of the last stage of the first in docs/results/gnomon-micro-thoughts.jsonl.
- Only the training splits of the worlds were used: scenes, charts, screens, films, digit scans, words and wordings of the
  scores below were never seen. Up to `pies` the split of a film hung on its question too, so that a film below may have
  been seen with another question; of so many films none is known to come twice.
- Digits are scans of scikit-learn's `load_digits` (UCI optical recognition of handwritten digits).

## Scores on held-out data

Greedy, answers extracted leniently, accuracy in per cent; with its 95 % Wilson interval where there is one. Command:
`python benchmarks/model_card.py gnomon-micro`.

In the tables with a column for each difficulty the accuracy of a task's most common answer, given to all of its items,
stands in brackets: what is not above it was not seen.

{tables}
"""
HEARD = {
    **{
        f"difficulty {level}": ("world", {"world": "sound", "items": 220, "difficulty": (level, level)})
        for level in range(1, 6)
    },
    "options as texts": (
        "world",
        {
            "world": "sound", "tasks": ["what", "loudest", "longest", "rhythm"], "options": "texts",
            "difficulty": (1, 4), "items": 200,
        },
    ),
}  # fmt: skip

HEARS = """# gnomon-micro-audio

A real `Qwen2AudioForConditionalGeneration` of {parameters:.2f} million parameters with a tokenizer of its own. It hears
the sounds of the world of sound (beeps, buzzes, hisses, whistles, spoken digits) and answers what one listen answers;
it does not reason. It is the base model of the micro recipes that hear, and of no use on real sounds. What it does
badly: choosing by letter (`what`, `longest`, `loudest` below, where it guesses; asked for the text of an option, as
R1-AQA asks, it names every sound rightly), and telling which sound is the loudest in any form.

- Architecture: Qwen2-Audio, text 4 layers x 128, 4 heads (2 key-value), tower 3 layers x 96, 128 bands, float32. It
  hears 5 seconds, a frame every 20 ms, 12.5 tokens a second.
- Processor: a `Qwen2AudioProcessor` that `AutoProcessor` loads in any process; sounds come at 16 kHz.
- Made by `gnomon train gnomon-micro-audio` in 70 minutes on one CPU core that other work shared, and 52 more for
  `counts`; the stages `practice` and `counts` each in a command of its own (`--set stages=[...]`) from the model of the
  one before. The log, every 25th step, is in docs/results/gnomon-micro-audio-steps.jsonl.
- Only the world's training split was used: no score of the questions below was heard in training. Spoken digits are
  those of espeak-ng, and the same ten words in three voices in training and here.

## Scores on held-out data

Greedy, answers extracted leniently, accuracy in per cent; over all tasks with its 95 % Wilson interval. Rhythm, order
and scale take several steps. In brackets stands the accuracy of a task's most common answer, given to all of its items:
what is not above it was not heard. Command: `python benchmarks/model_card.py gnomon-micro-audio`.

{tables}
"""


def table(name: str, form: str, result: dict) -> str:
    """One benchmark in one form as a Markdown table, a row a task."""
    rows = [
        f"| {task} | {100 * cell['accuracy']:.1f} | {100 * cell['low']:.1f} to "
        f"{100 * cell['high']:.1f} | {cell['n']} |"
        for task, cell in {**result["by_task"], "**all**": result}.items()
    ]
    head = "| task | accuracy % | 95 % interval | items |\n|---|---|---|---|"
    return (
        f"### {name[0].upper()}{name[1:]}: asked in the form `{form}`\n\n{head}\n"
        + "\n".join(rows)
        + "\n"
    )


FAMILIES: Mapping[str, Mapping[str, str]] = {
    "two to seven objects": {
        "reading a digit": "read-digit", "reading a word": "read-word", "colour": "colour", "shape": "shape",
        "size": "size", "box, IoU of at least 0.5": "box", "which cell": "locate",
    },
    COUNTED: {"count": "count", "relation": "relation"},
    "charts": {"value of a chart": "value"},
    "screens": {"element of a screen": "ground"},
    "motion": {
        "order of a video's events, by their numbers": "order",
        "order of a video's events, told": "narrate",
    },
}  # fmt: skip
"""Tasks that one look answers and their names, by the title of a benchmark or the world that asks them."""
ASKED = dict.fromkeys(FAMILIES["motion"], 80)
"""Accuracy in per cent that is asked of the model; 90 of every other family."""


def families(results: Results) -> str:
    """What one look should answer: accuracy over all difficulties, the one of the first, and what is asked."""
    lines = ["| family | accuracy % | at difficulty 1 | asked | items |", "|---|---|---|---|---|"]
    looks = [(place, *look) for place, tasks in FAMILIES.items() for look in tasks.items()]
    for place, family, task in looks:
        found = {
            title: forms["direct"]["by_task"][task]
            for title, forms in results.items()
            if title == place or title.startswith(f"{place}, difficulty ")
        }
        items = sum(cell["n"] for cell in found.values())
        right = sum(cell["accuracy"] * cell["n"] for cell in found.values())
        easy = found.get(f"{place}, difficulty 1")
        first = f"{100 * easy['accuracy']:.1f}" if easy else "-"
        lines.append(f"| {family} | {100 * right / items:.1f} | {first} | {ASKED.get(family, 90)} | {items} |")
    named = results["two to seven objects"]["direct"]["objects_named"]
    share = 100 * named["named"] / named["n"]
    lines.append(f"| objects that captions name | {share:.1f} | - | 90 | {named['n']} |")
    return "\n".join(lines) + "\n"


def one_by_one(results: Results) -> str:
    """A table for each benchmark in each form."""
    return "\n".join(
        table(title, form, result)
        for title, forms in results.items()
        for form, result in forms.items()
    )


def side_by_side(results: Results) -> str:
    """A table for each form: a row a task, a column a benchmark."""
    forms = next(iter(results.values()))
    return "\n".join(matrix(form, {t: each[form] for t, each in results.items()}) for form in forms)


def scenes_and_worlds(results: Results) -> str:
    """Tables of the scenes, then one for each world with a column for each difficulty."""
    scenes = one_by_one({title: forms for title, forms in results.items() if title in SEEN})
    by_world: dict[str, dict[str, Mapping[str, Any]]] = {}
    for title, forms in results.items():
        if title not in SEEN:
            world, level = title.rsplit(", ", 1)
            by_world.setdefault(world, {})[level] = forms["direct"]
    tables = (matrix("direct", levels, world) for world, levels in by_world.items())
    look = f"## What one look answers\n\n{families(results)}"
    return "\n".join([look, scenes, "## Scores in the worlds, on held-out data\n", *tables])


def matrix(form: str, by_title: Mapping[str, Mapping[str, Any]], title: str = "") -> str:
    """Accuracies of every task on every benchmark in one form, with those of its most common answer.

    Below, those over all tasks with their intervals.
    """
    columns = list(by_title.values())
    tasks = {task: None for result in columns for task in result["by_task"]}
    items = {cell["n"] for result in columns for cell in result["by_task"].values()}
    lines = [
        f"### {f'{title}: asked' if title else 'Asked'} in the form `{form}`, at least {min(items)} items a cell\n",
        f"| task | {' | '.join(by_title)} |",
        "|---" * (1 + len(columns)) + "|",
    ]
    for task in tasks:
        cells = (result["by_task"].get(task) for result in columns)
        told = (
            f"{100 * cell['accuracy']:.1f} ({100 * cell['guess']:.0f})" if cell else "-" for cell in cells
        )
        lines.append(f"| {task} | {' | '.join(told)} |")
    told = (
        f"{100 * r['accuracy']:.1f} ({100 * r['low']:.1f} to {100 * r['high']:.1f})"
        for r in columns
    )
    lines.append(f"| **all** | {' | '.join(told)} |")
    return "\n".join(lines) + "\n"


CARDS = {
    "gnomon-micro": Card(
        SEEN | in_worlds(),
        {"direct": "lenient", "think-boxed": "lenient"},
        scenes_and_worlds,
        SEES,
        once=frozenset({COUNTED, *in_worlds()}),
    ),
    "gnomon-micro-audio": Card(
        HEARD, {"direct": "lenient", "answer-only": "lenient"}, side_by_side, HEARS
    ),
}


def measure(
    model: str, benchmark: str, settings: Mapping[str, Any], form: str, grader: str
) -> dict[str, Any]:
    """Accuracies, and how many objects captions of scenes name in full."""
    result = evaluate(
        model, benchmark, benchmark_settings=settings, format=form, grader=grader
    )
    print(f"{settings}, {form}: {result}", file=sys.stderr, flush=True)
    told = result.to_dict()
    pairs = [
        (set(row["reference"].split("; ")), set((row["prediction"] or "").split("; ")))
        for row in result.rows
        if benchmark == "microworld-perception" and row["task"] == "caption"
    ]
    if pairs:
        named = sum(len(shown & said) for shown, said in pairs)
        told["objects_named"] = {"named": named, "n": sum(len(shown) for shown, _ in pairs)}
    return told


def write(model: str) -> None:
    """Measure every benchmark in every form, store the numbers, write the card."""
    card = CARDS[model]
    results = {
        title: {
            form: measure(model, name, settings, form, grader)
            for form, grader in list(card.forms.items())[: 1 if title in card.once else None]
        }
        for title, (name, settings) in card.benchmarks.items()
    }
    Path(f"docs/results/{model}.json").write_text(json.dumps(results, indent=1) + "\n")
    parameters = sum(p.numel() for p in load_policy(model).core.parameters()) / 1e6
    text = card.text.format(parameters=parameters, tables=card.tables(results))
    for place in (Path(model_folder(model)) / "README.md", Path(f"docs/models/{model}.md")):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


if __name__ == "__main__":
    for name in sys.argv[1:] or BUNDLED:
        write(name)
