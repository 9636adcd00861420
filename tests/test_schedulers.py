"""Learning-rate schedules: the same rates as PyTorch's, step by step; and the laws that need no oracle."""

import math

import pytest

import tracejit as tj
from tracejit.optim import lr_scheduler

STEPS = 40

# name → (optimiser, what makes the schedule from a namespace of schedules and an optimiser)
SCHEDULES = {
    "lambda": ("SGD", lambda s, o: s.LambdaLR(o, lambda epoch: 0.95**epoch)),
    "lambdas": ("SGD", lambda s, o: s.LambdaLR(o, [lambda epoch: 0.95**epoch, lambda epoch: 1 / (1 + epoch)])),
    "multiplicative": ("SGD", lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.9 + 0.001 * epoch)),
    "step": ("SGD", lambda s, o: s.StepLR(o, 7, gamma=0.3)),
    "multistep": ("SGD", lambda s, o: s.MultiStepLR(o, [3, 10, 10, 30], gamma=0.5)),
    "constant": ("SGD", lambda s, o: s.ConstantLR(o, factor=0.2, total_iters=6)),
    "linear": ("SGD", lambda s, o: s.LinearLR(o, start_factor=0.1, end_factor=0.8, total_iters=9)),
    "exponential": ("SGD", lambda s, o: s.ExponentialLR(o, 0.93)),
    "polynomial": ("SGD", lambda s, o: s.PolynomialLR(o, total_iters=25, power=2.0)),
    "cosine": ("SGD", lambda s, o: s.CosineAnnealingLR(o, T_max=12, eta_min=1e-3)),
    "warm restarts": ("SGD", lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=5, T_mult=2, eta_min=1e-3)),
    "even restarts": ("SGD", lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=6)),
    "one cycle": ("SGD", lambda s, o: s.OneCycleLR(o, max_lr=0.5, total_steps=STEPS + 1)),
    "one cycle of Adam": ("Adam", lambda s, o: s.OneCycleLR(o, max_lr=[0.5, 0.1], epochs=10, steps_per_epoch=5, anneal_strategy="linear")),
    "three phases": ("Adam", lambda s, o: s.OneCycleLR(o, max_lr=0.5, total_steps=STEPS + 1, three_phase=True, base_momentum=0.7)),
    "warm-up, then cosine": (
        "SGD",
        lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1, total_iters=5), s.CosineAnnealingLR(o, 20), s.StepLR(o, 3)], milestones=[5, 25]),
    ),
    "constant, then exponential": (
        "SGD", lambda s, o: s.SequentialLR(o, [s.ConstantLR(o, 0.1, total_iters=8), s.ExponentialLR(o, 0.9)], milestones=[8])
    ),
    "chained": ("SGD", lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, total_iters=4), s.ExponentialLR(o, 0.9)])),
}  # fmt: skip


def optimizer_of(name, module, tensors):
    momentum = {"momentum": 0.9} if name == "SGD" else {}
    return getattr(module, name)([{"params": [tensors[0]]}, {"params": [tensors[1]], "lr": 0.02}], lr=0.1, **momentum)


def ours(name):
    return optimizer_of(name, tj.optim, [tj.zeros(2, requires_grad=True), tj.zeros(3, requires_grad=True)])


def rates(optimizer, schedule, steps=STEPS, after=lambda: None):
    """Rates and momenta of both groups, after each step."""
    seen = []
    for _ in range(steps):
        seen.append([(g["lr"], g.get("momentum", g.get("betas"))) for g in optimizer.param_groups])
        after()
        schedule.step()
    return seen


def flat(nested):
    return [x for item in nested for x in (flat(item) if isinstance(item, (list, tuple)) else [item])]


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_equal_pytorchs(name):
    torch = pytest.importorskip("torch")
    kind, make = SCHEDULES[name]
    theirs = optimizer_of(kind, torch.optim, [torch.zeros(2, requires_grad=True), torch.zeros(3, requires_grad=True)])
    mine = ours(kind)
    expected = rates(theirs, make(torch.optim.lr_scheduler, theirs), after=theirs.step)
    got = rates(mine, make(lr_scheduler, mine))
    assert flat(got) == pytest.approx(flat(expected), rel=1e-10, abs=1e-14)
    assert len({str(r) for r in got}) > 1, "the schedule changes nothing"


@pytest.mark.parametrize("mode, threshold_mode", [("min", "rel"), ("max", "rel"), ("min", "abs"), ("max", "abs")])
def test_plateau_equals_pytorchs(mode, threshold_mode):
    torch = pytest.importorskip("torch")
    metrics = [1 / (1 + min(k, 6)) + 0.01 * (k % 3) for k in range(STEPS)]
    seen = []
    for module, tensor in ((torch.optim, torch.zeros(1, requires_grad=True)), (tj.optim, tj.zeros(1, requires_grad=True))):
        optimizer = module.SGD([tensor], lr=0.1)
        schedule = module.lr_scheduler.ReduceLROnPlateau(
            optimizer, mode, factor=0.5, patience=2, threshold_mode=threshold_mode, cooldown=1, min_lr=1e-3
        )
        rates_of_it = []
        for metric in metrics:
            schedule.step(metric if mode == "min" else 2 - metric)
            rates_of_it.append(optimizer.param_groups[0]["lr"])
        seen.append(rates_of_it)
    assert seen[1] == pytest.approx(seen[0], rel=1e-12)
    assert seen[1][-1] < 0.1


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_saved_schedule_goes_on_where_it_was(name):
    kind, make = SCHEDULES[name]
    whole = ours(kind)
    expected = rates(whole, make(lr_scheduler, whole))
    first = ours(kind)
    schedule = make(lr_scheduler, first)
    rates(first, schedule, steps=11)
    second = ours(kind)
    resumed = make(lr_scheduler, second)
    second.load_state_dict(first.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    assert rates(second, resumed, steps=STEPS - 11) == expected[11:]


def test_the_rate_is_what_the_update_reads():
    x = tj.zeros(1, dtype=tj.float64, requires_grad=True)
    optimizer = tj.optim.SGD([x], lr=1.0)
    schedule = lr_scheduler.ExponentialLR(optimizer, 0.5)
    for _ in range(4):
        x.grad = tj.ones(1, dtype=tj.float64)
        optimizer.step()
        schedule.step()
    assert x.detach().numpy().tolist() == [-(1 + 0.5 + 0.25 + 0.125)]
    assert schedule.get_last_lr() == [0.0625]


def test_cosine_ends_at_the_closed_form():
    optimizer = tj.optim.SGD([tj.zeros(1, requires_grad=True)], lr=0.3)
    schedule = lr_scheduler.CosineAnnealingLR(optimizer, T_max=50, eta_min=0.01)
    for epoch in range(1, 51):
        schedule.step()
        closed = 0.01 + (0.3 - 0.01) * (1 + math.cos(math.pi * epoch / 50)) / 2
        assert optimizer.param_groups[0]["lr"] == pytest.approx(closed, rel=1e-12)


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda o: lr_scheduler.OneCycleLR(o, 0.1), "total_steps"),
        (lambda o: lr_scheduler.LambdaLR(o, [abs, abs, abs]), "2 groups"),
        (lambda o: lr_scheduler.StepLR([o], 3), "optimiser"),
        (lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.StepLR(o, 3)], [4]), "milestone"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=2.0), "below 1"),
        (lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 0), "1 or more"),
    ],
)
def test_errors_teach(make, says):
    with pytest.raises(tj.TracejitError, match=says) as caught:
        make(ours("SGD"))
    assert __file__ in str(caught.value)
