"""Ablation tables: every variant beside its baseline, on the seeds that both have."""

import pandas as pd
import pytest

from thesis_book import ablations, tables


@pytest.fixture
def runs():
    rows = [("{}", seed, 80.0 + seed) for seed in range(4)]
    rows += [('{"num_heads": 1}', seed, 78.999 + 2 * seed) for seed in range(3)]
    rows += [('{"attention_stages": [2, 3]}', 0, 70.0), ('{"residual": false}', 5, 70.0)]
    rows += [('{"position": "learned"}', seed, 90.0 + seed + seed % 2 / 10) for seed in range(3)]
    table = pd.DataFrame(rows, columns=["options", "seed", "test_accuracy"])
    return table.assign(
        arm="senet_self", distillation="{}", parameters=1000, macs=2_500_000, exact=True, id=range(len(rows))
    )


def split(runs):
    usual = runs["options"] == "{}"
    return runs[~usual], runs[usual]


def test_variants_stand_beside_what_they_change(runs):
    table = ablations.beside(*split(runs), published={"헤드 1개": "22.29"}).set_index("변형")
    assert list(table.index) == [
        "SENet_self (기준)", "헤드 1개", "어텐션을 2·3단계에", "잔차 없음", "배운 위치 벡터",
    ]  # fmt: skip
    assert table.loc["SENet_self (기준)", "차이 (%p)"] == "—" and table.loc["SENet_self (기준)", "시드 수"] == 4
    assert table.loc["헤드 1개", "차이 (%p)"] == "+0.00"  # never "-0.00"
    assert table.loc["헤드 1개", "95% 구간"] == "[-2.49, +2.48]"  # differences -1, 0, 1, less 0.001
    assert table.loc["어텐션을 2·3단계에", "95% 구간"] == "—"
    assert table.loc["잔차 없음", "차이 (%p)"] == "—"  # no seed in common
    assert list(table["SENet 논문의 ImageNet 오류율 (%)"]) == ["—", "22.29", "—", "—", "—"]


def test_macs_that_had_to_be_counted_have_a_star_that_the_caption_explains(runs):
    counted = ablations.beside(*split(runs.assign(exact=runs["options"] != '{"num_heads": 1}')))
    assert list(counted["MMAC"]) == ["2.50", "2.50*", "2.50", "2.50", "2.50"]
    assert "(*: torch로 센 값)" in tables.numbered(counted, "표", "tbl-x")
    assert "*:" not in tables.numbered(counted[:1], "표", "tbl-x")
    assert [tables.mmac(macs, True) for macs in (0, 336, 1344, 150_000, 40_813_184)] == [
        "0.00", "0.00034", "0.0013", "0.15", "40.81",
    ]  # fmt: skip


def test_a_line_may_end_before_a_bracket_but_not_within_a_value():
    table = pd.DataFrame({"값": ["0.151 ± 0.002 (± 0.012)", "3.03 [2.38, 3.23]"]})
    shown = tables.numbered(table, "표", "tbl-x")
    assert "0.151\u00a0±\u00a00.002 (±\u00a00.012)" in shown and "3.03 [2.38,\u00a03.23]" in shown


def test_a_table_without_runs_beside_it_changes_nothing(runs):
    table, usual = split(runs)
    both = table.astype({"test_accuracy": object})  # as `pd.concat` with an empty table leaves it
    assert ablations.evidence(both, usual) == ablations.evidence(table, usual)
    pd.testing.assert_frame_equal(ablations.beside(both, usual), ablations.beside(table, usual))


def test_the_sentence_names_what_lies_outside(runs):
    told = ablations.evidence(*split(runs))
    assert (
        "0을 벗어난 것은 1개이다(기준보다 높은 것은 배운 위치 벡터)." in told
        and "헤드 1개" not in told
        and "낮은" not in told
    )
    assert "모이지 않았다" in ablations.evidence(*split(runs[runs["seed"] < 2]))
    few = runs[(runs["options"] != '{"num_heads": 1}') | (runs["seed"] < 2)]
    assert "시드가 셋이 안 되는 3개는 세지 않았다. 다만" in ablations.evidence(*split(few))
    assert "벗어난 것은 없다" in ablations.evidence(runs[runs["options"] == '{"num_heads": 1}'], split(runs)[1])
    assert "모이지 않았다" in ablations.evidence(runs[:0], split(runs)[1])


@pytest.mark.parametrize(
    ("arm", "options", "distillation", "expected"),
    [
        ("cbam", "{}", "{}", "CBAM"),
        ("senet", '{"squeeze": "max"}', "{}", "전역 최대 풀링"),
        ("senet", '{"reduction": 32, "stages": [2, 3]}', "{}", "r = 32, 2·3단계에만"),
        ("resnet", "{}", '{"method": "soft_labels", "teacher": "x", "alpha": 0.9}', "지식 증류(KD)"),
        (
            "resnet",
            "{}",
            '{"method": "attention_transfer", "teacher": "x", "beta": 1000.0, "at": "stages"}',
            "어텐션 전이(AT)",
        ),
        ("resnet", "{}", '{"method": "soft_labels", "teacher": "x", "alpha": 0.5}', "지식 증류(KD), alpha = 0.5"),
        ("gsop", '{"kept": 4}', "{}", "kept = 4"),
    ],
)
def test_names(arm, options, distillation, expected):
    assert ablations.name_of(arm, options, distillation) == expected


def test_changes_that_papers_report_stand_beside_their_methods():
    told = ablations.reported()
    assert told["SENet"] == "-1.51 (ImageNet)" and told["Gather-Excite"] == "+0.5 (CIFAR-100)"
    assert told["어텐션 증강 합성곱"] == "-1.3 (ImageNet), -1.3 (CIFAR-100)"
    assert told["지식 증류(KD)"] == "-0.38, -0.23 (CIFAR-10)"
    assert "ECA" not in told  # whose paper has no network without it
