"""Measures of maps against hand-computed values, slow loops and scipy; a map that lies is caught."""

from functools import partial

import numpy as np
import pytest
import scipy.stats
import torch
from helpers import draw, korean_sentence, redraw, tiny
from torch import nn

from thesis_book import faithfulness, map_methods
from thesis_book.faithfulness import STEP
from thesis_book.map_methods import GRID, METHODS
from thesis_lib import ThesisError, build, maps
from thesis_lib.records import find_record


class Weighing(nn.Module):
    """Two classes: the first's score is a weighted sum of the mean of every cell, the second's is 0."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(draw(GRID, GRID, seed=4))

    def forward(self, x):
        cells = nn.functional.adaptive_avg_pool2d(x.mean(1), GRID)
        score = (cells * self.weight).sum((1, 2))
        return torch.stack([score, torch.zeros_like(score)], 1)


def network(arm="senet_self", name="resnet8", **options):
    return redraw(build(arm, name, **options)).eval()


def test_curves_equal_a_slow_obvious_version():
    model, x = Weighing(), draw(3, 3, 16, 16)
    cells = torch.stack([torch.randperm(64).float().view(8, 8) for _ in range(3)])
    found = faithfulness.curves(model, x, cells)
    for picture in range(3):
        order = sorted(range(64), key=lambda cell: -cells[picture].flatten()[cell].item())
        chosen = model(x[picture : picture + 1]).argmax(1)
        for index, count in enumerate(range(0, 65, STEP)):
            without, only = x[picture : picture + 1].clone(), torch.zeros(1, 3, 16, 16)
            for cell in order[:count]:
                part = (..., slice(cell // 8 * 2, cell // 8 * 2 + 2), slice(cell % 8 * 2, cell % 8 * 2 + 2))
                only[part] = x[picture : picture + 1][part]
                without[part] = 0
            for name, seen in (("deletion", without), ("insertion", only)):
                expected = model(seen).softmax(1)[0, chosen]
                torch.testing.assert_close(found[name][picture, index : index + 1], expected.detach())


def test_curves_begin_and_end_with_the_whole_picture_and_with_none():
    model, x = network(), draw(4, 3, 32, 32)
    found = faithfulness.curves(model, x, map_methods.saliency(model, x, "grad_cam"))
    torch.testing.assert_close(found["deletion"][:, 0], found["insertion"][:, -1])
    torch.testing.assert_close(found["deletion"][:, -1], found["insertion"][:, 0])
    torch.testing.assert_close(found["deletion"][:, 0], model(x).softmax(1).amax(1).detach())


def test_the_right_order_beats_the_wrong_one():
    model, x = Weighing(), draw(8, 3, 16, 16).abs()
    gain = nn.functional.adaptive_avg_pool2d(x.mean(1), GRID) * model.weight.detach()
    gain = torch.where((model(x).argmax(1) == 0)[:, None, None], gain, -gain)
    right, wrong = (faithfulness.curves(model, x, cells - cells.amin()) for cells in (gain, -gain))
    area = faithfulness.area
    assert torch.all(area(right["deletion"]) < area(wrong["deletion"]))
    assert torch.all(area(right["insertion"]) > area(wrong["insertion"]))


def test_equal_cells_go_in_an_order_that_knows_no_place():
    seen = []

    class Watching(nn.Module):
        def forward(self, x):
            seen.append(x.clone())
            return x.mean((2, 3))

    faithfulness.curves(Watching(), torch.ones(2, 3, 8, 8), torch.zeros(2, GRID, GRID))
    inserted = seen[4]  # whole, then deletion and insertion of 0 cells and of 4
    rows, columns = inserted[0, 0].nonzero(as_tuple=True)
    assert len(rows) == STEP and torch.equal(inserted[0], inserted[1])
    assert len(rows.unique()) > 1 and len(columns.unique()) > 1


def test_area_is_the_trapezoids():
    curve = draw(3, 17)
    expected = np.trapezoid(curve.numpy(), np.linspace(0, 1, 17), axis=1)
    np.testing.assert_allclose(faithfulness.area(curve), expected, rtol=1e-5)
    assert faithfulness.area(torch.ones(1, 17)).item() == pytest.approx(1)


def test_pointing_and_energy_by_hand():
    cells, masks = torch.zeros(4, GRID, GRID), torch.zeros(4, GRID, GRID, dtype=torch.bool)
    cells[0, 2, 3] = 1.0  # hits
    cells[1, 5, 5] = 1.0  # misses
    cells[2, 2, 3], cells[2, 7, 7] = 3.0, 1.0  # three quarters of the sum
    masks[:, 2, 3] = True
    np.testing.assert_allclose(faithfulness.pointing(cells, masks), [1, 0, 1, 1 / 64])
    np.testing.assert_allclose(faithfulness.energy(cells, masks), [1, 0, 0.75, 1 / 64])


def test_a_uniform_map_has_the_targets_share():
    masks = draw(5, 32, 32) > 0.5
    for measure in (faithfulness.pointing, faithfulness.energy):
        found = measure(torch.full((5, GRID, GRID), 0.3), masks)
        torch.testing.assert_close(found, masks.float().mean((1, 2)), rtol=1e-4, atol=1e-5)


def test_entropy_of_attention():
    uniform, certain = np.full((1, 2, 9, 9), 1 / 9), np.broadcast_to(np.eye(9), (1, 2, 9, 9))
    np.testing.assert_allclose(faithfulness.entropy(uniform), 1)
    np.testing.assert_allclose(faithfulness.entropy(certain), 0)
    weights = draw(2, 3, 16, 16).softmax(3).numpy()
    expected = scipy.stats.entropy(weights, axis=3, base=16).mean(2)
    np.testing.assert_allclose(faithfulness.entropy(weights), expected, rtol=1e-5)


def test_distance_of_attention():
    assert np.all(faithfulness.distance(np.broadcast_to(np.eye(16), (1, 1, 16, 16))) == 0)
    weights = draw(2, 2, 16, 16).softmax(3).numpy()
    expected = np.zeros((2, 2))
    for b, h, i, j in np.ndindex(weights.shape):
        apart = ((i // 4 - j // 4) ** 2 + (i % 4 - j % 4) ** 2) ** 0.5
        expected[b, h] += weights[b, h, i, j] * apart / 4 / 16
    np.testing.assert_allclose(faithfulness.distance(weights), expected, rtol=1e-5)


def test_correlation_is_spearmans():
    first, second = draw(5, GRID, GRID).relu(), draw(5, GRID, GRID, seed=1)  # half of the first are ties
    expected = [scipy.stats.spearmanr(a.flatten(), b.flatten()).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(faithfulness.correlation(first, second), expected, rtol=1e-6)
    assert faithfulness.correlation(torch.ones(1, GRID, GRID), second[:1]) == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["resnet8", "resnet14"])
def test_a_map_of_every_method_has_one_value_a_cell(method, name):
    model, x = network(name=name), draw(3, 3, 32, 32)
    cells = map_methods.saliency(model, x, method)
    assert cells.shape == (3, GRID, GRID)
    assert cells.min() >= 0 and cells.max() > 0


def test_received_attention_is_the_mean_over_heads_and_queries():
    model, x = network(), draw(2, 3, 32, 32)
    (layer,) = maps.attention_of(model, x).values()
    expected = torch.from_numpy(layer).mean((1, 2)).view(2, 8, 8)
    torch.testing.assert_close(map_methods.saliency(model, x, "received"), expected)


def test_maps_of_another_grid_are_brought_to_the_cells():
    model, x = network(attention_stages=[2]), draw(2, 3, 32, 32)
    (layer,) = maps.attention_of(model, x).values()
    full = torch.from_numpy(layer).mean((1, 2)).view(2, 8, 2, 8, 2)
    torch.testing.assert_close(map_methods.saliency(model, x, "received"), full.mean((2, 4)))
    small = map_methods.saliency(model, draw(2, 3, 16, 16), "grad_cam")  # 4 x 4: every value stands in four cells
    assert torch.equal(small[:, ::2, ::2], small[:, 1::2, 1::2])


@pytest.mark.parametrize("arm", ["resnet", "senet", "senet_self_gate", "senet_channel"])
def test_networks_without_attention_over_positions_have_no_such_map(arm):
    assert map_methods.methods_for(network(arm), draw(1, 3, 32, 32)) == [
        "grad_cam", "grad_cam_plus_plus", "random", "centre", "contrast",
    ]  # fmt: skip


def test_unknown_map_is_refused():
    with pytest.raises(ThesisError) as caught:
        map_methods.saliency(network(), draw(1, 3, 32, 32), "gradcam")
    assert "grad_cam" in korean_sentence(caught.value)


def look(method):
    return partial(map_methods.saliency, method=method, classes=torch.zeros(12, dtype=torch.long))


@pytest.mark.parametrize("method", ["grad_cam", "grad_cam_plus_plus", "received", "rollout"])
def test_maps_of_the_network_change_when_its_weights_are_shuffled(method):
    model, x = network(), draw(12, 3, 32, 32)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    left = faithfulness.randomisation(model, x, look(method))
    assert faithfulness.depends_on_weights(list(left.values())[-1])
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def edges(model, pictures):
    """A map that looks convincing and knows nothing of the network: the strength of the picture's edges."""
    grey = pictures.mean(1)
    strength = grey.diff(dim=1)[:, :, 1:].abs() + grey.diff(dim=2)[:, 1:].abs()
    return nn.functional.adaptive_avg_pool2d(strength, GRID)


@pytest.mark.parametrize("planted", [edges, look("random"), look("centre"), look("contrast")])
def test_a_map_that_ignores_the_weights_fails(planted):
    left = faithfulness.randomisation(network(), draw(12, 3, 32, 32), planted)
    assert all(np.allclose(values, 1) for values in left.values())
    assert not faithfulness.depends_on_weights(list(left.values())[-1])


def test_a_map_turned_upside_down_has_not_forgotten_the_weights():
    assert not faithfulness.depends_on_weights(np.array([-0.9, -0.95, -0.99]))


def test_layers_are_shuffled_from_the_output_on_and_stay_so():
    model, x = network(), draw(4, 3, 32, 32)
    left = faithfulness.randomisation(model, x, look("received"))
    own = [place for place, module in model.named_modules() if list(module.parameters(recurse=False))]
    assert list(left) == own[::-1]
    assert np.allclose(left["classifier"], 1)  # attention comes before it
    assert left["stages.2.0.standard.msa.qkv"].mean() < 0.9


def test_measures_of_a_network_with_and_without_masks():
    model, x = network(), draw(4, 3, 32, 32)
    with_masks = faithfulness.measures(model, x, draw(4, 32, 32) > 0, show=False)
    without = faithfulness.measures(model, x, None, show=False)
    extra = {key for key in with_masks if key.startswith(("pointing", "energy"))}
    assert set(without) == set(with_masks) - extra and len(extra) == 2 * len(METHODS)
    for key in without:
        np.testing.assert_array_equal(without[key], with_masks[key])
    assert with_masks["entropy/stages.2.0.standard"].shape == (4, 4)
    assert np.all((with_masks["entropy/stages.2.0.standard"] > 0) & (with_masks["entropy/stages.2.0.standard"] <= 1))
    assert with_masks["left/random"].shape == (len(with_masks["layers"]), 4)


def test_a_record_is_measured_once_and_only_on_its_own_weights(train_tiny, pictures, tmp_path):
    record = train_tiny(tiny(image_size=32, epochs=1, warmup_epochs=0.5), tmp_path)
    assert faithfulness.read(record) is None
    faithfulness.measure(record, pictures, show=False)
    first = (record.folder / faithfulness.FILE).read_bytes()
    table = faithfulness.measured([record])
    assert table[["id", "arm", "seed"]].to_numpy().tolist() == [[record.id, "senet_self", 0]]
    (record.folder / "weights.safetensors").unlink()  # needed no more
    faithfulness.measure(record, pictures, show=False)
    assert (record.folder / faithfulness.FILE).read_bytes() == first
    record.data["weights_sha256"] = "0" * 64
    assert faithfulness.measured([record]).empty


def test_a_profile_is_measured_from_the_command_line(train_tiny, pictures, tmp_path, capsys):
    from thesis_book.__main__ import main

    record = train_tiny(tiny(image_size=32, epochs=1, warmup_epochs=0.5, arm="senet"), tmp_path)
    profile = tmp_path / "profile.yaml"
    profile.write_text("runs: [{dataset: tiny, network: resnet8, arm: [senet, resnet], image_size: 32, epochs: 1, "
                       "batch_size: 8, learning_rate: 0.05}]")  # fmt: skip
    arguments = ["faithfulness", "--profile", str(profile), "--results", str(tmp_path), "--root", str(pictures)]
    assert main(arguments) == 0
    assert "2개 가운데" in capsys.readouterr().out
    assert set(faithfulness.read(find_record(tmp_path, record.id))) >= {"deletion/grad_cam", "left/centre", "cells"}
