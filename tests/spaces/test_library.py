"""The shipped library: found from any folder, replaced by a file of its name, equal to its formulas."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from small_spaces import IMAGE, net, ops, refusal

import einsyn
from einsyn.architecture import Architecture
from einsyn.shipped import shipped_spaces

SIGNAL = "//@ input x f32[B, c:4, l:16]\n"


def library_net(expression: str, head: str = IMAGE) -> Architecture:
    block = "define block(width, stride) = conv_bn(width, 3, stride)\n"
    return net(f"{block}define net()(x) = {expression}(x)", f"{head}//@ use std.ein\n")


def test_spaces_stay_short_with_definitions_of_their_own() -> None:
    files = {name: einsyn.load(name).grammar.files for name in shipped_spaces()}
    users = Counter(path for of in files.values() for path in of)
    lines = {
        name: sum(len(text.splitlines()) for path, text in of.items() if users[path] == 1) for name, of in files.items()
    }
    assert max(lines.values()) < 200, lines
    assert max(lines[name] for name in ("resnet", "vit", "nasbench201")) < 60, lines


def test_found_from_any_folder() -> None:
    assert ops(library_net("conv_bn_act(8, 3, 2)")) == [
        "conv(channels=8, kernel=3, stride=2, bias=false)",
        "batch_norm",
        "relu",
    ]


def test_a_file_beside_the_space_goes_first() -> None:
    files = {"std.ein": "define conv_bn_act(width, kernel) = conv(width, kernel)\n"}
    mine = net("define net()(x) = conv_bn_act(8, 3)(x)", f"{IMAGE}//@ use std.ein\n", files)
    assert ops(mine) == ["conv(channels=8, kernel=3)"]


def test_a_shipped_file_uses_a_shipped_file() -> None:
    files = {"mine.ein": "use std.ein\ndefine twice(width) = repeat(2, conv_bn(width, 1))\n"}
    mine = net("define net()(x) = twice(8)(x)", f"{IMAGE}//@ use mine.ein\n", files)
    assert ops(mine) == ["conv(channels=8, kernel=1, bias=false)", "batch_norm"] * 2


@pytest.mark.parametrize(
    ("expression", "params", "output"),
    [
        ("bn_act_conv(8, 3)", 2 * 4 + 4 * 8 * 9, ["B", 8, 8, 8]),
        ("depthwise(5, 2)", 4 * 25 + 2 * 4, ["B", 4, 4, 4]),
        ("separable(8, 3)", 4 * 9 + 2 * 4 + 4 * 8 + 2 * 8, ["B", 8, 8, 8]),
        ("strided(batch_norm, 6, 2)", 4 * 6 + 2 * 6, ["B", 6, 4, 4]),
        ("pooled(identity, 6, 2)", 4 * 6, ["B", 6, 4, 4]),
        ("post_activated(conv_bn(4, 3), 4)", 4 * 4 * 9 + 2 * 4, ["B", 4, 8, 8]),
        ("post_activated(conv_bn(6, 3, 2), 6, 2)", 4 * 6 * 9 + 2 * 6 + 4 * 6 + 2 * 6, ["B", 6, 4, 4]),
        ("pre_activated(conv(6, 1, bias=false), 6)", 2 * 4 + 4 * 6 + 4 * 6, ["B", 6, 8, 8]),
        ("squeeze_excite(2)", 4 * 2 + 2 + 2 * 4 + 4, ["B", 4, 8, 8]),
        ("gather_excite(2)", 0, ["B", 4, 8, 8]),
        ("gather_excite", 0, ["B", 4, 8, 8]),
        ("strip_pooling", 2 * (4 * 4 * 3 + 2 * 4) + 4 * 4 + 4, ["B", 4, 8, 8]),
        ("gated(tanh)", 0, ["B", 2, 8, 8]),
        ("mbconv(4, 3, expand=1)", 4 * 9 + 2 * 4 + 4 * 4 + 2 * 4, ["B", 4, 8, 8]),
        ("mbconv(6, 3, 2)", 4 * 24 + 2 * 24 + 24 * 9 + 2 * 24 + 24 * 6 + 2 * 6, ["B", 6, 4, 4]),
        ("stage(block, 3, 8)", 4 * 8 * 9 + 2 * 8 * 8 * 9 + 3 * 2 * 8, ["B", 8, 4, 4]),
        ("stages(block, [[1, 8], [2, 16]])", (4 + 2 * 8 + 2 * 16) * 8 * 9 + 2 * 40, ["B", 16, 4, 4]),
        ("image_head(10)", 4 * 10 + 10, ["B", 10]),
    ],
)
def test_parameters_in_closed_form(expression: str, params: int, output: list[object]) -> None:
    architecture = library_net(expression)
    assert architecture.params == params
    assert architecture.output == [output]


@pytest.mark.parametrize(
    "expression",
    ["conv_bn_act(8, 3)", "squeeze_excite(2)", "gather_excite(2)", "gated", "mbconv(4, 5)", "image_head(10)"],
)
def test_signals(expression: str) -> None:
    assert library_net(expression, SIGNAL).verify().verified


def test_a_connection_needs_an_equal_type() -> None:
    assert [name for name in library_net("mbconv(4, 3)").ops if name in ("add", "relu6")] == ["add", "relu6"]
    assert "add" not in library_net("mbconv(5, 3)").ops
    assert "add" not in library_net("mbconv(4, 3, 2)").ops


def test_squeeze_excite_is_its_formula() -> None:
    import torch

    architecture = library_net("squeeze_excite(2, outer=hard_sigmoid)")
    module = architecture.module(seed=1).eval()
    down, down_bias, up, up_bias = module.state_dict().values()
    x = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    s = torch.relu(x.mean((2, 3)) @ down.flatten(1).T + down_bias) @ up.flatten(1).T + up_bias
    expected = x * torch.clamp((s + 3) / 6, 0, 1)[:, :, None, None]
    torch.testing.assert_close(module(x), expected)


def test_gather_excite_is_its_formula() -> None:
    import torch

    x = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    whole = library_net("gather_excite").module().eval()(x)
    torch.testing.assert_close(whole, x * torch.sigmoid(x.mean((2, 3), keepdim=True)))
    expected = torch.empty_like(x)
    for i in range(8):
        for j in range(8):
            # The window of three around the first of each two positions.
            rows, columns = (slice(max(0, n - n % 2 - 1), n - n % 2 + 2) for n in (i, j))
            expected[:, :, i, j] = x[:, :, i, j] * torch.sigmoid(x[:, :, rows, columns].mean((2, 3)))
    torch.testing.assert_close(library_net("gather_excite(2)").module().eval()(x), expected)


@pytest.mark.parametrize("quantum", [4, 8])
@pytest.mark.parametrize("number", [1, 3, 7.9, 11.4, 12, 16, 19.2, 33.5, 44, 89.6, 1280 * 1.4])
def test_make_divisible(number: float, quantum: int) -> None:
    """The nearest multiple, halves upwards, unless it lies below 0.9 of the number."""
    (width,) = library_net(f"conv(make_divisible({number}, {quantum}), 1)").output[0][1:2]
    multiples = [m for m in range(quantum, 4000, quantum) if m >= 0.9 * number]
    assert width == min(multiples, key=lambda m: (abs(m - number), -m))


def test_every_shipped_library_is_beside_the_spaces() -> None:
    (space,) = {file.parent for file in einsyn.shipped_spaces().values()}
    assert Path(space, "std.ein").is_file()


def test_evonorm_s0_is_its_formula() -> None:
    import torch

    architecture = library_net("evonorm_s0", "//@ input x f32[B, c:64, h:5, w:3]\n")
    module = architecture.module().double().eval()
    generator = torch.Generator().manual_seed(2)
    v, scale, shift = (t.normal_(generator=generator) for t in module.state_dict().values())
    x = torch.randn(3, 64, 5, 3, generator=generator, dtype=torch.float64)
    variance = x.view(3, 32, 2, 5, 3).var((2, 3, 4), unbiased=False).repeat_interleave(2, 1)[..., None, None]
    expected = x * torch.sigmoid(v * x) / torch.sqrt(variance + 1e-5) * scale + shift
    torch.testing.assert_close(module(x), expected)


def test_ibn_normalises_half_of_the_channels_for_each_image() -> None:
    import torch

    module = library_net("ibn").module().double().eval()
    x = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    a, b = x.split(2, 1)
    a = (a - a.mean((2, 3), keepdim=True)) / torch.sqrt(a.var((2, 3), unbiased=False, keepdim=True) + 1e-5)
    torch.testing.assert_close(module(x), torch.cat([a, b / (1 + 1e-5) ** 0.5], 1))


@pytest.mark.parametrize("expression", ["ibn", "evonorm_s0"])
def test_a_norm_of_one_value_is_refused(expression: str) -> None:
    head = '//@ input x f32[B, c:4, h:1, w:1]\n//@ use std.ein\nstart: "net" -> net\n'
    text = f"{head}//@ define net()(x) = {expression}(x)\n"
    assert refusal(text).code == "V005"
