"""Measure the bundled model on held-out data and write its model card.

    python benchmarks/model_card.py

Writes docs/results/gnomon-micro.json and, from it, docs/models/gnomon-micro.md, which is also the README.md
in the model's folder.
"""

from __future__ import annotations

import json
from pathlib import Path

from gnomon import evaluate
from gnomon.models.load import BUNDLED, load_policy, model_folder

RESULT = Path("docs/results/gnomon-micro.json")
FORMS = {"direct": "lenient", "think-boxed": "lenient"}
BENCHMARKS = {
    "one object in the picture": ("microworld-perception", {"items": 520, "difficulty": (0, 0)}),
    "two to seven objects": ("microworld-perception", {"items": 520}),
    "several steps": ("microworld-reasoning", {"items": 512}),
    "several steps, the scene written out, and problems": ("microworld-text", {"items": 513}),
}

CARD = """# gnomon-micro

A real `Qwen2_5_VLForConditionalGeneration` of {parameters:.2f} million parameters with a tokenizer of its own. It
sees and names the objects of the microworld and describes a scene; it does not reason. It is the base model of every
recipe at micro scale, and of no use on real pictures. What it does badly: finding one object among several by its
name (`locate` and `box` below, where there is more than one object), and the answer form of a description asked for
with a thought (`caption` in `think-boxed`, which it was never shown).

- Architecture: Qwen2.5-VL, text 4 layers x 192, 6 heads (2 key-value), vision 4 layers x 96, patch 14, float32.
- Processor: `AutoProcessor` loads it in any process, without torchvision. Pictures come as Pillow images.
- Made by `gnomon train gnomon-micro-base`, each stage in a command of its own (`--set stages=[...]`) from the model of
  the one before: `small-scenes`, `scenes` and `places` on one H200; `habits`, `text-reasoning` and `thoughts` on two CPU
  cores. `thoughts` took 68 minutes; its log, every 25th step, is in
  docs/results/gnomon-micro-thoughts.jsonl. From its step 1,800 on the thoughts of `locate`
  and `box` name the object before its cell, as they do now.
- Only data of the microworld's training split were used: scenes, digit scans, words and wordings of the scores below
  were never seen.
- Digits are scans of scikit-learn's `load_digits` (UCI optical recognition of handwritten digits).

## Scores on held-out data

Greedy, answers extracted leniently; accuracy with its 95 % Wilson interval. Command:
`python benchmarks/model_card.py`.

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


def main() -> None:
    """Measure every benchmark in every form, store the numbers, write the card."""
    results = {
        title: {
            form: evaluate(
                BUNDLED, name, benchmark_settings=settings, format=form, grader=grader
            ).to_dict()
            for form, grader in FORMS.items()
        }
        for title, (name, settings) in BENCHMARKS.items()
    }
    RESULT.write_text(json.dumps(results, indent=1) + "\n")
    tables = "\n".join(
        table(title, form, result)
        for title, forms in results.items()
        for form, result in forms.items()
    )
    parameters = sum(p.numel() for p in load_policy(BUNDLED).core.parameters()) / 1e6
    card = CARD.format(parameters=parameters, tables=tables)
    for place in (Path(model_folder(BUNDLED)) / "README.md", Path("docs/models/gnomon-micro.md")):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(card)


if __name__ == "__main__":
    main()
