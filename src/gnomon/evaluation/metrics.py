"""Pure functions over graded responses: intervals, pass@k, mean@k, the majority vote."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from statistics import NormalDist
from typing import TypeVar

Value = TypeVar("Value", bound=Hashable)


def wilson(successes: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a share: (low, high) with 0 <= low <= successes / n <= high <= 1.

    ``successes`` may be a fraction: the sum of item means, each in [0, 1]. The interval is then on
    the safe side, because a mean over several responses varies less than one response. ``n`` = 0
    says nothing: (0, 1). Raises ValueError unless 0 <= successes <= n and 0 < confidence < 1.
    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    >>> [round(edge, 4) for edge in wilson(5, 10)]
    [0.2366, 0.7634]
    """
    if not 0 <= successes <= n:
        raise ValueError(f"successes={successes}, n={n}: use 0 <= successes <= n")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence}: use a share between 0 and 1, such as 0.95")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # Rounding must not push an edge past the share itself, which matters at 0 and at 1.
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))


def pass_at_k(n: int, c: int, k: int) -> float:
    """Chance that at least one of ``k`` responses, drawn without replacement from ``n``, is right.

    ``c`` of the ``n`` sampled responses are right. The unbiased estimator 1 - C(n-c, k) / C(n, k),
    as a product that neither overflows nor cancels. Raises ValueError unless 0 <= c <= n and 1 <= k
    <= n: fewer responses than ``k`` cannot estimate it. Source: arXiv 2107.03374, eq. 1 and figure
    3.

    >>> pass_at_k(4, 1, 2)
    0.5
    """
    if not 0 <= c <= n:
        raise ValueError(f"n={n}, c={c}: use 0 <= c <= n")
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} of {n} responses: use 1 <= k <= n, or sample more responses")
    if n - c < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / i for i in range(n - c + 1, n + 1))


def mean_at_k(scores: Sequence[float], k: int) -> float:
    """Mean score of the first ``k`` responses to one item (mean@k, also written avg@k).

    Raises ValueError unless 1 <= k <= number of scores.

    >>> mean_at_k([1.0, 0.0, 0.0, 0.0], 2)
    0.5
    """
    if not 1 <= k <= len(scores):
        raise ValueError(f"mean@{k} of {len(scores)} responses: use 1 <= k <= {len(scores)}")
    return sum(scores[:k]) / k


def majority(predictions: Iterable[Value | None]) -> Value | None:
    """The most frequent prediction; of several, the one that came first.

    Source: self-consistency, arXiv 2203.11171; the order is ours. None is a response without an
    answer and has no vote; None when nothing has a vote.

    >>> majority(["7", None, None, "8", "8", None])
    '8'
    """
    votes = Counter(prediction for prediction in predictions if prediction is not None)
    return max(votes, key=votes.__getitem__) if votes else None
