"""Whole examples of requests and answers, put together from the examples of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REFERENCE = "#/components/schemas/"


class NoExampleError(LookupError):
    """A field of a model has neither an example nor anything that one follows from."""


def example_of(schema: Mapping[str, Any], models: Mapping[str, Any], place: str = "") -> Any:
    """A value that fits the schema and reads like a real one.

    Args:
        schema: Of the value; its `examples`, `const`, `default` and `enum` are taken in this order.
        models: The schemas that it may refer to, by name.
        place: Of the schema, for NoExampleError.
    """
    if "$ref" in schema and "examples" not in schema:
        name = schema["$ref"].removeprefix(REFERENCE)
        return example_of(models[name], models, name)
    if schema.get("examples"):
        return schema["examples"][0]
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if part.get("type") != "null":
            return example_of(part, models, place)
    if "properties" in schema:
        return {name: example_of(field, models, f"{place}.{name}") for name, field in schema["properties"].items()}
    if schema.get("type") == "array":
        return [example_of(schema["items"], models, place)]
    if schema.get("type") == "boolean":
        return False
    raise NoExampleError(place)
