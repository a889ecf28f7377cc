"""The appendix on networks: the SENet paper's Table 1, read off the network, and the list of backbones."""

from thesis_book import drawings, network_tables
from thesis_lib import NETWORKS

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


def test_every_listed_network_is_there_and_told_with_its_source():
    assert set(network_tables.FORMS) <= set(NETWORKS)
    assert all("{cite}" in what for what, _ in network_tables.FORMS.values())


def test_every_unit_has_a_slot():
    assert all(any(drawings.SLOT in step for step in steps) for steps in drawings.UNITS.values())
    assert len(drawings.network_units().axes) == len(drawings.UNITS)
