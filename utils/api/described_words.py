"""Tables of the OpenAPI document: groups, credentials, parameters and headers that many operations share."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from utils.api import cookies

ITEM_ID = "20261121-120000-hello-world-1a2b"
TAGS = {
    "sessions": "A session is one private space: what is made in it, nobody else sees.",
    "speech": "Text becomes speech.",
    "bulk": "A table becomes many sounds at once.",
    "transcripts": "Recordings become text.",
    "items": "What was made, and its files.",
    "jobs": "Work that goes on after the answer.",
    "openai": "The same for programs that were written for OpenAI's API; nothing is kept after the answer.",
    "server": "How the server does.",
}
SCHEMES = {
    "session": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "<session id>.<signature>",
        "description": "The token that `POST /api/v1/sessions` answers.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": cookies.NAME,
        "description": "The same token, as browsers have it. With it, changes are accepted from the server's own pages only.",
    },
    "operator": {"type": "http", "scheme": "bearer", "description": "ADMIN_TOKEN; while it is unset there is no operator."},
    "key": {"type": "http", "scheme": "bearer", "description": "One of the keys of API_KEY; while that is unset none is needed."},
}
SESSION: list[dict[str, list[str]]] = [{"session": []}, {"cookie": []}]
OPERATOR: list[dict[str, list[str]]] = [{"operator": []}]
SECURITY = {"cleanup": OPERATOR, "metrics": OPERATOR, "session_info": SESSION + OPERATOR, "delete_session": SESSION + OPERATOR}

PARAMETERS: Mapping[tuple[str, str], tuple[str, Any]] = MappingProxyType(
    {
        ("path", "item_id"): ("Id of an item of this session.", ITEM_ID),
        ("path", "job_id"): ("Id of a job of this session; the same as that of its item.", ITEM_ID),
        ("path", "session_id"): ("Id of the session.", "7d9e8a52-6a7e-4c1f-9a55-0f2f6f8f6a11"),
        ("path", "number"): ("Number of the row, 1 = the first row of data.", 1),
        ("path", "name"): ("Name of one of the item's `files`.", "hello-world.mp3"),
        ("path", "form"): ("Kind of the file.", None),
        ("path", "model"): ("What `GET /v1/models` calls it.", "tts-1"),
        ("query", "ids"): ("", ITEM_ID),
        ("query", "page"): ("1 = the first.", 1),
        ("query", "per_page"): ("Most entries of a page.", 50),
        ("query", "offset"): ("Segments to leave out at the beginning.", 0),
        ("query", "limit"): ("Most segments of an answer.", 500),
        ("query", "sort"): ("The order.", "newest"),
        ("query", "only"): ("Which of them; `all` = without a filter.", "all"),
    }
)
HEADERS: dict[str, tuple[str, str]] = {  # name -> what it says, an example
    "Location": ("Where what was made can be asked for.", f"/api/v1/jobs/{ITEM_ID}"),
    "ETag": ("The version, for `If-Match` and `If-None-Match`.", '"18a3f0c9d2b4e6f81234"'),
    "Content-Disposition": ("What the file is called when it is saved.", 'attachment; filename="Hello world.mp3"'),
    "Sotto-Engine": ("Which engine it really was.", "espeak"),
    "Sotto-Voice": ("Whose voice it really is.", "espeak:en-us"),
    "Idempotent-Replayed": ("`true`: this is the answer of the first request with this Idempotency-Key.", "true"),
    "Accept-Ranges": ("Ranges can be asked for.", "bytes"),
    "Content-Range": ("Which bytes these are, and of how many.", "bytes 0-1023/48213"),
    "Retry-After": ("Seconds after which another try makes sense.", "60"),
    "WWW-Authenticate": ("How to say who asks.", 'Bearer realm="sotto"'),
}
EVENTS_LIKE: Mapping[str, str] = MappingProxyType(  # operation -> what its events look like
    {
        "job_events": 'retry: 1000\n\nevent: status\nid: f3f9402a78fe08ee\ndata: {"state": "running", "progress": 0.5}\n\n',
        "openai_speech": 'data: {"type": "speech.audio.delta", "audio": "UklGRg=="}\n\n',
        "openai_transcription": 'data: {"type": "transcript.text.delta", "delta": "Good morning."}\n\n',
    }
)
GOOD: Mapping[str, str] = MappingProxyType(
    {"200": "Done.", "201": "Made.", "202": "Begun; the job goes on.", "204": "Done; there is nothing to tell."}
)
FILE = ("ETag", "Content-Disposition", "Accept-Ranges")
OWN_HEADERS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(  # operation -> status -> names
    {
        "make_speech": {"202": ("Location",), "200": ("Location",)},
        "make_batch": {"202": ("Location",)},
        "make_transcripts": {"202": ("Location",), "200": ("Location",)},
        "upload": {"201": ("Location",)},
        "change_item": {"200": ("ETag",)},
        "change_session": {"200": ("ETag",)},
        "undo_correction": {"200": ("ETag",)},
        "redo_correction": {"200": ("ETag",)},
        "put_transcript": {"200": ("ETag",)},
        "get_file": {"200": FILE, "206": (*FILE, "Content-Range"), "304": ("ETag",), "416": ("Content-Range", "Accept-Ranges")},
        "row_audio": {"200": FILE, "206": (*FILE, "Content-Range"), "304": ("ETag",), "416": ("Content-Range", "Accept-Ranges")},
        "openai_speech": {"200": ("Sotto-Engine", "Sotto-Voice")},
        "openai_transcription": {"200": ("Sotto-Engine",)},
        "openai_translation": {"200": ("Sotto-Engine",)},
        "item_zip": {"200": ("Content-Disposition",)},
        "items_zip": {"200": ("Content-Disposition",)},
        "transcripts_zip": {"200": ("Content-Disposition",)},
        "transcript_file": {"200": ("Content-Disposition",)},
        "table_template": {"200": ("Content-Disposition",)},
    }
)  # fmt: skip
