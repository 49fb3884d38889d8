"""Recordings to text: what is on offer, start it, start it again with other options, check speech by transcribing it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from utils.errors import AppError, BadInput, Conflict, ModelUnavailable, NotFound, TooMany
from utils.jobs.contract import JobStatus, NewJob
from utils.jobs.file_jobs import SESSION_LIMIT
from utils.jobs.transcribe_files import run_of
from utils.services import Services
from utils.speech.contract import SpeechRequest
from utils.speech.plan import plan
from utils.storage.item import Item, ItemFile
from utils.transcription import models
from utils.transcription.contract import ENGINES, TASKS, TranscriptionRequest
from utils.transcription.presets import PRESETS
from utils.workflows.tongues import LANGUAGES, whisper_tag
from utils.workflows.uploads import check_length, max_bytes

SLICE_MINUTES = 10.0  # of sound; what one unit of cost stands for
GUESS_BYTES_A_MINUTE = 500_000  # where a recording does not tell its length
BEAMS = (1, 10)
TEMPERATURES = (0.0, 1.0)
MAX_HINT_CHARS = 4_000


@dataclass(frozen=True)
class Options:
    """What can be chosen here.

    Attributes:
        offers: Models, the server's own choice first.
        languages: (tag, name) of what Whisper knows, by name.
        engine: `whisper` or `draft`: what "auto" comes to now.
        note: Why it is the draft engine, for a banner; or "".
        max_upload_bytes: Largest file (MAX_UPLOAD_MB).
        max_media_s: Longest recording (MAX_MEDIA_HOURS).
    """

    offers: tuple[models.Offer, ...]
    languages: tuple[tuple[str, str], ...]
    engine: str
    note: str
    max_upload_bytes: int
    max_media_s: float


@dataclass(frozen=True)
class Source:
    """The recording behind an item.

    Attributes:
        item: Where it lies.
        file: Which file of it.
        seconds: Its length as far as it is known.
        tracks: How many tracks of sound, as far as that is known.
        is_upload: It becomes part of the transcript; others stay where they are.
    """

    item: Item
    file: ItemFile
    seconds: float | None
    tracks: int | None
    is_upload: bool


def options(services: Services) -> Options:
    """What is on offer. Cheap: no engine is loaded."""
    settings = services.settings
    offers = tuple(models.offers(settings))
    whisper = any(offer.state != "missing" for offer in offers)
    draft = settings.stt_engine == "draft" or (settings.stt_engine == "auto" and not whisper)
    return Options(
        offers=offers,
        languages=tuple(sorted(LANGUAGES.items(), key=lambda pair: pair[1])),
        engine="draft" if draft else "whisper",
        note=models.DRAFT_NOTE if draft else "",
        max_upload_bytes=max_bytes(settings),
        max_media_s=settings.max_media_hours * 3600,
    )


def check_request(services: Services, request: TranscriptionRequest) -> None:
    """Raise BadInput if the request cannot work here, with one sentence that says why."""
    if request.task not in TASKS:
        raise BadInput("The task is one of " + ", ".join(TASKS) + ".")
    if request.engine not in ENGINES:
        raise BadInput("The engine is one of " + ", ".join(ENGINES) + ".")
    if request.language and request.language not in LANGUAGES:
        raise BadInput(f"The language {request.language[:12]!r} is not one that Whisper knows.", "Leave it empty to have it found.")
    if request.engine == "whisper" and services.settings.stt_engine == "draft":
        raise BadInput("Whisper is switched off on this server (STT_ENGINE).", "Choose another engine.")
    if request.preset not in PRESETS:
        raise BadInput("The subtitle preset is one of " + ", ".join(PRESETS) + ".")
    if not BEAMS[0] <= request.beam_size <= BEAMS[1]:
        raise BadInput(f"The beam size is a number from {BEAMS[0]} to {BEAMS[1]}.")
    if not TEMPERATURES[0] <= request.temperature <= TEMPERATURES[1]:
        raise BadInput(f"The temperature is a number from {TEMPERATURES[0]:g} to {TEMPERATURES[1]:g}.")
    if len(request.prompt) + len(request.hotwords) > MAX_HINT_CHARS:
        raise models.too_many_hints()
    if _engine_of(services, request) == "draft":
        if request.language not in ("", "en") or request.task == "translate":
            sentence = "The draft engine knows English only and cannot translate."
            raise BadInput(sentence, "Install a Whisper model such as base or small.")
        return
    offer = models.offer_of(request.model, services.settings)
    if offer.state == "missing":  # and no other engine may stand in for it
        raise ModelUnavailable(offer.reason, models.INSTALL_HINT)
    models.check_request(request, offer)


def _engine_of(services: Services, request: TranscriptionRequest) -> str:
    """The engine that will most likely do it."""
    if request.engine == "draft" or services.settings.stt_engine == "draft":
        return "draft"
    if request.engine == "whisper" or services.settings.stt_engine == "whisper":
        return "whisper"
    return "draft" if models.offer_of(request.model, services.settings).state == "missing" else "whisper"


def start(services: Services, session_id: str, item_ids: Sequence[str], request: TranscriptionRequest) -> list[JobStatus]:
    """Check everything, then start one job for each recording; if something is wrong, nothing is made.

    Args:
        services: As everywhere.
        session_id: Whose.
        item_ids: Uploads become part of their transcript and vanish; speech, recordings and transcripts stay as they are.
        request: For all of them; its title only counts for a single one.

    Raises:
        BadInput: The request cannot work here, or an item holds no recording.
        NotFound: There is no such item.
        TooMany: So many jobs may not be open at one time.
        QuotaExceeded: No room is left in the session.
    """
    check_request(services, request)
    wanted = list(dict.fromkeys(item_ids))
    if not wanted:
        raise BadInput("No recording was named.", "Upload one, or choose an item.")
    sources = [_checked_source(services, session_id, item_id, request) for item_id in wanted]
    _check_room(services, session_id, len(sources))
    if len(sources) > 1:
        request = replace(request, title="")
    made: list[JobStatus] = []
    try:
        for source in sources:
            made.append(services.jobs.submit(session_id, _new_job(services, session_id, source, request)))
    except AppError:
        for job in made:
            _take_back(services, session_id, job.id)
        raise
    for source in sources:
        if source.is_upload:  # its file has its second name in the transcript now
            with suppress(AppError):  # what stays is an upload that can be used once more, or deleted
                services.sessions.delete_item(session_id, source.item.id, force=True)
    return made


def job_of(services: Services, session_id: str, item_id: str, request: TranscriptionRequest) -> NewJob:
    """As `start` for one recording, without starting it: the recording stays an item beside the job's, and files are not copied.

    For passing work, of which the caller removes both.
    """
    check_request(services, request)
    return _new_job(services, session_id, _checked_source(services, session_id, item_id, request), request)


def again(services: Services, session_id: str, item_id: str, request: TranscriptionRequest) -> JobStatus:
    """Transcribe a transcript's recording anew with other options.

    The text that is there stays until the new one is ready; corrections to it are kept aside.

    Raises:
        BadInput: The request cannot work here, or the recording was forgotten.
        Conflict: It is being transcribed now.
        NotFound: There is no such item.
    """
    check_request(services, request)
    item = services.sessions.get_item(session_id, item_id)
    if item.kind != "transcript":
        raise BadInput("This item is no transcript.", "Start a new one from it.")
    with suppress(NotFound):  # a text that was brought here has no work behind it
        if services.jobs.status(session_id, item_id).is_open:
            raise Conflict("This recording is being transcribed now.", "Wait for its end, or cancel it.")
    source = _checked_source(services, session_id, item_id, request)
    reference = request.reference or item.request.get("reference", "")
    asked = {**request.as_dict(), "reference": reference, "run": run_of(item.request) + 1}
    asked |= {key: item.request[key] for key in ("source", "original_name") if key in item.request}
    return services.jobs.submit(
        session_id,
        NewJob("transcribe", item.title, "transcript", asked, item_id=item_id, cost=_cost(source), weight=_minutes(source)),
    )


def check(services: Services, session_id: str, item_id: str) -> JobStatus:
    """Check a speech item by transcribing it: its transcript tells the word error rate against the text that was spoken.

    Raises:
        BadInput: The item is no speech.
    """
    item = services.sessions.get_item(session_id, item_id)
    if item.kind != "speech":
        raise BadInput("Only speech can be checked by transcribing.", "Choose an item that was made from text.")
    spoken = SpeechRequest.from_dict(item.request)
    text = plan(spoken, max_chars=services.settings.max_text_chars).words
    language = whisper_tag(str(item.result.get("language") or spoken.language))
    request = TranscriptionRequest(language=language, reference=text, title=f"Check of {item.title}")
    try:
        check_request(services, request)
    except BadInput:
        if _engine_of(services, request) == "draft":
            raise
        request = replace(request, language="")  # a model that knows English only
    return start(services, session_id, [item_id], request)[0]


def source_of(services: Services, session_id: str, item_id: str) -> Source:
    """The recording behind an item. Raises NotFound, BadInput when it holds none."""
    item = services.sessions.get_item(session_id, item_id)
    has_source = item.kind in ("upload", "transcript", "recording")  # and beside it a copy for listening, which has lost something
    file = item.role("source" if has_source else "audio")
    told = item.request.get("source") or {}
    if file is None and item.kind == "transcript" and told.get("item"):
        try:
            return replace(source_of(services, session_id, str(told["item"])), is_upload=False)
        except NotFound as exc:
            raise BadInput("The sound that this transcript was made from is not here any more.", "Upload it.") from exc
    if file is None or item.kind == "batch":
        raise BadInput("This item holds no recording that could be transcribed.", "Choose an upload, a recording or speech.")
    seconds, tracks = item.result.get("seconds"), item.result.get("tracks")
    return Source(item, file, seconds, len(tracks) if isinstance(tracks, list) else None, item.kind == "upload")


def _checked_source(services: Services, session_id: str, item_id: str, request: TranscriptionRequest) -> Source:
    source = source_of(services, session_id, item_id)
    check_length(source.seconds, services.settings)
    if request.track is not None and not 0 <= request.track < (source.tracks or 16):
        raise BadInput("The recording has no such track of sound.", f"Choose one from 0 to {(source.tracks or 16) - 1}.")
    services.sessions.file_path(session_id, source.item.id, source.file.name)
    return source


def _check_room(services: Services, session_id: str, count: int) -> None:
    """Before anything is made; each submit checks again."""
    if count > 1 and len(services.jobs.of_session(session_id, open_only=True)) + count > SESSION_LIMIT:
        sentence = f"With these {count} more than {SESSION_LIMIT} pieces of work would be open in this session, the most allowed."
        raise TooMany(sentence, "Start fewer at one time, or wait for some to end.", retry_after_s=60.0)


def _new_job(services: Services, session_id: str, source: Source, request: TranscriptionRequest) -> NewJob:
    item = source.item
    title = request.title.strip() or item.title
    name = str(item.request.get("original_name", "")) or item.title
    built: dict[str, Path] = {}
    told: dict[str, Any] = {"file": source.file.name}
    if source.is_upload:
        built = {source.file.name: services.sessions.file_path(session_id, item.id, source.file.name)}
    else:
        told["item"] = item.id
    return NewJob(
        "transcribe",
        title,
        "transcript",
        {**request.as_dict(), "source": told, "original_name": name},
        cost=_cost(source),
        weight=_minutes(source),
        built=built,
        listed=(source.file,) if source.is_upload else (),
    )


def _take_back(services: Services, session_id: str, job_id: str) -> None:
    """One of several could not be started: the others were not meant without it."""
    with suppress(AppError):
        services.jobs.cancel(session_id, job_id)
    with suppress(AppError):
        services.sessions.delete_item(session_id, job_id, force=True)


def _minutes(source: Source) -> float:
    return max(0.05, source.seconds / 60 if source.seconds else source.file.size_bytes / GUESS_BYTES_A_MINUTE)


def _cost(source: Source) -> int:
    return max(1, math.ceil(_minutes(source) / SLICE_MINUTES))
