"""Tests of the choice of a device and its lines of progress, with simulated GPUs."""

import contextlib
import gc
import platform
import subprocess
import sys
import tempfile
import weakref

import pytest
import torch

from assets.models import device
from assets.models.device import (
    Chunks,
    choose_device,
    describe,
    is_out_of_memory,
    own_stream,
    place,
    repeatable,
    reserved,
    send,
)
from resources.errors import SettingsError
from tests.conftest import ROOT

CPU = torch.device("cpu")


def gpus(monkeypatch, free):
    """The free memory of each GPU; an error for one that cannot start."""

    def mem_get_info(index):
        if isinstance(free[index], Exception):
            raise free[index]
        return free[index], 100

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(free))
    monkeypatch.setattr(torch.cuda, "mem_get_info", mem_get_info)


def test_a_device_is_chosen_by_its_name():
    assert choose_device("cpu") == CPU
    with pytest.raises(SettingsError, match="names no device"):
        choose_device("gpu")
    with pytest.raises(SettingsError, match="does not exist"):
        choose_device("cuda:99")


HOLDER = """
import sys, tempfile, time, torch
tempfile.tempdir = sys.argv[1]
from assets.models.device import reserved
with reserved(torch.device("cuda", 1)):
    print("reserved", flush=True)
    time.sleep(60)
"""


def test_a_gpu_is_reserved_until_its_process_ends_even_if_killed(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(device, "WAIT_SECONDS", 0.05)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT)
    assert holder.stdout.readline() == b"reserved\n"
    lines = []

    def progress(line):
        lines.append(line)
        holder.kill()
        holder.wait()

    with reserved(torch.device("cuda", 0), pytest.fail), reserved(CPU, pytest.fail):
        pass  # another GPU, and the CPU
    with reserved(torch.device("cuda", 1), progress):
        assert lines[0] == f"waits for cuda:1, on which the process {holder.pid} trains"
    with reserved(torch.device("cuda", 1), pytest.fail):
        pass


def test_auto_is_the_cpu_without_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto", pytest.fail) == CPU


def test_auto_chooses_the_gpu_with_most_free_memory(monkeypatch):
    gpus(monkeypatch, [20, 70, 50])
    assert choose_device("auto", pytest.fail) == torch.device("cuda:1")
    assert choose_device("cuda:2") == torch.device("cuda:2")
    with pytest.raises(SettingsError, match=r"does not exist \(3 found\)"):
        choose_device("cuda:3")


def test_auto_skips_gpus_that_cannot_start_and_reports_them(monkeypatch):
    broken = RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable\nand much more")
    gpus(monkeypatch, [broken, 5])
    lines = []
    assert choose_device("auto", lines.append) == torch.device("cuda:1")
    assert lines == [
        "GPU 0 cannot start and is not used (CUDA error: all CUDA-capable devices are busy or unavailable)"
    ]
    gpus(monkeypatch, [broken])
    lines.clear()
    assert choose_device("auto", lines.append) == CPU
    assert lines[-1] == "no GPU can start: training runs on the CPU"


def test_a_cpu_needs_no_transfers_and_no_streams():
    values = torch.arange(6.0)
    assert place(values, CPU) is values
    assert send(values, CPU) is values
    assert describe(CPU) == f"cpu, {platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    with own_stream(CPU):
        pass


def test_repeatable_restores_what_it_changes():
    def choices():
        return (
            torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark,
            torch.backends.cudnn.allow_tf32, torch.utils.deterministic.fill_uninitialized_memory,
        )  # fmt: skip

    before = choices()
    with contextlib.suppress(KeyError), repeatable():
        assert choices() == (1, True, False, False, False)
        raise KeyError
    assert choices() == before


@pytest.mark.parametrize(
    ("error", "lacks"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
            True,
        ),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (MemoryError("Unable to allocate 1. GiB"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
    ids=str,
)
def test_lack_of_memory_is_distinguished_from_other_errors(error, lacks):
    assert is_out_of_memory(error) is lacks


def test_a_real_allocation_that_is_too_large_is_lack_of_memory():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    assert is_out_of_memory(caught.value)


def test_chunks_stay_small_after_memory_ran_out(monkeypatch):
    monkeypatch.setattr(device, "FEWEST_NAMES", 10)
    lines, tried = [], []

    def attempt(chunk):
        tried.append(chunk)
        if chunk > 30:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return chunk

    chunks = Chunks(0, lines.append)
    assert chunks.run(attempt, 20) == 20
    assert chunks.names == 0
    assert chunks.run(attempt, 101) == 26
    assert tried == [20, 101, 51, 26]
    assert chunks.run(attempt, 101) == 26
    assert chunks.run(attempt, 12) == 12
    assert len(lines) == 2
    assert Chunks(25).run(attempt, 101) == 25


def test_the_memory_of_a_failed_attempt_is_released():
    """The frames of the error refer to the attempt's tensors, which must be released before the next attempt."""
    held = []

    class Large:
        pass

    def attempt(chunk):
        large = Large()
        held.append(weakref.ref(large))
        if len(held) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return held[0]() is None

    gc.disable()
    try:
        assert Chunks(0).run(attempt, 1000)
    finally:
        gc.enable()
