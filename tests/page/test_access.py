"""For everyone: axe-core finds nothing serious, the keyboard is enough, phones and the dark do."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

VIEWS = ["try", "map", "inside", "quality"]
SETTLED = {"try": ".reasons", "map": ".near h2", "inside": ".epochs canvas", "quality": ".prose"}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


def faults(page):
    """Return what axe-core calls serious or critical, and where."""
    violations = Axe().run(page).response["violations"]
    return [
        (found["id"], node["html"][:120], node["failureSummary"])
        for found in violations
        if found["impact"] in {"serious", "critical"}
        for node in found["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious(filled, view, scheme):
    page = filled(view, color_scheme=scheme, reduced_motion="reduce")
    expect(page.locator(SETTLED[view]).first).to_be_visible()
    assert faults(page) == []
    page.locator(".chip .title").first.click()
    expect(page.locator(".others")).to_be_visible()
    assert faults(page) == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_is_wide_enough(filled, view):
    page = filled(view, **PHONE, reduced_motion="reduce")
    expect(page.locator(SETTLED[view]).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert faults(page) == []


def test_the_dark_is_dark_by_the_system_and_by_the_button(page, filled):
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    dark = filled("try", color_scheme="dark").evaluate(paper)
    assert light != dark
    button = page.get_by_role("button", name="Colours: auto")
    button.click()
    page.get_by_role("button", name="Colours: light").click()
    expect(page.get_by_role("button", name="Colours: dark")).to_be_visible()
    assert page.evaluate(paper) == dark
    page.reload()
    assert page.evaluate(paper) == dark


def test_the_keyboard_is_enough(page):
    expect(page.locator(".card")).to_have_count(10)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("/")
    search = page.get_by_role("combobox")
    expect(search).to_be_focused()
    page.keyboard.type("tea")
    expect(page.get_by_role("option")).to_have_count(5)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[aria-selected=true]")).to_have_attribute("id", "found-1")
    expect(search).to_have_attribute("aria-activedescendant", "found-1")
    title = page.locator("#found-1 .title").inner_text()
    page.keyboard.press("Enter")
    expect(page.locator(".chip .title")).to_have_text([title])
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name=title)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".chip .title")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.press("Backspace")
    expect(page.locator(".chip")).to_have_count(0)


def test_the_keyboard_stays_where_it_was_when_the_list_changes(page):
    expect(page.locator(".card")).to_have_count(10)
    page.locator(".card .add").nth(2).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Recommended for this basket")
    expect(page.locator(".card .add").nth(2)).to_be_focused()


def test_a_search_that_finds_nothing_is_accessible(page):
    page.get_by_role("combobox").fill("submarine")
    expect(page.locator("#found .none")).to_be_visible()
    assert faults(page) == []


def test_a_screen_reader_is_told_what_changes(page):
    expect(page.locator(".card")).to_have_count(10)
    page.locator(".card .add").first.click()
    expect(page.get_by_role("status")).to_have_text("1 product in the basket")
    expect(page.get_by_role("link", name="Try")).to_have_attribute("aria-current", "page")


def test_an_answer_does_not_take_the_keyboard_away(page):
    expect(page.locator(".card")).to_have_count(10)
    held = []
    page.route("**/v1/recommend", lambda route: held.append(route), times=1)
    page.locator(".card .add").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".chip")).to_have_count(1)
    page.locator("#search").focus()
    held[0].continue_()
    expect(page.get_by_role("heading", level=1)).to_have_text("Recommended for this basket")
    expect(page.locator("#search")).to_be_focused()


def test_the_sheet_begins_at_its_title_and_leaves_the_keyboard_in_the_page(filled):
    page = filled("try")
    title = page.locator(".card .title").first.inner_text()
    page.locator(".card .title").first.click()
    expect(page.get_by_role("heading", name=title, level=2).last).to_be_focused()
    page.get_by_role("button", name="Add to the basket").click()
    expect(page.locator("#product [role=status]")).to_have_text("3 products in the basket")
    other = page.locator(".others .title").first
    name = other.inner_text()
    other.click()
    expect(page.locator("#product-title")).to_have_text(name)
    expect(page.locator("#product-title")).to_be_focused()
    expect(page.locator(".card h2 .title").filter(has_text=title)).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator("#search")).to_be_focused()


def test_the_search_field_follows_the_keys(page):
    search, options = page.get_by_role("combobox"), page.get_by_role("option")
    search.press_sequentially("tea")
    expect(options).to_have_count(5)
    search.press("ArrowDown")
    expect(search).to_have_attribute("aria-activedescendant", "found-0")
    search.press_sequentially(" po")
    expect(options).to_have_count(1)
    assert search.get_attribute("aria-activedescendant") is None
    page.locator("main").focus()
    expect(options).to_have_count(0)
    search.press("ArrowDown")
    expect(options).to_have_count(1)
    search.press("Enter")
    expect(page.locator(".chip .title")).to_have_text(["Tea pot"])


def test_enter_before_the_answer_takes_the_first_that_is_found(page):
    held = []
    page.route("**/v1/items?*", lambda route: held.append(route), times=1)
    search = page.get_by_role("combobox")
    with page.expect_request("**/v1/items?*"):
        search.fill("tea pot")
    search.press("Enter")
    held[0].continue_()
    expect(page.locator(".chip .title")).to_have_text(["Tea pot"])


def test_backspace_leaves_the_keyboard_in_the_field(filled):
    page = filled("try")
    expect(page.locator(".chip")).to_have_count(2)
    page.get_by_role("combobox").press("Backspace")
    expect(page.locator(".chip")).to_have_count(1)
    expect(page.get_by_role("combobox")).to_be_focused()


def test_keys_of_an_input_method_choose_nothing(page):
    search = page.get_by_role("combobox")
    search.fill("tea")
    expect(page.get_by_role("option")).to_have_count(5)
    search.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    search.press("End")
    expect(page.locator(".chip")).to_have_count(0)
    search.press("Enter")
    expect(page.locator(".chip")).to_have_count(1)
