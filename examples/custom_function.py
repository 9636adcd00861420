"""An operation with a derivative of your own, used eagerly and inside a compiled function."""

import tracejit as tj


class RoundStraightThrough(tj.autograd.Function):
    """Rounds forward; lets the gradient through as if it had not (where |x| is below a bound)."""

    @staticmethod
    def forward(ctx, x, bound):
        ctx.save_for_backward(x)
        ctx.bound = bound
        return tj.round(x)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (tj.abs(x) < ctx.bound), None


def loss(weights, inputs):
    """Of weights kept as small integers."""
    quantised = RoundStraightThrough.apply(weights * 4.0, 8.0) / 4.0
    return ((inputs @ quantised - 1.0) ** 2).mean()


def fit(step, steps: int) -> tuple[list[float], tj.Tensor]:
    """Minimise from the same start; the losses, and the weights."""
    tj.manual_seed(0)
    weights, inputs = tj.randn(8, 1, requires_grad=True), tj.randn(64, 8)
    optimizer = tj.optim.SGD([weights], lr=0.05, momentum=0.9)

    def train(inputs):
        optimizer.zero_grad()
        value = loss(weights, inputs)
        value.backward()
        optimizer.step()
        return value

    train = step(train)
    return [train(inputs).item() for _ in range(steps)], weights.detach()


if __name__ == "__main__":
    eager_losses, eager = fit(lambda function: function, 60)
    compiled_losses, compiled = fit(tj.compile, 60)
    print(f"loss {compiled_losses[0]:.4f} → {compiled_losses[-1]:.4f}")
    print("weights as small integers:", [round(4 * w) for (w,) in compiled.tolist()])
    print("losses and weights identical to the last bit:", eager_losses == compiled_losses and bool((eager == compiled).all()))
