"""What may go wrong: attacks in titles, tokens, a service that fails, a model without extras."""

import re

import pytest
from playwright.sync_api import expect

REFUSED = "Failed to load resource"


# Titles


@pytest.mark.parametrize("view", ["try", "map", "inside", "quality"])
def test_a_title_is_text_and_never_html(visit, address, hostile, view):
    page = visit(f"{address}#{view}?item=21212&item=85123A")
    expect(page.locator(".chip .title").first).to_have_text(hostile)
    page.locator("#search").fill("img")
    expect(page.locator("#found-0")).to_contain_text(hostile)
    page.locator("#search").press("Escape")
    page.locator(".chip .title").first.click()
    expect(page.get_by_role("dialog")).to_contain_text(hostile)
    expect(page.locator("main h1").filter(visible=True)).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    assert page.title() != "taken"


def test_a_title_that_is_html_is_drawn_as_text_in_the_hourglass(visit, address):
    page = visit(f"{address}#inside?item=21212")
    expect(page.locator(".hourglass text").filter(has_text="<img src").first).to_be_visible()


def test_nothing_is_written_into_the_page_as_html(pytestconfig):
    scripts = pytestconfig.rootpath / "src" / "likewise" / "serve" / "page" / "js"
    unsafe = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(")
    found = [path.name for path in scripts.glob("*.js") if unsafe.search(path.read_text())]
    assert found == []


# Tokens


def test_the_page_asks_for_the_token_once_and_keeps_it_in_the_tab(visit, guarded, token):
    page = visit(guarded, may=REFUSED)
    dialog = page.get_by_role("dialog", name="This service asks for a token")
    dialog.get_by_label("Token").fill("no-token-of-theirs")
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog.get_by_role("alert")).to_have_text("That token was refused.")
    dialog.get_by_label("Token").fill(token)
    dialog.get_by_role("button", name="Go on").click()
    expect(page.locator(".card")).to_have_count(10)
    expect(page.locator("#model")).to_have_text("shop · 18 products")
    assert page.evaluate("Object.values(sessionStorage).concat(Object.values(localStorage))") == [
        token, "auto"
    ]  # fmt: skip
    assert page.context.cookies() == []
    page.reload()
    expect(page.locator(".card")).to_have_count(10)
    assert token not in page.url


def test_a_token_that_cannot_be_one_is_not_sent_and_spaces_around_one_are_cut(
    visit, guarded, token
):
    page = visit(guarded, may=REFUSED)
    dialog = page.get_by_role("dialog", name="This service asks for a token")
    dialog.get_by_label("Token").fill("tökén-łong-enough-for-all")
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog.locator("input:invalid")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    dialog.get_by_label("Token").fill(f" {token} ")
    dialog.get_by_role("button", name="Go on").click()
    expect(page.locator(".card")).to_have_count(10)


def test_a_refused_token_is_not_kept(visit, guarded):
    page = visit(guarded, may=REFUSED)
    dialog = page.get_by_role("dialog", name="This service asks for a token")
    dialog.get_by_label("Token").fill("no-token-of-theirs")
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog.get_by_role("alert")).to_have_text("That token was refused.")
    assert page.evaluate("sessionStorage.length") == 0


def test_the_question_for_the_token_stays_until_it_is_answered(visit, guarded, token):
    page = visit(guarded, may=REFUSED)
    dialog = page.get_by_role("dialog", name="This service asks for a token")
    expect(dialog).to_be_visible()
    for _ in range(3):
        page.keyboard.press("Escape")
    page.evaluate("document.getElementById('token').close()")
    dialog.get_by_label("Token").fill(token)
    dialog.get_by_role("button", name="Go on").click()
    expect(page.locator(".card")).to_have_count(10)
    expect(dialog).to_be_hidden()


def test_a_browser_that_keeps_nothing_shows_the_page(visit, address):
    page = visit(address)
    page.add_init_script("""for (const name of ["localStorage", "sessionStorage"])
        Object.defineProperty(window, name, { get() { throw new DOMException("no") } })""")
    page.goto(address)
    expect(page.locator(".card")).to_have_count(10)


# Failures


def test_a_failure_is_told_and_can_be_tried_again(visit, address):
    page = visit(address, may=REFUSED)
    expect(page.locator(".card")).to_have_count(10)
    fault = {
        "error": {"code": "internal", "message": "something went wrong here", "request_id": "1"}
    }
    page.route("**/v1/recommend", lambda route: route.fulfill(status=500, json=fault))
    page.locator(".card .add").first.click()
    expect(page.get_by_role("alert")).to_contain_text("something went wrong here")
    page.unroute("**/v1/recommend")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Recommended for this basket")


def test_a_service_that_is_gone_is_told(visit, address):
    page = visit(address, may=REFUSED)
    page.route("**/v1/**", lambda route: route.abort())
    page.locator(".card .add").first.click()
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")


def test_the_map_waits_while_it_is_being_computed(visit, address):
    page = visit(address)
    found, drawn = page.request.get(f"{address}v1/model").json(), []
    page.route(
        "**/v1/model", lambda route: route.fulfill(json=found | {"map_is_coming": not drawn})
    )
    page.get_by_role("link", name="Map").click()
    expect(page.locator(".waiting")).to_have_text("Drawing the map …")
    drawn.append(True)
    expect(page.locator("#map-words")).to_contain_text("18 products")


def test_a_map_that_will_not_come_is_not_waited_for(visit, address):
    page = visit(address, may=REFUSED)
    found = page.request.get(f"{address}v1/model").json() | {"has_map": False}
    fault = {"error": {"code": "no_map", "message": "this model has no map", "request_id": "1"}}
    page.route("**/v1/model", lambda route: route.fulfill(json=found))
    page.route("**/v1/map", lambda route: route.fulfill(status=404, json=fault))
    page.get_by_role("link", name="Map").click()
    expect(page.get_by_role("alert")).to_contain_text("this model has no map")


def test_a_model_without_a_comparison_says_how_to_make_one(visit, address, shelf):
    page = visit(address)
    found = page.request.get(f"{address}v1/model").json()
    page.route("**/v1/model", lambda route: route.fulfill(json=found | {"metrics": {}}))
    page.reload()
    page.get_by_role("link", name="Quality").click()
    expect(page.locator("main")).to_contain_text(
        "likewise evaluate orders.csv --keep-in shop.model"
    )


def test_answers_that_come_late_do_not_overwrite_later_ones(visit, address):
    page = visit(address)
    held = []
    expect(page.locator(".card")).to_have_count(10)
    page.route("**/v1/recommend", lambda route: held.append(route), times=1)
    page.locator(".card .add").first.click()
    expect(page.locator(".chip")).to_have_count(1)
    page.locator("#search").fill("desk")
    page.get_by_role("option").click()
    expect(page.locator(".card .reasons").first).to_be_visible()
    expect(page.locator(".card h2").filter(has_text="Desk lamp")).to_have_count(0)
    assert len(held) == 1


def follow_a_link_without_an_answer(page):
    """Let a link be followed, and return the request for its product's title, which is held."""
    held = []
    expect(page.locator(".card")).to_have_count(10)
    page.route("**/v1/items?query=85123A*", lambda route: held.append(route), times=1)
    page.evaluate("location.hash = 'try?item=85123A'")
    return held


def test_of_two_links_the_later_one_counts(visit, address):
    page = visit(address)
    held = follow_a_link_without_an_answer(page)
    expect(page.locator("#note")).to_contain_text("Fetching the basket")
    page.evaluate("location.hash = 'try?item=22423'")
    expect(page.locator(".chip .title")).to_have_text(["Tea cup"])
    assert len(held) == 1
    held[0].continue_()
    page.reload()
    expect(page.locator(".chip .title")).to_have_text(["Tea cup"])


def test_a_change_counts_more_than_a_link_that_is_being_followed(visit, address):
    page = visit(address)
    held = follow_a_link_without_an_answer(page)
    expect(page.locator("#note")).to_be_visible()
    page.locator(".card .add").first.click()
    title = page.locator(".chip .title").inner_text()
    expect(page.locator("#note")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_have_text("Recommended for this basket")
    held[0].continue_()
    page.wait_for_timeout(200)
    expect(page.locator(".chip .title")).to_have_text([title])


def test_a_link_cannot_make_the_page_ask_without_bound(visit, address):
    page = visit(address)
    expect(page.locator(".card")).to_have_count(10)
    held, asked, holding = [], [], [True]
    page.on("request", lambda request: asked.append(request.url))
    page.route("**/v1/items?*", lambda route: held.append(route) if holding else route.continue_())
    items = "&".join(f"item=made-up-{n}" for n in range(250))
    page.evaluate("items => { location.hash = `try?${items}`; }", items)
    page.wait_for_timeout(300)
    assert len(held) == 4
    holding.clear()
    for route in held:
        route.continue_()
    expect(page.locator(".chip")).to_have_count(100)
    expect(page.locator("#note")).to_contain_text("250 products; the basket has the first 100")
    assert len([url for url in asked if "/v1/items" in url]) == 100


def test_a_map_stays_though_what_is_recommended_cannot_be_had(visit, address):
    page = visit(f"{address}#map?item=85123A", may=REFUSED)
    expect(page.locator(".near h2")).to_have_count(1)
    page.get_by_role("link", name="Try").click()
    page.route("**/v1/recommend", lambda route: route.abort())
    page.get_by_role("link", name="Map").click()
    expect(page.locator(".near [role=alert]")).to_contain_text("The service does not answer")
    expect(page.locator(".map canvas").first).to_be_visible()
    page.unroute("**/v1/recommend")
    page.locator(".near").get_by_role("button", name="Try again").click()
    expect(page.locator(".near h2")).to_have_text(["Close to Tea pot"])


def test_a_map_without_its_charts_says_so_and_can_be_tried_again(visit, address):
    page = visit(address, may=REFUSED)
    page.route("**/echarts*.js", lambda route: route.abort(), times=1)
    page.get_by_role("link", name="Map").click()
    expect(page.get_by_role("alert")).to_contain_text("The charts could not be fetched")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".map canvas")).to_be_visible()
