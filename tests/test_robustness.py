"""Corruptions: what they do to a picture by hand, the same for all arms, and what is kept of them."""

import json

import numpy as np
import pytest
import torch
from helpers import korean_sentence, tiny
from PIL import Image, ImageFilter

from thesis_book import robustness
from thesis_book.__main__ import main
from thesis_book.robustness import CORRUPTIONS, corrupted, measured
from thesis_lib import ThesisError
from thesis_lib.data import load


def pictures_of(count: int = 4, size: int = 16) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8, generator=draw)


def smooth(count: int = 4, size: int = 32) -> torch.Tensor:
    """Pictures without noise, like those of cameras."""
    coarse = clean(pictures_of(count, 5))
    fine = torch.nn.functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)
    return (255 * fine).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def clean(images: torch.Tensor) -> torch.Tensor:
    return images.permute(0, 3, 1, 2).float() / 255


@pytest.mark.parametrize("kind", [kind for kind in CORRUPTIONS if kind != "pixelate"])
def test_stronger_is_farther_from_the_picture(kind):
    images = smooth()
    gaps = [(corrupted(images, kind, strength) - clean(images)).square().mean().item() for strength in range(1, 6)]
    assert gaps == sorted(gaps) and gaps[0] > 0


def test_coarser_pixels_leave_less_of_the_picture():
    """Uneven squares may lie nearer to a picture than even ones; what always falls is the detail that is left."""
    images = pictures_of(8, 32)
    left = [corrupted(images, "pixelate", strength).var().item() for strength in range(1, 6)]
    assert left == sorted(left, reverse=True) and left[0] < clean(images).var()


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_the_result_is_a_picture_of_8_bits_and_the_same_each_time(kind):
    images = pictures_of()
    before = images.clone()
    x = corrupted(images, kind, 3)
    assert x.shape == (4, 3, 16, 16) and x.min() >= 0 and x.max() <= 1
    assert torch.equal(255 * x, (255 * x).round()) and torch.equal(images, before)
    assert torch.equal(corrupted(images, kind, 3), x)


def test_brightness_contrast_and_noise_by_hand():
    images = torch.full((1, 8, 8, 3), 100, dtype=torch.uint8)
    images[0, :4] = 140
    assert set((255 * corrupted(images, "brightness", 1)).unique().tolist()) == {round(125.5), round(165.5)}
    assert set((255 * corrupted(images, "contrast", 2)).unique().tolist()) == {110.0, 130.0}
    grey = torch.full((64, 32, 32, 3), 128, dtype=torch.uint8)
    assert (corrupted(grey, "noise", 5) - 128 / 255).std().item() == pytest.approx(0.14, abs=0.002)


@pytest.mark.parametrize("strength", range(1, 6))
def test_pixelate_moves_nothing_to_a_side(strength):
    images = pictures_of(2, 32)
    mirrored = corrupted(images.flip(1, 2), "pixelate", strength).flip(2, 3)
    torch.testing.assert_close(corrupted(images, "pixelate", strength), mirrored, atol=1 / 254, rtol=0)


def test_pixelate_makes_squares_of_one_colour():
    x = corrupted(pictures_of(1, 16), "pixelate", 4)
    squares = x.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
    assert torch.equal(squares, squares[..., :1].expand_as(squares))
    grey = torch.full((1, 16, 16, 3), 77, dtype=torch.uint8)
    torch.testing.assert_close(corrupted(grey, "pixelate", 5), clean(grey))


def test_blur_and_jpeg_agree_with_pillow():
    images = smooth(1)
    picture = Image.fromarray(images[0].numpy())
    blurred = clean(torch.from_numpy(np.array(picture.filter(ImageFilter.GaussianBlur(1.0))))[None])
    inner = (slice(None), slice(None), slice(4, -4), slice(4, -4))
    torch.testing.assert_close(corrupted(images, "blur", 4)[inner], blurred[inner], atol=0.02, rtol=0)
    assert (corrupted(images, "jpeg", 5) - clean(images)).abs().mean() < 0.06


@pytest.fixture
def results(train_tiny, tmp_path):
    for arm in ("resnet", "senet"):
        train_tiny(tiny(arm=arm, epochs=1), tmp_path / "results")
    profile = tmp_path / "profile.yaml"
    runs = [tiny(arm=arm, epochs=1).config() for arm in ("resnet", "senet")]
    profile.write_text(json.dumps({"runs": [{k: v for k, v in run.items() if k != "options"} for run in runs]}))
    return tmp_path / "results"


def command(results, pictures) -> int:
    places = ["--results", str(results), "--root", str(pictures)]
    return main(["robustness", "--profile", str(results.parent / "profile.yaml"), *places])


def test_figures_are_kept_beside_the_record_and_made_once(results, pictures, capsys, monkeypatch):
    from thesis_lib.records import all_records

    assert command(results, pictures) == 0 and "2개 가운데 기록과 가중치가 있는 2개" in capsys.readouterr().out
    table = measured(all_records(results)[0])
    assert len(table) == 2 * 6 * 5 and table["accuracy"].between(0, 100).all()
    data = load("tiny", pictures, 8)
    record = all_records(results)[0][0]
    model = robustness.network_of(record)
    mean, std = (torch.tensor(v)[:, None, None] for v in (data.mean, data.std))
    predicted = model((corrupted(data.test.images, "contrast", 4) - mean) / std).argmax(1)
    row = table[(table["id"] == record.id) & (table["kind"] == "contrast") & (table["strength"] == 4)].iloc[0]
    assert row["accuracy"] == 100 * (predicted == data.test.labels).double().mean()
    assert row["clean"] == record.test_accuracy  # of so few pictures all are taken
    monkeypatch.setattr(robustness, "accuracies", None)  # whoever measures now fails
    assert command(results, pictures) == 0


def test_figures_of_other_weights_are_not_shown(results, pictures):
    from thesis_lib.records import all_records

    command(results, pictures)
    [path] = results.glob("runs/*-senet-*/robustness.json")
    path.write_text(path.read_text().replace('"weights_sha256": "', '"weights_sha256": "0'))
    assert set(measured(all_records(results)[0])["arm"]) == {"resnet"}


def test_other_data_is_refused(results, pictures, tmp_path):
    from helpers import write_pictures

    from thesis_lib.records import all_records

    write_pictures(tmp_path / "data" / "tiny", seed=1)
    with pytest.raises(ThesisError, match="다른 자료") as caught:
        robustness.measure(all_records(results)[0][0], tmp_path / "data")
    korean_sentence(caught.value)
