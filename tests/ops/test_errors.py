"""Type rules that do not apply: the code, and that the message names the fact."""

from __future__ import annotations

import pytest

from einsyn.ir.codes import TYPE_CODES
from einsyn.ir.mismatch import Mismatch
from einsyn.ir.parse_type import parse_type
from einsyn.ops import OPS

IMAGE = "c:3,h:8,w:6"
CASES = [
    ("relu", {}, [IMAGE, IMAGE], "T001", "takes 1 tensor"),
    ("add", {}, [], "T001", "at least one"),
    ("softmax", {"axis": "s"}, [IMAGE], "T002", "no axis s"),
    ("softmax", {"axis": 4}, [IMAGE], "T002", "no axis 4"),
    ("linear", {"width": 4}, ["s:5,d:N"], "T003", "concrete size"),
    ("positional_encoding", {}, ["s:N,d:4"], "T003", "concrete size"),
    ("im2col", {"kernel": 1}, ["c:3,h:H,w:6"], "T003", "concrete size"),
    ("weight", {"axes": ("a", "b"), "sizes": (1,)}, [], "T004", "2 axes and 1 sizes"),
    ("conv", {"channels": 4, "kernel": (3, 3)}, ["c:3,l:9"], "T005", "kernel"),
    ("max_pool", {"kernel": (3, 3, 3)}, [IMAGE], "T005", "kernel"),
    ("relu", {}, ["i64[B, t:5]"], "T010", "real numbers"),
    ("conv", {"channels": 4, "kernel": 3}, ["s:9,d:3"], "T011", "needs an image"),
    ("batch_norm", {}, ["s:9,d:3"], "T011", "needs an axis c"),
    ("col2im", {}, [IMAGE], "T011", "needs a sequence"),
    ("attention", {}, [IMAGE] * 3, "T011", "needs sequences"),
    ("conv", {"channels": 4, "kernel": 3}, ["f32[c:3, h:8, w:6]"], "T012", "batch axis"),
    ("conv", {"channels": 4, "kernel": 2}, [IMAGE], "T013", "0.5 for kernel 2"),
    ("add", {}, ["s:196,d:4", "s:49,d:4"], "T014", "axis s is 196 and 49"),
    ("multiply", {}, ["d:4", "f32[d:4]"], "T014", "batch axis"),
    ("concat", {"axis": "s"}, ["s:1,d:4", "s:1,d:5"], "T014", "axis d is 4 and 5"),
    ("dot_product", {}, ["c:2,h:3,w:3", "c:1,h:3,w:3"], "T014", "c is 2 and 1"),
    ("attention", {"causal": True}, ["s:4,d:4", "s:5,d:4", "s:5,d:4"], "T014", "4 and 5"),
    ("im2col", {"kernel": 16, "stride": 16}, [IMAGE], "T015", "kernel 16 of `im2col` does not fit in h:8"),
    ("conv", {"channels": 1, "kernel": 5, "padding": 0, "dilation": 2}, [IMAGE], "T015", "dilation 2"),
    ("group", {"n": 2, "axis": "c"}, [IMAGE], "T016", "c:3 does not divide into 2"),
    ("conv", {"channels": 4, "kernel": 1, "groups": 2}, [IMAGE], "T016", "3 channels in"),
    ("conv", {"channels": 4, "kernel": 1, "groups": 3}, [IMAGE], "T016", "4 channels out"),
    ("attention", {"heads": 3}, ["s:4,d:4"] * 3, "T016", "3 heads"),
    ("attention", {}, ["s:4,d:4"] * 2, "T001", "3 tensors, or 4 with a bias"),
    ("attention", {}, ["s:4,d:4", "s:5,d:4", "s:6,d:4"], "T014", "axis s is 5 and 6"),
    ("attention", {"window": 2}, ["s:4,d:4", "s:5,d:4", "s:5,d:4"], "T014", "4 and 5"),
    ("attention", {"heads": 2, "kv_heads": 1}, ["s:4,d:4"] * 3, "T014", "2 channels of queries and 4 of keys"),
    ("attention", {"heads": 4, "kv_heads": 3}, ["s:4,d:12"] * 3, "T016", "4 heads"),
    ("attention", {"heads": 2}, [*["s:4,d:4"] * 3, "f32[n:2, s:4, t:3]"], "T020", "2, 4, 4"),
    ("attention", {"heads": 2}, [*["s:4,d:4"] * 3, "s:4,d:4"], "T020", "2, 4, 4"),
    ("group_var", {"groups": 2}, [IMAGE], "T016", "3 channels of `group_var`"),
    ("group_norm", {"groups": 2}, [IMAGE], "T016", "3 channels of `group_norm`"),
    ("batch_var", {}, ["s:9,d:3"], "T011", "needs an image"),
    ("split", {"sizes": (1, 1)}, [IMAGE], "T028", "add up to 2, and axis c has 3"),
    ("narrow", {"axis": "h", "start": 5, "size": 4}, [IMAGE], "T028", "5 to 8, and axis h has 8"),
    ("flatten", {}, ["f32[d:3]"], "T012", "batch axis"),
    ("flatten", {}, ["s:N,d:3"], "T003", "concrete size"),
    ("linear_attention", {}, ["s:4,d:4"] * 4, "T001", "3 tensors"),
    ("linear_attention", {"gated": True}, ["s:4,d:4"] * 3, "T001", "gates last"),
    ("linear_attention", {}, ["s:4,d:4", "s:4,d:5", "s:4,d:4"], "T014", "4 and 5"),
    ("linear_attention", {"causal": True}, ["s:4,d:4", "s:5,d:4", "s:5,d:4"], "T014", "4 and 5"),
    ("linear_attention", {"gated": True}, [*["s:4,d:4"] * 3, "s:5,d:4"], "T014", "gates like its keys"),
    ("linear_attention", {"heads": 3}, ["s:4,d:4"] * 3, "T016", "3 heads"),
    ("relative_to_absolute", {}, ["s:4,d:3"], "T015", "needs 4 or more distances"),
    ("relative_to_absolute", {}, ["d:3"], "T027", "two axes"),
    ("dropout", {}, ["f32[d:3]"], "T012", "batch axis"),
    ("drop_block", {}, ["c:3,l:9"], "T011", "axes c, h, w"),
    ("constant", {"axis": "a b", "values": 1}, [], "T004", "no name"),
    ("drop_block", {"size": 2}, [IMAGE], "T013", "odd size"),
    ("pad", {"before": 6, "mode": "reflect"}, [IMAGE], "T015", "border of 6 for `pad` needs more than w:6"),
    ("pad", {"before": 7, "mode": "circular"}, [IMAGE], "T015", "border of 7 for `pad` needs more than w:6"),
    ("conv", {"channels": 4, "kernel": 13, "padding_mode": "reflect"}, [IMAGE], "T015", "border of 6 for `conv`"),
    ("blur", {"kernel": 5}, ["c:3,l:2"], "T015", "border of 2 for `blur`"),
    ("conv_transpose", {"channels": 4, "kernel": 3, "padding": 9}, [IMAGE], "T015", "leaves nothing of axis h:8"),
    ("conv_transpose", {"channels": 4, "kernel": 3, "output_padding": 1}, [IMAGE], "T033", "above it"),
    ("conv_transpose", {"channels": 4, "kernel": 3, "groups": 4}, [IMAGE], "T016", "3 channels in"),
    ("pixel_shuffle", {"factor": 2}, [IMAGE], "T016", "3 channels of `pixel_shuffle` do not divide into 4"),
    ("pixel_unshuffle", {"factor": 4}, [IMAGE], "T016", "6 places on axis w"),
    ("channel_shuffle", {"groups": 2}, [IMAGE], "T016", "3 channels of `channel_shuffle`"),
    ("upsample", {"factor": 2}, ["c:3,h:floor(H/2),w:6"], "T003", "2 times h:floor(H / 2) whatever"),
    (
        "conv_transpose",
        {"channels": 4, "kernel": 2, "stride": 2},
        ["c:3,l:floor(L/3)"],
        "T003",
        "2 times l:floor(L / 3)",
    ),
    ("pixel_unshuffle", {"factor": 2}, ["c:3,h:4*H,w:3*W"], "T003", "parts of 2 of w:3 * W"),
    ("max_pool", {"kernel": 2, "ceil_mode": True}, ["c:3,l:L"], "T003", "concrete size"),
    ("pad", {"before": 1, "mode": "reflect"}, ["c:3,l:L"], "T003", "concrete size"),
    ("resize", {"size": 3}, ["c:3,l:L"], "T003", "concrete size"),
    ("resize", {"size": (2, 3)}, ["c:3,l:9"], "T005", "size of `resize`"),
    ("adaptive_avg_pool", {"size": 2}, ["s:9,d:3"], "T011", "needs an image"),
    ("permute", {"order": (2, 1)}, [IMAGE], "T017", "does not permute"),
    ("permute", {"order": (1, 1)}, ["s:2,d:3"], "T017", "does not permute"),
    ("col2im", {}, ["s:16,d:3"], "T018", "plain size"),
    ("mean", {"axes": ("h", 2)}, [IMAGE], "T019", "h twice"),
    ("plus", {}, ["d:4", "d:5"], "T020", "4 and 5"),
    ("dot_product", {}, ["s:2,d:3", "s:2,d:3"], "T021", "d is 3 and s is 2"),
    ("dot_product", {}, ["d:3", "d:2"], "T021", "d is 3 and d is 2"),
    ("take", {}, ["f32[v:9, d:4]", "i32[B, t:5]"], "T022", "i64"),
    ("expand", {"axis": "s", "n": 3}, ["s:2,d:3"], "T023", "has 2"),
    ("avg_pool", {"kernel": 3, "padding": 2}, [IMAGE], "T024", "half of kernel 3"),
    ("add", {}, ["d:4", "f64[B, d:4]"], "T025", "one dtype"),
    ("plus", {}, [IMAGE, "s:8,d:6"], "T026", "equal axes"),
    ("concat", {"axis": 1}, ["d:3", "s:3,d:1"], "T026", "equal axes"),
    ("dot_product", {}, ["d:3", "s:3,d:1"], "T027", "equally many axes"),
    ("as_sequence", {}, ["d:3"], "T027", "needs 2 axes"),
    ("take", {}, ["d:4", "i64[B, t:5]"], "T027", "table"),
]


@pytest.mark.parametrize(("name", "attributes", "types", "code", "message"), CASES)
def test_mismatch(name: str, attributes: dict[str, object], types: list[str], code: str, message: str) -> None:
    op = OPS[name].configure(**attributes)
    given = tuple(parse_type(text) for text in types)
    for _ in range(2):  # the second comes from the cache
        with pytest.raises(Mismatch) as caught:
            op.signature(given)
        assert caught.value.code == code
        assert message in caught.value.message
    assert code in TYPE_CODES


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("linear", {"width": 0}),
        ("linear", {"width": 1.5}),
        ("linear", {"width": True}),
        ("conv", {"channels": 4, "kernel": 0}),
        ("conv", {"channels": 4, "kernel": 1 << 40}),
        ("conv", {"channels": 4, "kernel": 3, "padding": "valid"}),
        ("clone", {"n": 10**9}),
        ("leaky_relu", {"slope": float("nan")}),
        ("batch_norm", {"eps": -1.0}),
        ("weight", {"d": 4, "init": "uniform"}),
        ("weight", {"d": 0}),
        ("weight", {"d": 4, "init": "normal inf"}),
        ("mean", {"axes": []}),
        ("permute", {"order": ()}),
    ],
)
def test_attribute_out_of_range(name: str, attributes: dict[str, object]) -> None:
    with pytest.raises(Mismatch) as caught:
        OPS[name].configure(**attributes)
    assert caught.value.code == "T004"


def test_a_cached_mismatch_keeps_no_growing_traceback() -> None:
    op = OPS["group"].configure(2, "c")
    given = (parse_type("c:3,h:8,w:6"),)
    depths = set()
    for _ in range(3):
        with pytest.raises(Mismatch) as caught:
            op.signature(given)
        depths.add(len(caught.traceback))
    assert len(depths) == 1


def test_every_type_code_of_an_operation_is_listed() -> None:
    import re
    from pathlib import Path

    import einsyn.ops

    folder = Path(einsyn.ops.__file__).parent
    used = {code for file in folder.glob("*.py") for code in re.findall(r'"(T\d\d\d)"', file.read_text("utf-8"))}
    assert used
    assert used <= set(TYPE_CODES)
