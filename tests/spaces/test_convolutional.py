"""What is known of the convolutional spaces beside the table of published networks: counts, sizes, what they refuse."""

from __future__ import annotations

import pytest

import einsyn
from einsyn.shipped import grammars_folder

OFA = (9**2 + 9**3 + 9**4) ** 5
CONVOLUTIONAL = [
    "csp",
    "densenet",
    "inception",
    "mbconv",
    "ofa_mbv3",
    "regnet",
    "repvgg",
    "resnet",
    "vgg",
    "vovnet",
]


def test_once_for_all_has_the_published_number_of_networks() -> None:
    assert einsyn.load("ofa_mbv3").count() == OFA == 21_758_655_492_572_485_851


def test_once_for_all_has_the_published_sizes() -> None:
    # The extremes of both supernets, from the paper's code.
    space = einsyn.load("ofa_mbv3")
    sizes = {"largest": 7_664_760, "smallest": 3_410_792, "largest_wide": 10_701_632}
    assert {name: space.ref(name).params for name in space.refs} == sizes


def test_a_universal_inverted_bottleneck_is_one_of_four() -> None:
    space = einsyn.load("mbconv", input="3x32x32", profile="test")
    assert len(space.grammar.rules["uib"].productions) == 4
    net = "stem 64 relu uib {} e4.0 relu r1 s1 c64 head320 relu"
    wirings = {kind: space.parse(net.format(kind)).ops for kind in ("extradw3,3", "ib3", "convnext3", "ffn")}
    without = {kind: sum(count for op, count in ops.items() if op == "conv") for kind, ops in wirings.items()}
    assert without == {"extradw3,3": 6, "ib3": 5, "convnext3": 5, "ffn": 4}
    assert len({space.parse(net.format(kind)).params for kind in wirings}) == 4


def test_a_block_without_depthwise_convolution_has_no_stride() -> None:
    space = einsyn.load("mbconv", profile="test")
    with pytest.raises(einsyn.InfeasibleError) as caught:
        space.parse("stem 64 relu uib ffn e4.0 relu r1 s2 c64 head320 relu")
    assert caught.value.code == "V005"


def test_a_regnet_has_four_stages() -> None:
    space = einsyn.load("regnet")
    with pytest.raises(einsyn.InfeasibleError) as caught:
        space.parse("x(w0=96, wa=24.0, wm=3.0, d=12, g=8)")
    assert "four stages" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("repvgg(a=1.0, b=2.5, 2-4-14-1)", 14_092_264),  # A1 while it is trained
        ("repvgg(a=0.75, b=2.5, 2-4-14-1)", 9_108_968),
    ],
)
def test_repvgg_has_its_training_parameters(text: str, params: int) -> None:
    assert einsyn.load("repvgg").parse(text).params == params


def test_compound_scaling_scales_widths_and_depths() -> None:
    b0, b4 = (einsyn.load("mbconv").ref(f"efficientnet_{name}") for name in ("b0", "b4"))
    assert b0.text == b4.text
    blocks = [b.ops["sigmoid"] for b in (b0, b4)]  # one gate in each block
    assert blocks == [16, 32]


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_spaces_read_like_their_papers(name: str) -> None:
    folder = grammars_folder()
    lines = (folder / f"{name}.lark").read_text(encoding="utf-8").splitlines()
    assert len(lines) < (60 if name == "resnet" else 200)
    assert all(len(line) <= 120 for line in lines)
    assert any(line.startswith("//@ cite arXiv:") for line in lines)
    assert einsyn.load(name).refs


# Options that no row of the table has, with the parameters of those nets in timm 1.0.31 (224 x 224, 1000 classes).
OPTIONS = [
    ("resnet", "deep bottleneck(1x64) d [3x64] [4x128] [6x256] [3x512]", 25_576_264),  # resnet50d
    ("resnet", "imagenet res2net(14w8s) [3x64] [4x128] [6x256] [3x512]", 25_059_816),  # res2net50_14w_8s
    ("resnet", "pre imagenet basic [2x64] [2x128] [2x256] [2x512]", 11_687_720),  # resnetv2_18
    ("vgg", "plain [1x64] [1x128] [2x256] [2x512] [2x512] fc4096 fc4096", 132_863_336),  # vgg11
    ("densenet", "imagenet k48 bottleneck compress0.5 [6] [12] [36] [24]", 28_681_000),  # densenet161
    ("vovnet", "osa5 id ese [1x128>256] [1x160>512] [2x192>768] [2x224>1024]", 24_568_936),  # ese_vovnet39b
    ("vovnet", "osa3 dw id ese [1x128>256] [1x160>512] [1x192>768] [1x224>1024]", 6_543_080),  # ese_vovnet19b_dw
    ("csp", "csp1 resnext32 [3x256] [3x512] [5x1024] [2x2048]", 20_569_896),  # cspresnext50
    ("repvgg", "repvgg(a=2.0, b=4.0, 4-6-16-1, g4)", 39_966_056),  # repvgg_b1g4
    ("regnet", "y(w0=80, wa=42.63, wm=2.66, d=21, g=24)", 19_436_338),  # regnety_032
]


@pytest.mark.parametrize(("space", "text", "params"), OPTIONS)
def test_options_have_the_published_parameters(space: str, text: str, params: int) -> None:
    assert einsyn.load(space, input="3x224x224").parse(text).params == params
