"""Each view, used as a person would."""

import re
from functools import partial

import pytest
from playwright.sync_api import expect

REFUSED = "Failed to load resource"
"""What the browser logs of an answer that is no success."""


def find(page, words):
    """Type into the search field, and wait for what is found."""
    page.get_by_role("combobox", name="Search for a product").fill(words)
    return page.get_by_role("option")


def answered(route, json):
    route.fulfill(json=json)


def tops(page):
    """Return the titles of the recommendations."""
    return page.locator(".card .title").filter(visible=True)


# Try


def test_first_what_is_bought_most_is_shown(page, shelf):
    catalogue = shelf["shop"].recommender.catalogue_
    expect(page.get_by_role("heading", level=1)).to_have_text("What would you buy?")
    expect(tops(page).first).to_have_text(catalogue.title(catalogue.counts.argmax()))
    expect(page.locator("#model")).to_have_text("shop · 18 products")


def test_a_product_found_by_its_title_changes_what_is_recommended(page, shelf):
    found = find(page, "tea po")
    expect(found).to_have_count(1)
    found.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Recommended for this basket")
    expect(page.locator(".chip .title")).to_have_text("Tea pot")
    best = shelf["shop"].recommender.recommend([["85123A"]], 10)[0]
    expect(page.locator(".card h2 .title")).to_have_text([one.title for one in best])


def test_each_recommendation_says_because_of_what(filled, shelf):
    page = filled("try")
    first = page.locator(".card").first
    item = shelf["shop"].recommender.recommend([["85123A", "22423"]], 1)[0][0].item
    reasons = shelf["shop"].recommender.explain(["85123A", "22423"], item)
    helping = [reason for reason in reasons if reason.effect > 0]
    expect(first).to_contain_text("because you have")
    expect(first.locator(".reasons .title")).to_have_text([reason.title for reason in helping])
    lengths = first.locator(".reasons .bar").evaluate_all(
        "bars => bars.map(bar => Number(getComputedStyle(bar).getPropertyValue('--share')))"
    )
    assert lengths == sorted(lengths, reverse=True)
    assert 0 < lengths[-1] <= lengths[0] <= 1


def test_products_are_added_from_the_list_and_taken_out_again(filled):
    page = filled("try")
    chips = page.locator(".chip .title")
    title = tops(page).first.inner_text()
    page.locator(".card .add").first.click()
    expect(chips).to_have_text(["Tea pot", "Tea cup", title])
    expect(tops(page).first).not_to_have_text(title)
    page.get_by_role("button", name="Take out Tea pot").click()
    expect(chips).to_have_text(["Tea cup", title])
    page.get_by_role("button", name="Empty the basket").click()
    expect(chips).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_have_text("What would you buy?")


def test_the_basket_is_in_the_address_so_that_a_link_leads_to_it(filled):
    page = filled("try")
    page.locator(".card .add").first.click()
    expect(page).to_have_url(re.compile(r"#try\?item=85123A&item=22423&item=\w+$"))
    page.reload()
    expect(page.locator(".chip")).to_have_count(3)
    page.get_by_role("link", name="Map").click()
    expect(page).to_have_url(re.compile(r"#map\?item=85123A"))
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Recommended for this basket")


def test_a_product_shows_what_was_also_bought_with_support(filled, shelf):
    page = filled("try")
    page.locator(".chip .title").first.click()
    sheet = page.get_by_role("dialog", name="Tea pot")
    expect(sheet.get_by_role("heading", level=3)).to_have_text(
        "Customers who bought this also bought"
    )
    others = shelf["shop"].recommender.also_bought(["85123A"], 10)["85123A"]
    expect(sheet.locator(".others .title")).to_have_text([other.title for other in others])
    expect(sheet.locator(".others .n").first).to_contain_text(f"{others[0].support} basket")
    sheet.locator(".others .title").first.click()
    expect(page.get_by_role("dialog", name=others[0].title)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_search_that_finds_nothing_says_so(page):
    find(page, "submarine")
    expect(page.locator("#found")).to_have_text("No product is called “submarine”")


def test_products_that_the_model_never_saw_lead_to_what_is_bought_most(visit, address):
    page = visit(f"{address}#try?item=unheard")
    expect(page.locator(".head")).to_contain_text(
        "The model knows nothing of what is in this basket"
    )
    expect(tops(page)).to_have_count(10)


def test_one_of_several_models_is_chosen(visit, two_models):
    page = visit(two_models)
    choice = page.get_by_label("Model")
    expect(choice).to_have_value("shop")
    choice.select_option("numbers")
    expect(page.locator("#model")).to_contain_text("6 products")
    expect(page).to_have_url(re.compile("#try[?]model=numbers$"))
    page.locator(".card .add").first.click()
    expect(page.locator(".chip")).to_have_count(1)
    expect(page).to_have_url(re.compile("model=numbers&item="))


def test_a_link_to_a_model_that_is_gone_leads_to_the_one_that_is_served(visit, address):
    page = visit(f"{address}#try?model=gone", may=REFUSED)
    page.get_by_role("link", name="Show the one that is served").click()
    expect(page.locator("#model")).to_contain_text("18 products")
    expect(page.locator(".card")).to_have_count(10)


# Map

CHART = "echarts.getInstanceByDom(document.querySelector('.map'))"
DRAWN = f"window.echarts && {CHART}?.getOption()?.series.length > 6"
TEXTS = f"{CHART}.getZr().storage.getDisplayList(true).map(e => e.style?.text).filter(Boolean)"


def eventually(page, expression):
    """Wait until something is true in the page (whose policy lets no test be evaluated there)."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


def pixel(page, point):
    """Return where a point is drawn, in the page."""
    box = page.locator(".map").bounding_box()
    x, y = page.evaluate(f"point => {CHART}.convertToPixel('grid', point)", point)
    return box["x"] + x, box["y"] + y


def place(shelf, item):
    row = int(shelf["shop"].recommender.catalogue_.items.encode([item])[0])
    return shelf["shop"].places[row].astype(float).tolist()


def test_the_map_names_a_point_under_the_pointer_and_opens_it(filled, shelf):
    page = filled("map")
    expect(page.locator("#map-words")).to_contain_text("18 products")
    eventually(page, DRAWN)
    page.mouse.move(*pixel(page, place(shelf, "48138")))
    eventually(page, f"{TEXTS}.some(text => text.startsWith('Door mat'))")
    page.mouse.click(*pixel(page, place(shelf, "48138")))
    expect(page.get_by_role("dialog", name="Door mat")).to_be_visible()


def test_the_map_marks_the_basket_and_what_is_recommended(filled):
    page = filled("map")
    expect(page.locator(".near h2")).to_have_text(["Close to Tea pot", "Close to Tea cup"])
    texts = page.evaluate(TEXTS)
    assert {"Tea pot", "Tea cup"} & {*texts}
    assert {"1", "2", "3"} & {*texts}
    page.locator(".near button").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_the_map_zooms_by_buttons_and_keys(filled):
    page = filled("map")
    expect(page.locator(".near h2")).to_have_count(2)
    span = f"{CHART}.getOption().dataZoom[0].end - {CHART}.getOption().dataZoom[0].start"
    whole = page.evaluate(span)
    page.get_by_role("button", name="Zoom in").click()
    closer = page.evaluate(span)
    page.locator(".map").press("+")
    closest = page.evaluate(span)
    page.locator(".map").press("ArrowLeft")
    assert closest < closer < whole
    page.get_by_role("button", name="All").click()
    assert abs(page.evaluate(span) - whole) < 1


def test_the_map_is_coloured_by_category_where_there_are_categories(filled):
    page = filled("map")
    expect(page.locator(".ramp")).to_be_visible()
    page.get_by_label("Colour by").select_option("category")
    expect(page.locator(".kind")).to_have_text(["without a category", "tea", "office"])


def test_a_category_may_have_the_name_that_the_rest_has(visit, address):
    page = visit(address)
    points = [
        {"id": n, "title": f"{n}", "x": n % 7, "y": n % 5, "count": 1, "category": name}
        for n, name in enumerate(["none"] * 3 + ["other"] * 2 + ["a", "b", "c", "d", None, None])
    ]
    page.route("**/v1/map", lambda route: route.fulfill(json={"points": points}))
    page.get_by_role("link", name="Map").click()
    page.get_by_label("Colour by").select_option("category")
    expect(page.locator(".kind")).to_have_text(
        ["none", "other", "without a category", "a", "b", "all 2 others"]
    )


SCALES = f"""(() => {{
  const [x, y] = {CHART}.getOption().dataZoom.map(z => z.endValue - z.startValue);
  return x / {CHART}.getWidth() / (y / {CHART}.getHeight());
}})()"""
"""How much of the plane a pixel is across, over how much it is down."""


def test_the_map_keeps_its_scale_when_the_window_takes_another_shape(filled):
    page = filled("map", viewport={"width": 390, "height": 844})
    eventually(page, DRAWN)
    page.get_by_role("button", name="Basket", exact=True).click()
    eventually(page, f"Math.abs({SCALES} - 1) < 0.02")
    page.set_viewport_size({"width": 844, "height": 390})
    eventually(page, f"{CHART}.getWidth() > 600 && Math.abs({SCALES} - 1) < 0.02")


def test_a_map_that_is_hidden_while_the_colours_change_is_whole_afterwards(filled):
    page = filled("map")
    eventually(page, DRAWN)
    ink = f"{CHART}.getOption().series.at(-1).label.color"
    before = page.evaluate(ink)
    page.get_by_role("link", name="Try").click()
    page.emulate_media(color_scheme="dark")
    page.get_by_role("link", name="Map").click()
    eventually(page, f"{ink} !== {before!r}")
    assert page.evaluate(f"{CHART}.getOption().xAxis[0].max") < 1e6
    assert page.evaluate(SCALES) == pytest.approx(1, abs=0.02)


def test_the_map_is_fetched_again_when_another_model_is_served(filled):
    page, asked = filled("map"), []
    eventually(page, DRAWN)
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    found = page.request.get(page.url.split("#")[0] + "v1/model").json()

    def leave_and_return(version):
        page.route("**/v1/model", partial(answered, json=found | {"version": version}))
        page.get_by_role("link", name="Try").click()
        with page.expect_response("**/v1/recommend"):  # what the map marks
            page.get_by_role("link", name="Map").click()

    leave_and_return(found["version"])
    assert asked.count("map") == 0
    with page.expect_response("**/v1/map"):
        leave_and_return("another")
    expect(page.locator(".near h2")).to_have_count(2)
    eventually(page, DRAWN)
    assert asked.count("map") == 1


def test_tens_of_thousands_of_points_are_drawn(visit, address):
    page = visit(f"{address}#try?item=85123A")
    points = [
        {
            "id": n,
            "title": f"Product {n}",
            "x": (n % 173) / 173,
            "y": (n % 211) / 211,
            "count": n % 500,
        }
        for n in range(30_000)
    ]
    points[700] |= {"id": "85123A", "title": "Tea pot"}
    page.route("**/v1/map", lambda route: route.fulfill(json={"points": points}))
    page.get_by_role("link", name="Map").click()
    expect(page.locator("#map-words")).to_contain_text("30,000 products")
    eventually(page, DRAWN)
    # Large clouds are painted in parts, on canvases of their own; the marks stay above them all,
    # also when they are drawn again.
    levels = f"{CHART}.getOption().series.map(({{ id, zlevel }}) => [id, zlevel])"
    for _ in range(2):
        drawn = page.evaluate(levels)
        clouds = [level for id_, level in drawn if id_.startswith("cloud")]
        assert min(level for id_, level in drawn if not id_.startswith("cloud")) > max(clouds)
        page.get_by_label("Colour by").dispatch_event("change")
    page.mouse.click(*pixel(page, [0, 0]))
    expect(page.get_by_role("dialog", name="Product")).to_be_visible()


# Inside


def test_the_seven_steps_have_the_numbers_of_this_basket(filled, shelf):
    page = filled("inside")
    steps = shelf["shop"].recommender.steps(["85123A", "22423"])
    figure = page.locator(".hourglass svg")
    expect(page.locator(".steps button")).to_have_count(7)
    expect(page.locator("#view-inside .head")).to_contain_text("stands in for the denoising model")
    expect(figure.locator(".unit.back")).to_have_count(steps.n_latent)
    expect(figure.locator(".one")).to_have_count(2)
    page.get_by_role("button", name="Compare x̂ with x").click()
    expect(page.locator(".words")).to_contain_text(f"{steps.loss:.3f}")
    page.get_by_role("button", name="Next step").click()
    expect(page.locator(".words")).to_contain_text(f"{steps.loss_after:.3f}")
    expect(page.locator(".steps [aria-current=step]")).to_have_text("Propagate the error back")
    expect(figure.locator(".change").first).to_be_visible()
    page.get_by_role("button", name="Take a row x").click()
    expect(figure.locator("circle.from-2").first).to_have_css("opacity", "0")
    page.locator("summary").click()
    cell = steps.cells[0]
    row = page.get_by_role("row", name=cell.title).first
    expect(row).to_contain_text(f"{cell.x_hat:.3f}")


def test_the_lines_follow_products_and_not_titles_and_a_long_code_is_cut(filled):
    page = filled("try")
    found = page.request.post(
        page.url.split("#")[0] + "v1/steps", data={"basket": ["85123A", "22423"]}
    ).json()
    cells = [cell | {"title": "the same"} for cell in found["cells"]]
    change = {"layer": "decoder", "title": "the same", "weight": 0.1, "change": 0.1}
    changes = [change | {"item": cells[row]["item"], "unit": 39} for row in (0, 1)]
    hidden = change | {"item": cells[0]["item"], "unit": 0}
    code = [n / 40 for n in range(40)]
    answer = found | {"cells": cells, "code": code, "n_latent": 40, "changes": [*changes, hidden]}
    page.route("**/v1/steps", lambda route: route.fulfill(json=answer))
    page.get_by_role("link", name="Inside").click()
    figure = page.locator(".hourglass svg")
    expect(figure.locator(".unit.back")).to_have_count(16)
    expect(figure).to_contain_text("… and 24 more")
    heights = [line.get_attribute("y1") for line in figure.locator(".change").all()]
    assert len(heights) == 2
    assert heights[0] != heights[1]


def test_the_slider_walks_along_the_epochs(filled, shelf):
    page = filled("inside")
    losses = shelf["shop"].recommender.steps(["85123A"]).losses
    slider, said = page.get_by_label("Epoch", exact=True), page.locator(".epochs output")
    expect(said).to_contain_text(f"epoch {len(losses)}: mean error {losses[-1]:.3f}")
    slider.press("Home")
    expect(said).to_have_text(f"epoch 1: mean error {losses[0]:.3f}, 100 % of the first")
    expect(page.locator(".epochs canvas")).to_be_visible()


def test_inside_asks_for_a_basket(visit, address):
    page = visit(f"{address}#inside")
    expect(page.locator("#view-inside")).to_contain_text("Put a product into the basket")


def test_inside_says_when_no_autoencoder_is_kept_with_the_model(visit, two_models):
    page = visit(f"{two_models}#inside?model=numbers&item=1")
    expect(page.locator("#view-inside")).to_contain_text("No small autoencoder is kept")
    expect(page.get_by_role("heading", level=1)).to_have_text("Inside the autoencoder")


def test_inside_says_when_it_knows_none_of_the_basket(visit, address):
    page = visit(f"{address}#inside?item=unheard", may="Failed to load resource")
    expect(page.get_by_role("alert")).to_contain_text("unheard")


# Quality


def test_quality_shows_the_comparison_the_curve_and_the_card(filled, shelf):
    page = filled("quality")
    kept = shelf["shop"].recommender.metrics["comparison"]
    rows = page.locator(".models tbody tr")
    expect(rows).to_have_count(2)
    best = max(kept["models"], key=lambda row: row["metrics"]["recall@20"]["mean"])
    expect(rows.first.locator("th")).to_have_text(best["model"])
    value = best["metrics"]["recall@20"]
    expect(rows.first.locator("td").first).to_contain_text(
        f"{value['mean']:.3f} {value['low']:.3f} to {value['high']:.3f}"
    )
    expect(page.locator(".sentences li")).to_have_text(
        [said for said in kept["sentences"] if "capped" not in said and "@50" not in said]
    )
    expect(page.get_by_role("heading", name="How it learned")).to_be_visible()
    expect(page.locator(".curve canvas")).to_be_visible()
    expect(page.locator(".prose")).to_contain_text(
        "It holds items and pairs of items, and no customer."
    )


CHOICES = {
    "settings": (
        {"complete": False, "trials": [
            {"parameters": {"l2": 10.0}, "score": 0.2}, {"parameters": {"l2": 50.0}, "score": 0.3},
        ]},
        "Best of 2 trials, ndcg@100 0.3000: on held-out customers; the budget ended the search.",
        ["l250"],
    ),
    "parts": (
        {"score": 0.4, "parts": [
            {"model": "linear", "weight": 0.75, "score": 0.38},
            {"model": "RecVAE", "weight": 0.25, "score": 0.37},
        ], "trials": [{"model": "linear", "parameters": {}, "score": 0.38}]},
        "Best of 1 trial, ndcg@100 0.4000: on held-out customers.",
        ["linearweight 0.75, alone 0.3800", "RecVAEweight 0.25, alone 0.3700"],
    ),
}  # fmt: skip
"""As `likewise fit` keeps them: of one type, and of several tried within a time."""


@pytest.mark.parametrize("kind", CHOICES)
def test_quality_says_how_the_model_was_chosen(visit, address, kind):
    given, words, facts = CHOICES[kind]
    choice = {"metric": "ndcg@100", "protocol": "on held-out customers", **given}
    page = visit(address)
    found = page.request.get(f"{address}v1/model").json() | {"metrics": {"choice": choice}}
    page.route("**/v1/model", lambda route: route.fulfill(json=found))
    page.reload()
    page.get_by_role("link", name="Quality").click()
    section = page.locator("section section").filter(has_text="How it was chosen")
    expect(section.locator("p")).to_have_text(words)
    expect(section.locator(".facts > div")).to_have_text(facts)


@pytest.mark.parametrize(
    ("type_", "marked", "words"),
    [
        ("item-knn", ["item k-NNthis model's type"], "The row of this model's type is marked"),
        ("denoising", [], "This model, of type denoising, is not among those compared."),
    ],
)
def test_quality_says_which_row_is_of_the_model_served(visit, address, type_, marked, words):
    page = visit(address)
    found = page.request.get(f"{address}v1/model").json() | {"type": type_}
    page.route("**/v1/model", lambda route: route.fulfill(json=found))
    page.reload()
    page.get_by_role("link", name="Quality").click()
    section = page.locator("section section").filter(has_text="Beside the baselines")
    expect(section).to_contain_text(words)
    expect(section.locator(".own th")).to_have_text(marked)
