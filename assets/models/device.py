"""The device of a network: its choice, deterministic kernels, transfers, and smaller chunks when memory runs out.

This module holds everything that depends on GPUs, threads and allocators. It does not hold networks or their training.
"""

import contextlib
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from resources.allocators import settle_allocators
from resources.errors import SettingsError

FEWEST_NAMES = 32  # smallest chunk, in stocks; memory that does not suffice for it does not suffice at all
WAIT_SECONDS = 30.0  # between two lines of progress of a process that waits for a GPU
RESIDENT_SHARE = 0.5  # a panel larger than this share of a GPU's free memory stays in host memory

Result = TypeVar("Result")


def _silent(line: str) -> None:
    """Discard the line."""


def choose_device(setting: str, progress: Callable[[str], None] = _silent) -> torch.device:
    """Return the device that a setting names; "auto" is the CUDA device with the most free memory, else the CPU.

    Raises:
        SettingsError: The setting names no device, or a GPU that is not there.
    """
    if setting == "auto":
        return _freest(progress)
    try:
        device = torch.device(setting)
    except RuntimeError as error:
        raise SettingsError(
            f'The setting device = "{setting}" names no device; use "auto", "cpu" or "cuda:N".'
        ) from error
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise SettingsError(
            f'The setting device = "{setting}" names a GPU that does not exist ({torch.cuda.device_count()} found); use '
            '"auto" or "cpu".'
        )
    return device


def _freest(progress: Callable[[str], None]) -> torch.device:
    free: dict[int, int] = {}
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        try:
            free[index] = torch.cuda.mem_get_info(index)[0]
        except RuntimeError as error:  # the type of torch's CUDA errors
            progress(f"GPU {index} cannot start and is not used ({str(error).splitlines()[0]})")
    if free:
        return torch.device("cuda", max(free, key=free.__getitem__))
    if torch.cuda.is_available():
        progress("no GPU can start: training runs on the CPU")
    return torch.device("cpu")


@contextlib.contextmanager
def reserved(device: torch.device, progress: Callable[[str], None] = _silent) -> Iterator[None]:
    """Reserve a GPU of this machine for the process inside the block, and wait while another process trains on it.

    The operating system releases the reservation when its process ends, also when it is killed. A CPU is not reserved.
    """
    if device.type != "cuda":
        yield
        return
    name = f"zhoubao-{device.type}-{device.index or 0}"
    lock = FileLock(Path(tempfile.gettempdir()) / f"{name}.lock", mode=0o666)
    owner = Path(tempfile.gettempdir()) / f"{name}.process"
    while not lock.is_locked:
        try:
            lock.acquire(timeout=WAIT_SECONDS)
        except Timeout:
            holder = owner.read_text() if owner.exists() else "another one"
            progress(f"waits for {device}, on which the process {holder} trains")
    try:
        owner.write_text(str(os.getpid()))
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def repeatable() -> Iterator[None]:
    """Use deterministic kernels in full float32 on one thread each, and restore the process's settings afterwards."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    benchmark, tf32 = torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32
    memory: Any = torch.utils.deterministic  # a module with a property, which has no type
    filled = memory.fill_uninitialized_memory
    settle_allocators()
    try:
        torch.set_num_threads(1)
        # Some CUDA kernels have no deterministic version: they warn instead of failing.
        torch.use_deterministic_algorithms(True, warn_only=True)
        memory.fill_uninitialized_memory = False  # a debugging aid that takes 4 % of a training step
        torch.backends.cudnn.benchmark = torch.backends.cudnn.allow_tf32 = False
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        memory.fill_uninitialized_memory = filled
        torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = benchmark, tf32


def describe(device: torch.device) -> str:
    """Return the device's name: devices with the same name and libraries give the same results to the bit.

    For a CPU it contains the instruction set that the kernels are compiled for, because another one rounds sums differently.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def libraries() -> dict[str, str]:
    """Return library → version of the libraries whose arithmetic or format a checkpoint depends on."""
    return {name: version(name) for name in ("torch", "numpy", "numba", "polars", "safetensors")}


def adopt_threads() -> None:
    """Let the products of a new thread use torch's number of threads, as those of the thread that started it do.

    Torch gives a thread its number when it is first asked for it. Until then a matrix product uses as many threads as the machine has
    cores, and is rounded differently. A pool calls this function once in each of its threads.
    """
    torch.get_num_threads()


def own_stream(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Give this thread a CUDA stream of its own, so that its kernels do not wait for those of other threads."""
    return torch.cuda.stream(torch.cuda.Stream(device)) if device.type == "cuda" else contextlib.nullcontext()


def place(values: Tensor, device: torch.device) -> Tensor:
    """Move the panel's values to the device if they fit; otherwise return them unchanged, and `take` moves each batch."""
    if device.type == "cpu" or values.nbytes > RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
        return values
    return values.to(device)


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Move a tensor to the device; from the host to a GPU through pinned memory, so that the host does not wait."""
    if tensor.device == device:
        return tensor
    return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)


def take(window: Tensor, names: Tensor, device: torch.device) -> Tensor:
    """Select the stocks `names` of (steps, stocks, features), as float32 on the device; all of them without a copy on a CPU.

    window: on the device or the host, as `place` decided. names: positions of stocks, on the host. Values are converted to
    float32 after the transfer, so that float16 crosses to the GPU as float16.
    """
    if window.device == device:
        chosen = window if len(names) == window.shape[1] else window.index_select(1, send(names, device))
        return chosen.float()
    pinned = torch.empty((len(window), len(names), window.shape[2]), dtype=window.dtype, pin_memory=True)
    return torch.index_select(window, 1, names, out=pinned).to(device, non_blocking=True).float()


class Chunks:
    """The number of stocks that pass a network at once: all, or as many as have fitted into memory so far.

    names: the number, 0 for all. When memory runs out, the chunk is halved permanently, with a line of progress.
    """

    def __init__(self, names: int, progress: Callable[[str], None] = _silent):
        self.names = names
        self._progress = progress

    def run(self, attempt: Callable[[int], Result], names: int) -> Result:
        """Return attempt(chunk) for a batch of `names` stocks; while memory runs out, repeat it with half the chunk.

        An attempt that fails must have no effect.

        Raises:
            SettingsError: Memory does not suffice for the smallest chunk.
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
                        f"Memory does not suffice for {chunk} stocks in the network at once ({_first_line(error)}). Remedy: "
                        'fewer threads, storage = "float16", a smaller batch_names where a batch may be part of a date, or '
                        "another device."
                    ) from error
                message = _first_line(error)
            # Outside the handler, because the error refers to the frames of the attempt and so to its memory.
            self.names = max(FEWEST_NAMES, -(-chunk // 2))
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()
            self._progress(f"memory ran out ({message}): {self.names} stocks at a time from here on")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an allocator failed: torch's own error, Python's, or a RuntimeError of torch with such a message."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    words = ("DefaultCPUAllocator", "not enough memory", "out of memory", "ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
