"""Routes of batches: a table in, rows out, one ZIP of all."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError

from utils.api import conditional, problems
from utils.api.bulk_schemas import BulkOptions, CheckOut, RowEdit, RowPage
from utils.api.idempotency import KEYED
from utils.api.identity import Caller, Here
from utils.api.intake import HEAD
from utils.api.items import FILE_RESPONSES, private_headers, served
from utils.api.multipart import parse
from utils.api.schemas import ItemOut, JobOut, Made
from utils.api.streamed import Streamed
from utils.errors import BadInput, BadTable
from utils.services import Services
from utils.speech.table import samples
from utils.speech.table.memo import Checked
from utils.storage import archive, names
from utils.workflows import batches, bulk, files

router = APIRouter(tags=["bulk"])

MAX_NUMBERS = 1_000
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "CSV, TSV, XLSX, JSONL, TXT, SRT or VTT."},
                        "options": {
                            "type": "string",
                            "description": "How, as JSON text.",
                            "contentMediaType": "application/json",
                            "contentSchema": {"$ref": "#/components/schemas/BulkOptions"},
                        },
                    },
                }
            }
        },
    }
}
_ZIP: dict[int | str, dict[str, Any]] = {
    200: {"description": "The archive.", "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
}
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TABLE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The table.",
        "content": {"text/csv": {"schema": {"type": "string"}}, _XLSX: {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post(
    "/bulk",
    dependencies=KEYED,
    status_code=202,
    summary="Make a batch from a table",
    openapi_extra=_FORM,
    response_model=None,  # told below: what is answered depends on `dry_run`
    responses={200: {"model": CheckOut, "description": "Dry run."}, 202: {"model": Made, "description": "Started."}},
)
async def make_batch(
    request: Request,
    response: Response,
    services: Here,
    session_id: Caller,
    dry_run: Annotated[bool, Query(description="Only say what would be made and what is wrong.")] = False,
) -> Any:
    """Refused with the numbers of the rows when some cannot be spoken, unless `skip_bad` is set."""
    form = await parse(request.headers, await request.body())
    name, data = form.file("file")
    wanted = _options(form.fields.get("options", ""))
    upload = bulk.Upload(name, data)
    checked = await to_thread.run_sync(_checked, services, session_id, upload, wanted)
    if dry_run:
        response.status_code = 200
        return CheckOut.of(checked)
    if checked.check.bad and not wanted.skip_bad:
        numbers = [row.number for row in checked.check.rows if row.request is None]
        error = BadTable(f"{len(numbers)} of {len(checked.check.rows)} rows cannot be spoken.", "Correct them, or send skip_bad.")
        return problems.response(error, rows=numbers[:MAX_NUMBERS])
    job = await to_thread.run_sync(_start, services, session_id, upload, wanted, checked)
    item = await to_thread.run_sync(files.get, services, session_id, job.id)
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return Made(job=job, item=ItemOut.of(item))


def _options(text: str) -> BulkOptions:
    try:
        return BulkOptions.model_validate_json(text or "{}")
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:100] or "options"
        raise BadInput(f"The options do not fit ({place}: {first['msg'][:200]}).", "See /api/docs for what is allowed.") from exc


def _checked(services: Services, session_id: str, upload: bulk.Upload, wanted: BulkOptions) -> Checked:
    checked = bulk.check(services, session_id, upload, wanted.wanted())
    if wanted.mapping:
        checked = bulk.check(services, session_id, upload, wanted.wanted(checked.table))
    return checked


def _start(services: Services, session_id: str, upload: bulk.Upload, wanted: BulkOptions, checked: Checked) -> JobOut:
    found = wanted.wanted(checked.table)
    return JobOut.of(bulk.start(services, session_id, upload, found, title=wanted.title, skip_bad=wanted.skip_bad))


@router.get("/bulk/template.{form}", summary="An example table to fill in", response_class=Response, responses=_TABLE)
def table_template(form: Literal["csv", "xlsx"]) -> Response:
    """Two example rows. Needs no session."""
    data = samples.csv_bytes() if form == "csv" else samples.xlsx_bytes()
    kind = "text/csv; charset=utf-8" if form == "csv" else _XLSX
    return Response(data, media_type=kind, headers={"Content-Disposition": names.content_disposition(f"sotto-table.{form}")})


@router.get("/items/{item_id}/rows", summary="Rows of a batch", response_model=RowPage, responses=conditional.KNOWN)
def list_rows(
    item_id: str,
    services: Here,
    session_id: Caller,
    response: Response,
    only: Annotated[Literal["all", "waiting", "done", "failed", "skipped", "again"], Query()] = "all",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    per_page: Annotated[int, Query(ge=1, le=500)] = 50,
    if_none_match: conditional.IfNoneMatch = None,
) -> RowPage | Response:
    """In the order of the table; live while the batch is spoken."""
    view = batches.view(services, session_id, item_id, only=only, offset=(page - 1) * per_page, limit=per_page)
    return conditional.told(RowPage.of(view, page, per_page), if_none_match, response)


@router.get("/items/{item_id}/rows/{number}/audio", summary="The sound of a row", response_class=Response, responses=FILE_RESPONSES)
def row_audio(
    item_id: str,
    number: int,
    services: Here,
    session_id: Caller,
    inline: Annotated[bool, Query(description="Show it in place instead of as an attachment.")] = False,
) -> Response:
    """As soon as the row is done. Understands `Range`, `If-Range` and `If-None-Match`."""
    return served(batches.row_file(services, session_id, item_id, number), inline)


@router.post("/items/{item_id}/rows/retry", dependencies=KEYED, status_code=202, summary="Speak the failed rows again")
def retry_rows(item_id: str, services: Here, session_id: Caller) -> JobOut:
    """Goes on with what a cancel left, too. A batch that is still open is a conflict."""
    return JobOut.of(batches.retry_failed(services, session_id, item_id))


@router.post("/items/{item_id}/rows/check", dependencies=KEYED, status_code=202, summary="Check the rows by transcribing them")
def check_rows(item_id: str, services: Here, session_id: Caller) -> JobOut:
    """Each spoken row gets its word error rate. Needs a Whisper model; a batch that is still open is a conflict."""
    return JobOut.of(batches.check(services, session_id, item_id))


@router.post(
    "/items/{item_id}/rows/{number}",
    dependencies=KEYED,
    status_code=202,
    summary="Give a row another text and speak it",
    responses=conditional.CHANGED,
)
def edit_row(
    item_id: str, number: int, body: RowEdit, services: Here, session_id: Caller, if_match: conditional.IfMatch = None
) -> JobOut:
    """Only that row is spoken. A batch that is still open is a conflict. `If-Match` takes the `etag` of the row."""
    return JobOut.of(batches.edit_row(services, session_id, item_id, number, body.text, if_match=if_match))


@router.get("/items/{item_id}.zip", summary="Everything of an item as one ZIP", response_class=Response, responses=_ZIP)
def item_zip(item_id: str, request: Request, services: Here, session_id: Caller) -> Response:
    """Streamed from disk, not compressed; of a batch that is still spoken: what is finished."""
    found = files.zip_of(services, session_id, item_id)
    entries = [] if request.scope.get(HEAD) else found.entries
    headers = private_headers(found.download_name)
    return Streamed(archive.stream(entries), archive.size(found.entries), "application/zip", headers)
