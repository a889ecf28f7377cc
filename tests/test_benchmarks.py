"""The benchmarks: both sides do the same work, and the arithmetic of the comparison. No test is timed."""

import json

import pytest
import torch
from helpers import allocate, draw, redraw

from benchmarks import attention, blocks, capture, loop, peers, records, report, timing, training
from thesis_lib import Experiment, build
from thesis_lib.blocks.se_self import SESelf
from thesis_lib.errors import Stopped


def peer_state(state: dict) -> dict:
    """Our weights under the names and in the shapes of timm and torch."""
    renamed = {}
    for key, value in state.items():
        if ".fc" in key or key.startswith("fc"):
            value = value[..., None, None] if key.endswith("weight") else value
            parent, _, rest = key.rpartition("fc")
            renamed[f"{parent}fc{rest}"] = value
        elif "msa.qkv" in key:
            renamed[key.replace("msa.qkv.", "attention.mha.in_proj_")] = value
        elif "msa.out" in key:
            renamed[key.replace("msa.out", "attention.mha.out_proj")] = value
        else:
            renamed[key] = value
    return renamed


def in_se(state: dict, prefix: str) -> dict:
    return {k.replace(f"{prefix}fc", f"{prefix}se.fc"): v for k, v in state.items()}


def test_the_drafts_block_computes_what_ours_does():
    ours, theirs = redraw(SESelf(16, reduction=4, num_heads=4)).eval(), peers.DraftSESelf(16, 4).eval()
    theirs.load_state_dict(in_se(peer_state(ours.state_dict()), ""))
    x = draw(2, 16, 5, 3)
    torch.testing.assert_close(theirs(x), ours(x))


@pytest.mark.parametrize("arm", ["resnet", "senet", "senet_self"])
def test_the_peers_network_computes_what_ours_does(arm):
    ours, theirs = redraw(build(arm, "resnet20")).eval(), peers.network(arm, "resnet20").eval()
    state = peer_state(ours.state_dict())
    if arm == "senet_self":
        for unit in range(3):
            state = in_se(state, f"stages.2.{unit}.standard.")
    theirs.load_state_dict(state)
    x = draw(2, 3, 32, 32)
    torch.testing.assert_close(theirs(x), ours(x), rtol=1e-4, atol=1e-4)


def test_the_loop_is_timed_over_the_steps_that_were_asked_for():
    data, experiment = loop.random_pictures(64), Experiment("random", "resnet8", "resnet", epochs=1, batch_size=8)
    with loop.training_run(experiment, data) as run:
        assert loop.rate(run, 3) > 0 and run.state.step == 3
        assert loop.rate(run, 2) > 0 and run.state.step == 5
    stop = loop.StopAfter(2, torch.device("cpu"))
    assert [type(stop.reason()) for _ in range(3)] == [type(None), type(None), Stopped]


def test_measures_take_turns_after_one_warm_up_each():
    calls = []

    def measure(name):
        return lambda: calls.append(name) or len(calls)

    assert timing.interleaved(measure("a"), measure("b"), repeats=2) == [[3, 5], [4, 6]]
    assert calls == list("ababab")


def test_rows():
    row = timing.Comparison("w", "p", "u", [4.0, 9.0, 10.0], [2.0, 3.0, 10.0], goal=1.8).row()
    assert (row["factor"], row["low"], row["high"], row["n"], row["reached"]) == (2.0, 1.0, 3.0, 3, True)
    assert not timing.Comparison("w", "p", "u", [4.0], [2.0], goal=1.8, at_least=False).row()["reached"]
    limit = timing.Limit("w", "s", [1.0, 2.0, 9.0], 2.5).row()
    assert (limit["figure"], limit["low"], limit["high"], limit["n"], limit["reached"]) == (2.0, 1.0, 9.0, 3, True)


def test_memory_is_the_peak_above_the_idle_process():
    small, large = (timing.peak_memory(allocate, mib) / 2**20 for mib in (1, 65))
    assert 60 < large - small < 68


def test_every_part_runs_and_the_book_can_show_it(tmp_path, monkeypatch):
    monkeypatch.setattr(attention, "peak_memory", lambda prepare, *case: 2**20 * (prepare(*case)() > 0))
    step, [peak] = training.whole_step("resnet8", "senet_self", 1.8, 1, 1, lambda: training.matmul_rate(64, 1))
    found = {
        "attention": attention.measure(1, batch=2, tokens=16, cases=[("N", 2, 4), ("B", 2, 16)]),
        "training": {"comparisons": [step.row()]},
        "records": records.measure(1, counts=(2, 5)),
    }
    assert [row["at"] for row in found["records"]["growth"]] == [2, 5] and peak[0] > 0
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "cpu.json").write_text(json.dumps(found), encoding="utf-8")
    found = report.measured(results=tmp_path)
    assert list(report.comparisons(found)["n"]) == [1, 1, 1] and len(report.limits(found)) == 2
    assert report.growth(found).axes
    for row in report.rows_of(found, "comparisons") + report.rows_of(found, "limits"):
        row["reached"] = row["what"] != found["attention"]["comparisons"][0]["what"]
    told = report.missed(found)
    assert told.startswith("중앙값으로 판정하면 목표에 닿지 못한 것은 1개이다(SENet_self 블록")
    assert f"비가 {found['attention']['cause']['factor_with_kept_pages']:.2f}로 준다" in report.cause(found)


def test_reading_is_said_from_the_fewest_records_to_the_most():
    rows = [{"at": 100, "seconds": 0.5}, {"at": 500, "seconds": 1.0}, {"at": 1000, "seconds": 6.0}]
    assert report.read({"records": {"growth": rows}}).endswith("10배가 되면 읽는 시간은 12배가 된다.")
    assert report.read({}) == "" == report.read({"records": {"growth": rows[:1]}})


def test_ranges_that_reach_across_their_goal_are_counted():
    rows = [
        {"what": "a", "low": 1, "high": 3},
        {"what": "b", "low": 1, "high": 1.5},
        {"what": "c", "low": 2.1, "high": 3},
    ]
    told = report.missed({"part": {"limits": [row | {"goal": 2, "reached": row["what"] != "c"} for row in rows]}})
    assert "1개이다(c)" in told and "3개 가운데 1개는 범위가" in told


def test_growth_is_said_from_the_most_tokens_and_a_quarter_of_them():
    took = {("ours", 64): 9.0, ("ours", 256): 1.0, ("ours", 1024): 11.46, ("draft", 256): 2.0, ("draft", 1024): 31.0}
    rows = [{"along": "N", "of": of, "at": at, "seconds": seconds} for (of, at), seconds in took.items()]
    rows.append({"along": "B", "of": "ours", "at": 4096, "seconds": 1.0})
    said = report.grown({"attention": {"growth": rows}})
    assert "256개에서 1,024개로" in said and "블록에서 11.5배, 상대에서 15.5배" in said and "16배" in said
    assert "상대의 시간은 이 저장소의 2.71배이다" in said
    assert report.grown({}) == "" == report.grown({"attention": {"growth": rows[:1]}})


def test_figures_keep_their_zeros_and_short_times_get_a_small_unit():
    assert [report.number(value) for value in (1.5, 13, 0.61, 314.2, 4230)] == ["1.50", "13.0", "0.610", "314", "4,230"]
    row = {
        "what": "가져오기",
        "figure": 4e-4,
        "low": 3e-4,
        "high": 6e-4,
        "unit": "초",
        "n": 7,
        "goal": 0.3,
        "reached": True,
    }
    (shown,) = report.limits({"import": {"limits": [row]}}).to_dict("records")
    assert shown["값"] == "0.400 (0.300~0.600) ms" and shown["목표"] == "<\u00a00.3\u00a0초"
    both = report.figures_of({"ours": 1.38e-5, "peer": 1.85e-3, "unit": "초/영상"})
    assert list(both.values()) == ["ms/영상", "0.0138", "1.85"]
    assert report.figures_of({"ours": 0.059, "peer": 1642, "unit": "번/초"})["이 저장소"] == "0.0590"


def test_nothing_measured_is_shown_as_nothing(tmp_path):
    found = report.measured(results=tmp_path)
    assert report.comparisons(found).empty and report.limits(found).empty and report.growth(found)


def test_a_network_whose_maps_were_read_is_measured_beside_its_twin():
    (row,) = capture.measure(repeats=1)["comparisons"]
    assert row["n"] == 1 and row["ours"] > 0 and row["peer"] > 0


def test_blocks_are_measured_beside_the_bare_network():
    found = blocks.measure(repeats=1, names=["se", "eca"])
    assert [row["name"] for row in found["relative"]] == ["se", "eca"]
    assert all(row["low"] <= row["factor"] <= row["high"] for row in found["relative"])
    assert set(report.relative({"blocks": found})) == {"se", "eca"} and report.relative({}) == {}
