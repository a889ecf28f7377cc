"""The attention explorer in a real browser: what it shows is what the committed networks compute."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from helpers import PATIENCE

from thesis_book import map_methods
from thesis_book.explorer import records
from thesis_lib import maps
from thesis_lib.data import load

ROOT = Path(__file__).resolve().parents[2]
KINDS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]


@pytest.fixture
def explorer(built_book, tab):
    tab.goto((built_book / "explorer.html").as_uri())
    tab.wait_for_selector("#explorer-where:not(:empty)")
    yield tab
    assert tab.complaints == []


@pytest.fixture(scope="module")
def computed():
    """Fresh forward passes: computed(data set, arm) -> network, its record, inputs of the test pictures."""

    def compute(name, arm):
        record = next(r for r in records(ROOT)[name] if r.data["experiment"]["arm"] == arm)
        data = load(name)
        return maps.network_of(record), record, maps.inputs_of(data.test, data), data

    return compute


def choose(page, **options):
    for name, text in options.items():
        page.select_option(f"#explorer-{name}", label=text)


def table(page):
    """The map that is shown, (side, side)."""
    rows = page.evaluate(
        "[...document.querySelectorAll('.explorer-table tr')].map(r => [...r.children].map(c => +c.textContent))"
    )
    return np.array(rows)


def query(page):
    row, column = re.match(r"쿼리 (\d+)행 (\d+)열", page.inner_text("#explorer-where")).groups()
    return int(row) - 1, int(column) - 1


def put(page, row, column, side=8, half=0):
    """Move the pointer to the middle of a cell, on the picture (half 0) or on the map (half 1)."""
    box = page.locator(".explorer-main canvas[tabindex]").bounding_box()
    x = box["x"] + half * (box["width"] - box["height"]) + (column + 0.5) * box["height"] / side
    page.mouse.move(x, box["y"] + (row + 0.5) * box["height"] / side)


@pytest.mark.parametrize(("width", "scheme"), KINDS)
def test_no_serious_violation_and_no_overflow(built_book, browser, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.set_default_timeout(PATIENCE)
    page.goto((built_book / "explorer.html").as_uri())
    page.wait_for_selector("#explorer-where:not(:empty)")
    page.locator("#explorer details").evaluate("d => { d.open = true }")
    page.wait_for_timeout(500)  # colours fade in
    found = Axe().run(page, context="#explorer").response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.close()


@pytest.mark.parametrize("head", [1, 2, 3, 4])
@pytest.mark.parametrize(("name", "title"), [("shapes", "도형 (shapes)"), ("digits", "숫자 (digits)")])
def test_attention_equals_a_fresh_forward_pass(explorer, computed, name, title, head):
    model, record, x, _ = computed(name, "senet_self")
    choose(explorer, set=title)
    explorer.wait_for_function(f"document.querySelector('.explorer-run').textContent.includes('{record.id}')")
    choose(explorer, network="SENet_self", map=f"어텐션, 헤드 {head}")
    explorer.locator(".explorer-strip button").nth(head).click()
    put(explorer, 2, head)
    assert query(explorer) == (2, head)
    (weights,) = maps.attention_of(model, x[head : head + 1]).values()
    expected = weights[0, head - 1, 2 * 8 + head].reshape(8, 8)
    np.testing.assert_allclose(table(explorer), expected, atol=expected.max() / 500 + 1e-4)
    assert f"{expected.max():.3f}" in explorer.inner_text("#explorer-where")


def test_the_mean_over_heads_is_shown_first_and_sums_to_one(explorer, computed):
    model, _, x, _ = computed("shapes", "senet_self")
    (weights,) = maps.attention_of(model, x[:1]).values()
    row, column = query(explorer)
    expected = weights[0].mean(0)[8 * row + column].reshape(8, 8)
    np.testing.assert_allclose(table(explorer), expected, atol=weights.max() / 500 + 1e-4)
    assert table(explorer).sum() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("arm", "label"), [("resnet", "ResNet"), ("senet", "SENet"), ("senet_self", "SENet_self")])
def test_grad_cam_gates_and_prediction_of_every_network(explorer, computed, arm, label):
    model, _, x, data = computed("shapes", arm)
    choose(explorer, network=label)
    explorer.locator(".explorer-strip button").nth(7).click()
    choose(explorer, layer="2단계", map="Grad-CAM")
    expected = map_methods.grad_cam(model, x[7:8], "stages.1.0")[0].numpy()
    np.testing.assert_allclose(table(explorer), expected, atol=expected.max() / 500 + 1e-4)
    note = explorer.locator(".explorer-main > div").nth(2).inner_text()
    if gates := list(maps.gates_of(model, x[7:8]).values()):
        assert f"채널 32개, 평균 {gates[1].mean():.2f}" in note
    else:
        assert "게이트가 없다" in note
    with torch.no_grad():
        probabilities = model(x[7:8]).softmax(1)[0]
    shown = explorer.inner_text(".explorer-prediction")
    best = probabilities.argsort(descending=True)[:3].tolist()
    for number in best:
        assert data.classes[number] in shown and f"{100 * probabilities[number]:.1f}%" in shown
    assert f"정답은 {data.classes[data.test.labels[7]]}이고" in shown


@pytest.mark.parametrize("half", [0, 1])
def test_the_pointer_moves_the_query_on_the_picture_and_on_the_map(explorer, half):
    before = table(explorer)
    for place in ((0, 0), (7, 7), (3, 6)):
        put(explorer, *place, half=half)
        assert query(explorer) == place
    assert not np.array_equal(table(explorer), before)


def test_a_finger_moves_the_query(built_book, browser):
    context = browser.new_context(has_touch=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto((built_book / "explorer.html").as_uri())
    page.wait_for_selector("#explorer-where:not(:empty)")
    canvas = page.locator(".explorer-main canvas[tabindex]")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.touchscreen.tap(box["x"] + 1.5 * box["height"] / 8, box["y"] + 6.5 * box["height"] / 8)
    assert query(page) == (6, 1)
    context.close()


def test_the_keyboard_reaches_everything(explorer):
    explorer.focus("#explorer-map")
    explorer.keyboard.press("Tab")
    assert explorer.evaluate("document.activeElement.parentElement.className") == "explorer-strip"
    explorer.keyboard.press("Tab")
    explorer.keyboard.press("Enter")
    pressed = explorer.locator(".explorer-strip button[aria-pressed=true]")
    assert pressed.count() == 1 and "2번째" in pressed.locator("img").get_attribute("alt")
    explorer.focus(".explorer-main canvas[tabindex]")
    row, column = query(explorer)
    explorer.keyboard.press("ArrowUp")
    explorer.keyboard.press("ArrowRight")
    assert query(explorer) == (row - 1, column + 1)
    for _ in range(10):
        explorer.keyboard.press("ArrowLeft")
    assert query(explorer) == (row - 1, 0)
    assert explorer.url.endswith("explorer.html")  # the theme turns pages by these keys elsewhere


def test_the_colours_on_the_canvas_are_those_of_the_values(explorer):
    """Over a grey picture the overlay alone makes red differ from blue."""
    choose(explorer, map="어텐션, 헤드 1")
    put(explorer, 0, 0)
    stops = re.findall(r"#([0-9a-f]{6})", (ROOT / "book/_pages/explorer/explorer.js").read_text(encoding="utf-8"))[:10]
    seen = np.array(
        explorer.evaluate(
            """() => {
              const canvas = document.querySelector('.explorer-main canvas[tabindex]'), size = canvas.height;
              const context = canvas.getContext('2d'), left = canvas.width - size, cell = size / 8;
              return [...Array(64).keys()].map(i => {
                const place = [left + (i % 8) * cell + 10, Math.floor(i / 8) * cell + 10, cell - 20, cell - 20];
                const data = context.getImageData(...place).data;
                return 4 * data.reduce((sum, v, k) => sum + (k % 4 == 0 ? v : k % 4 == 2 ? -v : 0), 0) / data.length;
              });
            }"""
        )
    )
    values = table(explorer).ravel()
    at = 9 * values / values.max()
    red, blue = (np.interp(at, range(10), [int(stop[k : k + 2], 16) for stop in stops]) for k in (0, 4))
    np.testing.assert_allclose(seen, 0.72 * (red - blue), atol=3)


def test_it_is_small_and_needs_nothing_else(built_book):
    files = [*(built_book / "explorer").iterdir(), built_book / "explorer.html"]
    assert sum(path.stat().st_size for path in files) < 3e6
    script = (built_book / "explorer" / "explorer.js").read_text(encoding="utf-8")
    assert not re.search(r"fetch\(|XMLHttpRequest|import |https?://", script)


def test_without_records_it_says_so(built_book, tab, tmp_path):
    page = (built_book / "explorer.html").read_text(encoding="utf-8")
    alone = built_book / "explorer-alone.html"
    alone.write_text(page.replace('src="explorer/data.js"', ""), encoding="utf-8")
    tab.goto(alone.as_uri())
    assert "보일 기록이 없다" in tab.inner_text("#explorer")
    alone.unlink()
