"""A character model of Shakespeare's sonnets: a small transformer, its training step compiled, then text drawn from it.

    python examples/transformer.py [--steps 300] [--device cuda]
"""

import argparse
import time
import zlib
from pathlib import Path

import numpy as np

import tracejit as tj
import tracejit.nn.functional as F
from tracejit import nn

TEXT = (Path(__file__).parent / "data" / "sonnets.txt").read_text()
ALPHABET = sorted(set(TEXT))
CODES = np.array([ALPHABET.index(c) for c in TEXT], np.int64)
CONTEXT, BATCH, WIDTH = 64, 16, 64


class CharacterModel(nn.Module):
    """Embeddings of characters and places, transformer layers that look back only, and logits of the next character."""

    def __init__(self, layers: int = 2) -> None:
        super().__init__()
        self.characters = nn.Embedding(len(ALPHABET), WIDTH)
        self.places = nn.Embedding(CONTEXT, WIDTH)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, len(ALPHABET))
        self.register_buffer("later", tj.triu(tj.ones((CONTEXT, CONTEXT), dtype=tj.bool), k=1), persistent=False)

    def forward(self, codes):
        x = self.characters(codes) + self.places(tj.arange(CONTEXT, device=codes.device))
        for layer in self.layers:
            x = layer(x, src_mask=self.later)
        return self.head(self.norm(x))


def batch(draw: np.random.Generator, device: str) -> tuple[tj.Tensor, tj.Tensor]:
    """Pieces of the text, and the same pieces one character later."""
    starts = draw.integers(len(CODES) - CONTEXT - 1, size=BATCH)
    rows = starts[:, None] + np.arange(CONTEXT)
    return tj.asarray(CODES[rows]).to(device), tj.asarray(CODES[rows + 1]).to(device)


def write(model: CharacterModel, length: int, device: str) -> str:
    """Text drawn from the model, one character at a time."""
    predict = tj.compile(lambda codes: F.softmax(model(codes) / 0.6, dim=-1))
    codes = [ALPHABET.index("\n")]
    with tj.no_grad():
        for _ in range(length):
            seen = codes[-CONTEXT:]
            window = np.array([seen + [0] * (CONTEXT - len(seen))])  # what comes after is masked
            codes.append(int(tj.multinomial(predict(tj.asarray(window).to(device))[0, len(seen) - 1], 1)))
    return "".join(ALPHABET[c] for c in codes[1:])


def checksum(model: CharacterModel) -> int:
    return zlib.crc32(b"".join(p.detach().cpu().numpy().tobytes() for p in model.parameters()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--quick", action="store_true", help="a few steps: to see that it runs")
    parser.add_argument("--device", default="cpu", help='"cuda" is the first GPU')
    options = parser.parse_args()
    steps = 5 if options.quick else options.steps
    tj.manual_seed(0)
    model = CharacterModel().to(options.device)
    optimizer = tj.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = tj.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(CODES):,} characters of text")

    @tj.compile
    def step(codes, following):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(codes).reshape(-1, len(ALPHABET)), following.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    draw = np.random.default_rng(0)
    start = time.perf_counter()
    for k in range(steps):
        loss = step(*batch(draw, options.device))
        schedule.step()
        if k % max(1, steps // 10) == 0 or k == steps - 1:
            print(f"step {k:4d}: loss {loss.item():.3f} after {time.perf_counter() - start:.1f} s")
    print(f"traces: {step.trace_count}, parameters' CRC-32: {checksum(model):08x} (TRACEJIT_DISABLE=1 gives the same, eagerly)\n")
    print(write(model, 20 if options.quick else 400, options.device))


if __name__ == "__main__":
    main()
