"""Learn to read handwritten digits: once eagerly, once with the whole training step compiled, from one seed.

    python examples/digits.py [--epochs 40] [--out examples/out/digits.png]

Forward, loss, `backward()`, Adam and `zero_grad()` are one decorated function; its parameters end up with the same bits.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import digits_data
import matplotlib
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import tracejit as tj
import tracejit.nn.functional as F
from tracejit import nn

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

SEED, BATCH, LEARNING_RATE = 0, 32, 1e-3


class MLP(nn.Module):
    """Two layers with a ReLU between them."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.second(F.relu(self.first(x)))


class Run:
    """One training run, and what it measured."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.times: list[float] = []  # seconds since the start, at the end of each epoch
        self.losses: list[float] = []  # mean loss of each epoch
        self.step_times: list[float] = []

    @property
    def steps_per_second(self) -> float:
        return 1 / statistics.median(self.step_times[1:])

    @property
    def epoch_time(self) -> float:
        ends = [0.0, *self.times]
        return statistics.median(b - a for a, b in zip(ends, ends[1:]))

    @property
    def first_step(self) -> float:
        return self.step_times[0]


def train(run: Run, compiled: bool, epochs: int, images, labels, progress: Progress) -> tuple[MLP, Run]:
    """Train a fresh model from the seed."""
    tj.manual_seed(SEED)
    model = MLP(64, 128, 10)
    optimizer = tj.optim.Adam(model.parameters(), lr=LEARNING_RATE)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    if compiled:
        step = tj.compile(step)
    batches = len(labels) // BATCH
    task = progress.add_task(run.name, total=epochs * batches)
    start = time.perf_counter()
    for _ in range(epochs):
        order = tj.randperm(len(labels)).numpy()
        total = 0.0
        for k in range(batches):
            rows = order[k * BATCH : (k + 1) * BATCH]
            x, y = tj.asarray(images[rows]), tj.asarray(labels[rows])
            began = time.perf_counter()
            total += step(x, y).item()
            run.step_times.append(time.perf_counter() - began)
        run.times.append(time.perf_counter() - start)
        run.losses.append(total / batches)
        progress.advance(task, batches)
    return model, run


def accuracy(model: MLP, images, labels) -> float:
    """The share of test images whose largest logit is the right one's."""
    with tj.no_grad():
        return float((model(tj.asarray(images)).argmax(-1) == tj.asarray(labels)).sum()) / len(labels)


def identical(a: nn.Module, b: nn.Module) -> bool:
    """Whether two models' parameters are equal to the last bit."""
    pairs = zip(a.parameters(), b.parameters())
    return all(p.detach().numpy().tobytes() == q.detach().numpy().tobytes() for p, q in pairs)


def draw(runs: list[Run], path: Path) -> None:
    """Both loss curves over time."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for run, colour in zip(runs, ("tab:gray", "tab:blue")):
        axes.plot(run.times, run.losses, marker=".", color=colour, label=f"{run.name}: {run.times[-1]:.2f} s")
    axes.set(xlim=(0, None), xlabel="seconds of training, the first compiled step included", ylabel="training loss", yscale="log", title="Digits")
    axes.legend()
    axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--quick", action="store_true", help="two epochs: to see that it runs")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "out" / "digits.png")
    options = parser.parse_args()
    epochs = 2 if options.quick else options.epochs
    console = Console()
    (images, labels), test = digits_data.load()
    console.print(f"{len(labels)} images to learn from, {len(test[1])} to test; MLP(64, 128, 10), Adam, batches of {BATCH}")
    columns = (TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        eager_model, eager = train(Run("eager"), False, epochs, images, labels, progress)
        compiled_model, compiled = train(Run("compiled"), True, epochs, images, labels, progress)

    table = Table(title="Training, eager and compiled")
    for heading in ("", "eager", "compiled"):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_row("steps per second", f"{eager.steps_per_second:,.0f}", f"{compiled.steps_per_second:,.0f}")
    table.add_row("epoch time", f"{eager.epoch_time * 1e3:.1f} ms", f"{compiled.epoch_time * 1e3:.1f} ms")
    table.add_row("compile time (first step)", "–", f"{compiled.first_step:.2f} s")
    table.add_row("speed-up of a step", "1×", f"{compiled.steps_per_second / eager.steps_per_second:.1f}×")
    table.add_row("final training loss", f"{eager.losses[-1]:.5f}", f"{compiled.losses[-1]:.5f}")
    table.add_row("test accuracy", *(f"{accuracy(m, *test):.4f}" for m in (eager_model, compiled_model)))
    console.print(table)
    same = identical(eager_model, compiled_model)
    console.print(f"parameters identical to the last bit: {'yes' if same else 'NO'}")
    draw([eager, compiled], options.out)
    console.print(f"loss curves: {options.out}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
