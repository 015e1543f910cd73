"""Each route answers what the library answers, in the shapes that OpenAPI states."""

import asyncio
import json
import threading
from pathlib import Path

import httpx2
import numpy as np
import pytest
from starlette.testclient import TestClient

import likewise
from likewise.recommend import companions
from likewise.recommend.companions import Companions
from likewise.serve.app import create_app
from likewise.serve.served import Served, shelf_of
from likewise.serve.settings import Settings

ORDERS = Path(__file__).parents[1] / "shop" / "orders.csv"
BASKET = ["85123A", "00746"]


def ask(client, path, body, status=200):
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


# Recommend


def test_recommend_answers_as_the_library_does(client, recommender):
    found = ask(client, "/v1/recommend", {"basket": BASKET, "k": 3})
    (expected,) = recommender.recommend([BASKET], 3)
    assert found["model"] == "shop"
    assert found["results"] == [
        {"items": [r._asdict() for r in expected], "unknown": [], "fallback": False}
    ]


def test_several_baskets_are_answered_in_their_order(client, recommender):
    baskets = [BASKET, ["48138"], [], ["unheard", "22423"]]
    found = ask(client, "/v1/recommend", {"baskets": baskets, "k": 2})["results"]
    for got, expected in zip(found, recommender.recommend(baskets, 2), strict=True):
        assert [i["item"] for i in got["items"]] == [r.item for r in expected]
        assert (got["unknown"], got["fallback"]) == (list(expected.unknown), expected.fallback)


def test_seen_items_are_kept_when_asked(client):
    body = {"basket": BASKET, "k": 18, "filter_seen": False}
    (found,) = ask(client, "/v1/recommend", body)["results"]
    assert len(found["items"]) == 18
    assert {*BASKET} <= {item["item"] for item in found["items"]}


def test_a_list_is_shorter_where_fewer_remain(client, recommender):
    everything = recommender.catalogue_.items.ids.tolist()
    body = {"baskets": [BASKET, everything, everything[1:]], "k": 1000}
    found = ask(client, "/v1/recommend", body)["results"]
    assert [len(one["items"]) for one in found] == [16, 0, 1]
    assert ask(client, "/v1/recommend", {"basket": everything})["results"][0]["items"] == []


def test_reasons_come_with_the_recommendations(client, recommender):
    body = {"basket": [*BASKET, "22423"], "k": 2, "because": 2}
    (found,) = ask(client, "/v1/recommend", body)["results"]
    for item in found["items"]:
        expected = recommender.explain([*BASKET, "22423"], item["item"])[:2]
        assert item["because"] == [reason._asdict() for reason in expected]


def test_reasons_that_take_long_keep_nobody_waiting(shelf, monkeypatch):
    """They are held until another request was answered."""
    begun, others_answered = threading.Event(), threading.Event()

    def slow(*_):
        begun.set()
        return [[]] * others_answered.wait(10)  # none at all if it waited in vain

    monkeypatch.setattr(likewise.Recommender, "explain_each", slow)
    app = create_app(shelf)

    async def both():
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            body = {"basket": BASKET, "k": 1, "because": 1}
            held = asyncio.create_task(client.post("/v1/recommend", json=body))
            await asyncio.to_thread(begun.wait, 10)
            assert not held.done()
            assert (await client.get("/livez")).status_code == 200
            others_answered.set()
            return await held

    assert asyncio.run(both()).status_code == 200


def test_a_query_of_many_words_looks_for_the_first_of_them(client):
    words = ["t", "te", "tea"] * 80  # three different ones
    assert client.get("/v1/items", params={"query": " ".join(words)[:256]}).json()["total"] == 6
    many = ["t", "e", "a", "te", "ea", "tea", "p", "o", "po", "ot", "pot", "a p", "85123a"]
    many += ["8", "5", "1", "2", "3", "85"]
    looked_for = client.get("/v1/items", params={"query": " ".join([*many, "nowhere"])}).json()
    assert [item["item"] for item in looked_for["items"]] == ["85123A"]


def test_ids_are_known_by_their_text(client):
    as_text = ask(client, "/v1/recommend", {"basket": ["4", "x"], "model": "numbers", "k": 2})
    as_number = ask(client, "/v1/recommend", {"basket": [4, "x"], "model": "numbers", "k": 2})
    assert as_text == as_number
    assert as_text["results"][0]["unknown"] == ["x"]
    assert isinstance(as_text["results"][0]["items"][0]["item"], int)


def test_concurrent_baskets_are_answered_as_alone(shelf, recommender):
    """What is scored in one batch, each gets its own; whatever its k and its model."""
    items = recommender.catalogue_.items.ids.tolist()
    bodies = [
        {"basket": [item, "unheard"], "k": 1 + n % 3, "filter_seen": n % 2 == 0}
        for n, item in enumerate(items * 4)
    ]

    async def ask_all():
        transport = httpx2.ASGITransport(app=create_app(shelf))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            asked = [client.post("/v1/recommend", json=body) for body in bodies]
            return [answer.json() for answer in await asyncio.gather(*asked)]

    for body, answer in zip(bodies, asyncio.run(ask_all()), strict=True):
        (alone,) = recommender.recommend(
            [body["basket"]], body["k"], filter_seen=body["filter_seen"]
        )
        assert [i["item"] for i in answer["results"][0]["items"]] == [r.item for r in alone]


# The other routes


def test_also_bought(client, recommender):
    expected = [other._asdict() for other in recommender.also_bought(["85123A"], 3)["85123A"]]
    one = client.get("/v1/also-bought/85123A", params={"k": 3}).json()
    several = ask(client, "/v1/also-bought", {"items": ["unheard", "85123A"], "k": 3})
    assert one["results"] == [{"item": "85123A", "title": "Tea pot", "items": expected}]
    assert several["results"] == one["results"]
    assert several["unknown"] == ["unheard"]
    assert client.get("/v1/also-bought/unheard").status_code == 404


def test_also_bought_gives_all_the_others_at_most(client):
    answer = client.get("/v1/also-bought/85123A", params={"k": 1000}).json()
    assert len(answer["results"][0]["items"]) == 17
    assert ask(client, "/v1/also-bought", {"items": ["unheard"]})["results"] == []


def test_also_bought_answers_from_companions(recommender, tmp_path, monkeypatch):
    monkeypatch.setattr(companions, "MOST_OTHERS", 4)
    other = likewise.Recommender(likewise.LinearAutoencoder(l2=1e4))
    recommender.companions_ = Companions.of(other.fit(likewise.read_log(ORDERS)))
    recommender.save(tmp_path / "own.model")
    app = create_app(shelf_of({"own": tmp_path / "own.model"}), Settings())
    client = TestClient(app, base_url="http://localhost")
    answer = client.get("/v1/also-bought/85123A", params={"k": 1000}).json()
    expected = [one._asdict() for one in other.also_bought(["85123A"], 4)["85123A"]]
    assert answer["results"][0]["items"] == expected


def test_items_are_found_by_words_of_title_and_id(client):
    def found(query, **more):
        answer = client.get("/v1/items", params={"query": query, **more}).json()
        return [item["title"] for item in answer["items"]], answer["total"]

    assert found("TEA pot") == (["Tea pot"], 1)
    titles, total = found("tea", limit=2)
    assert (len(titles), total) == (2, 6)
    assert found("71053") == (["Tea tray"], 1)
    assert found("", limit=100)[1] == 18
    assert found("no such thing") == ([], 0)


def test_items_come_most_bought_first(client):
    items = client.get("/v1/items", params={"limit": 100}).json()["items"]
    counts = [item["count"] for item in items]
    assert counts == sorted(counts, reverse=True)


def test_explain_adds_up_for_a_linear_model(client):
    found = ask(client, "/v1/explain", {"basket": [*BASKET, "unheard"], "item": "22423"})
    assert found["exact"] is True
    assert sum(reason["effect"] for reason in found["reasons"]) == pytest.approx(found["score"])
    assert found["unknown"] == ["unheard"]
    assert ask(client, "/v1/explain", {"basket": BASKET, "item": "unheard"}, 404)["error"]


def test_explain_of_a_neural_model_is_by_leaving_out(client):
    found = ask(client, "/v1/explain", {"basket": [1, 2], "item": 3, "model": "numbers"})
    assert found["exact"] is False
    assert {reason["item"] for reason in found["reasons"]} == {1, 2}


def test_encode_gives_the_code(client, other):
    found = ask(client, "/v1/encode", {"baskets": [[1, 2], []], "model": "numbers"})
    recommender = likewise.load(other)
    expected = recommender.model_.transform(np.array([[1, 1, 0, 0, 0, 0]], dtype=np.float32))
    first, empty = found["codes"]
    assert first["length"] == 3
    assert np.allclose(first["values"], expected[0][first["indices"]], atol=1e-5)
    assert empty["length"] == 3
    (linear,) = ask(client, "/v1/encode", {"basket": BASKET})["codes"]
    assert (linear["length"], linear["values"]) == (18, [1.0, 1.0])


def test_the_model_is_described(client):
    found = client.get("/v1/model").json()
    assert found["models"] == ["shop", "numbers"]
    assert (found["type"], found["parameters"]["l2"], found["n_items"]) == ("linear", 20.0, 18)
    assert found["card"].startswith("# ")
    assert (found["has_steps"], found["has_map"]) == (True, True)
    assert client.get("/v1/model", params={"model": "numbers"}).json()["type"] == "denoising"


def test_where_the_log_lay_is_not_told(shelf, client, monkeypatch):
    log = {"source": "somewhere/orders.csv", "rows_read": 240}
    monkeypatch.setattr(shelf["shop"].recommender, "metrics", {"log": log, "ndcg@10": 0.3})
    assert client.get("/v1/model").json()["metrics"] == {"log": {"rows_read": 240}, "ndcg@10": 0.3}


def test_the_map_has_a_place_for_every_item(client):
    points = client.get("/v1/map").json()["points"]
    assert len({point["id"] for point in points}) == 18
    assert max(max(abs(point["x"]), abs(point["y"])) for point in points) == 1
    kinds = {"Tea": [], "Desk": [], "Garden": []}
    for point in points:
        for kind, places in kinds.items():
            if point["title"].startswith(kind):
                places.append((point["x"], point["y"]))
    tea = np.array(kinds["Tea"])
    everything = np.array([(point["x"], point["y"]) for point in points])
    assert tea.std(axis=0).mean() < 0.6 * everything.std(axis=0).mean()


def test_a_map_that_is_not_drawn_yet_says_when_to_come_back(shelf, client, monkeypatch):
    monkeypatch.setitem(
        shelf["shop"].__dict__, "places", np.full_like(shelf["shop"].places, np.nan)
    )
    answer = client.get("/v1/map")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    found = client.get("/v1/model").json()
    assert (found["has_map"], found["map_is_coming"]) == (False, True)
    shelf["shop"].places[:] = np.inf  # it could not be computed
    assert client.get("/v1/map").status_code == 404
    found = client.get("/v1/model").json()
    assert (found["has_map"], found["map_is_coming"]) == (False, False)


def test_baskets_of_any_number_and_length_are_answered_together(client, recommender):
    nearly_all = recommender.catalogue_.items.ids.tolist()[:17]
    for n in (31, 32, 33):  # a batch has 32 at most
        found = ask(client, "/v1/recommend", {"baskets": [nearly_all] * n + [[]], "k": 10})
        assert [len(one["items"]) for one in found["results"]] == [1] * n + [10]


def test_an_answer_has_a_bounded_length(client):
    body = {"baskets": [[]] * 101, "k": 100}
    answer = client.post("/v1/recommend", json=body)
    assert answer.status_code == 422
    assert "101 baskets of k=100 are 10100" in answer.json()["error"]["message"]
    body = {"baskets": [[]] * 100, "k": 100}
    assert client.post("/v1/recommend", json=body).status_code == 200


def test_steps_are_those_of_the_library(client, recommender):
    found = ask(client, "/v1/steps", {"basket": BASKET})
    expected = json.loads(json.dumps(recommender.steps(BASKET).as_dict()))
    assert {key: found[key] for key in expected} == expected


def test_steps_of_a_model_that_has_none_say_so(client):
    found = ask(client, "/v1/steps", {"basket": [1], "model": "numbers"}, 422)
    assert "classic autoencoder" in found["error"]["message"]


def test_probes(client):
    assert client.get("/livez").json() == {"alive": True}
    ready = client.get("/readyz").json()
    assert ready == {"ready": True, "models": {"shop": "ok", "numbers": "ok"}}


# What is refused

NO_KEY = "there is no such key; leave it out, or see /docs for those there are"
OF_IDS = "an id is a text of at most 256 characters, or a whole number of at most 63 bits"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "give basket or baskets"),
        ({"basket": [], "baskets": [[]]}, "give basket or baskets"),
        ({"basket": [], "k": 0}, "k: "),
        ({"basket": [], "k": 1001}, "k: "),
        ({"basket": [], "k": True}, "k: "),
        ({"basket": [], "K": 5}, "K: "),
        ({"basket": [1.5]}, "basket.0"),
        ({"basket": [2**63]}, "basket.0"),
        ({"basket": ["x" * 257]}, "basket.0"),
        ({"basket": ["x"] * 1001}, "basket: "),
        ({"baskets": [["x"]] * 257}, "baskets: "),
        ({"baskets": []}, "baskets: "),
        ({"baskets": [["a"], ["b"]], "because": 1}, "because explains one basket"),
        ({"basket": ["x"] * 101, "because": 1}, "because explains baskets of at most 100"),
        ({"basket": ["x"], "because": 1, "k": 101}, "because explains at most 100 items"),
        ([], "the body: a list of 0 values is given; give an object"),
    ],
)
def test_a_wrong_body_is_refused_with_the_place_and_the_reason(client, body, words):
    assert words in ask(client, "/v1/recommend", body, 422)["error"]["message"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "the body: missing; give it"),
        ({"basket": "secret"}, "basket: a text of 6 characters is given; give a list"),
        ({"basket": [1.5]}, f"basket.0: 1.5 is given; {OF_IDS}"),
        ({"baskets": [["a", None]]}, f"baskets.0.1: null is given; {OF_IDS}"),
        ({"basket": ["x" * 257]}, f"basket.0: a text of 257 characters is given; {OF_IDS}"),
        ({"basket": [2**63]}, f"basket.0: a whole number of 64 bits is given; {OF_IDS}"),
        ({"basket": [1] * 1001}, "basket: a list of 1,001 values is given; give at most 1000"),
        ({"baskets": []}, "baskets: a list of 0 values is given; give at least 1"),
        ({"k": 0}, "k: 0 is given; give 1 or more"),
        ({"k": 1001}, "k: 1001 is given; give 1000 or less"),
        ({"k": "5"}, 'k: the text "5" is given; give a whole number'),
        ({"model": 5}, "model: 5 is given; give a text"),
        (
            {"model": "x" * 65},
            "model: a text of 65 characters is given; give at most 64 characters",
        ),
        (
            {"filter_seen": "no way"},
            "filter_seen: a text of 6 characters is given; give true or false",
        ),
        (
            {"filter_seen": "yes"},
            "filter_seen: a text of 3 characters is given; give true or false",
        ),
        ({"filter_seen": 1}, "filter_seen: 1 is given; give true or false"),
        ({"rules": {"max_price": "5"}}, 'rules.max_price: the text "5" is given; give a number'),
        ({"rules": {"max_price": True}}, "rules.max_price: true is given; give a number"),
        ({"rules": {"boost": {"a": "2"}}}, 'rules.boost.a: the text "2" is given; give a number'),
        ({"rules": {"boost": {"an id": 0}}}, "rules.boost.an id: 0 is given; give more than 0"),
        ({"rules": {"boost": {"[key]": 0}}}, "rules.boost.[key]: 0 is given; give more than 0"),
        (
            {"rules": {"boost": {"x" * 257: 1}}},
            f"rules.boost.{'x' * 64}: a text of 257 characters is given; give at most 256 "
            "characters",
        ),
        ({"an id": 5}, f"an id: {NO_KEY}"),
        ({"[key]": 5}, f"[key]: {NO_KEY}"),
        ({"rules": {"an id": 5}}, f"rules.an id: {NO_KEY}"),
        ({"kk": 5}, f"kk: {NO_KEY}"),
        (
            {"rules": {"in_stock": False}},
            "rules.in_stock: false is given; give true, or leave it out",
        ),
        (
            {"rules": {"min_price": "x"}},
            "rules.min_price: a text of 1 character is given; give a number",
        ),
        ({"rules": {"boost": {"a": 0}}}, "rules.boost.a: 0 is given; give more than 0"),
        ({"rules": {"boost": []}}, "rules.boost: a list of 0 values is given; give an object"),
        ({"rules": {"exclude": [True]}}, f"rules.exclude.0: true is given; {OF_IDS}"),
    ],
)
def test_what_was_given_and_what_is_allowed_are_told_in_plain_words(client, body, message):
    assert ask(client, "/v1/recommend", body, 422)["error"]["message"] == message


def test_an_address_is_checked_in_the_same_words(client):
    for limit, words in (("0", "give 1 or more"), ("x", "give a whole number")):
        answer = client.get("/v1/items", params={"limit": limit})
        assert answer.status_code == 422
        assert answer.json()["error"]["message"].startswith("limit: ")
        assert answer.json()["error"]["message"].endswith(f"is given; {words}")


def test_an_id_that_is_none_is_told_alike_wherever_it_stands(client):
    explained = ask(client, "/v1/explain", {"basket": [], "item": None}, 422)
    assert explained["error"]["message"] == f"item: null is given; {OF_IDS}"
    listed = ask(client, "/v1/also-bought", {"items": [[]]}, 422)
    assert listed["error"]["message"] == f"items.0: a list of 0 values is given; {OF_IDS}"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("/v1/items?limit=3&limi=5", f"limi: {NO_KEY}"),
        ("/v1/items?limit=3&limit=5", "limit: it is given more than once; give it once"),
        ("/v1/items?Limit=3", f"Limit: {NO_KEY}"),
        ("/v1/items?secret", f"secret: {NO_KEY}"),
        ("/v1/items?" + "x" * 300 + "=1", f"{'x' * 64}: {NO_KEY}"),
        ("/v1/also-bought/85123A?limit=3", f"limit: {NO_KEY}"),
        ("/v1/also-bought/85123A?item=85123A", f"item: {NO_KEY}"),
        ("/v1/model?k=3", f"k: {NO_KEY}"),
        ("/v1/map?model=shop&model=shop", "model: it is given more than once; give it once"),
        ("/v1/model?model=shop", None),
        ("/livez?at=123", None),  # watchers may want no cached answer
    ],
)
def test_the_query_of_an_address_has_known_keys_and_each_once(client, address, message):
    answer = client.get(address)
    assert answer.status_code == (200 if message is None else 422)
    if message is not None:
        assert answer.json()["error"]["message"] == message


def test_what_is_to_be_in_the_body_is_refused_in_the_address(client):
    answer = client.post("/v1/recommend?k=3", json={"basket": []})
    assert (answer.status_code, answer.json()["error"]["message"]) == (422, f"k: {NO_KEY}")


def test_what_is_unknown_is_a_404(client):
    assert ask(client, "/v1/recommend", {"basket": [], "model": "../shop"}, 404)
    assert client.get("/v1/model", params={"model": "nope"}).json()["error"]["code"] == (
        "unknown_model"
    )
    fault = client.get("/v1/nothing").json()["error"]
    assert fault["code"] == "not_found"
    assert fault["message"] == "there is no such address; /docs has those there are"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/recommend", "POST"),
        ("DELETE", "/v1/model", "GET"),
        ("POST", "/docs", "GET, HEAD"),
    ],
)
def test_another_method_is_a_405_that_names_the_right_one(client, method, path, allow):
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allow)
    fault = answer.json()["error"]
    assert fault["code"] == "method_not_allowed"
    assert fault["message"] == f"this address is asked by {allow} only; /docs says how"


def test_the_document_names_every_route_and_is_shown_without_scripts(client):
    document = client.get("/openapi.json").json()
    page = client.get("/docs").text
    assert document["openapi"].startswith("3.")
    for path in document["paths"]:
        assert path in page
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_the_map_that_the_folder_keeps_is_there_at_once(folder, tmp_path):
    recommender = likewise.load(folder)
    recommender.places_ = np.full((recommender.n_items, 2), 0.5, np.float32)
    recommender.save(tmp_path / "mapped.model")
    served = Served.of("mapped", tmp_path / "mapped.model")
    assert served.is_drawn
    np.testing.assert_array_equal(served.places, recommender.places_)
