"""`Scope`: something in force in a `with` block, or while a decorated function runs."""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from typing import Any


class Scope(ABC):
    """A context manager that is a decorator too: each call of the function, and each turn of a generator, is a block of its own."""

    @abstractmethod
    def again(self) -> Scope:
        """Another of the same, not entered."""

    @abstractmethod
    def __enter__(self) -> Any: ...

    @abstractmethod
    def __exit__(self, *_: Any) -> None: ...

    def __call__(self, function: Callable) -> Callable:
        if inspect.isgeneratorfunction(function):
            return self._around_generator(function)

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self.again():
                return function(*args, **kwargs)

        return inside

    def _around_generator(self, function: Callable) -> Callable:
        """It is in force while the generator runs, and what its consumer has in between."""

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Generator:
            generator = function(*args, **kwargs)
            resume, sent = generator.send, None
            while True:
                try:
                    with self.again():
                        value = resume(sent)
                except StopIteration as stop:
                    return stop.value
                try:
                    sent = yield value
                    resume = generator.send
                except GeneratorExit:
                    with self.again():
                        generator.close()
                    raise
                except BaseException as error:
                    resume, sent = generator.throw, error

        return inside
