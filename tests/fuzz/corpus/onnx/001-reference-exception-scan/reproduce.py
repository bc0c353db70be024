"""reference: exception in scan(axis='s') (RuntimeError: Scan is not implemented for other input axes than N.)

    python reproduce.py

Exit status 0: it happens. 1: it does not. Needs numpy and torch and onnx; run it anywhere.
"""

import importlib
import os
import subprocess
import sys

import numpy as np

FOLDER = os.path.dirname(os.path.abspath(__file__))
REFERENCE, SUSPECT, KIND = 'torch', 'reference', 'exception'
TIMEOUT = None
# Bytes that the suspect may take beyond what these need.
MEMORY, LOADED = None, ['torch', 'onnx', 'onnx.reference']


def inputs():
    with np.load(os.path.join(FOLDER, "inputs.npz")) as file:
        return {name: file[name] for name in file.files}


def model():
    with open(os.path.join(FOLDER, "model.onnx"), "rb") as file:
        return file.read()


def run_torch(prepare, wide=False):
    """Outputs and gradients of net.py with the weights of model.onnx."""
    import onnx
    import torch

    sys.path.insert(0, FOLDER)
    net = importlib.import_module("net").Net()
    arrays = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load_from_string(model()).graph.initializer}
    weights = {}
    for key in net.state_dict():
        if key in arrays:
            weights[key] = torch.tensor(arrays[key])
        elif f"{key}.T" in arrays:
            weights[key] = torch.tensor(arrays[f"{key}.T"].T.copy())
    net.load_state_dict(weights, strict=False)
    net.eval()
    tensors = {name: torch.tensor(array) for name, array in inputs().items()}
    if wide:
        net.double()
        tensors = {name: t.double() if t.is_floating_point() else t for name, t in tensors.items()}
    leaves = dict(net.named_parameters())
    if KIND == "gradient":
        leaves.update((name, t.requires_grad_()) for name, t in tensors.items() if t.is_floating_point())
    with torch.set_grad_enabled(KIND == "gradient"):
        found = prepare(net)(*tensors.values())
        found = list(found) if isinstance(found, (tuple, list)) else [found]
        if KIND != "gradient":
            return [y.detach().numpy() for y in found]
        total = sum((y * torch.linspace(1, 2, y.numel(), dtype=y.dtype).view(y.shape)).sum() for y in found)
    slopes = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return [s.numpy() for s in slopes if s is not None]


def run_reference():
    import onnx
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(onnx.load_from_string(model())).run(None, inputs())


RUNS = {
    'torch': lambda: run_torch(lambda net: net),
    'reference': lambda: run_reference(),
}


def differs(reference, result):
    """Shapes, what is not finite, or finite elements beyond the tolerance."""
    if len(reference) != len(result) or any(a.shape != b.shape for a, b in zip(reference, result)):
        return "shapes differ: %s and %s" % ([a.shape for a in reference], [b.shape for b in result])
    for a, b in zip(reference, result):
        both = np.isfinite(a) & np.isfinite(b)
        if not np.array_equal(a[~both], b[~both], equal_nan=True):
            return "other elements are not finite"
        gap = np.abs(a[both].astype("f8") - b[both]).max(initial=0)
        if gap > 0.0001 * max(1, np.abs(a[both]).max(initial=0)):
            return "largest difference %g, largest value %g" % (gap, np.abs(a[both]).max(initial=0))
    return ""


def child():
    """Run the suspect in a process of its own, which may crash or hang."""
    command = [sys.executable, os.path.abspath(__file__), "--suspect"]
    try:
        done = subprocess.run(command, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return "no answer in %s seconds" % TIMEOUT
    if done.returncode == 3:
        return "an exception" if KIND in ("exception", "memory") else ""
    if done.returncode < 0 or done.returncode not in (0, 3):
        return "the process died: %s" % done.returncode if KIND == "crash" else ""
    return ""


def bound_memory():
    import resource

    sys.path.insert(0, os.getcwd())
    for name in LOADED:
        importlib.import_module(name)
    with open("/proc/self/statm") as file:
        loaded = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (loaded + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def main():
    if "--suspect" in sys.argv:
        try:
            if KIND == "memory" and MEMORY is not None:
                bound_memory()
            RUNS[SUSPECT]()
        except Exception as error:
            print("%s: %s" % (type(error).__name__, error))
            os._exit(3)
        os._exit(0)
    if KIND in ("crash", "hang", "exception", "memory"):
        found = child()
    elif REFERENCE == SUSPECT:
        shapes = [a.shape for a in RUNS[SUSPECT]()]
        found = "shapes are %s" % shapes if shapes != [(2, 3)] else ""
    else:
        found = differs(RUNS[REFERENCE](), RUNS[SUSPECT]())
    print("%s: %s" % (SUSPECT, found or "nothing wrong"))
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
