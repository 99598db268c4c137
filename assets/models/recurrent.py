"""One recurrent layer, GRU or LSTM, with the parameters and results of torch and several times its speed on a CPU.

This module holds the layers, their kernels for the processor and their gradients. It does not hold networks (networks.py). The
kernels are used on a CPU in float32; otherwise the layers are those of torch. With σ the logistic function and * per element:

    GRU     r = σ(W_r x + b_r + U_r h)                      LSTM    i, f, o = σ(W x + b + U h), each with its own W, U, b
            z = σ(W_z x + b_z + U_z h)                              g = tanh(W_g x + b_g + U_g h)
            n = tanh(W_n x + b_n + r * (U_n h + c_n))               c' = f * c + i * g
            h' = n + z * (h - n)                                    h' = o * tanh(c')

The kernels are fast for these reasons. Stocks pass all steps in blocks of 64, so that weights and state stay in the caches of the
processor. Within a block an array is (rows, 64 stocks) with the stocks contiguous, so that every operation fills whole vectors for any
hidden width. Products are accumulated in registers. The backward pass uses the array in which the forward pass worked, and the
gradients of the weights of a block are accumulated in the cache too. No operation mixes the stocks of a block, and blocks share no
data: the output of a stock does not depend in any bit on the other stocks or on the number of threads.
"""

import contextlib
import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray
from torch import Tensor, nn

LANES = 16  # float32 in a vector of AVX-512; processors with shorter vectors use two or four instead
WIDTH = 4 * LANES  # stocks in a block: 6 x 4 accumulators, 4 operands and 1 factor use 29 of 32 vector registers


class GRULayer(nn.GRU):
    """One GRU layer, time first, `bidirectional` or not: nn.GRU(features, hidden) with faster arithmetic on a CPU."""

    def forward(self, x: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """(steps, names, features) → all states (steps, names, directions · hidden), last (directions, names, hidden)."""
        if hx is not None or not _is_ours(self, x):
            return super().forward(x, hx)
        states, last, _ = _Layer.apply(x, False, *[weight for each in self.all_weights for weight in each])
        return states, last


class LSTMLayer(nn.LSTM):
    """One LSTM layer, time first, `bidirectional` or not: nn.LSTM(features, hidden) with faster arithmetic on a CPU."""

    def forward(  # type: ignore[override]
        self, x: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(steps, names, features) → all states (steps, names, directions · hidden), (last state, last cell)."""
        if hx is not None or not _is_ours(self, x):
            return super().forward(x, hx)
        states, last, cell = _Layer.apply(x, True, *[weight for each in self.all_weights for weight in each])
        return states, (last, cell)


def _is_ours(layer: nn.RNNBase, x: Any) -> bool:
    """Whether the kernels support the layer and its input; otherwise torch computes it."""
    return (
        isinstance(x, Tensor) and x.ndim == 3 and x.numel() > 0 and x.device.type == "cpu" and x.dtype == torch.float32
        and x.shape[2] == layer.input_size and layer.weight_ih_l0.dtype == torch.float32
        and layer.weight_ih_l0.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
        and layer.num_layers == 1 and layer.bias and not layer.batch_first and layer.proj_size == 0
    )  # fmt: skip


class _Layer(torch.autograd.Function):
    """All directions of a layer. weights: W, U, bias of W and bias of U of each direction, in torch's order."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, lstm: bool, *weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = x.contiguous()
        steps, names, _ = x.shape
        hidden, directions = weights[1].shape[1], len(weights) // 4
        slots = steps + 1 if any(ctx.needs_input_grad) else 2  # the state before each step, and the last state
        memory = _Memory(-(-names // WIDTH), directions, slots, 5 * hidden, WIDTH)
        states = x.new_empty(steps, names, directions * hidden)
        last = x.new_empty(2 if lstm else 1, directions, names, hidden)
        prepared = [_prepare(lstm, *weights[4 * d : 4 * d + 4]) for d in range(directions)]
        arrays = x.detach().numpy(), memory.array, states.numpy(), last.numpy()

        def run(block: int) -> None:
            for d, (w, u, bias) in enumerate(prepared):
                _forward(lstm, block, d, w, u, bias, *arrays)

        _each(run, len(memory.array))
        ctx.lstm, ctx.memory = lstm, memory
        ctx.save_for_backward(x, states, *weights)
        ctx.set_materialize_grads(False)
        return states, last[0], last[1] if lstm else last.new_empty(0)

    @staticmethod
    def backward(ctx: Any, *d_outputs: Tensor | None) -> tuple[Any, ...]:
        if torch.is_grad_enabled():  # with create_graph=True the second derivative would silently be zero
            raise RuntimeError("These layers have first derivatives only; torch's nn.GRU and nn.LSTM have second ones.")
        x, states, *weights = ctx.saved_tensors
        features, hidden = x.shape[2], weights[1].shape[1]
        kept = ctx.memory.array
        blocks, directions = kept.shape[:2]
        prepared = [_prepare(ctx.lstm, *weights[4 * d : 4 * d + 4]) for d in range(directions)]
        rows = len(prepared[0][0])
        nothing = np.zeros((0, 0, 0), np.float32)
        d_states, d_last, d_cell = (nothing if each is None else each.contiguous().numpy() for each in d_outputs)
        d_x = np.zeros(x.shape, np.float32) if ctx.needs_input_grad[0] else nothing
        d_w = np.zeros((blocks, directions, rows, features), np.float32)
        d_u = np.zeros((blocks, directions, rows, hidden), np.float32)
        d_bias = np.zeros((blocks, directions, 4 * hidden, WIDTH), np.float32)
        arrays = x.detach().numpy(), kept, states.detach().numpy(), d_states, d_last, d_cell, d_x, d_w, d_u, d_bias

        def run(block: int) -> None:
            for d, (w, u, _) in enumerate(prepared):
                _backward(ctx.lstm, block, d, w, u, *arrays)

        _each(run, blocks)
        gradients: list[Tensor] = []
        for d in range(directions):
            # The blocks are added in their order, whichever finished first.
            gradients += _restore(ctx.lstm, d_w[:, d].sum(0), d_u[:, d].sum(0), d_bias[:, d].sum((0, 2)))
        return torch.from_numpy(d_x) if ctx.needs_input_grad[0] else None, None, *gradients


_own = threading.local()


@contextlib.contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Make the layers that this thread calls distribute their blocks over `count` threads and reuse each other's memory.

    Outside this context they use torch's number of threads. Torch's own kernels always use that number, because their sums may
    depend on it.
    """
    before = _own.__dict__.copy()
    _own.threads, _own.spare = count, []
    try:
        yield
    finally:
        _own.__dict__.clear()
        _own.__dict__.update(before)


class _Memory:
    """An array that returns to the pool of `use_threads` when it is released, because new pages can cost more than the pass."""

    def __init__(self, *shape: int):
        size = math.prod(shape)
        self._spare: list[NDArray[np.float32]] | None = getattr(_own, "spare", None)
        fit = [n for n, each in enumerate(self._spare or []) if each.size >= size]
        if self._spare and not fit:
            self._spare.clear()  # batches have grown, so that smaller arrays will not be used again
        self._all = self._spare.pop(fit[0]) if self._spare and fit else np.empty(size, np.float32)
        self.array = self._all[:size].reshape(shape)

    def __del__(self) -> None:
        if self._spare is not None:
            self._spare.append(self._all)


def _each(run: Callable[[int], None], blocks: int) -> None:
    """Run every block on the threads of this layer; each block writes to its own arrays."""
    workers = min(getattr(_own, "threads", None) or torch.get_num_threads(), blocks)
    if workers == 1:
        for block in range(blocks):
            run(block)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(run, range(blocks)))


def _prepare(
    lstm: bool, w: Tensor, u: Tensor, b_w: Tensor, b_u: Tensor
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """W and U in the order of the rows that they are added to, and the biases of those rows.

    LSTM: i, f, g, o as torch has them. GRU: rows are [n's W x; r; z; n's U h], so that W adds to the first three
    parts and U to the last three.
    """
    w, u, b_w, b_u = (each.detach().contiguous() for each in (w, u, b_w, b_u))
    if lstm:
        return w.numpy(), u.numpy(), (b_w + b_u).numpy()
    hidden = u.shape[1]
    both = (b_w + b_u)[: 2 * hidden]
    bias = torch.cat([b_w[2 * hidden :], both, b_u[2 * hidden :]])
    return w.roll(hidden, 0).numpy(), u.numpy(), bias.numpy()


def _restore(
    lstm: bool, d_w: NDArray[np.float32], d_u: NDArray[np.float32], d_bias: NDArray[np.float32]
) -> list[Tensor]:
    """The gradients in torch's order: the inverse of `_prepare`."""
    w, u, bias = torch.from_numpy(d_w), torch.from_numpy(d_u), torch.from_numpy(d_bias)
    if lstm:
        return [w, u, bias, bias.clone()]
    hidden = u.shape[1]
    return [w.roll(-hidden, 0), u, bias[: 3 * hidden].roll(-hidden), bias[hidden:].clone()]


# ---- one block of at most 64 stocks, all steps of one direction; every array is whole and in C order, so that each
# ---- function is compiled once ----


@njit(cache=True, nogil=True)
def _forward(lstm, block, direction, w, u, bias, x, kept, states, last):
    """Fill the block's part of kept, states (steps, names, directions · hidden) and last ([h; c], directions, names, hidden).

    kept[block, direction] (slots, 5 · hidden, 64): slot i holds the activated rows of the i-th step and the h (LSTM: c)
    before it.
    """
    steps, hidden = len(x), u.shape[1]
    kept = kept[block, direction]
    first, end, own = block * WIDTH, min((block + 1) * WIDTH, x.shape[1]), direction * hidden
    inputs = np.zeros((x.shape[2], WIDTH), np.float32)
    h = np.zeros((hidden, WIDTH), np.float32)
    kept[0, 4 * hidden :] = 0
    for i in range(steps):
        t = steps - 1 - i if direction else i
        rows, following = kept[i % len(kept)], kept[(i + 1) % len(kept), 4 * hidden :]
        _transpose(x[t, first:end], inputs)
        for j in range(4 * hidden):
            rows[j] = bias[j]
        _add_product(rows[: len(w)], w, inputs)
        _add_product(rows[4 * hidden - len(u) : 4 * hidden], u, h)
        gate = rows.reshape(5, hidden * WIDTH)
        if lstm:
            _lstm_step(gate[0], gate[1], gate[2], gate[3], gate[4], following.reshape(-1), h.reshape(-1))
        else:
            _gru_step(gate[0], gate[1], gate[2], gate[3], gate[4], following.reshape(-1), h.reshape(-1))
        _transpose(h[:, : end - first], states[t, first:end, own : own + hidden])
    _transpose(h[:, : end - first], last[0, direction, first:end])
    if lstm:
        _transpose(kept[steps % len(kept), 4 * hidden :, : end - first], last[1, direction, first:end])


@njit(cache=True, nogil=True)
def _backward(lstm, block, direction, w, u, x, kept, states, d_states, d_last, d_cell, d_x, d_w, d_u, d_bias):
    """Add the block's part to d_x (steps, names, features), d_w, d_u and d_bias (blocks, directions, rows, …).

    The gradient of an unused output has no elements, and neither has a d_x that is not needed.
    """
    steps, hidden = len(x), u.shape[1]
    kept, d_w, d_u, d_bias = (
        kept[block, direction],
        d_w[block, direction],
        d_u[block, direction],
        d_bias[block, direction],
    )
    first, end, own = block * WIDTH, min((block + 1) * WIDTH, x.shape[1]), direction * hidden
    rows = np.zeros((4 * hidden, WIDTH), np.float32)
    d_h = np.zeros((hidden, WIDTH), np.float32)
    d_c = np.zeros((hidden, WIDTH), np.float32)
    came = np.zeros((hidden, WIDTH), np.float32)
    of_w, of_u = rows[: len(w)], rows[4 * hidden - len(u) :]
    if d_last.size:
        _transpose(d_last[direction, first:end], d_h)
    if d_cell.size:
        _transpose(d_cell[direction, first:end], d_c)
    for i in range(steps - 1, -1, -1):
        t = steps - 1 - i if direction else i
        if d_states.size:
            _transpose(d_states[t, first:end, own : own + hidden], came)
            _add(d_h.reshape(-1), came.reshape(-1))
        gate, d = kept[i].reshape(5, hidden * WIDTH), rows.reshape(4, hidden * WIDTH)
        if lstm:
            after = kept[i + 1, 4 * hidden :].reshape(-1)
            _lstm_step_back(gate[0], gate[1], gate[2], gate[3], gate[4], after, d_h.reshape(-1), d_c.reshape(-1), d)
        else:
            _gru_step_back(gate[0], gate[1], gate[2], gate[3], gate[4], d_h.reshape(-1), d)
        _add(d_bias.reshape(-1), rows.reshape(-1))
        _add_product(d_h, u.T, of_u)
        _add_product(d_w, of_w[:, : end - first], x[t, first:end])
        if i > 0:
            before = t + 1 if direction else t - 1
            _add_product(d_u, of_u[:, : end - first], states[before, first:end, own : own + hidden])
        if d_x.size:
            _add_product(d_x[t, first:end], of_w[:, : end - first].T, w)


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _gru_step(n, r, z, n_h, h, following, out):
    # Each loop writes one array, because LLVM can then prove with a few comparisons that the loop may be vectorised.
    for i in range(r.size):
        r[i] = _sigmoid(r[i])
    for i in range(z.size):
        z[i] = _sigmoid(z[i])
    for i in range(n.size):
        n[i] = _tanh(n[i] + r[i] * n_h[i])
    for i in range(h.size):
        following[i] = n[i] + z[i] * (h[i] - n[i])
    out[:] = following


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _gru_step_back(n, r, z, n_h, h, d_h, d):
    """d: gradients of the rows before activation; d_h: of h' on entry, the direct part of h's on return."""
    d_n, d_r, d_z, d_n_h = d[0], d[1], d[2], d[3]
    one = np.float32(1)
    for i in range(h.size):
        d_z[i] = d_h[i] * (h[i] - n[i]) * z[i] * (one - z[i])
    for i in range(h.size):
        d_n[i] = d_h[i] * (one - z[i]) * (one - n[i] * n[i])
    for i in range(h.size):
        d_r[i] = d_n[i] * n_h[i] * r[i] * (one - r[i])
    for i in range(h.size):
        d_n_h[i] = d_n[i] * r[i]
    for i in range(h.size):
        d_h[i] *= z[i]


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _lstm_step(i, f, g, o, c, following, h):
    for k in range(i.size):
        i[k] = _sigmoid(i[k])
    for k in range(f.size):
        f[k] = _sigmoid(f[k])
    for k in range(g.size):
        g[k] = _tanh(g[k])
    for k in range(o.size):
        o[k] = _sigmoid(o[k])
    for k in range(c.size):
        following[k] = f[k] * c[k] + i[k] * g[k]
    for k in range(h.size):
        h[k] = o[k] * _tanh(following[k])


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _lstm_step_back(i, f, g, o, c, after, d_h, d_c, d):
    """d: gradients of the rows before activation; d_c: of c' on entry, of c on return; d_h is 0 on return."""
    d_i, d_f, d_g, d_o = d[0], d[1], d[2], d[3]
    one = np.float32(1)
    for k in range(c.size):
        d_o[k] = _tanh(after[k])
    for k in range(c.size):
        d_c[k] += d_h[k] * o[k] * (one - d_o[k] * d_o[k])
    for k in range(c.size):
        d_o[k] *= d_h[k] * o[k] * (one - o[k])
    for k in range(c.size):
        d_i[k] = d_c[k] * g[k] * i[k] * (one - i[k])
    for k in range(c.size):
        d_f[k] = d_c[k] * c[k] * f[k] * (one - f[k])
    for k in range(c.size):
        d_g[k] = d_c[k] * i[k] * (one - g[k] * g[k])
    for k in range(c.size):
        d_c[k] *= f[k]
    d_h[:] = 0


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy", inline="always")
def _tanh(x):
    """Eigen's rational approximation (13th over 6th degree), within 5 ulp; NaN stays NaN. exp would not be vectorised."""
    bound = np.float32(7.90531110763549805)
    x = -bound if x < -bound else x
    x = bound if x > bound else x
    s = x * x
    p = np.float32(-2.76076847742355e-16)
    p = p * s + np.float32(2.00018790482477e-13)
    p = p * s + np.float32(-8.60467152213735e-11)
    p = p * s + np.float32(5.12229709037114e-08)
    p = p * s + np.float32(1.48572235717979e-05)
    p = p * s + np.float32(6.37261928875436e-04)
    p = p * s + np.float32(4.89352455891786e-03)
    q = np.float32(1.19825839466702e-06)
    q = q * s + np.float32(1.18534705686654e-04)
    q = q * s + np.float32(2.26843463243900e-03)
    q = q * s + np.float32(4.89352518554385e-03)
    return x * p / q


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy", inline="always")
def _sigmoid(x):
    half = np.float32(0.5)
    return half + half * _tanh(half * x)


@njit(cache=True, nogil=True)
def _transpose(source, target):
    """Set target[j, i] = source[i, j]; the rest of the target is unchanged."""
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[j, i] = source[i, j]


@njit(cache=True, nogil=True)
def _add(a, b):
    """a += b"""
    for i in range(a.size):
        a[i] += b[i]


@njit(cache=True, nogil=True, inline="always")
def _add_product(c, a, b):
    """c += a @ b for float32 matrices of any strides, except that the columns of b and c are contiguous."""
    _add_tiles(c[::1, ::1], a[::1, ::1], b[::1, ::1])  # a slice with a step has no known order: one compilation for all


@njit(cache=True, nogil=True)
def _add_tiles(c, a, b):
    for column in range(0, c.shape[1], WIDTH):
        right, target = b[:, column : column + WIDTH], c[:, column : column + WIDTH]
        row = 0
        while row + 6 <= len(c):
            _add_tile(target[row:], a[row:], right, 6)  # type: ignore[call-arg]
            row += 6
        if row + 4 <= len(c):
            _add_tile(target[row:], a[row:], right, 4)  # type: ignore[call-arg]
            row += 4
        if row + 2 <= len(c):
            _add_tile(target[row:], a[row:], right, 2)  # type: ignore[call-arg]
            row += 2
        if row < len(c):
            _add_tile(target[row:], a[row:], right, 1)  # type: ignore[call-arg]


_FLOAT, _SIZE, _INT = ir.FloatType(), ir.IntType(64), ir.IntType(32)
_VECTOR, _MASK = ir.VectorType(_FLOAT, LANES), ir.VectorType(ir.IntType(1), LANES)


@intrinsic(prefer_literal=True)
def _add_tile(context, c, a, b, rows):
    """c[:rows] += a[:rows] @ b, for at most 64 columns, written in LLVM because LLVM does not find this loop by itself.

    for k in range(depth):
        for row in range(rows):                          # unrolled
            c[row, 0:64] += a[row, k] * b[k, 0:64]       # four vectors, in registers throughout
    """
    if not isinstance(rows, types.IntegerLiteral):
        return None

    def generate(context, builder, signature, arguments):
        c, a, b = (
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args[:3], arguments[:3], strict=True)
        )

        def function(name, result, operands):
            return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, operands), name)

        pointer = _FLOAT.as_pointer()
        load = function(f"llvm.masked.load.v{LANES}f32.p0", _VECTOR, [pointer, _INT, _MASK, _VECTOR])
        store = function(f"llvm.masked.store.v{LANES}f32.p0", ir.VoidType(), [_VECTOR, pointer, _INT, _MASK])
        multiply_add = function(f"llvm.fma.v{LANES}f32", _VECTOR, [_VECTOR] * 3)
        aligned, zero = _INT(4), _VECTOR([0.0] * LANES)

        def at(array, row, column):
            by_row, by_column = cgutils.unpack_tuple(builder, array.strides)
            offset = builder.add(builder.mul(row, by_row), builder.mul(column, by_column))
            return builder.bitcast(cgutils.pointer_add(builder, array.data, offset), pointer)

        def along(array, row, start):
            return builder.gep(at(array, row, _SIZE(0)), [_SIZE(start)])

        def repeat(value):
            kind = ir.VectorType(value.type, LANES)
            one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, _INT(0))
            return builder.shuffle_vector(one, one, ir.VectorType(_INT, LANES)([0] * LANES))

        columns = repeat(cgutils.unpack_tuple(builder, c.shape)[1])
        depth = cgutils.unpack_tuple(builder, a.shape)[1]
        starts = range(0, WIDTH, LANES)
        lanes = ir.VectorType(_SIZE, LANES)
        inside = [builder.icmp_signed("<", lanes([start + i for i in range(LANES)]), columns) for start in starts]
        cells = [
            (along(c, _SIZE(row), start), mask)
            for row in range(rows.literal_value)
            for start, mask in zip(starts, inside, strict=True)
        ]
        sums = [
            cgutils.alloca_once_value(builder, builder.call(load, [place, aligned, mask, zero]))
            for place, mask in cells
        ]
        with cgutils.for_range(builder, depth) as loop:
            right = [
                builder.call(load, [along(b, loop.index, start), aligned, mask, zero])
                for start, mask in zip(starts, inside, strict=True)
            ]
            for row in range(rows.literal_value):
                factor = repeat(builder.load(at(a, _SIZE(row), loop.index)))
                for vector, total in zip(right, sums[row * len(starts) :], strict=False):
                    builder.store(builder.call(multiply_add, [factor, vector, builder.load(total)]), total)
        for total, (place, mask) in zip(sums, cells, strict=True):
            builder.call(store, [builder.load(total), place, aligned, mask])
        return context.get_dummy_value()

    return types.void(c, a, b, rows), generate
