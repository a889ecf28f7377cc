"""Maps are read off without changing the network, and equal what captum and slow references find."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from helpers import draw, korean_sentence, redraw
from torch.nn import functional as F

from thesis_book import faithfulness, map_methods
from thesis_lib import ARMS, ThesisError, build, maps
from thesis_lib.arms import BLOCKS


def network(arm="senet_self", name="resnet8", **options):
    return redraw(build(arm, name, **options)).eval()


def state_of(model):
    modules = {path: (module.training, len(module._forward_hooks)) for path, module in model.named_modules()}
    return modules, {key: value.clone() for key, value in model.state_dict().items()}


def assert_untouched(model, before):
    modules, weights = state_of(model)
    assert modules == before[0]
    assert all(torch.equal(weights[key], before[1][key]) for key in before[1])
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "reading", [maps.gates_of, maps.attention_of, map_methods.grad_cam, map_methods.grad_cam_plus_plus]
)
def test_reading_changes_nothing(reading, training):
    model, x = network(), draw(3, 3, 32, 32)
    model.stages[0].train(training)  # a network that is only partly in training mode stays so
    before = state_of(model)
    expected = model.eval()(x)
    model.stages[0].train(training)
    reading(model, x)
    assert_untouched(model, before)
    assert torch.equal(model.eval()(x), expected)


def test_a_reading_that_fails_leaves_no_hook_behind():
    model = network()
    before = state_of(model)
    with pytest.raises(RuntimeError):
        maps.attention_of(model, draw(1, 5, 32, 32))
    with pytest.raises(ThesisError) as caught:
        map_methods.grad_cam(model, draw(1, 3, 32, 32), "stages.7")
    assert "stages.7" in korean_sentence(caught.value)
    assert_untouched(model, before)


def test_captured_attention_is_the_one_that_the_forward_pass_used():
    """Put through the written-out equation, the captured weights give the block's own output."""
    model, x = network(name="resnet14", attention_stages=[2, 3]), draw(2, 3, 32, 32)
    seen = {}
    blocks = {p: m for p, m in model.named_modules() if type(m) is BLOCKS["se_self"]}
    for place, block in blocks.items():
        block.register_forward_hook(lambda m, i, o, place=place: seen.update({place: (i[0], o)}))
    with torch.no_grad():
        model(x)
    captured = maps.attention_of(model, x)
    assert list(captured) == list(blocks) and len(blocks) == 4
    for place, block in blocks.items():
        given, output = seen[place]
        scaled = given * block.gate(given)[:, :, None, None]
        tokens = scaled.flatten(2).transpose(1, 2)
        value = block.msa.qkv(block.norm(tokens))[..., -given.shape[1] :].unflatten(2, (4, -1)).transpose(1, 2)
        mixed = torch.from_numpy(captured[place]) @ value
        attended = block.msa.out(mixed.transpose(1, 2).flatten(2))
        torch.testing.assert_close(output, scaled + attended.transpose(1, 2).view_as(given), rtol=1e-4, atol=1e-5)


def test_gates_are_what_the_blocks_multiply_by():
    model, x = network("senet"), draw(4, 3, 32, 32)
    seen = {}
    for place, block in model.named_modules():
        if type(block) is BLOCKS["se"]:
            block.register_forward_hook(lambda m, i, o, place=place: seen.update({place: (o / i[0]).mean((2, 3))}))
    with torch.no_grad():
        model(x)
    gates = maps.gates_of(model, x)
    assert list(gates) == [f"stages.{stage}.0.standard" for stage in range(3)]
    for place, gate in gates.items():
        np.testing.assert_allclose(gate, seen[place], rtol=1e-4)


def test_a_layer_that_is_called_attention_or_gate_is_no_answer(monkeypatch):
    class Named(torch.nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.attention, self.gate = torch.nn.MultiheadAttention(channels, 1), torch.nn.Conv2d(channels, channels, 1)

        def forward(self, x):
            return x * self.gate(x)

    monkeypatch.setitem(BLOCKS, "named", Named)
    model = network("named")
    assert maps.attention_of(model, draw(1, 3, 8, 8)) == {} == maps.gates_of(model, draw(1, 3, 8, 8))


def test_gate_statistics_are_those_of_each_class():
    model, x, labels = network("senet"), draw(6, 3, 32, 32), torch.tensor([1, 0, 1, 4, 0, 1])
    gate = maps.gates_of(model, x)["stages.2.0.standard"]
    mean, deviation = map_methods.gate_statistics(model, x, labels)["stages.2.0.standard"]
    assert mean.shape == (5, 64) and np.isnan(mean[2:4]).all()  # classes 2 and 3 have no picture
    np.testing.assert_allclose(mean[0], (gate[1] + gate[4]) / 2, rtol=1e-6)
    np.testing.assert_allclose(deviation[1], gate[[0, 2, 5]].std(0), rtol=1e-6)
    assert np.all(deviation[4] == 0)  # one picture of the class


def test_without_a_squeeze_a_gate_is_averaged_over_positions():
    model, x = network("senet", squeeze="none"), draw(3, 3, 32, 32)
    gate = maps.gates_of(model, x)["stages.2.0.standard"]
    assert gate.shape == (3, 8, 8, 64)
    mean, _ = map_methods.gate_statistics(model, x, torch.tensor([0, 0, 1]))["stages.2.0.standard"]
    np.testing.assert_allclose(mean[1], gate[2].mean((0, 1)), rtol=1e-5)


def test_maps_need_as_many_keys_as_queries():
    model, x = network("non_local", subsample=True), draw(1, 3, 32, 32)
    assert maps.attention_of(model, x) and "rollout" not in map_methods.methods_for(model, x)
    assert "rollout" in map_methods.methods_for(network("non_local"), x)
    assert not map_methods.over_positions(np.ones((1, 1, 64, 16))) and not map_methods.over_positions(np.ones([1] * 4))
    measured = faithfulness.measures(model.eval(), draw(2, 3, 32, 32), None, show=False)
    assert not [name for name in measured if name.startswith("entropy")] and "deletion/grad_cam" in measured


@pytest.mark.parametrize("name", ["densenet16", "shufflenet_half", "resnet14"])
def test_stages_and_units_end_where_they_did_before_a_block_came(name):
    bare, filled = network("resnet", name), network("senet", name)
    assert maps.stage_ends(filled) == maps.stage_ends(bare) and len(maps.stage_ends(bare)) == 3
    assert maps.unit_ends(filled) == maps.unit_ends(bare)
    assert map_methods.grad_cam(filled, draw(1, 3, 32, 32)).ndim == 3


def test_rollout_by_hand():
    first = np.array([[[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]]])
    second = np.array([[[[0.0, 1.0], [0.0, 1.0]]]])
    a = np.array([[0.75, 0.25], [0.25, 0.75]])
    b = np.array([[0.5, 0.5], [0.0, 1.0]])
    np.testing.assert_allclose(map_methods.rollout([first, second])[0], b @ a)
    np.testing.assert_allclose(map_methods.rollout([first])[0], a)


def test_rollout_rows_stay_a_distribution():
    layers = list(maps.attention_of(network(name="resnet14"), draw(3, 3, 32, 32)).values())
    total = map_methods.rollout(layers)
    assert total.shape == (3, 64, 64)
    np.testing.assert_allclose(total.sum(2), 1, rtol=1e-5)
    assert total.min() >= 0


PLACES = ["stem", "stages.0.0", "stages.1.0.standard", "stages.2.0"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("arm", ARMS)
def test_grad_cam_equals_captums(arm, place):
    model, x = network(arm), draw(3, 3, 32, 32)
    classes = torch.tensor([2, 0, 7])
    peer = LayerGradCam(model, model.get_submodule(place))
    expected = peer.attribute(x, target=classes, relu_attributions=True).squeeze(1)
    assert expected.max() > 0
    torch.testing.assert_close(map_methods.grad_cam(model, x, place, classes), expected.detach(), rtol=1e-4, atol=1e-7)


def test_grad_cam_looks_at_the_predicted_class_where_the_last_stage_ends():
    model, x = network(), draw(3, 3, 32, 32)
    assert maps.stage_ends(model) == {1: "stages.0.0", 2: "stages.1.0", 3: "stages.2.0"}
    expected = map_methods.grad_cam(model, x, "stages.2.0", model(x).argmax(1))
    assert torch.equal(map_methods.grad_cam(model, x), expected)


def test_a_map_that_is_written_into_afterwards_is_kept_as_it_was():
    """The norm's output goes through a ReLU in place."""
    model, x = network("resnet"), draw(2, 3, 32, 32)
    kept = model.norm(model.stem(x)).detach().requires_grad_()
    y = F.relu(kept)
    for stage in model.stages:
        y = stage(y)
    score = model.classifier(y.mean((2, 3)))[:, 3].sum()
    (gradient,) = torch.autograd.grad(score, kept)
    expected = (gradient.mean((2, 3), keepdim=True) * kept).sum(1).relu().detach()
    found = map_methods.grad_cam(model, x, "norm", torch.tensor([3, 3]))
    assert kept.min() < 0
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


def test_grad_cam_plus_plus_equals_its_equations_in_loops():
    model, x = network("senet"), draw(2, 3, 16, 16)
    classes = torch.tensor([1, 5])
    kept = model.stages[1](model.stages[0](F.relu(model.norm(model.stem(x))))).detach().requires_grad_()
    score = model.classifier(model.stages[2](kept).mean((2, 3)))
    (gradient,) = torch.autograd.grad(score.gather(1, classes[:, None]).sum(), kept)
    expected = torch.zeros(2, *kept.shape[2:])
    for picture in range(2):
        for channel in range(kept.shape[1]):
            a, g = kept[picture, channel].detach(), gradient[picture, channel]
            weight = 0.0
            for i in range(a.shape[0]):
                for j in range(a.shape[1]):
                    below = 2 * g[i, j] ** 2 + a.sum() * g[i, j] ** 3
                    weight += (g[i, j] ** 2 / below if below != 0 else 0.0) * max(g[i, j], 0)
            expected[picture] += weight * a
    found = map_methods.grad_cam_plus_plus(model, x, "stages.1.0", classes)
    torch.testing.assert_close(found, expected.relu(), rtol=1e-3, atol=1e-6)


def test_weights_that_are_not_there_are_named(train_tiny, tmp_path):
    from helpers import tiny

    record = train_tiny(tiny(), tmp_path)
    assert maps.network_of(record).training is False
    (record.folder / "weights.safetensors").unlink()
    with pytest.raises(ThesisError) as caught:
        maps.network_of(record)
    assert "weights.safetensors" in korean_sentence(caught.value)


def test_weights_of_another_run_are_refused(train_tiny, tmp_path):
    from helpers import tiny

    one, other = (train_tiny(tiny(epochs=1, seed=seed), tmp_path) for seed in (0, 1))
    (one.folder / "weights.safetensors").write_bytes((other.folder / "weights.safetensors").read_bytes())
    with pytest.raises(ThesisError, match=r"weights\.safetensors"):
        maps.network_of(one)
    assert maps.network_of(other)
