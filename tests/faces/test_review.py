# SPDX-License-Identifier: MIT OR Apache-2.0
"""The review page, driven in Chromium: a job arrives, is looked at, decided about, deployed."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import PIL.Image
import pytest
from playwright.sync_api import Browser, Error, Page, expect

from browsing import started
from dgx_pixels.server.store import Store
from serving import ROOT, Server

JOB = {"prompt": "medieval knight", "kind": "character", "size": "32x32", "steps": 12, "count": 3}
TOKEN = "a-long-secret"
expect.set_options(timeout=600_000)  # a hang guard: machines may have much to do


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as chromium:
        yield chromium


@pytest.fixture
def server(tiny: Path, game: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """80 ms a step, or the parameter's, so that something can be seen while it paints."""
    delay = str(getattr(request, "param", 80))
    made = Server(tmp_path / "data", "--project", game, DGXP_STUB_DELAY_MS=delay,
                  DGXP_STUB_WHILE=str(tmp_path / "unseen"))
    yield made
    made.stop()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """The open page; a fault in its JavaScript or its policy fails the test."""
    context = browser.new_context(viewport={"width": 1360, "height": 860})
    made, faults = context.new_page(), []
    made.on("pageerror", lambda error: faults.append(str(error)))
    made.on("console", lambda message: faults.append(message.text) if message.type == "error"
            and "409 (Conflict)" not in message.text else None)  # a refusal that a test asks for
    made.set_default_timeout(60_000)
    made.goto(f"{server.url}/review")
    expect(made.locator("#link")).to_have_text("live")
    yield made
    context.close()
    assert not faults, faults


def start(server: Server, **fields: Any) -> str:
    answer = server.ask("POST", "/api/v1/generate", {**JOB, **fields}, Prefer="respond-async")
    assert answer.status == 202, answer.body
    return str(answer.json["id"])


def rgba(png: bytes) -> Any:
    return numpy.asarray(PIL.Image.open(io.BytesIO(png)).convert("RGBA"))


def picture(server: Server, job: str, index: int) -> Any:
    return rgba(server.ask("GET", f"/api/v1/jobs/{job}/images/{index}.png").body)


def shown(page: Page) -> Any:
    """What the stage's canvas holds, in its own pixels."""
    return rgba(base64.b64decode(page.locator("#canvas").evaluate(
        "canvas => canvas.toDataURL('image/png').split(',')[1]")))


def candidates(page: Page, job: str) -> Any:
    return page.locator(f'article[data-id="{job}"] button.candidate')


def test_from_the_first_step_to_the_game(page: Page, server: Server, game: Path, tmp_path: Path) -> None:
    """A job arrives, is enlarged, approved and rejected by key, deployed, found in the project."""
    unseen = tmp_path / "unseen"
    unseen.touch()  # a page may be slower than a job
    job = start(server)
    article = page.locator(f'article[data-id="{job}"]')
    expect(article).to_have_attribute("data-state", "running")
    expect(article.locator("progress")).to_be_visible()
    expect(article.locator(".state")).to_have_text(re.compile(r"denoise \d+/12"))
    unseen.unlink()
    expect(candidates(page, job)).to_have_count(3)
    expect(article).to_have_attribute("data-state", "done")

    # The newest picture is on the stage, pixel by pixel, and each pixel is a square of the screen.
    expect(page.locator("#canvas")).to_be_visible()
    wanted = picture(server, job, 0)
    assert (shown(page)[wanted[..., 3] > 0] == wanted[wanted[..., 3] > 0]).all()
    page.keyboard.press("0")
    for _ in range(20):
        page.keyboard.press("-")
    expect(page.locator("#zoom-shown")).to_have_text("1×")
    for _ in range(4):
        page.keyboard.press("+")
    expect(page.locator("#zoom-shown")).to_have_text("5×")
    screen = rgba(page.locator("#canvas").screenshot())
    assert screen.shape[:2] == (160, 160)
    large = numpy.repeat(numpy.repeat(wanted, 5, 0), 5, 1)
    assert (screen[large[..., 3] > 0][:, :3] == large[large[..., 3] > 0][:, :3]).all()
    for _ in range(20):
        page.keyboard.press("+")
    expect(page.locator("#zoom-shown")).to_have_text("16×")
    page.keyboard.press("0")

    page.keyboard.press("a")
    expect(candidates(page, job).nth(0)).to_have_attribute("data-review", "approved")
    page.keyboard.press("r")  # the next one was chosen by itself
    expect(candidates(page, job).nth(1)).to_have_attribute("data-review", "rejected")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("n")
    page.locator("#note-text").fill("a redder plume\nand a shield")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#note")).to_have_text("a redder plume\nand a shield")

    # It stands in the sidecar on the server's disk, and after a reload on the page.
    kept = [json.loads((server.data / f"results/{job}/{index}.json").read_text()) for index in range(3)]
    assert [about.get("review", {}).get("state") for about in kept] == ["approved", "rejected", None]
    assert kept[0]["review"]["note"] == "a redder plume\nand a shield" and kept[0]["recipe"]["prompt"]
    page.reload()
    expect(candidates(page, job).nth(0)).to_have_attribute("data-review", "approved")
    page.locator("[data-filter=rejected]").click()
    expect(page.locator("button.candidate:visible")).to_have_count(1)
    page.locator("[data-filter=all]").click()

    candidates(page, job).nth(0).click()
    page.keyboard.press("d")
    expect(page.locator("#deploy-project")).to_have_value("game")
    expect(page.locator("#deploy-to")).to_have_value("sprites/medieval-knight.png")
    page.locator("#deploy-to").fill("sprites/hero.png")
    page.locator("#deploy-go").click()
    expect(page.locator("#deploy-result")).to_contain_text("new: assets/sprites/hero.png")
    expect(page.locator("#deploy-result")).to_contain_text('asset_server.load("sprites/hero.png")')
    page.locator("#deploy-close").click()
    assert (rgba((game / "assets/sprites/hero.png").read_bytes()) == wanted).all()
    assert PIL.Image.open(game / "assets/sprites/hero.png").info.get("dgx_pixels_review") is None
    sidecar = json.loads((game / "dgx-pixels.recipes/sprites/hero.json").read_text())
    assert sidecar["review"]["state"] == "approved" and sidecar["review"]["note"].startswith("a redder")
    assert sidecar["recipe"]["prompt"] and "dgx_pixels_review" not in sidecar["texts"]

    # What the server refuses is said where it was asked.
    (game / "assets/mine.png").write_bytes(b"drawn by hand")
    page.keyboard.press("d")
    page.locator("#deploy-to").fill("mine.png")
    page.locator("#deploy-go").click()
    expect(page.locator("#deploy-result.bad")).to_contain_text("mine.png")
    assert (game / "assets/mine.png").read_bytes() == b"drawn by hand"


def test_what_is_being_painted_is_shown(starter: Path, tiny: Path, tmp_path: Path, browser: Browser) -> None:
    """The starter's latents as a picture, while it denoises (the tiny model has no preview)."""
    server = Server(tmp_path / "starter", "--model", starter, DGX_PIXELS_BACKEND="torch",
                    DGX_PIXELS_MODELS=str(ROOT / "models"))
    try:
        page = browser.new_page()
        page.goto(f"{server.url}/review")
        expect(page.locator("#link")).to_have_text("live")
        job = start(server, steps=40, count=2)
        waiting = page.locator(f'article[data-id="{job}"] .waiting img')
        expect(waiting).to_have_attribute("src", re.compile("^data:image/png"))
        expect(candidates(page, job)).to_have_count(2)
        sizes = candidates(page, job).locator("img").evaluate_all("all => all.map(each => each.naturalWidth)")
        assert sizes == [32, 32]
        page.close()
    finally:
        server.stop()


def test_views_of_a_candidate(page: Page, server: Server) -> None:
    """Palette, tiles, clips, comparison and backgrounds show what the pixels say."""
    job = start(server, steps=1)
    expect(candidates(page, job)).to_have_count(3)
    candidates(page, job).nth(0).click()
    pictures = [picture(server, job, index) for index in range(3)]
    opaque = pictures[0][pictures[0][..., 3] > 0]
    colors, counts = numpy.unique(opaque[:, :3], axis=0, return_counts=True)
    told = page.locator("#palette button").evaluate_all("all => all.map(each => each.title)")
    assert sorted(told) == sorted(f"#{r:02x}{g:02x}{b:02x}: {count} pixels"
                                  for (r, g, b), count in zip(colors, counts, strict=True))
    page.locator("#palette button").first.click()
    marked = shown(page)[..., 3] == 255
    assert marked.sum() == int(re.findall(r"(\d+) pixels", told[0])[0]), "one color stands out"
    page.locator("#palette button").first.click()

    page.keyboard.press("t")
    assert (shown(page)[..., 3] == numpy.tile(pictures[0][..., 3], (3, 3))).all()
    page.keyboard.press("t")

    page.keyboard.press("p")
    seen = set()
    for _ in range(200):
        frame = page.locator("#canvas").get_attribute("data-frame")
        seen.add(frame)
        if len(seen) == 3:
            break
        page.wait_for_timeout(30)
    assert seen == {"0", "1", "2"}
    expect(page.locator("#clip-shown")).to_contain_text("3 frames")
    page.locator("#clip-source").select_option("cells")
    page.locator("#clip-cell").fill("16")
    expect(page.locator("#clip-shown")).to_contain_text("4 frames")
    assert shown(page).shape[:2] == (16, 16)
    page.locator("#play").click()

    page.keyboard.press("c")
    candidates(page, job).nth(2).click()
    different = ((pictures[0] != pictures[2]).any(2) & ((pictures[0][..., 3] > 0) | (pictures[2][..., 3] > 0)))
    expect(page.locator("#compare-shown")).to_have_text(f"{different.sum()} pixels differ")
    assert shown(page).shape[:2] == (32, 66)
    page.get_by_label("difference").check()
    assert ((shown(page) == (255, 64, 64, 255)).all(2) == different).all()
    page.get_by_label("over").check()
    half = shown(page)
    assert (half[:, :16, 3] == pictures[0][:, :16, 3]).all() and (half[:, 16:, 3] == pictures[2][:, 16:, 3]).all()
    page.keyboard.press("c")

    names = set()
    for _ in range(6):
        page.keyboard.press("b")
        names.add(page.locator("#stage").get_attribute("class"))
    assert len(names) == 6

    page.keyboard.press("m")  # more like this
    expect(page.locator("article")).to_have_count(2)
    again = page.locator("article").first.get_attribute("data-id") or ""
    expect(candidates(page, again)).to_have_count(3)
    assert again != job and not any((picture(server, again, 0) == each).all() for each in pictures)


@pytest.mark.parametrize("server", [800], indirect=True)  # a busy machine's browser takes seconds to click
def test_painting_and_stopping_from_the_page(page: Page, server: Server) -> None:
    page.keyboard.press("/")
    page.keyboard.type("a red potion")  # letters that are keys elsewhere
    page.locator("#paint select[name=kind]").select_option("item")
    page.locator("#paint select[name=count]").select_option("2")
    page.get_by_role("button", name="Paint", exact=True).click()
    article = page.locator("article").first
    expect(article).to_have_attribute("data-state", "running")
    assert server.ask("GET", "/api/v1/jobs").json[0]["prompt"] == "a red potion"
    article.get_by_role("button", name="Stop").click()
    expect(article).to_have_attribute("data-state", "cancelled")


def test_two_people_and_a_restart(page: Page, browser: Browser, server: Server) -> None:
    """What one decides the other sees; the page finds a server that was started anew."""
    job = start(server, steps=1)
    other = browser.new_page()
    other.goto(f"{server.url}/review/")
    for each in (page, other):
        expect(candidates(each, job)).to_have_count(3)
    candidates(page, job).nth(2).click()
    page.keyboard.press("a")
    expect(candidates(other, job).nth(2)).to_have_attribute("data-review", "approved")
    page.keyboard.press("a")  # the last one: nothing behind it, so it is taken back
    expect(candidates(other, job).nth(2)).to_have_attribute("data-review", "open")
    page.close()
    assert server.ask("PUT", f"/api/v1/jobs/{job}/images/0/review", {"state": "rejected"}).status == 200
    server.stop()
    server.start()
    expect(other.locator("#link")).to_have_text("live")
    newer = start(server, steps=1)
    expect(candidates(other, newer)).to_have_count(3)
    expect(candidates(other, job).nth(0)).to_have_attribute("data-review", "rejected")
    other.close()


def test_older_jobs_and_approved_ones_are_found(browser: Browser, server: Server) -> None:
    """The page is told of the newest 100; the others come by pages, approved ones at once."""
    old = start(server, steps=1)
    page = browser.new_page()
    page.goto(f"{server.url}/review/")
    expect(candidates(page, old)).to_have_count(3)
    expect(page.locator("#older")).to_be_hidden()
    assert server.ask("PUT", f"/api/v1/jobs/{old}/images/1/review", {"state": "approved"}).status == 200
    server.stop()
    with contextlib.closing(Store(server.data)) as store:
        for number in range(160):
            store.finish(store.add({"prompt": f"knight {number}"})[0].id, "cancelled")
    server.start()
    page.goto(f"{server.url}/review/")
    expect(page.locator("article")).to_have_count(100)
    page.locator("[data-filter=approved]").click()
    expect(candidates(page, old)).to_have_count(3)
    expect(page.locator("button.candidate:visible")).to_have_count(1)
    page.locator("[data-filter=all]").click()
    page.locator("#older").click()
    expect(page.locator("article")).to_have_count(151)
    page.locator("#older").click()
    expect(page.locator("article")).to_have_count(161)
    expect(page.locator("#older")).to_be_hidden()
    titles = page.locator("article h2").all_inner_texts()
    assert titles == [f"knight {number}" for number in reversed(range(160))] + [JOB["prompt"]]
    page.close()


def test_on_a_phone(browser: Browser, server: Server) -> None:
    """By touch alone; the chosen candidate lies over the others, and Back leads to them."""
    job = start(server, steps=1)
    context = browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=2,
                                  is_mobile=True, has_touch=True)
    phone = context.new_page()
    phone.goto(f"{server.url}/review")
    expect(candidates(phone, job)).to_have_count(3)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    expect(phone.locator("#desk")).to_be_hidden()
    candidates(phone, job).nth(1).tap()
    expect(phone.locator("#canvas")).to_be_visible()
    for name in ("approve", "reject", "note-button", "more", "deploy"):
        box = phone.locator(f"#{name}").bounding_box()
        assert box and box["height"] >= 44 and box["x"] >= 0 and box["x"] + box["width"] <= 390, name
    phone.locator("#approve").tap()
    expect(candidates(phone, job).nth(1)).to_have_attribute("data-review", "approved")
    phone.go_back()
    expect(phone.locator("#desk")).to_be_hidden()
    expect(phone).to_have_url(re.compile("/review/$"))
    context.close()


def test_the_page_is_guarded_like_the_rest(tiny: Path, tmp_path: Path, browser: Browser) -> None:
    """A token for the page and all it asks; strangers' hosts and origins are refused."""
    server = Server(tmp_path / "guarded", DGX_PIXELS_TOKEN=TOKEN)
    try:
        for path in ("/", "/review", "/review/", "/review/main.js", "/api/v1/events"):
            assert server.ask("GET", path, timeout=600).status == 401, path
            assert server.ask("GET", path, timeout=600, Host="evil.example",
                              Authorization="Bearer wrong").status == 401
        asked = server.ask("GET", "/review/", Accept="text/html")
        assert asked.status == 401 and asked.headers["www-authenticate"].startswith("Basic ")
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        answer = server.ask("GET", "/review/", **bearer)
        assert answer.status == 200 and "default-src 'self'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        job = server.ask("POST", "/api/v1/generate", {**JOB, "steps": 1}, **bearer).json["id"]
        review = f"/api/v1/jobs/{job}/images/0/review"
        assert server.ask("PUT", review, {"state": "approved"}).status == 401
        assert server.ask("PUT", review, {"state": "approved"}, Origin="http://evil.example",
                          **bearer).status == 403
        for wrong, field in (({"state": "maybe"}, "state"), ({"note": "x" * 5000}, "note"), ({"by": "me"}, "by")):
            refused = server.ask("PUT", review, wrong, **bearer)
            assert refused.status == 422 and refused.json["field"] == field
        assert server.ask("PUT", f"/api/v1/jobs/{job}/images/9/review", {}, **bearer).status == 404
        for path in ("/review/../app.py", "/review/%2e%2e/app.py", "/review/..%2f..%2fapp.py"):
            assert server.ask("GET", path, **bearer).status == 404, path

        stranger = browser.new_context()
        with pytest.raises(Error, match="INVALID_AUTH_CREDENTIALS"):  # it asked for a password
            stranger.new_page().goto(f"{server.url}/review")
        stranger.close()
        known = browser.new_context(http_credentials={"username": "me", "password": TOKEN})
        page = known.new_page()
        page.goto(f"{server.url}/review")
        expect(page.locator("#link")).to_have_text("live")
        expect(candidates(page, job)).to_have_count(3)
        candidates(page, job).first.click()
        expect(page.locator("#canvas")).to_be_visible()
        page.keyboard.press("a")
        expect(candidates(page, job).first).to_have_attribute("data-review", "approved")
        known.close()
    finally:
        server.stop()
    without = Server(tmp_path / "open")
    try:
        assert without.ask("GET", "/review/", Host="evil.example").status == 403
        assert without.ask("GET", "/review/", Origin="http://evil.example").status == 403
    finally:
        without.stop()


def test_nothing_is_fetched_from_elsewhere() -> None:
    """The page works without a network: its own files only."""
    folder = ROOT / "bindings/python/dgx_pixels/server/page"
    for path in folder.iterdir():
        text = path.read_text()
        assert not [url for url in re.findall(r"https?://[^\s\"')]+", text)
                    if url != "http://www.w3.org/2000/svg"], path
        assert len(text.splitlines()) <= 600 and "SPDX-License-Identifier" in text or path.suffix == ".svg"
