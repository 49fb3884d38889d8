"""The OpenAPI document as one page for people. No scripts, nothing from elsewhere: it opens and closes by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from itertools import groupby
from typing import Any

from utils.api.described import operations
from utils.api.described_examples import REFERENCE

Schema = Mapping[str, Any]

# Colours as the pages have them, by day and by night.
STYLE = """
:root { color-scheme: light dark; --page: #fbfaf7; --raised: #f2efe8; --text: #1e1b16; --quiet: #5f594d; --action: #0f6b62;
  --doubt: #9a5b00; --danger: #b3261e; --border: #dad4c7; font: 16px/1.55 "Source Sans", system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { :root { --page: #15161a; --raised: #1f2127; --text: #ece8e1; --quiet: #a8a396;
  --action: #58c4b4; --doubt: #f0b35a; --danger: #f28b82; --border: #363941; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); }
main, header { max-width: 58rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 2.5rem; }
h1, h2 { font-family: "Source Serif", Georgia, serif; font-weight: 600; line-height: 1.2; margin: 0; }
h1 { font-size: 2.1rem; } h2 { font-size: 1.5rem; margin: 2.5rem 0 0.25rem; }
h3 { font-size: 0.95rem; margin: 1rem 0 0.25rem; }
p { margin: 0.4rem 0; } .quiet, dd small { color: var(--quiet); }
a { color: var(--action); } nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; margin: 1rem 0; }
code, pre { font-family: ui-monospace, "Source Code Pro", monospace; font-size: 0.875em; overflow-wrap: anywhere; }
pre { background: var(--page); border: 1px solid var(--border); border-radius: 0.6rem; padding: 0.75rem; margin: 0.4rem 0;
  overflow-x: auto; max-height: 28rem; white-space: pre; }
details.operation { border: 1px solid var(--border); border-radius: 0.6rem; margin: 0.5rem 0; background: var(--raised); }
details.operation > summary { cursor: pointer; padding: 0.6rem 0.9rem; display: flex; flex-wrap: wrap; gap: 0.1rem 0.75rem;
  align-items: baseline; list-style: none; } summary::-webkit-details-marker { display: none; }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--action); outline-offset: 2px; border-radius: 0.6rem; }
.inside { padding: 0 0.9rem 0.9rem; } .method { font-weight: 700; min-width: 4rem; display: inline-block; color: var(--action); }
.method.delete { color: var(--danger); } .method.put, .method.patch { color: var(--doubt); }
summary .about { color: var(--quiet); margin-left: auto; }
dl { margin: 0.25rem 0; } dt { margin-top: 0.4rem; } dd { margin: 0 0 0 1rem; }
table { border-collapse: collapse; width: 100%; } td { border-top: 1px solid var(--border); padding: 0.35rem 0.5rem 0.35rem 0;
  vertical-align: top; } td:first-child { white-space: nowrap; width: 4rem; }
@media (max-width: 40rem) { summary .about { margin-left: 0; width: 100%; } }
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sotto: the API</title><style>{style}</style></head><body>
<header><h1>The API</h1>{about}<p>The same for programs: <a href="/api/openapi.json">openapi.json</a></p>
<nav aria-label="Groups">{groups}</nav></header><main>{credentials}{operations}</main></body></html>"""
CODE = re.compile(r"`([^`]+)`")


def render(document: Schema) -> str:
    """The whole page."""
    abouts = {tag["name"]: tag["description"] for tag in document["tags"]}
    found = sorted(operations(document), key=lambda entry: list(abouts).index(_tag(entry[2])))
    parts, groups = [], []
    for tag, entries in groupby(found, key=lambda entry: _tag(entry[2])):
        groups.append(f'<a href="#{escape(tag)}">{escape(_shown(tag))}</a>')
        parts.append(f'<section id="{escape(tag)}"><h2>{escape(_shown(tag))}</h2><p class="quiet">{_words(abouts[tag])}</p>')
        parts += [_operation(document, *entry) for entry in entries]
        parts.append("</section>")
    return PAGE.format(
        style=STYLE,
        about=_paragraphs(document["info"]["description"]),
        groups="".join(groups),
        credentials=_credentials(document),
        operations="".join(parts),
    )


def _shown(tag: str) -> str:
    return {"openai": "OpenAI"}.get(tag, tag.capitalize())


def _tag(operation: Schema) -> str:
    return str(operation["tags"][0])


def _words(text: str) -> str:
    """A sentence in which code is marked."""
    return CODE.sub(r"<code>\1</code>", escape(text))


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_words(paragraph)}</p>" for paragraph in text.split("\n\n") if paragraph)


def _credentials(document: Schema) -> str:
    schemes = document["components"]["securitySchemes"].items()
    rows = "".join(f"<dt><code>{escape(name)}</code></dt><dd>{_words(scheme['description'])}</dd>" for name, scheme in schemes)
    return f'<details class="operation"><summary>Who is asking</summary><div class="inside"><dl>{rows}</dl></div></details>'


def _operation(document: Schema, path: str, method: str, operation: Schema) -> str:
    head = f"{method.upper()} {path}"
    shown = f'<span class="method {method}">{method.upper()}</span> {escape(path)}'
    inside = [_paragraphs(operation.get("description", "")), _asked_by(operation)]
    inside += [_fields_of("Parameters", [_parameter(field) for field in operation.get("parameters", ())])]
    for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
        inside.append(_fields_of(f"Body ({media_type})", _fields(document, body["schema"])))
        inside.append(_example(body))
    inside.append(_answers(operation["responses"]))
    return (
        f'<details class="operation" id="{escape(operation["operationId"])}"><summary>'
        f'<code title="{escape(head)}">{shown}</code> <span class="about">{escape(operation["summary"])}</span></summary>'
        f'<div class="inside">{"".join(inside)}</div></details>'
    )


def _asked_by(operation: Schema) -> str:
    if "security" not in operation:
        return '<p class="quiet">Needs no credential.</p>'
    names = " or ".join(
        f"<code>{escape(name)}</code>" if name else "nothing" for one in operation["security"] for name in one or [""]
    )
    return f'<p class="quiet">Asked with {names}.</p>'


def _fields_of(title: str, lines: Iterable[str]) -> str:
    listed = "".join(lines)
    return f"<h3>{escape(title)}</h3><dl>{listed}</dl>" if listed else ""


def _parameter(field: Schema) -> str:
    place = f"{field['in']}, required" if field.get("required") else field["in"]
    return _line(field["name"], place, field["schema"], field.get("description", ""))


def _fields(document: Schema, schema: Schema, inside: str = "") -> list[str]:
    """A line for each field of a body; a field that holds JSON text is followed by the fields inside it."""
    model = document["components"]["schemas"][schema["$ref"].removeprefix(REFERENCE)] if "$ref" in schema else schema
    if "properties" not in model:
        return [_line("body", "", model, model.get("description", ""))]
    lines = []
    for name, field in model["properties"].items():
        place = "required" if name in model.get("required", ()) else ""
        lines.append(_line(inside + name, place, field, field.get("description", "")))
        if "contentSchema" in field:
            lines += _fields(document, field["contentSchema"], f"{name}: ")
    return lines


def _line(name: str, place: str, schema: Schema, about: str) -> str:
    told = ", ".join(part for part in (place, _limits(schema)) if part)
    facts = f" <small>{escape(told)}</small>" if told else ""
    return f"<dt><code>{escape(name)}</code></dt><dd>{_words(about)}{facts}</dd>"


def _limits(schema: Schema) -> str:
    """Kind, limits and default of a value, in words."""
    parts = [part for part in schema.get("anyOf", [schema]) if part.get("type") != "null"]
    told = []
    for part in parts:
        named = part.get("$ref", "").removeprefix(REFERENCE)
        kind = " | ".join(map(str, part["enum"])) if "enum" in part else str(part.get("type", named))
        low, high = (
            part.get(one, part.get(other)) for one, other in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))
        )
        told.append(
            kind
            + (
                f" {'' if low is None else f'{low:g}'} to {'' if high is None else f'{high:g}'}"
                if (low, high) != (None, None)
                else ""
            )
        )
        told += [f"at most {part['maxLength']:,} characters"] if "maxLength" in part else []
        told += [f"at most {part['maxItems']:,}"] if "maxItems" in part else []
    if schema.get("default") not in (None, "", []):
        told.append(f"default {json.dumps(schema['default'])}")
    return ", ".join(told)


def _example(content: Schema) -> str:
    if "example" not in content:
        return ""
    shown = content["example"]
    text = shown if isinstance(shown, str) else json.dumps(shown, indent=2, ensure_ascii=False)
    return f"<pre>{escape(text)}</pre>"


def _answers(responses: Schema) -> str:
    rows, examples = [], []
    for status, answer in responses.items():
        rows.append(f"<tr><td>{escape(status)}</td><td>{_words(answer['description'])}</td></tr>")
        if status.startswith("2"):
            examples += [_example(content) for content in answer.get("content", {}).values()]
    shown = "".join(dict.fromkeys(filter(None, examples)))
    return f"<h3>Answers</h3><table>{''.join(rows)}</table>" + (f"<h3>Example</h3>{shown}" if shown else "")
