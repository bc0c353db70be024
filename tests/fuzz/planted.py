"""A third-party runtime with three planted bugs, and a space whose networks meet them."""

from __future__ import annotations

from pathlib import Path

RUNTIME = '''
import os
import time

import onnx
import onnxruntime


def model_of(data):
    return onnx.load_from_string(data)


def run(data, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"]).run(None, inputs)


def wrong(data, inputs):
    """Counts the border of an average pool that leaves it out."""
    model = model_of(data)
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "AveragePool" and attribute.name == "count_include_pad":
                attribute.i = 1
    return run(model.SerializeToString(), inputs)


def crashing(data, inputs):
    """Dies where a Sigmoid feeds a MaxPool."""
    made = {}
    for node in model_of(data).graph.node:
        if node.op_type == "MaxPool" and any(made.get(name) == "Sigmoid" for name in node.input):
            os.abort()
        made.update(dict.fromkeys(node.output, node.op_type))
    return run(data, inputs)


def hanging(data, inputs):
    """Never ends on LeakyRelu."""
    while any(node.op_type == "LeakyRelu" for node in model_of(data).graph.node):
        time.sleep(0.01)
    return run(data, inputs)


def hungry(data, inputs):
    """Takes all memory there is on Tanh."""
    taken = []
    while any(node.op_type == "Tanh" for node in model_of(data).graph.node):
        taken.append(bytes(64 << 20))
    return run(data, inputs)


def refusing(data, inputs):
    """Knows no Abs."""
    for node in model_of(data).graph.node:
        if node.op_type == "Abs":
            raise NotImplementedError("no kernel for node %s" % node.name)
    return run(data, inputs)
'''

SPACE = """//@ einsyn 1
//@ input image f32[B, c:2, h:6, w:6]
//@ main net
start: "(" start ";" start ")" -> seq    //@ p 0.25
     | "sum(" start "," start ")" -> both  //@ p 0.1
     | step
step: "relu" -> relu
    | "sigmoid" -> sigmoid
    | "tanh" -> tanh
    | "abs" -> abs
    | "norm" -> batch_norm
    | "leaky " SLOPE -> leaky_relu
    | "max " SIZE -> wide_max
    | "avg " SIZE " " BORDER -> wide_avg
    | "conv " SIZE -> same_conv
SIZE: "1" | "3" | "5"
SLOPE: "0.1" | "0.2" | "0.5"
BORDER: "true" | "false"
//@ define both(f, g)(x) = f(x) + g(x)
//@ define wide_max(k)(x) = max_pool(k, 1, div(k, 2))(x)
//@ define wide_avg(k, border)(x) = avg_pool(k, 1, div(k, 2), count_include_pad=border)(x)
//@ define same_conv(k)(x) = conv(channels_of(x), k)(x)
//@ define net(body)(image) = body(image)
"""


def write(folder: Path) -> Path:
    """Put the runtime, `planted.py`, and the space into a folder; returns the space's file."""
    (folder / "planted.py").write_text(RUNTIME, encoding="utf-8")
    space = folder / "small.lark"
    space.write_text(SPACE, encoding="utf-8")
    return space
