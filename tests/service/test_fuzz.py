"""Requests made from the OpenAPI document, right and wrong ones: each gets an answer it promises.

`LIKEWISE_FUZZ=20000 python -m pytest tests/service/test_fuzz.py` makes that many, right and wrong
ones of each route.
"""

import math
import os
from collections import Counter

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from likewise.recommend.attributes import read_attributes
from likewise.serve.app import ROUTES, create_app
from likewise.serve.settings import Settings

REQUESTS = int(os.environ.get("LIKEWISE_FUZZ", "200"))
EXAMPLES = math.ceil(REQUESTS / len(ROUTES) / len(GenerationMode))
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)


OPERATIONS = [(path.replace(":path", ""), method) for method, path, *_ in ROUTES]
OPERATIONS += [("/livez", "GET"), ("/readyz", "GET"), ("/metrics", "GET")]
ASKED: Counter[str] = Counter()


@pytest.fixture(scope="module")
def document(shelf, tmp_path_factory):
    table = tmp_path_factory.mktemp("fuzz") / "products.csv"
    table.write_text("item,category,price,in_stock\n85123A,Tea,2,1\n22423,Tea,7.5,0\n00746,T,1,1\n")
    shop = shelf["shop"].with_attributes(read_attributes(table))  # else no rule is reached
    shelf = {**shelf, "shop": shop}
    app = create_app(shelf, Settings(timeout=600.0))  # how fast it is is not asked here
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers={"Host": "localhost"})


def test_no_route_is_left_out(document):
    promised = {
        (path, method.upper())
        for path, operations in document.raw_schema["paths"].items()
        for method in operations
    }
    assert promised == {*OPERATIONS}


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_request_gets_an_answer_that_the_document_promises(document, path, method, mode):
    operation = document[path][method]

    @given(operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None,
        derandomize=True, deadline=None,
    )  # fmt: skip
    def ask(case):
        ASKED[path] += 1
        response = case.call(headers={"Host": "localhost"})
        case.validate_response(response, checks=CHECKS)

    try:
        ask()
    except Unsatisfiable:  # there is no wrong way to ask a route that takes nothing
        assert (mode, path[:3]) != (GenerationMode.POSITIVE, "/v1")


def test_as_many_requests_were_made_as_were_to_be():
    if len(ASKED) < len(OPERATIONS):
        pytest.skip("not every route was asked in this run")
    assert ASKED.total() >= REQUESTS
