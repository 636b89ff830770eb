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
BENCHMARKS = {"microworld-perception": 520, "microworld-reasoning": 512, "microworld-text": 513}

CARD = """# gnomon-micro

A real `Qwen2_5_VLForConditionalGeneration` of {parameters:.2f} million parameters with a tokenizer of its own. It
sees, names and locates the objects of the microworld; it does not yet reason well. It is the base model of
every recipe at micro scale, and of no use on real pictures.

- Architecture: Qwen2.5-VL, text 4 layers x 192, 6 heads (2 key-value), vision 4 layers x 96, patch 14, float32.
- Processor: `AutoProcessor` loads it in any process, without torchvision. Pictures come as Pillow images.
- Made by `gnomon train gnomon-micro-base`: stages `small-scenes`, `scenes` and `places` (batches of 256) took 13
  minutes on one H200, `habits` 6 minutes on two CPU cores and `text-reasoning` 14 minutes on one, each
  stage in a command of its own (`--set stages=[...]`) from the model of the one before. Only data of the microworld's
  training split were used: scenes, digit scans, words and wordings of the scores below were never seen.
- Digits are scans of scikit-learn's `load_digits` (UCI optical recognition of handwritten digits).

## Scores on held-out data

Greedy, answers extracted leniently; accuracy with its 95 % Wilson interval. Command:
`python benchmarks/model_card.py`.

{tables}
"""


def table(name: str, form: str, result: dict) -> str:
    """One benchmark as a Markdown table, a row a task."""
    rows = [
        f"| {task} | {100 * cell['accuracy']:.1f} | {100 * cell['low']:.1f} to "
        f"{100 * cell['high']:.1f} | {cell['n']} |"
        for task, cell in {**result["by_task"], "**all**": result}.items()
    ]
    head = "| task | accuracy % | 95 % interval | items |\n|---|---|---|---|"
    return f"### {name}, asked in the form `{form}`\n\n{head}\n" + "\n".join(rows) + "\n"


def main() -> None:
    """Measure every benchmark in every form, store the numbers, write the card."""
    results = {
        name: {
            form: evaluate(
                BUNDLED, name, benchmark_settings={"items": items}, format=form, grader=grader
            ).to_dict()
            for form, grader in FORMS.items()
        }
        for name, items in BENCHMARKS.items()
    }
    RESULT.write_text(json.dumps(results, indent=1) + "\n")
    tables = "\n".join(
        table(name, form, result)
        for name, forms in results.items()
        for form, result in forms.items()
    )
    parameters = sum(p.numel() for p in load_policy(BUNDLED).core.parameters()) / 1e6
    card = CARD.format(parameters=parameters, tables=tables)
    for place in (Path(model_folder(BUNDLED)) / "README.md", Path("docs/models/gnomon-micro.md")):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(card)


if __name__ == "__main__":
    main()
