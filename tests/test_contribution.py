"""What self-attention adds, taken apart: against a slow sum, and where the answer is known beforehand."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import draw, redraw, tiny

from thesis_book import contribution
from thesis_book.contribution import energies, logits_with, measure, measured, places_of, taken_apart, without
from thesis_lib import build
from thesis_lib.blocks.se import SE


def network(arm: str, **options) -> torch.nn.Module:
    return redraw(build(arm, "resnet8", **options)).eval()


def test_the_term_that_is_added_is_left_as_it_is():
    model, x = network("senet_self", attention_stages=[2, 3]), draw(5, 3, 32, 32)
    assert places_of(model) == ["stages.1.0.standard", "stages.2.0.standard"]
    with torch.no_grad():
        torch.testing.assert_close(logits_with(model, x, lambda place, term: term), model(x))


def test_without_the_term_the_block_is_se():
    model, x = network("senet_self"), draw(5, 3, 32, 32)
    bare = logits_with(model, x, lambda place, term: torch.zeros_like(term))
    for block in map(model.get_submodule, places_of(model)):
        block.forward = lambda x, block=block: SE.forward(block, x)
    with torch.no_grad():
        torch.testing.assert_close(bare, model(x))


def test_the_parts_are_those_of_a_slow_sum(monkeypatch):
    monkeypatch.setattr(contribution, "BATCH", 2)
    model, x = network("senet_self"), draw(5, 3, 32, 32)
    terms = []
    logits_with(model, x, lambda place, term: terms.append(term) or term)
    term = torch.cat(terms).double().numpy()
    constants, parts = taken_apart(model, x)
    constant = np.zeros(64)
    for picture in term:
        for y in range(8):
            for x_ in range(8):
                constant += picture[:, y, x_] / (5 * 64)
    ours = constants["stages.2.0.standard"].flatten()
    np.testing.assert_allclose(ours, constant, rtol=1e-5, atol=1e-6)
    of_pictures = sum(64 * ((picture.mean((1, 2)) - constant) ** 2).sum() for picture in term)
    of_positions = sum(((picture - picture.mean((1, 2), keepdims=True)) ** 2).sum() for picture in term)
    expected = np.array([5 * 64 * (constant**2).sum(), of_pictures, of_positions])
    np.testing.assert_allclose(list(parts["stages.2.0.standard"].values()), 100 * expected / expected.sum(), rtol=1e-6)
    assert expected.sum() == pytest.approx((term**2).sum())


def test_even_attention_adds_the_same_everywhere():
    _, parts = taken_apart(network("senet_uniform"), draw(6, 3, 32, 32))
    assert parts["stages.2.0.standard"]["position"] == pytest.approx(0, abs=1e-6)
    assert parts["stages.2.0.standard"]["picture"] > 1e-3


def test_networks_that_add_nothing_are_left_alone(train_tiny, pictures, tmp_path):
    for arm in ("senet", "senet_self_plain", "senet_self_gate"):
        assert places_of(network(arm)) == []
    record = train_tiny(tiny(arm="senet", epochs=1), tmp_path)
    measure(record, pictures)
    assert not (record.folder / contribution.FILE).exists() and measured([record]).empty


def test_a_record_is_measured_once_and_on_its_own_weights(train_tiny, pictures, tmp_path):
    record = train_tiny(tiny(epochs=1), tmp_path)
    measure(record, pictures)
    path = record.folder / contribution.FILE
    first = path.stat().st_mtime_ns
    measure(record, pictures)
    assert path.stat().st_mtime_ns == first
    [run] = measured([record])["found"]
    assert run["accuracy"]["whole"] == pytest.approx(record.test_accuracy, abs=0.2)
    assert sum(run["parts"]["stages.2.0.standard"].values()) == pytest.approx(100)
    path.write_text(json.dumps(run | {"weights_sha256": "other"}))
    assert measured([record]).empty


def test_tables_and_sentences_tell_means_and_ranges():
    parts = [{"constant": 90.0, "picture": 9.0, "position": 1.0}, {"constant": 80.0, "picture": 17.0, "position": 3.0}]
    accuracy = [{"whole": 80.0, "picture": 79.9, "constant": 79.0}, {"whole": 81.0, "picture": 80.7, "constant": 79.0}]
    runs = [{"parts": {"a": p}, "accuracy": a} for p, a in zip(parts, accuracy, strict=True)]
    found = pd.DataFrame({"network": "resnet8", "arm": "senet_self", "seed": [0, 1], "found": runs})
    [row] = energies(found).to_dict("records")
    assert row["망"] == "ResNet-8, SENet_self" and row["위치마다의 차이 (%)"] == "2.0 (1.0~3.0)" and row["시드 수"] == 2
    told = without(found, "resnet8", "senet_self")
    assert "위치의 평균으로 바꾸었을 때 -0.20%p([-1.47, +1.07])" in told and "평균 하나로 바꾸었을 때 -1.50%p" in told
    assert "모자란다" in without(found.iloc[:1], "resnet8", "senet_self") and energies(found.iloc[:0]).empty
