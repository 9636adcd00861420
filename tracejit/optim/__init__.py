"""Optimisers and learning-rate schedules, with PyTorch's names and meanings."""

from . import lr_scheduler
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .scaler import GradScaler
from .sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "GradScaler", "Optimizer", "RMSprop", "lr_scheduler"]
