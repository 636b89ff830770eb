"""How many tokens a stage reads and writes, and the arithmetic that takes.

Model FLOPs follow the usual count (Kaplan et al., arXiv 2001.08361, section 2.1; PaLM, arXiv
2204.02311, appendix B): 2N for a token's forward pass, twice that for a backward pass that trains
all N weights, so 6N. Attention scores are left out: at 16,384 tokens they would add about a fifth.
"""

from __future__ import annotations

from dataclasses import dataclass

from gnomon.scale.shape import Parameters, Shape, Trained


@dataclass(frozen=True)
class Lengths:
    """Tokens of one sample: ``text`` and ``media`` of what is given, ``response`` of what is to be
    written.
    """

    text: float
    media: float
    response: float

    @property
    def prompt(self) -> float:
        """Tokens before the response."""
        return self.text + self.media

    @property
    def total(self) -> float:
        """All tokens."""
        return self.text + self.media + self.response


@dataclass(frozen=True)
class Amount:
    """How often a stage does what: ``samples`` are read, each with ``rollouts`` responses (0:
    supervised); ``passes`` is how often a row is trained on; ``reference`` says whether a frozen
    model scores the rows."""

    samples: int
    rollouts: int
    passes: float
    reference: bool


@dataclass(frozen=True)
class Work:
    """Tokens and model FLOPs of a stage. ``recompute`` is what gradient checkpointing adds."""

    trained: float
    sampled: float
    update: float
    sampling: float
    reference: float
    recompute: float

    @property
    def tokens(self) -> float:
        """Tokens that pass through the model in training."""
        return self.trained

    @property
    def flops(self) -> float:
        """Model FLOPs; recomputation is no part of them."""
        return self.update + self.sampling + self.reference


def stage_work(
    shape: Shape, parameters: Parameters, trained: Trained, lengths: Lengths, amount: Amount
) -> Work:
    """Tokens and FLOPs of a stage.

    A response needs its prompt once per group when it is sampled and once per row when it is
    trained.
    """
    rows = amount.samples * (amount.rollouts or 1)
    forward_row = forward_flops(shape, parameters, lengths.text + lengths.response, lengths.media)
    prompt = forward_flops(shape, parameters, lengths.text, lengths.media)
    answer = forward_flops(shape, parameters, lengths.response, 0)
    backward = _backward_flops(shape, parameters, trained, lengths)
    sampling = amount.samples * prompt + rows * answer if amount.rollouts else 0.0
    return Work(
        trained=rows * amount.passes * lengths.total,
        sampled=rows * lengths.response if amount.rollouts else 0.0,
        update=rows * amount.passes * (forward_row + backward),
        sampling=sampling,
        reference=rows * amount.passes * forward_row if amount.reference else 0.0,
        recompute=rows * amount.passes * forward_row,
    )


def forward_flops(shape: Shape, parameters: Parameters, text: float, media: float) -> float:
    """2N of the language model for every token, 2N of the tower for each of its places."""
    return 2 * (language_parameters(shape, parameters) * (text + media)) + 2 * _tower(
        shape, parameters, media
    )


def language_parameters(shape: Shape, parameters: Parameters) -> int:
    """Weights that every token is multiplied with: the layers and the output head."""
    return parameters.language + shape.vocabulary * shape.hidden


def _tower(shape: Shape, parameters: Parameters, media: float) -> float:
    return parameters.tower * media * shape.places + parameters.connector * media


def _backward_flops(
    shape: Shape, parameters: Parameters, trained: Trained, lengths: Lengths
) -> float:
    """2N for the gradients of the inputs, 2N for those of the weights where these are trained."""
    full = not trained.adapters and trained.language
    language = (4 if full else 2) * language_parameters(shape, parameters) * lengths.total
    tower = 4 * _tower(shape, parameters, lengths.media) if trained.tower else 0.0
    return language + tower
