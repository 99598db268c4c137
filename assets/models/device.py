"""The machine a network runs on: which device, kernels that repeat to the bit, and what to do when memory runs out.

Here: everything that knows of GPUs, threads and allocators. Not here: what is computed.
"""

import contextlib
import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any, TypeVar

import torch
from torch import Tensor

from resources.allocators import settle_allocators
from resources.errors import SettingsError

FEWEST_NAMES = 32  # chunks are not halved below this: what doesn't fit then will not fit
RESIDENT_SHARE = 0.5  # of a GPU's free memory: a larger panel stays in host memory

Result = TypeVar("Result")


def _silent(line: str) -> None:
    """Says nothing."""


def choose_device(setting: str, progress: Callable[[str], None] = _silent) -> torch.device:
    """The device a setting names; "auto" is the CUDA device with most free memory, or the CPU where none can start."""
    if setting == "auto":
        return _freest(progress)
    try:
        device = torch.device(setting)
    except RuntimeError as error:
        raise SettingsError(f'The setting device = "{setting}" is none of "auto", "cpu", "cuda:N".') from error
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise SettingsError(
            f'The setting device = "{setting}" asks for a GPU that is not there '
            f'({torch.cuda.device_count()} found); use "auto" or "cpu".'
        )
    return device


def _freest(progress: Callable[[str], None]) -> torch.device:
    free: dict[int, int] = {}
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        try:
            free[index] = torch.cuda.mem_get_info(index)[0]
        except RuntimeError as error:  # torch's errors of CUDA are these
            progress(f"GPU {index} can't start ({str(error).splitlines()[0]}): not used")
    if free:
        return torch.device("cuda", max(free, key=free.__getitem__))
    if torch.cuda.is_available():
        progress("no GPU can start: training on the CPU")
    return torch.device("cpu")


@contextlib.contextmanager
def repeatable() -> Iterator[None]:
    """Deterministic kernels in full float32, on one thread each, inside; the process's own choice again after."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    benchmark, tf32 = torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32
    memory: Any = torch.utils.deterministic  # a module with a property, which no type knows
    filled = memory.fill_uninitialized_memory
    settle_allocators()
    try:
        torch.set_num_threads(1)
        # Some CUDA kernels have no deterministic twin: they warn rather than stop.
        torch.use_deterministic_algorithms(True, warn_only=True)
        memory.fill_uninitialized_memory = False  # a search for mistakes, 4 % of a training step
        torch.backends.cudnn.benchmark = torch.backends.cudnn.allow_tf32 = False
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        memory.fill_uninitialized_memory = filled
        torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = benchmark, tf32


def describe(device: torch.device) -> str:
    """The device's name: results repeat to the bit on devices of the same one, under the same libraries.

    Of a CPU, the instructions that torch's and our kernels are compiled to: with others sums round differently.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def libraries() -> dict[str, str]:
    """Library → version, of those whose arithmetic or format a checkpoint depends on."""
    return {name: version(name) for name in ("torch", "numpy", "numba", "polars", "safetensors")}


def own_stream(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Inside, what this thread asks of a GPU does not wait for what other threads ask of it."""
    return torch.cuda.stream(torch.cuda.Stream(device)) if device.type == "cuda" else contextlib.nullcontext()


def place(values: Tensor, device: torch.device) -> Tensor:
    """The panel's values on the device if they leave it room, else where they are: then `send` brings each batch."""
    if device.type == "cpu" or values.nbytes > RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
        return values
    return values.to(device)


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on the device. From host to GPU it goes through pinned memory, so that the host need not wait."""
    if tensor.device == device:
        return tensor
    return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)


def take(window: Tensor, names: Tensor, device: torch.device) -> Tensor:
    """The stocks `names` of (steps, stocks, features), as float32 on the device; on a CPU all of them without a copy.

    The window stands where `place` put it, the names on the host. What crosses to a GPU crosses as it is stored.
    """
    if window.device == device:
        chosen = window if len(names) == window.shape[1] else window.index_select(1, send(names, device))
        return chosen.float()
    pinned = torch.empty((len(window), len(names), window.shape[2]), dtype=window.dtype, pin_memory=True)
    return torch.index_select(window, 1, names, out=pinned).to(device, non_blocking=True).float()


class Chunks:
    """How many names go through a network at once: all, or as many as memory has allowed so far.

    names: 0 for all. A chunk that memory refuses is halved, for good, and said.
    """

    def __init__(self, names: int, progress: Callable[[str], None] = _silent):
        self.names = names
        self._progress = progress

    def run(self, attempt: Callable[[int], Result], names: int) -> Result:
        """attempt(chunk) for a batch of so many names, repeated with half the chunk for as long as memory runs out.

        An attempt that fails must leave nothing behind. Raises SettingsError where even the smallest chunk fails.
        """
        while True:
            chunk = min(self.names or names, names)
            try:
                return attempt(chunk)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if chunk <= FEWEST_NAMES:
                    raise SettingsError(
                        f"Memory runs out with {chunk} names at a time through the network ({_first_line(error)}). Remedy: "
                        'fewer threads, storage = "float16", fewer batch_names where a batch may be part of a date, or '
                        "another device."
                    ) from error
                said = _first_line(error)
            # Outside the handler: the error holds the frames of the attempt, and with them its memory.
            self.names = max(FEWEST_NAMES, -(-chunk // 2))
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()
            self._progress(f"memory ran out ({said}): {self.names} names at a time from here on")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocator failed: torch's own error, Python's, and those that torch knows by their words alone."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    words = ("DefaultCPUAllocator", "not enough memory", "out of memory", "ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
