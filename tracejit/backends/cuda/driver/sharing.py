"""`Sharing`: a GPU's arrays shown to other libraries, and theirs taken, in the order of both their streams."""

from __future__ import annotations

from typing import Any

from ....device import DeviceArray
from .exchange import array_of, asked, capsule_of, interface_of, read_interface, shown_of


class Sharing:
    """What a GPU shares. device: its kind and number, as DLPack has them."""

    def __init__(self, gpu: Any) -> None:
        self.gpu, self.driver = gpu, gpu.driver
        self.device = self.driver.kind, gpu.number

    def capsule(self, array: DeviceArray, stream: int | None, versioned: bool, copied: bool) -> Any:
        """DLPack's capsule of an array, to be read on a stream of another library."""
        self.driver.streams.hand_over(stream)
        return capsule_of(shown_of(array, self.device), versioned, copied)

    def interface(self, array: DeviceArray) -> dict[str, Any]:
        """What `__cuda_array_interface__` says of an array."""
        return interface_of(shown_of(array, self.device), self.driver.stream_handle)

    def number_at(self, address: int) -> int:
        """The number of the GPU that an address belongs to."""
        return self.driver.number_at(address)

    def adopted(self, x: Any) -> DeviceArray:
        """The array that an object of another library shows of this GPU's memory. What may not be written to is copied."""
        if hasattr(x, "__dlpack__"):
            what = asked(x, self.driver.stream_handle)
        else:
            what, stream = read_interface(x)
            self.driver.streams.take_over(stream)
        array = array_of(what, self.gpu.name)
        return self.gpu.copied(array) if what.read_only else array
