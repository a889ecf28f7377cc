"""Tables, sentences and figures on maps: from measured figures that are known, and from none."""

import re
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from helpers import draw, redraw

from thesis_book import faithfulness, map_figures, map_tables, tables
from thesis_book.faithfulness import MEASURES, SHUFFLED
from thesis_book.map_methods import BASELINES, METHODS
from thesis_lib import build, maps
from thesis_lib.data import load
from thesis_lib.records import records_by_id

PICTURES = 60


def run(good=0.0, left=0.1, seed=0, masks=True, methods=METHODS):
    """Measured figures of one run: every method alike, `received` better by `good`; the baselines never change."""
    noise = np.random.default_rng(seed).normal(0, 0.01, PICTURES)
    found = {"cells": draw(PICTURES, 8, 8, seed=seed).abs().numpy(), "layers": np.array(["classifier", "stem"])}
    for method in methods:
        gain = good if method == "received" else 0.0
        for measure in MEASURES if masks else ("deletion", "insertion"):
            found[f"{measure}/{method}"] = 0.5 + (-gain if measure == "deletion" else gain) + noise
        for name in ("deletion_curve", "insertion_curve"):
            found[f"{name}/{method}"] = np.linspace(1, 0.2, 17)
        found[f"left/{method}"] = np.full((2, SHUFFLED), 1.0 if method in BASELINES else left)
    found["entropy/a"], found["distance/a"] = np.full((PICTURES, 4), 0.995), np.full((PICTURES, 4), 0.5)
    return found


def measured(arm="senet_self", seeds=3, **options):
    rows = [(f"{arm}-{seed}", arm, seed, run(seed=seed, **options)) for seed in range(seeds)]
    return pd.DataFrame(rows, columns=["id", "arm", "seed", "found"])


NOTHING = measured(seeds=0)


def test_a_cell_holds_the_mean_and_both_half_widths():
    """Seeds 1, 2, 3: t(0.975, 2) / sqrt(3) = 2.48; pictures -1 and 1 about 2: t(0.975, 1) sqrt(2) / sqrt(2) = 12.71."""
    table = np.array([[1.0], [2.0], [3.0]]) + np.array([-1.0, 1.0])
    assert map_tables.with_intervals(table, 2) == "2.00 ± 2.48 (± 12.71)"
    assert map_tables.with_intervals(table[:1], 1) == "1.0 (± 12.7)"


def test_the_table_has_a_row_for_every_map_of_every_arm_and_says_who_passed():
    rest = [method for method in METHODS if method not in ("received", "rollout")]
    found = pd.concat([measured("senet", methods=rest), measured(good=0.2)])
    table = map_tables.faithfulness(found)
    assert len(table) == len(rest) + len(METHODS) and list(table["비교군"].unique()) == ["SENet", "SENet_self"]
    verdicts = table.set_index(["비교군", "지도"])["무작위화 검사"]
    assert all(verdicts["SENet_self", METHODS[method]] == "실패" for method in BASELINES)
    assert verdicts["SENet", "Grad-CAM"] == "통과"
    received = table[table["지도"] == METHODS["received"]].iloc[0]
    assert received["삭제 면적"].startswith("0.3") and received["삽입 면적"].startswith("0.7")
    assert "포인팅 게임 (%)" not in map_tables.faithfulness(measured(masks=False)).columns


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"good": 0.2}, "을 모든 측정(삭제 면적, 삽입 면적, 포인팅 게임, 마스크 안 몫)에서 앞섰다."),
        ({"good": 0.0}, "지도를 설명으로 쓰지 않는다"),
        ({"good": 0.2, "left": 0.9}, "지도를 설명으로 쓰지 않는다"),
        ({"good": 0.0}, "말할 수 있는 측정은 하나도 없다"),
        ({"good": -0.2}, "말할 수 있는 측정은 하나도 없다"),
        ({"good": 0.2, "seeds": 1}, "말할 수 있는 측정은 하나도 없다"),  # one seed has no interval
        ({"good": 0.2, "left": 0.9}, "거의 그대로였다"),
        ({"seeds": 0}, "아직 재지 않았다"),
    ],
)
def test_the_verdict_says_what_both_intervals_bear(options, expected):
    assert expected in map_tables.verdict(measured(**options), "senet_self", "received")


def test_a_mixed_verdict_names_what_was_won_and_what_was_not():
    found = measured()
    for figures in found["found"]:
        figures["deletion/received"] = figures["deletion/received"] - 0.2
    sentence = map_tables.verdict(found, "senet_self", "received")
    assert "셋(무작위, 가운데, 대비)보다 삭제 면적에서 나았고, 삽입 면적, 포인팅 게임, 마스크 안 몫에서는" in sentence
    assert "무작위 지도 하나만 기준으로 삼으면 삭제 면적에서 낫다." in sentence and "쓰지 않는다" not in sentence
    assert sentence.endswith("기준에 따라 이 지도를 설명에서 배제하지 않는다.")


def test_a_mean_below_that_of_random_maps_is_not_passed_over():
    found = measured()
    for figures in found["found"]:
        figures["insertion/received"] = figures["insertion/random"] - 0.1
    assert "삽입 면적의 평균은 무작위 지도보다도 나쁘다." in map_tables.verdict(found, "senet_self", "received")
    assert "나쁘다" not in map_tables.verdict(measured(good=0.2), "senet_self", "received")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"good": 0.2}, "do not look at the network in 4 of 4 measures, so it"),
        ({"good": 0.2}, "is not ruled out as an explanation."),
        ({"good": 0.2, "left": 0.9}, "but it fails the randomisation test, so it is not taken as an explanation."),
        ({"good": 0.0, "masks": False}, "in none of 2 measures, so it"),
        ({"good": 0.0}, "is not taken as an explanation."),
        ({"seeds": 0}, "not been measured yet"),
    ],
)
def test_the_english_verdict_says_what_the_korean_one_does(options, expected):
    assert expected in map_tables.verdict_in_brief(measured(**options), "senet_self", "received", english=True)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"good": 0.2}, "모두 앞선다고 말할 수 있는 측정은 4개 가운데 4개이므로, 이를 설명에서 배제하지 않는다."),
        ({"good": 0.2, "left": 0.9}, "4개이나 무작위화 검사를 통과하지 못했으므로, 이를 설명으로 쓰지 않는다."),
        ({"good": 0.0, "masks": False}, "측정은 2개 가운데 하나도 없으므로, 이를 설명으로 쓰지 않는다."),
        ({"seeds": 0}, "아직 재지 않았다"),
    ],
)
def test_the_brief_verdict_says_what_the_long_one_does(options, expected):
    assert expected in map_tables.verdict_in_brief(measured(**options), "senet_self", "received")


def test_maps_of_one_seed_stand_beside_those_that_know_nothing():
    told = map_tables.beside_blind(measured(seeds=1, masks=False), "senet_self", "received")
    assert told.startswith("시드 0에서 SENet_self의 받은 어텐션은 삭제 면적이 0.") and told.endswith("측정은 없다.")
    better = map_tables.beside_blind(measured(seeds=1, masks=False, good=0.2), "senet_self", "received")
    assert better.endswith("모두 앞서는 측정은 삭제 면적, 삽입 면적이다.")
    worse = map_tables.beside_blind(measured(seeds=1, good=-0.2), "senet_self", "received")
    assert worse.endswith("측정은 없다.") and "마스크 안 몫이 0.3" in worse
    assert "아직" in map_tables.beside_blind(NOTHING, "senet_self", "received")


def test_two_arms_are_compared_seed_by_seed():
    found = pd.concat([measured("senet"), measured("senet_self")])
    same = map_tables.compared(found, "energy", "grad_cam", "senet_self", "senet")
    assert "시드 3개에서 평균 +0.0%p" in same and "말할 수 없다" in same
    for figures in found.loc[found["arm"] == "senet_self", "found"]:
        figures["energy/grad_cam"] = figures["energy/grad_cam"] - 7
    worse = map_tables.compared(found, "energy", "grad_cam", "senet_self", "senet")
    assert "평균 -7.0%p이고, 95% 신뢰구간은 [-7.0, -7.0]이다" in worse and worse.endswith("SENet_self에서 더 작다.")
    assert "아직 없다" in map_tables.compared(found, "energy", "grad_cam", "senet_self", "resnet")


def test_attention_that_is_even_is_called_so():
    assert "기준(0.98)을 모든 층이 넘는다" in (told := map_tables.evenness(measured(), "senet_self"))
    assert "(시드 0, 1, 2)가" in told and "차례로" not in told
    found = measured()
    for figures in found["found"]:
        figures["entropy/a"] = figures["entropy/a"] - 0.3
        figures["entropy/b"] = figures["entropy/a"] + 0.3
    assert "차례로 0.695, 0.995이다. 거의" in (told := map_tables.evenness(found, "senet_self"))
    assert told.endswith("2번째 층만 넘는다.")
    for figures in found["found"]:
        del figures["entropy/b"]
    assert "넘는 층은 없다" in map_tables.evenness(found, "senet_self")
    assert "아직" in map_tables.evenness(NOTHING, "senet_self")


def test_heads_stand_beside_attention_that_knows_nothing():
    table = map_tables.attention_shape(measured())
    assert list(table["헤드"]) == ["1", "2", "3", "4", "—", "—", "—"]
    assert table.set_index("비교군").loc["균등한 어텐션", "엔트로피 (0–1)"] == "1.000"
    assert map_tables.unit_of("stages.2.0.standard") == "3단계 1번째 단위"


def test_agreement_of_equal_maps_is_one_and_of_unlike_maps_none():
    found = pd.concat([measured("resnet"), measured("senet")])
    table = map_tables.agreement(found).set_index("견준 지도")["순위 상관"]
    assert table["ResNet · SENet"].startswith("1.00")
    mean, least, most = map(float, re.fullmatch(r"(.*) \((.*)~(.*)\)", table["ResNet · 다른 시드의 ResNet"]).groups())
    assert abs(mean) < 0.1 and least <= mean <= most


def test_agreement_is_told_in_words():
    told = map_tables.alike(pd.concat([measured("resnet"), measured("senet")]))
    assert "두 망 사이에서 ResNet · SENet 1.00" in told and told.endswith("돌릴 수 없다.")
    assert "(상관 0.5 미만)은 ResNet, SENet이다." in told
    same = pd.concat([measured("resnet", seeds=1).assign(seed=seed) for seed in (0, 1)])
    steady = map_tables.alike(pd.concat([same, same.assign(arm="senet")]))
    assert steady.endswith("다른 시드 사이에서 ResNet 1.00, SENet 1.00이다.")
    assert "모자란다" in map_tables.alike(NOTHING) and "모자란다" in map_tables.alike(measured("resnet"))


def test_how_far_gates_differ_between_classes_is_told():
    none, some = np.full((2, 3), 0.5), np.array([[0.1, 0.5, 0.3], [0.5, 0.5, 0.5]])
    told = map_tables.gates_apart({"stages.0.0.standard": (none, none), "stages.1.0.standard": (some, some)})
    assert told == "클래스 사이의 표준편차는 앞 단위부터 차례로 0.000, 0.100이고, 2단계 1번째 단위에서 가장 크다."
    assert "아직" in map_tables.gates_apart({})


def test_grey_pictures_are_what_the_networks_see():
    data = load("shapes")
    model = redraw(build("resnet", "resnet8", len(data.classes))).eval()
    grey = data.test.images.float().mean(3, keepdim=True).to(torch.uint8).expand(-1, -1, -1, 3)
    x = maps.inputs_of(type(data.test)(grey, data.test.labels), data)
    with torch.no_grad():
        expected = 100 * (model(x).argmax(1) == data.test.labels).float().mean().item()
    assert map_tables.without_colour({"resnet": model}, data) == pytest.approx(expected)


def render(figure, path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing glyph is only a warning to matplotlib
        figure.savefig(path)
    assert not plt.get_fignums()


def test_figures_are_drawn_and_have_every_glyph(tmp_path):
    pictures, heats = np.zeros((2, 32, 32, 3), np.uint8), np.ones((2, 8, 8))
    statistics = {"a": (np.full((8, 16), 0.5), np.zeros((8, 16))), "b": (np.full((8, 32), 0.5), np.zeros((8, 32)))}
    for number, figure in enumerate(
        (
            map_figures.side_by_side(pictures, {"Grad-CAM": heats, "받은 어텐션": heats}),
            map_figures.gates_by_class(statistics, list("가나다라마바사아")),
            map_figures.deletion_and_insertion(measured(), "senet_self"),
            map_figures.randomised(measured(), "senet_self"),
        )
    ):
        assert len(figure.axes) >= 1
        render(figure, tmp_path / f"{number}.svg")
    for empty in (
        map_figures.side_by_side(pictures, {}),
        map_figures.gates_by_class({}, []),
        map_figures.deletion_and_insertion(NOTHING, "senet_self"),
        map_figures.randomised(NOTHING, "senet_self"),
    ):
        assert empty.axes[0].texts[0].get_text() == "기록이 아직 없다"


def test_every_kind_of_map_has_a_look_of_its_own():
    assert set(map_figures.LOOKS) == set(METHODS)
    assert len(set(map_figures.LOOKS.values())) == len(METHODS)


def test_committed_records_of_the_maps_profile_are_measured_and_seed_0_has_weights():
    planned = tables.of_profile("maps")
    assert len(planned) == planned.attrs["planned"]
    records = records_by_id()
    for run_id in planned["id"]:
        assert set(faithfulness.read(records[run_id])) >= {f"deletion/{m}" for m in BASELINES}
    for run_id in planned.loc[planned["seed"] == 0, "id"]:
        assert (records[run_id].folder / "weights.safetensors").stat().st_size < 1.5e6
