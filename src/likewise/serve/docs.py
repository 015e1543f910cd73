"""The page at ``/docs``: the OpenAPI document as plain HTML, without scripts, from nowhere else."""

from html import escape
from typing import Any

_HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><title>likewise: the API</title></head>'
    "<body><main><h1>likewise {version}</h1>"
    '<p>The same for programs: <a href="openapi.json">openapi.json</a></p>'
)


def docs_page(document: dict[str, Any]) -> str:
    """Return an OpenAPI document as a page: routes, what they take and give, and the types."""
    parts = [_HEAD.format(version=escape(document["info"]["version"])), "<h2>Routes</h2>"]
    for path, methods in document["paths"].items():
        parts += [_route(method, path, operation) for method, operation in methods.items()]
    parts.append("<h2>Types</h2>")
    for name, schema in sorted(document["components"]["schemas"].items()):
        parts.append(_type(name, schema))
    return "".join([*parts, "</main></body></html>"])


def _route(method: str, path: str, operation: dict[str, Any]) -> str:
    lines = [
        f"{_code(p['name'])} ({p['in']}): {_kind(p['schema'])} {escape(p.get('description', ''))}"
        for p in operation.get("parameters", [])
    ]
    if "requestBody" in operation:
        lines.append(f"body: {_body(operation['requestBody'])}")
    lines += [
        f"{status} {escape(answer['description'])}: {_body(answer)}"
        for status, answer in operation["responses"].items()
    ]
    listed = "".join(f"<li>{line}</li>" for line in lines)
    words = escape(operation.get("description") or operation.get("summary", ""))
    return (
        f"<section><h3>{method.upper()} {_code(path)}</h3><p>{words}</p><ul>{listed}</ul></section>"
    )


def _type(name: str, schema: dict[str, Any]) -> str:
    needed = set(schema.get("required", []))
    rows = "".join(
        f"<tr><td>{_code(key)}{'' if key in needed else ' (optional)'}</td><td>{_kind(part)}</td>"
        f"<td>{escape(part.get('description', ''))}</td></tr>"
        for key, part in schema.get("properties", {}).items()
    )
    words = escape(schema.get("description", ""))
    head = f'<h3 id="{escape(name)}">{escape(name)}</h3>'
    return f"<section>{head}<p>{words}</p><table>{rows}</table></section>"


def _body(part: dict[str, Any]) -> str:
    return ", ".join(
        _kind(content.get("schema", {})) for content in part.get("content", {}).values()
    )


def _kind(schema: dict[str, Any]) -> str:
    """Return a schema in a few words, with a link where it has a name."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    limits = [
        f"{word} {schema[key]}"
        for key, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"))
        if key in schema
    ]
    return escape(" ".join([schema.get("type", "anything"), *limits]))


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"
