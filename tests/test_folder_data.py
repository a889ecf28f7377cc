"""Anyone's own pictures: read whatever the format, split by their content, and refused with the reason."""

import shutil

import numpy as np
import pytest
import torch
from helpers import korean_sentence, write_pictures
from PIL import Image

from thesis_lib import ThesisError
from thesis_lib.data import load
from thesis_lib.data.folder import decode


def content(split) -> set[tuple[bytes, int]]:
    return {(image.numpy().tobytes(), int(label)) for image, label in zip(split.images, split.labels, strict=True)}


def refused(root, name="own", size=8) -> str:
    with pytest.raises(ThesisError) as caught:
        load(name, root, size)
    return korean_sentence(caught.value)


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "webp", "PNG"])
def test_formats(tmp_path, suffix):
    write_pictures(tmp_path / "own", train=10, test=3, suffix=suffix)
    data = load("own", tmp_path, 8)
    assert data.classes == ("가지", "나비")
    assert (len(data.train), len(data.validation), len(data.test)) == (18, 2, 6)
    assert data.train.images.shape == (18, 8, 8, 3) and data.train.images.dtype == torch.uint8
    assert torch.bincount(data.test.labels).tolist() == [3, 3]


def test_lossless_pixels_arrive_as_they_are_with_their_labels(pictures):
    data = load("tiny", pictures, 8)
    expected = set()
    for label, name in enumerate(data.classes):
        for path in (pictures / "tiny" / "train" / name).iterdir():
            expected.add((np.asarray(Image.open(path)).tobytes(), label))
    assert content(data.train) | content(data.validation) == expected


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "RGB"])
def test_every_colour_mode_becomes_rgb_of_the_asked_size(tmp_path, mode):
    write_pictures(tmp_path / "own", train=3, test=2, size=20)
    for path in (tmp_path / "own").rglob("*.png"):
        Image.open(path).convert(mode).save(path)
    data = load("own", tmp_path, 16)
    assert data.train.images.shape[1:] == (16, 16, 3)
    grey = (data.train.images[..., 0] == data.train.images[..., 2]).all()
    assert bool(grey) == (mode == "L")


def test_a_picture_is_read_as_a_viewer_shows_it(tmp_path):
    """Turned as its camera says, and on white where it is transparent."""
    left_black = np.full((8, 8, 3), 255, np.uint8)
    left_black[:, :4] = 0
    turned = Image.Exif()
    turned[0x0112] = 6  # to be shown a quarter turn clockwise
    Image.fromarray(left_black).save(tmp_path / "turned.png", exif=turned)
    assert np.array_equal(decode(tmp_path / "turned.png", 8), left_black.transpose(1, 0, 2))
    clear = np.dstack([np.zeros((8, 8, 3), np.uint8), np.repeat([[0], [255]], 4, axis=0).repeat(8, axis=1)])
    Image.fromarray(clear.astype(np.uint8)).save(tmp_path / "clear.png")
    assert decode(tmp_path / "clear.png", 8)[:, :, 0].tolist() == [[255] * 8] * 4 + [[0] * 8] * 4


def test_a_picture_of_more_than_eight_bits_is_refused_rather_than_cut(tmp_path):
    write_pictures(tmp_path / "own", train=3, test=2)
    deep = next((tmp_path / "own" / "train").rglob("*.png"))
    Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 300).save(deep)
    assert str(deep) in (told := refused(tmp_path)) and "8비트" in told


def test_a_picture_that_is_too_large_to_open_is_named(tmp_path, monkeypatch):
    write_pictures(tmp_path / "own", train=3, test=2)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    assert str(tmp_path / "own" / "train") in refused(tmp_path)


def test_a_channel_of_one_value_leaves_the_others_to_learn_from(tmp_path):
    write_pictures(tmp_path / "own", train=3, test=2)
    for path in (tmp_path / "own").rglob("*.png"):
        Image.fromarray(np.array(Image.open(path)) * np.array([0, 1, 0], np.uint8)).save(path)
    data = load("own", tmp_path, 8)
    assert data.std[0] == data.std[2] == 1 and 0 < data.std[1] < 1 and data.mean[0] == 0


def test_pictures_that_come_later_are_seen(tmp_path):
    write_pictures(tmp_path / "own", train=3, test=2)
    before = len(load("own", tmp_path, 8).train)
    shutil.copy(next((tmp_path / "own" / "train").rglob("*.png")), tmp_path / "own" / "train" / "나비" / "more.png")
    assert len(load("own", tmp_path, 8).train) == before + 1


def test_validation_split_is_stratified_disjoint_and_of_one_tenth(tmp_path):
    write_pictures(tmp_path / "own", classes=("a", "b", "c"), train=30, test=2)
    data = load("own", tmp_path, 8)
    assert torch.bincount(data.validation.labels).tolist() == [3, 3, 3]
    assert torch.bincount(data.train.labels).tolist() == [27, 27, 27]
    assert not content(data.train) & content(data.validation)
    assert len(content(data.train) | content(data.validation)) == 90


def test_split_does_not_depend_on_file_names_or_their_order(tmp_path):
    write_pictures(tmp_path / "own", train=20, test=4)
    shutil.copytree(tmp_path / "own", tmp_path / "renamed")
    for folder in (tmp_path / "renamed").glob("*/*"):
        for number, path in enumerate(sorted(folder.iterdir(), reverse=True)):
            path.rename(folder / f"x{number * 7919 % 1000:04d}.png")
    first, second = load("own", tmp_path, 8), load("renamed", tmp_path, 8)
    assert first.checksum == second.checksum
    for split in ("train", "validation", "test"):
        assert torch.equal(getattr(first, split).images, getattr(second, split).images)
        assert torch.equal(getattr(first, split).labels, getattr(second, split).labels)


def test_one_changed_pixel_changes_the_checksum(tmp_path):
    write_pictures(tmp_path / "own", train=5, test=2)
    before = load("own", tmp_path, 8).checksum
    path = next((tmp_path / "own" / "test").rglob("*.png"))
    pixels = np.array(Image.open(path))
    pixels[3, 3, 1] ^= 1
    Image.fromarray(pixels).save(path)
    assert load("own", tmp_path, 8).checksum != before


def test_decoded_pixels_are_kept_and_equal(tmp_path):
    write_pictures(tmp_path / "own", train=5, test=2)
    before = load("own", tmp_path, 8)
    assert list((tmp_path / ".decoded").rglob("train.npy"))
    assert torch.equal(load("own", tmp_path, 8).train.images, before.train.images)


def test_a_data_folder_that_cannot_be_written_to_will_do(tmp_path):
    write_pictures(tmp_path / "own", train=5, test=2)
    (tmp_path / ".decoded").touch()  # a file in its place, which stops root too
    assert len(load("own", tmp_path, 8).train) == 8


def test_no_folder(tmp_path):
    assert "own" in refused(tmp_path)


def test_empty_folder(tmp_path):
    (tmp_path / "own").mkdir()
    assert "클래스 폴더가 둘 이상" in refused(tmp_path)


def test_one_class(tmp_path):
    write_pictures(tmp_path / "own", classes=("가지",), train=2, test=2)
    assert "지금 1개" in refused(tmp_path)


def test_class_without_pictures_is_named(tmp_path):
    write_pictures(tmp_path / "own", train=2, test=2)
    (tmp_path / "own" / "train" / "다람쥐").mkdir()
    assert "다람쥐" in refused(tmp_path)
    write_pictures(tmp_path / "more", classes=("다람쥐",), train=1, test=1)
    for split in ("train", "test"):
        (tmp_path / "own" / split / "다람쥐").mkdir(exist_ok=True)
        (tmp_path / "more" / split / "다람쥐" / "000.png").rename(tmp_path / "own" / split / "다람쥐" / "000.png")
    assert "2장 이상" in refused(tmp_path)  # the one would be held for validation, and none be trained on


def test_classes_that_differ(tmp_path):
    write_pictures(tmp_path / "own", train=2, test=2)
    (tmp_path / "own" / "test" / "나비").rename(tmp_path / "own" / "test" / "나방")
    assert "train과 test" in refused(tmp_path)


@pytest.mark.parametrize("fault", ["text", "cut", "empty"])
def test_broken_picture_is_named(tmp_path, fault):
    write_pictures(tmp_path / "own", train=3, test=2, size=32)
    broken = sorted((tmp_path / "own" / "train" / "나비").iterdir())[1]
    whole = broken.read_bytes()
    broken.write_bytes({"text": b"not a picture", "cut": whole[: len(whole) // 2], "empty": b""}[fault])
    assert str(broken) in refused(tmp_path, size=32)
