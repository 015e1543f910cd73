"""Rules in requests, on a shop whose products have attributes."""

import numpy as np
import pytest
from starlette.testclient import TestClient

from likewise.serve.app import create_app
from likewise.serve.served import shelf_of


@pytest.fixture(scope="module")
def table(folder, tmp_path_factory):
    """A category, a price and a stock for each product of the shop but one."""
    table = tmp_path_factory.mktemp("rules") / "products.csv"
    (served,) = shelf_of({"shop": folder}).values()
    catalogue = served.recommender.catalogue_
    lines = [
        f"{catalogue.id_of(row)},{catalogue.title(row).split()[0]},{row + 1},{row % 2}"
        for row in range(1, 18)
    ]
    table.write_text("\n".join(["item,category,price,in_stock", *lines]) + "\n")
    return table


@pytest.fixture(scope="module")
def shop(folder, table):
    """A client of the shop with that table."""
    app = create_app(shelf_of({"shop": folder}, table))
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


def recommended(client, rules, **more):
    body = {"basket": ["85123A"], "k": 18, "rules": rules, **more}
    answer = client.post("/v1/recommend", json=body)
    assert answer.status_code == 200, answer.text
    return [item["item"] for item in answer.json()["results"][0]["items"]]


def products(client):
    found = client.get("/v1/items", params={"limit": 100}).json()["items"]
    return {item["item"]: item for item in found}


def test_each_rule_holds(shop):
    items = products(shop)
    kinds = {item: known.get("category") for item, known in items.items()}
    everything = recommended(shop, None)
    assert recommended(shop, {}) == everything
    assert recommended(shop, {"exclude": everything[:2]}) == everything[2:]
    assert recommended(shop, {"include": everything[3:5]}) == everything[3:5]
    for rule, holds in [
        ({"in_stock": True}, lambda item: items[item].get("in_stock")),
        ({"min_price": 4, "max_price": 9}, lambda item: 4 <= items[item].get("price", 0) <= 9),
        ({"categories": ["Tea"]}, lambda item: kinds[item] == "Tea"),
    ]:
        assert recommended(shop, rule) == [item for item in everything if holds(item)]
    two = [kinds[item] for item in recommended(shop, {"at_most_per_category": 2})]
    named = [kind for kind in two if kind is not None]
    assert named
    assert max(named.count(kind) for kind in named) == 2


def test_a_boost_raises_and_lowers(shop):
    best = recommended(shop, {})
    last_above_zero = best[4]
    assert recommended(shop, {"boost": {last_above_zero: 1000}})[0] == last_above_zero
    assert recommended(shop, {"boost": {best[0]: 0.001}}).index(best[0]) > 0


def test_a_rule_that_leaves_nothing_leaves_an_empty_list(shop):
    assert recommended(shop, {"include": []}) == []


def test_prices_the_wrong_way_round_are_refused(shop):
    rules = {"min_price": 9, "max_price": 2}
    refused = shop.post("/v1/recommend", json={"basket": [], "rules": rules})
    assert refused.status_code == 422
    assert "min_price=9 is above max_price=2" in refused.json()["error"]["message"]


def test_the_model_says_what_rules_can_use(shop, client):
    described = shop.get("/v1/model").json()
    assert described["attributes"] == ["category", "price", "in_stock"]
    assert "Tea" in described["categories"]
    refused = client.post("/v1/recommend", json={"basket": [], "rules": {"in_stock": True}})
    assert refused.status_code == 422
    assert "attributes" in refused.json()["error"]["message"]
    wrong = shop.post("/v1/recommend", json={"basket": [], "rules": {"categories": ["No"]}})
    assert wrong.status_code == 422


def test_a_category_may_have_a_long_name(shop):
    def told(category):
        body = {"basket": [], "rules": {"categories": [category]}}
        return shop.post("/v1/recommend", json=body).json()["error"]["message"]

    assert "at most" not in told("T" * 1000)  # it is unknown, and not too long
    assert "at most 1000" in told("T" * 1001)


@pytest.mark.parametrize("is_known", [True, False])
def test_the_map_has_the_categories_that_are_known(folder, table, is_known):
    shelf = shelf_of({"shop": folder}, table if is_known else None)
    shelf["shop"].places[:] = np.zeros((18, 2))
    app = create_app(shelf)
    points = TestClient(app, base_url="http://localhost").get("/v1/map").json()["points"]
    told = {point["id"]: point.get("category") for point in points}
    wanted = {
        point["id"]: point["title"].split()[0]
        for point in points
        if is_known and point["id"] != shelf["shop"].recommender.catalogue_.id_of(0)
    }
    assert {id_: kind for id_, kind in told.items() if kind is not None} == wanted
