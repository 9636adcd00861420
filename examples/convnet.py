"""A small convolutional network on the digits: batch norm, dropout and max-pooling, eager and compiled from one seed.

    python examples/convnet.py [--epochs 6]

Dropout draws from tj's own stream and batch norm keeps running means; both are the same, bit for bit, in the compiled step.
"""

import argparse
import sys
import time

import digits_data

import tracejit as tj
import tracejit.nn.functional as F
from tracejit import nn

BATCH = 64


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(128, 10),
    )  # fmt: skip


def train(compiled: bool, epochs: int, images, labels) -> tuple[nn.Module, float]:
    """(the trained model, mean milliseconds of a step, the first left out)."""
    tj.manual_seed(0)
    model = network()
    optimizer = tj.optim.AdamW(model.parameters(), lr=3e-3)
    batches = len(labels) // BATCH
    schedule = tj.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=epochs * batches)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y, label_smoothing=0.05)
        loss.backward()
        optimizer.step()
        return loss

    if compiled:
        step = tj.compile(step)
    spent, steps = 0.0, 0
    for epoch in range(epochs):
        order = tj.randperm(len(labels)).numpy()
        total = 0.0
        for k in range(batches):
            rows = order[k * BATCH : (k + 1) * BATCH]
            x, y = tj.asarray(images[rows].reshape(-1, 1, 8, 8)), tj.asarray(labels[rows])
            began = time.perf_counter()
            total += step(x, y).item()
            schedule.step()
            if epoch or k:
                spent, steps = spent + time.perf_counter() - began, steps + 1
        print(f"  epoch {epoch + 1}: loss {total / batches:.4f}, learning rate {schedule.get_last_lr()[0]:.5f}")
    return model, spent / steps * 1e3


def accuracy(model: nn.Module, images, labels) -> float:
    model.eval()
    with tj.no_grad():
        return float((model(tj.asarray(images.reshape(-1, 1, 8, 8))).argmax(-1) == tj.asarray(labels)).sum()) / len(labels)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--quick", action="store_true", help="one epoch: to see that it runs")
    options = parser.parse_args()
    (images, labels), test = digits_data.load()
    states = []
    for compiled in (False, True):
        print("compiled" if compiled else "eager")
        model, milliseconds = train(compiled, 1 if options.quick else options.epochs, images, labels)
        print(f"  {milliseconds:.2f} ms a step, test accuracy {accuracy(model, *test):.4f}")
        states.append({name: value.detach().numpy().tobytes() for name, value in model.state_dict().items()})
    print("parameters and running statistics identical to the last bit:", "yes" if states[0] == states[1] else "NO")
    return 0 if states[0] == states[1] else 1


if __name__ == "__main__":
    sys.exit(main())
