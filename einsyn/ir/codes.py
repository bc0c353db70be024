"""The stable codes of type errors (T), of IR text (I), of backends (B) and of users' operations (O), each explained."""

from __future__ import annotations

from typing import Final

TYPE_CODES: Final[dict[str, str]] = {
    "T001": "the operation takes another number of tensors",
    "T002": "the tensor has no such axis",
    "T003": "the size of an axis is a symbol where the operation needs a number",
    "T004": "an attribute has the wrong kind or is out of range",
    "T005": "an attribute lists more or fewer sizes than the tensor has spatial axes",
    "T010": "the operation needs real numbers and the tensor holds integers or booleans",
    "T011": "the operation does not apply to tensors of this kind",
    "T012": "the tensor lacks the batch axis that the operation needs",
    "T013": 'padding "same" is no whole number for this kernel',
    "T014": "shapes that must be equal differ",
    "T015": "a window is larger than the padded input",
    "T016": "a size is not divisible into equal parts",
    "T017": "the positions are not a permutation of the axes",
    "T018": "the axis does not remember the image that it came from",
    "T019": "an axis is named twice",
    "T020": "sizes neither agree nor broadcast",
    "T021": "the inner sizes of a product differ",
    "T022": "the operation needs integer ids",
    "T023": "the axis that is to be repeated is longer than 1",
    "T024": "padding is more than half of the kernel",
    "T025": "the tensors hold different kinds of numbers",
    "T026": "the tensors have different axes",
    "T027": "the tensor has another number of axes than the operation needs",
    "T028": "parts of an axis do not add up to it, or end beyond it",
    "T029": "a pattern of `rearrange` is not written correctly, or does not fit the tensor",
    "T030": "a type is not written correctly",
    "T031": "a type has an axis that is no name, or an axis or kind that is unknown",
    "T032": "a size in a type is not a positive integer or a symbol",
    "T033": "output padding is not smaller than stride or dilation",
    "T050": "a shared arrow is applied where its weights would have other shapes",
    "T051": "a state of a loop has another type after a step than before it",
    "T052": "the step of a loop does not take what the loop gives it",
    "T053": "the step of a loop uses a tensor from outside",
    "T054": "weights are shared between the step of a loop and what is outside",
    "T060": "the output of the network is not the declared one",
}

TEXT_CODES: Final[dict[str, str]] = {
    "I001": "a line of IR text is not written correctly",
    "I002": "IR text names an operation that is not registered, or an attribute that it does not have",
    "I003": "IR text uses a value that is not defined, or defines one twice",
    "I010": "an operation uses a value that no input or earlier operation defines",
    "I011": "a value is defined twice, or out of range",
    "I012": "the type of a value is not what its operation infers",
    "I013": "operations that share weights need different parameters",
    "I014": "a weight set is missing where an operation has parameters, or present where it has none",
}

OP_CODES: Final[dict[str, str]] = {
    "O001": "a method of an operation of your own raises an exception",
    "O002": "a method of an operation of your own returns what cannot be used",
    "O003": "the torch form of an operation of your own is no Python, or uses a name that is not defined",
    "O004": "the torch module of an operation of your own fails, or gives another shape than the type rule says",
    "O005": "the torch form and the ONNX form of an operation of your own compute different things",
}

BACKEND_CODES: Final[dict[str, str]] = {
    "B001": "a package that the backend needs is not installed",
    "B002": "the opset is outside the range that can be written",
    "B003": "an operation has no lowering for this backend",
    "B004": "operations that share weights would need different torch layers",
    "B005": "the ONNX model fails the checker or strict shape inference",
    "B007": "onnxruntime cannot load or run the model",
    "B008": "a parameter is missing from the state dict or has another shape",
    "B010": "torch and onnxruntime give different outputs",
    "B009": "the opset lacks an operation for the dtypes of the network",
    "B011": "an ONNX file does not say which architecture it is",
}
