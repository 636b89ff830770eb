"""How much memory a stage takes at most, part by part, in bytes per GPU.

Weights, gradients and AdamW's two moments are counted exactly: Gnomon keeps them in float32, and
with ``dtype: bfloat16`` runs the forward passes in bfloat16 under autocast. On several GPUs all
three, and the reference, are split evenly, as FSDP does (ZeRO stage 3, arXiv 1910.02054).

Activations are what autograd keeps for the backward pass. The count goes operation by operation
through one layer, as in "Reducing Activation Recomputation in Large Transformer Models" (arXiv
2205.05198, section 4), redone for RMSNorm, grouped queries, gated MLPs and fused attention, which
keeps no score matrix. Per token of a language layer of width h, with q the width of all queries, k
that of the keys, i the MLP's, a the number of heads:

- float32: 24h + 4 (3q) + 16i + 4a + 8 bytes;
- bfloat16 under autocast: 26h + 2 (3q) + 8i + 4a + 8 bytes;

and 2k numbers for each place that a run of tokens looks at: its own tokens, and once more for every
row those of the prompt that it continues. The mask of rows that continue a prompt is kept once.

Per place of a tower's layer of width w, MLP width i, a heads:

- images (RMSNorm, gated MLP): float32 44w + 16i + 4a + 8 bytes; bfloat16 28w + 8i + 4a + 8 bytes;
- sounds (LayerNorm, plain MLP): float32 36w + 8i + 4a + 16 bytes; bfloat16 26w + 4i + 4a + 16
  bytes.

With gradient checkpointing a layer keeps its input alone, 4h bytes a token (tower: 4w or 2w), and
one layer at a time is recomputed whole. These formulas equal what torch saves to within a few per
cent, which tests measure on a small model.
"""

from __future__ import annotations

from dataclasses import dataclass

from gnomon.models.batch import strips
from gnomon.models.logprobs import CHUNK
from gnomon.scale.shape import Parameters, Shape, Trained

GIB = 2**30
FLOAT32, BFLOAT16 = 4, 2
LOGIT_COPIES = 4
"""float32 copies of a chunk of logits that are alive at once: scaled, normalised, and two
gradients.
"""
SAMPLING_COPIES = 6
"""float32 copies of the next-token logits while a token is drawn: scaled, normalised, cut, sorted,
mass.
"""
MARGIN = 0.08
"""Share of a GPU that estimates leave free: the CUDA context, fragments, communication buffers."""
SAVED_PER_ENTROPY = 2
"""Further copies when the entropy is differentiated: probabilities and their product with the logs.
"""
KEPT = {True: (44, 28, 4, 8), False: (36, 26, 2, 16)}
"""Of a tower's layer, gated or not: bytes for each of its width in float32 and in bfloat16, numbers
for each of the MLP's width, bytes beside these.
"""


@dataclass(frozen=True)
class Load:
    """The largest work that one GPU holds at a time.

    A micro-batch of the update has ``rows`` rows of ``tokens`` tokens; with ``shared`` tokens in
    their prompts, which ``members`` rows each continue. ``patches`` are the places of the tower in
    all of it, ``scored`` its trained tokens. ``decoding`` responses are written at a time to
    ``prompts`` prompts of ``prompt`` tokens, each up to ``response`` tokens long.
    """

    rows: int
    tokens: int
    patches: int
    scored: int
    shared: int = 0
    members: int = 1
    entropy: bool = False
    decoding: int = 0
    prompts: int = 0
    prompt: int = 0
    response: int = 0

    @property
    def held(self) -> int:
        """Tokens of the micro-batch, each prompt's once."""
        return self.rows * self.tokens + self._prompts * self.shared

    @property
    def keys(self) -> int:
        """Places that the tokens look at, summed over the runs."""
        if not self.shared:
            return self.held
        looked_at = sum(self.shared + last for _, last in strips(self.tokens))
        return self.held - self.rows * self.tokens + self.rows * looked_at

    @property
    def masked(self) -> int:
        """Entries of the masks of rows that continue a prompt."""
        if not self.shared:
            return 0
        cut = strips(self.tokens)
        return self.rows * sum((last - first) * (self.shared + last) for first, last in cut)

    @property
    def _prompts(self) -> int:
        return -(-self.rows // self.members)


@dataclass(frozen=True)
class Setup:
    """How a stage is trained: number type, checkpointing, adapters, reference model, number of
    GPUs.
    """

    bfloat16: bool
    checkpointing: bool
    lora: bool
    reference: bool
    gpus: int = 1


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes per GPU.

    ``saved`` are the activations kept for the backward pass, ``working`` those of the layer that is
    being recomputed (0 without checkpointing). ``copies`` are bfloat16 copies of weights in the
    update, ``rollout_copies`` those while sampling, ``gathered`` the layers that FSDP brings
    together for computing. ``prefill`` is the forward pass over the prompts of the rollouts,
    ``choosing`` the logits while tokens are drawn; ``decoding`` responses are written at a time, in
    groups of ``group``.
    """

    setup: Setup
    weights: int
    gradients: int
    optimizer: int
    reference: int
    saved: int
    working: int
    copies: int
    rollout_copies: int
    logits: int
    gathered: int
    kv_cache: int
    prefill: int
    choosing: int
    decoding: int
    group: int

    @property
    def resident(self) -> int:
        """What stays from the first step to the last."""
        return self.weights + self.optimizer + self.reference

    @property
    def activations(self) -> int:
        """Activations of one micro-batch."""
        return self.saved + self.working

    @property
    def update(self) -> int:
        """Peak while the model is trained.

        With checkpointing the copies of the weights, the logits and the layer being recomputed are
        never there at the same time.
        """
        busy = (self.copies, self.logits, self.working)
        extra = max(busy) if self.setup.checkpointing else sum(busy)
        return self.resident + self.gradients + self.saved + extra + self.gathered

    @property
    def rollout(self) -> int:
        """Peak while responses are written; 0 for a stage that writes none."""
        if not self.kv_cache:
            return 0
        busy = max(self.prefill, self.kv_cache + self.choosing)
        return self.resident + busy + self.rollout_copies + self.gathered

    @property
    def peak(self) -> int:
        """The larger of the two peaks."""
        return max(self.update, self.rollout)

    @staticmethod
    def usable(budget: float) -> float:
        """What of ``budget`` bytes is left beside the share for CUDA, fragments and buffers."""
        return budget * (1 - MARGIN)

    def fits(self, budget: float) -> bool:
        """Whether the peak fits a GPU of ``budget`` bytes."""
        return self.peak <= self.usable(budget)

    def responses_that_fit(self, budget: float) -> int:
        """How many full-length responses, in whole groups, fit at a time on such a GPU."""
        if not self.decoding:
            return 0
        rest = self.usable(budget) - self.resident - self.rollout_copies - self.gathered
        per_group = max(self.kv_cache + self.choosing, self.prefill) / (self.decoding // self.group)
        return max(0, int(rest // per_group)) * self.group


def estimate_memory(
    shape: Shape, parameters: Parameters, trained: Trained, load: Load, setup: Setup
) -> MemoryEstimate:
    """The memory of a stage on one of ``setup.gpus`` GPUs."""
    whole = parameters.total + trained.adapters
    share = setup.gpus
    return MemoryEstimate(
        setup=setup,
        weights=FLOAT32 * whole // share,
        gradients=FLOAT32 * trained.parameters // share,
        optimizer=optimizer_bytes(trained) // share,
        reference=FLOAT32 * parameters.total // share if setup.reference else 0,
        saved=saved_bytes(shape, load, setup, trained),
        working=_working(shape, load, setup, trained),
        copies=_copies(shape, trained, setup, keep=not setup.checkpointing),
        rollout_copies=_prepared(shape, trained, load, setup),
        logits=logit_bytes(shape, load),
        gathered=_gathered(shape, setup),
        kv_cache=_cache(shape, load, setup),
        prefill=_prefill(shape, load, setup),
        choosing=SAMPLING_COPIES * FLOAT32 * load.decoding * shape.vocabulary,
        decoding=load.decoding,
        group=load.decoding // load.prompts if load.prompts else 0,
    )


def optimizer_bytes(trained: Trained) -> int:
    """AdamW: two float32 moments per parameter and a float32 step counter per tensor (arXiv
    1711.05101). Muon keeps one for a matrix of a layer, so for it this is too much.
    """
    return 2 * FLOAT32 * trained.parameters + FLOAT32 * trained.tensors


def kv_bytes(shape: Shape, tokens: int, setup: Setup) -> int:
    """Keys and values of ``tokens`` tokens, in the type of the forward pass."""
    width = BFLOAT16 if setup.bfloat16 else FLOAT32
    return 2 * width * shape.layers * shape.key_value * tokens


def _cache(shape: Shape, load: Load, setup: Setup) -> int:
    """The cache of all prompts, each once, and of all full-length responses; a layer is copied to
    grow.
    """
    written = kv_bytes(shape, load.decoding * load.response, setup)
    prompts = kv_bytes(shape, load.prompts * load.prompt, setup)
    return prompts + written + written // (2 * shape.layers)


def logit_bytes(shape: Shape, load: Load) -> int:
    """Logits of the largest chunk of trained tokens, with their gradients; never those of a whole
    row.
    """
    copies = LOGIT_COPIES + (SAVED_PER_ENTROPY if load.entropy else 0)
    return copies * FLOAT32 * min(load.scored, CHUNK) * shape.vocabulary


def saved_bytes(shape: Shape, load: Load, setup: Setup, trained: Trained) -> int:
    """What autograd keeps of one micro-batch, logits left out."""
    outer = 3 * FLOAT32 * shape.hidden * load.held  # input embeddings and the last norm
    if setup.checkpointing:
        layers = FLOAT32 * shape.hidden * shape.layers * load.held
    else:
        layers = language_layer_bytes(shape, load, setup) * shape.layers
    return outer + layers + _mask(load, setup) + _tower_saved(shape, load, setup, trained)


def language_layer_bytes(shape: Shape, load: Load, setup: Setup) -> int:
    """What autograd keeps of one language layer for a micro-batch."""
    width = BFLOAT16 if setup.bfloat16 else FLOAT32
    # Of each norm what comes in, in float32, what goes out, and one number a token.
    norms = 2 * (FLOAT32 + width) * shape.hidden + 8
    attention = width * 3 * shape.query + 4 * shape.heads
    per_token = norms + attention + 4 * width * shape.intermediate
    # Under a mask the fused kernels of CUDA want keys and values for every head of the queries.
    key_width = shape.query if load.shared else shape.key_value
    return load.held * per_token + 2 * width * key_width * load.keys


def tower_layer_bytes(shape: Shape, load: Load, setup: Setup) -> int:
    """What autograd keeps of one layer of the tower for all its places in a micro-batch."""
    width = BFLOAT16 if setup.bfloat16 else FLOAT32
    exact, rough, wide, sums = KEPT[shape.gated]
    norms = (rough if setup.bfloat16 else exact) * shape.tower_hidden
    mlp = wide * width * shape.tower_intermediate
    return load.patches * (norms + mlp + 4 * shape.tower_heads + sums)


def _tower_saved(shape: Shape, load: Load, setup: Setup, trained: Trained) -> int:
    if not trained.tower:
        return 0
    width = BFLOAT16 if setup.bfloat16 else FLOAT32
    connector = (4 + 4 * width) * shape.tower_hidden * load.patches
    if setup.checkpointing:
        return connector + width * shape.tower_hidden * shape.tower_layers * load.patches
    return connector + tower_layer_bytes(shape, load, setup) * shape.tower_layers


def _working(shape: Shape, load: Load, setup: Setup, trained: Trained) -> int:
    """The layer that is recomputed, and the gradients of its widest values."""
    if not setup.checkpointing:
        return 0
    width = BFLOAT16 if setup.bfloat16 else FLOAT32
    gradients = 2 * width * shape.intermediate * load.held
    language = language_layer_bytes(shape, load, setup) + gradients
    tower = tower_layer_bytes(shape, load, setup) if trained.tower else 0
    return max(language, tower)


def _mask(load: Load, setup: Setup) -> int:
    """The mask as truth values and as numbers, for all layers."""
    return (1 + (BFLOAT16 if setup.bfloat16 else FLOAT32)) * load.masked


def _copies(shape: Shape, trained: Trained, setup: Setup, *, keep: bool) -> int:
    """bfloat16 weights that autocast makes: all trained ones, frozen ones layer by layer unless
    autograd keeps them.

    On several GPUs FSDP gathers the weights in bfloat16 instead.
    """
    if not setup.bfloat16 or setup.gpus > 1:
        return 0
    if not setup.lora:
        return BFLOAT16 * trained.parameters
    return BFLOAT16 * shape.layer * (shape.layers if keep else 1)


def _prepared(shape: Shape, trained: Trained, load: Load, setup: Setup) -> int:
    """Weights as writing prepares them once a rollout (`gnomon.models.fused`): a copy of the layers
    in float32; in bfloat16 what autocast would make.
    """
    if setup.bfloat16 or setup.gpus > 1 or not load.decoding:
        return _copies(shape, trained, setup, keep=False)
    return FLOAT32 * shape.layer * shape.layers


def _gathered(shape: Shape, setup: Setup) -> int:
    """FSDP on several GPUs: two layers, the embeddings and the head, whole and in the forward
    pass's type.
    """
    if setup.gpus == 1:
        return 0
    width = BFLOAT16 if setup.bfloat16 else FLOAT32
    edges = (1 if shape.tied else 2) * shape.vocabulary * shape.hidden
    return width * (2 * shape.layer + edges)


def _prefill(shape: Shape, load: Load, setup: Setup) -> int:
    """One layer's values over all prompts of a decoding chunk, and their cache."""
    width = BFLOAT16 if setup.bfloat16 else FLOAT32
    tokens = load.prompts * load.prompt
    layer = tokens * (4 * FLOAT32 * shape.hidden + 3 * width * shape.intermediate)
    return layer + kv_bytes(shape, tokens, setup)
