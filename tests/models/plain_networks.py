"""The networks and the orthogonal layer as plain loops over stocks, steps and gates in float64, for comparison.

Weights are a dictionary of arrays under the parameter names of the networks; `x` is (steps, names, features).
"""

import math

import numpy as np


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def gru_layer(weights, prefix, inputs, suffix=""):
    """Hidden states of one stock, one per step of `inputs`; gates r, z, n (Cho et al. 2014, the variant of cuDNN)."""
    w_ih, w_hh, b_ih, b_hh = _layer(weights, prefix, suffix)
    hidden = w_hh.shape[1]
    h = np.zeros(hidden)
    states = []
    for x in inputs:
        new = np.empty(hidden)
        for unit in range(hidden):
            from_x = [w_ih[gate * hidden + unit] @ x + b_ih[gate * hidden + unit] for gate in range(3)]
            from_h = [w_hh[gate * hidden + unit] @ h + b_hh[gate * hidden + unit] for gate in range(3)]
            reset, update = sigmoid(from_x[0] + from_h[0]), sigmoid(from_x[1] + from_h[1])
            candidate = math.tanh(from_x[2] + reset * from_h[2])
            new[unit] = (1 - update) * candidate + update * h[unit]
        h = new
        states.append(h)
    return states


def lstm_layer(weights, prefix, inputs):
    """Hidden states of one stock; gates i, f, g, o."""
    w_ih, w_hh, b_ih, b_hh = _layer(weights, prefix, "")
    hidden = w_hh.shape[1]
    h, c = np.zeros(hidden), np.zeros(hidden)
    states = []
    for x in inputs:
        new_h, new_c = np.empty(hidden), np.empty(hidden)
        for unit in range(hidden):
            i, f, g, o = (
                w_ih[gate * hidden + unit] @ x
                + b_ih[gate * hidden + unit]
                + w_hh[gate * hidden + unit] @ h
                + b_hh[gate * hidden + unit]
                for gate in range(4)
            )
            new_c[unit] = sigmoid(f) * c[unit] + sigmoid(i) * math.tanh(g)
            new_h[unit] = sigmoid(o) * math.tanh(new_c[unit])
        h, c = new_h, new_c
        states.append(h)
    return states


def _layer(weights, prefix, suffix):
    return [weights[f"{prefix}.{name}_l0{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]


def softmax(scores):
    powers = [math.exp(score - max(scores)) for score in scores]
    return [power / sum(powers) for power in powers]


def head(weights, x):
    """The linear layers head.0, head.2, … with ReLU between them."""
    places = sorted({int(name.split(".")[1]) for name in weights if name.startswith("head.")})
    for place in places:
        x = weights[f"head.{place}.weight"] @ x + weights[f"head.{place}.bias"]
        if place != places[-1]:
            x = np.array([max(value, 0.0) for value in x])
    (output,) = x
    return output


def gru(weights, x, layers):
    outputs = []
    for name in range(x.shape[1]):
        states = list(x[:, name])
        for layer in range(layers):
            states = gru_layer(weights, f"layers.{layer}", states)
        outputs.append(head(weights, states[-1]))
    return np.array(outputs)


def self_attention(weights, states):
    """(α, attended): α[s][t] is the attention of step s to step t."""
    query, key, value = (
        [weights[f"attention.{which}.weight"] @ state for state in states] for which in ("query", "key", "value")
    )
    width = len(states[0])
    alpha = [
        softmax([sum(q * k for q, k in zip(one, other, strict=True)) / math.sqrt(width) for other in key])
        for one in query
    ]
    return alpha, [sum(share * v for share, v in zip(row, value, strict=True)) for row in alpha]


def residual_attention_lstm(weights, x, layers):
    outputs = []
    for name in range(x.shape[1]):
        states = list(x[:, name])
        for layer in range(layers):
            states = lstm_layer(weights, f"layers.{layer}", states)
        _, attended = self_attention(weights, states)
        total = np.zeros(len(states[0]))
        for state, read in zip(states, attended, strict=True):
            z = state + read
            spread = math.sqrt(sum((z - z.mean()) ** 2) / len(z) + 1e-5)
            total += (z - z.mean()) / spread * weights["norm.weight"] + weights["norm.bias"]
        outputs.append(head(weights, total / len(states)))
    return np.array(outputs)


def additive_attention(weights, states):
    """(α, c) over the steps of one stock."""
    v, w, b = (
        weights["attention.score.weight"][0],
        weights["attention.project.weight"],
        weights["attention.project.bias"],
    )
    alpha = softmax([v @ np.tanh(w @ state + b) for state in states])
    return alpha, sum(share * state for share, state in zip(alpha, states, strict=True))


def attention_gru(weights, x, layers):
    outputs = []
    for name in range(x.shape[1]):
        states = list(x[:, name])
        for layer in range(layers):
            forward = gru_layer(weights, f"layers.{layer}", states)
            backward = gru_layer(weights, f"layers.{layer}", states[::-1], "_reverse")[::-1]
            states = [np.concatenate(pair) for pair in zip(forward, backward, strict=True)]
        _, context = additive_attention(weights, states)
        outputs.append(head(weights, np.concatenate([forward[-1], backward[0], context])))
    return np.array(outputs)


NETWORKS = {"gru": gru, "residual_attention_lstm": residual_attention_lstm, "attention_gru": attention_gru}


def gradients(function, weights, step=1e-6):
    """Central differences of a scalar function of the weights, entry by entry."""
    found = {}
    for name, values in weights.items():
        found[name] = np.empty_like(values)
        for place in np.ndindex(values.shape):
            kept = values[place]
            values[place] = kept + step
            above = function(weights)
            values[place] = kept - step
            below = function(weights)
            values[place] = kept
            found[name][place] = (above - below) / (2 * step)
    return found


def weighted_residual(p, columns, weight, ridge):
    """p less its weighted ridge regression on the columns, by least squares with one more row per column.

    The minimum of Σ w (p − X b)² + ridge·|b|² is the b of SPEC §5.2.
    """
    root = np.sqrt(weight)
    k = columns.shape[1]
    design = np.vstack([root[:, None] * columns, math.sqrt(ridge) * np.eye(k)])
    target = np.concatenate([root * p, np.zeros(k)])
    b, *_ = np.linalg.lstsq(design, target, rcond=None)
    return p - columns @ b


def weighted_correlation(x, y, weight):
    """The correlation, None where one of them does not vary by more than rounding."""
    total = weight.sum()
    dx, dy = x - (weight @ x) / total, y - (weight @ y) / total
    size = math.sqrt((weight @ dx**2) * (weight @ dy**2))
    if (weight @ dx**2) <= 1e-24 * (weight @ x**2) or (weight @ dy**2) <= 1e-24 * (weight @ y**2):
        return None
    return (weight @ (dx * dy)) / size
