"""Take Markdown, HTML and SSML away so that only what a person would read aloud is left.

* Fenced code is left out: read aloud it is noise. Inline code keeps its words.
* Headings, list items, table rows and short lines become sentences of their own; numbered items keep their number.
* Links become their text, images their alternative text; link definitions and footnote numbers are left out.
* Known HTML and SSML elements vanish, scripts and styles with their content; `<anything else>` keeps its words and loses its
  brackets. No `<`, `>` or `[[` is left that an engine could take for markup.

Every function takes time that grows with the length of the text only, whatever is in it.
"""

from __future__ import annotations

import html
import re

from utils.speech.marks import TIMES
from utils.speech.text_lines import HARD_BREAK, lines_to_paragraphs

_FENCE = re.compile(r"^[ \t]*+(`{3,}+|~{3,}+)[^`\n]*$", re.MULTILINE)
_INLINE_CODE = re.compile(r"(?<!`)(`{1,2})(?!`)([^`\n]{1,200})\1(?!`)")
_TAG = re.compile(r"</?([A-Za-z][\w.-]*+)(?=[\s/>])((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*'|[\"'])*+)>")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_IMAGE = re.compile(r"!\[([^\[\]]*)\](?:\([^()\s]*+(?:\([^()\s]*+\)[^()\s]*+)?(?: {1,3}\"[^\"\n]*+\")?\)|\[[^\[\]]*\])")
_LINK = re.compile(r"\[(?!pause:)([^\[\]]+)\](?:\(<?[^()\s]*+(?:\([^()\s]*+\)[^()\s]*+)?(?: {1,3}\"[^\"\n]*+\")?\)|\[[^\[\]]*\])")
_FOOTNOTE = re.compile(r"\[\^[^\[\]\s]{1,40}\](?!:)")
_STARS = re.compile(r"\*+")
_UNDERSCORES = re.compile(r"(?<![^\W_])_+(?=[^\W_])|(?<=[^\W_])_+(?![^\W_])|(?<=[.!?,;:)])_+(?!\w)")
_ASIDE = 0xE000
_PUT_ASIDE = re.compile("[\ue021-\ue07e]")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_COMPARED = re.compile(r"(?<=\d) ?([<>])(=?) ?(?=\d)|(?<= )([<>])(=?)(?= )")

_PARAGRAPH_NAMES = "p div h1 h2 h3 h4 h5 h6 ul ol table blockquote section article header footer pre hr speak"
_LINE_NAMES = "br li tr dt dd option"
_OTHER_NAMES = (  # of HTML, SSML and SVG; an element that is not known here keeps its words, as in "<your name>"
    "a abbr address area aside audio b base bdi bdo body break button canvas caption center circle cite code col colgroup data "
    "datalist del desc details dfn dialog em emphasis embed fieldset figcaption figure font form frame frameset g head hgroup "
    "html i iframe img input ins kbd label legend lexicon lexeme line link main map mark marquee menu meta metadata meter nav nobr "
    "noscript object optgroup output param path phoneme picture polygon prosody q rect rp rt ruby s samp say-as script select "
    "sentence slot small source span strike strong style sub summary sup svg tbody td template text textarea tfoot th thead "
    "time title token track tt u use var video voice w wbr"
)
_NEW_PARAGRAPH = frozenset(_PARAGRAPH_NAMES.split())
_NEW_LINE = frozenset(_LINE_NAMES.split())
_KNOWN = frozenset(_OTHER_NAMES.split())


def strip(text: str, less: str = "", more: str = "") -> str:
    """The text without markup, as paragraphs parted by an empty line, each of them one line.

    Args:
        text: With line feeds only, no other line ends.
        less: What is said for `<` between numbers, e.g. "less than"; empty leaves it out.
        more: The same for `>`.
    """
    if "```" in text or "~~~" in text:
        text = _without_fences(text)
    if "`" in text:
        text = _INLINE_CODE.sub(lambda found: found[2].replace("<", " ").replace(">", " "), text).replace("`", "")
    if "<" in text:
        text = _without_tags(text)
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    return without_brackets(_inline(lines_to_paragraphs(text)), less, more)


def _without_fences(text: str) -> str:
    """Leave out fenced code; a fence that is never closed loses only its own line, so that it swallows nothing."""
    fences = list(_FENCE.finditer(text))
    bare = {fence[1][0]: index for index, fence in enumerate(fences) if fence[0].strip() == fence[1]}  # the last one that can close
    kept, at, index = [], 0, 0
    while index < len(fences):
        fence, mark = fences[index], fences[index][1][0]
        end = fence.end()
        if bare.get(mark, -1) > index:
            index += 1
            while fences[index][1][0] != mark or fences[index][0].strip() != fences[index][1]:
                index += 1
            end = fences[index].end()
        kept.append(text[at : fence.start()])
        at, index = end, index + 1
    return "\n\n".join([*kept, text[at:]])


def _without_tags(text: str) -> str:
    text = _cut_between(text, "<!--", "-->")
    for name in ("script", "style"):
        if f"<{name}" in text.lower():
            text = _cut_between(text, f"<{name}", f"</{name}")
    return _TAG.sub(_tag, text)


def _cut_between(text: str, first: str, last: str) -> str:
    """Leave out what stands between two marks, marks included; without the second mark only the first goes."""
    low = text.lower()
    kept, at = [], 0
    while (start := low.find(first, at)) >= 0:
        end = low.find(last, start + len(first))
        if end < 0:
            break
        kept.append(text[at:start])
        at = end + len(last)
    return " ".join([*kept, text[at:]])


def _tag(found: re.Match[str]) -> str:
    name = found[1].lower()
    if name in _NEW_PARAGRAPH:
        return "\n\n"
    if name in _NEW_LINE:
        return HARD_BREAK
    if name in ("td", "th"):
        return ", " if found[0][1] == "/" else ""
    rest = found[2]
    return "" if name in _KNOWN or found[0][1] == "/" or "=" in rest or rest.endswith("/") else f" {found[1]}{rest} "


def _inline(text: str) -> str:
    """Links, images, emphasis and escapes of one paragraph or many."""
    escapes = "\\" in text
    if escapes:  # what is escaped is put aside as private characters, of which a text has none
        text = _ESCAPED.sub(lambda found: chr(_ASIDE + ord(found[1])), text)
    if "[" in text:
        text = _IMAGE.sub(r"\1", text)
        text = _LINK.sub(r"\1", text)
        text = _FOOTNOTE.sub("", text)
    if "*" in text:
        text = _STARS.sub(_star, text)
    if "_" in text:
        text = _UNDERSCORES.sub("", text)
    if "~~" in text:
        text = text.replace("~~", "")
    return _PUT_ASIDE.sub(lambda found: chr(ord(found[0]) - _ASIDE), text) if escapes else text


def _star(found: re.Match[str]) -> str:
    """A star between numbers is a multiplication; all others are emphasis or ornament."""
    before, after = found.string[max(0, found.start() - 2) : found.start()], found.string[found.end() : found.end() + 2]
    return TIMES if len(found[0]) == 1 and before.rstrip()[-1:].isdigit() and after.lstrip()[:1].isdigit() else ""


def without_brackets(text: str, less: str = "", more: str = "") -> str:
    """No `<`, `>`, `[[` or `]]` any more; between numbers the first two become words."""
    if "<" in text or ">" in text:

        def said(found: re.Match[str]) -> str:
            word = less if "<" in (found[1], found[3]) else more
            return f" {word} "

        text = _COMPARED.sub(said, text)
        text = text.replace("<", " ").replace(">", " ")
    if "[[" in text or "]]" in text:
        text = re.sub(r"\[{2,}", "[", re.sub(r"\]{2,}", "]", text))
    return text
