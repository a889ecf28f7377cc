"""The appendix on networks: the SENet paper's Table 1, read off the network, and the list of backbones."""

import shutil

import numpy as np
import pandas as pd
import pytest

from thesis_book import drawings, network_tables
from thesis_lib import BLOCKS, NETWORKS, Experiment, load_records, train
from thesis_lib.networks import make

PAPER = [  # Hu et al. 2020, Table 1, the column of SE-ResNet-50
    ("112 × 112", "7 × 7, 64, 보폭 2"),
    ("56 × 56", "3 × 3 최대 풀링, 보폭 2"),
    ("56 × 56", "[1 × 1, 64, 3 × 3, 64, 1 × 1, 256, fc [16, 256]] × 3"),
    ("28 × 28", "[1 × 1, 128, 3 × 3, 128, 1 × 1, 512, fc [32, 512]] × 4"),
    ("14 × 14", "[1 × 1, 256, 3 × 3, 256, 1 × 1, 1024, fc [64, 1024]] × 6"),
    ("7 × 7", "[1 × 1, 512, 3 × 3, 512, 1 × 1, 2048, fc [128, 2048]] × 3"),
    ("1 × 1", "전역 평균 풀링, 1000 완전 연결, 소프트맥스"),
]


def test_se_resnet_50_has_the_shapes_of_the_papers_table():
    assert list(network_tables.table_1().itertuples(index=False, name=None)) == PAPER


def test_every_listed_network_is_there():
    assert set(network_tables.SOURCES) <= set(NETWORKS)


@pytest.mark.parametrize(
    ("name", "layers", "slots"),
    [
        ("resnet20", 20, "3 + 3 + 3, 다섯 자리"),
        ("resnet11", 11, "1 + 1 + 1, 다섯 자리"),
        ("resnet18", 18, "2 + 2 + 2 + 2, 다섯 자리"),
        ("densenet40", 40, "1 + 1 + 1, 끝"),
        ("googlenet", 22, "2 + 5 + 2, 끝"),
        ("vgg16", 14, "1 + 1 + 1 + 1 + 1, 끝"),
    ],
)
def test_depth_is_the_one_that_papers_name(name, layers, slots):
    """VGG-16 less the two linear layers that small pictures do without."""
    model = make(name, image_size=32)
    assert network_tables.depth(model) == layers and network_tables.places(model) == slots


def test_every_unit_has_a_slot():
    assert all(any(drawings.SLOT in step for step in steps) for steps in drawings.UNITS.values())
    assert len(drawings.network_units().axes) == len(drawings.UNITS)


def test_every_block_is_drawn():
    own = {name for name, cls in BLOCKS.items() if cls.__module__.startswith("thesis_lib.")}
    assert set(drawings.FLOWS) <= own
    figure = drawings.block_flows(dict.fromkeys([*drawings.FLOWS, "scale"], "블록"))  # the last is a reader's own
    assert sum(bool(place.get_title()) for place in figure.axes) == len(drawings.FLOWS) + 1


def runs_of(accuracies):
    """A table of runs from {(network, arm): accuracies over seeds}."""
    rows = [
        {"network": n, "arm": a, "seed": s, "test_accuracy": v, "parameters": 1000, "macs": 5e6}
        for (n, a), values in accuracies.items()
        for s, v in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_attention_in_each_network_is_compared_within_it():
    better = {("resnet8", "senet"): [60, 61, 62], ("resnet8", "senet_self"): [63, 64.1, 65]}
    same = {("xception", "senet"): [70, 71, 72], ("xception", "senet_self"): [70.5, 70.5, 72.5]}
    table = network_tables.attended(runs_of(better | same))
    assert list(table["망"]) == ["`resnet8`", "`xception`"] and list(table["차이 (%p)"]) == ["+3.03", "+0.17"]
    assert list(table["위치 수"]) == ["64", "4"]
    sentence = network_tables.evidence(runs_of(better | same))
    assert "1개이다(SENet_self가 더 높은 것은 resnet8)." in sentence and "낮은" not in sentence
    assert "벗어난 것은 없다" in network_tables.evidence(runs_of(same))
    assert "모이지 않았다" in network_tables.evidence(runs_of({key: values[:1] for key, values in same.items()}))


def test_a_network_without_its_partner_is_shown_without_a_difference():
    table = network_tables.attended(runs_of({("resnet8", "senet"): [60, 61]}))
    assert table.loc[0, ["SENet_self (%)", "차이 (%p)", "95% 구간", "SENet_self의 MMAC"]].tolist() == [
        "—",
        "—",
        "—",
        "",
    ]


def test_distance_from_the_middle():
    pictures = np.zeros((2, 9, 9))
    pictures[0, 4, 4] = pictures[1, 1, 8] = 1.0
    assert network_tables.off_centre(pictures) == pytest.approx((0 + 5) / 2)


def test_straightening_by_a_network_that_has_learnt_nothing_changes_nothing(tmp_path):
    settings = {"dataset": "digits_moved", "network": "stn_resnet8", "arm": "resnet", "epochs": 1, "image_size": 8}
    train(Experiment(**settings, learning_rate=1e-9), tmp_path, device="cpu", show=False)
    runs = load_records(tmp_path)
    before, after, shown = network_tables.before_and_after(runs, str(tmp_path))
    assert before == pytest.approx(after, rel=1e-4) and len(shown[0]) == 10
    np.testing.assert_allclose(*shown, atol=1e-4)
    shutil.rmtree(tmp_path / "runs" / runs["id"][0])
    assert network_tables.before_and_after(load_records(tmp_path), str(tmp_path))[2] is None
