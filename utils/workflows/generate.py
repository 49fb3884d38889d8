"""Text to speech, one at a time: say what it will cost, start it, hear a voice."""

from __future__ import annotations

from dataclasses import dataclass, replace

from utils.errors import AppError, NotFound, UnknownVoice
from utils.jobs import away
from utils.jobs.contract import JobStatus, NewJob
from utils.services import Services
from utils.speech import plan as planning
from utils.speech import voices
from utils.speech.contract import SpeechRequest
from utils.storage import names

TITLE_WORDS, MORE = 8, "…"
GOOGLE = "gtts"
KEPT_SAMPLES = 12  # voice samples a session keeps; the oldest goes
SAMPLE_TEXTS = {
    "en": "Good morning. This is how I sound.",
    "de": "Guten Morgen. So klinge ich.",
    "fr": "Bonjour. Voici ma voix.",
    "es": "Buenos días. Así suena mi voz.",
    "it": "Buongiorno. Questa è la mia voce.",
    "pt": "Bom dia. Esta é a minha voz.",
    "nl": "Goedemorgen. Zo klink ik.",
    "pl": "Dzień dobry. Tak brzmi mój głos.",
    "ru": "Доброе утро. Так звучит мой голос.",
    "zh": "早上好。这是我的声音。",
    "ja": "おはようございます。これが私の声です。",
    "ko": "안녕하세요. 제 목소리입니다.",
    "ar": "صباح الخير. هكذا يبدو صوتي.",
    "hi": "सुप्रभात। मेरी आवाज़ ऐसी है।",
    "tr": "Günaydın. Sesim böyle.",
    "uk": "Доброго ранку. Так звучить мій голос.",
}


@dataclass(frozen=True)
class Estimate:
    """What a generation would be, told before it starts.

    Attributes:
        characters: Of the text as typed.
        limit: Most characters allowed (MAX_TEXT_CHARS).
        spoken_text: What will be spoken, after cleaning and the dictionary.
        requests: Requests to Google if Google speaks; 0 for an engine of our own.
        sound_s: Estimated length of the sound in seconds.
        engine: Name of the engine that is tried first.
        problem: The error that Generate would raise, or None.
    """

    characters: int
    limit: int
    spoken_text: str = ""
    requests: int = 0
    sound_s: float = 0.0
    engine: str = ""
    problem: AppError | None = None


def first_engine(services: Services, request: SpeechRequest) -> str:
    """Name of the engine that will be tried first for this request. Raises UnknownVoice for one that is switched off here."""
    wanted = voices.find(request.voice).engine if request.voice else request.engine
    if wanted != "auto":
        if wanted not in services.engines:
            label = voices.LABELS.get(wanted, wanted[:20])
            raise UnknownVoice(f"{label} is switched off on this server (TTS_ENGINE).", "Choose another engine or voice.")
        return wanted
    preferred = services.settings.tts_engine
    order = sorted(services.engines, key=lambda name: name != preferred)
    return next((name for name in order if voices.has_engine(request.language, name)), order[0])


def stand_in(services: Services, engine: str, voice: str | None, language: str) -> str:
    """Who will speak instead of Google, as Google could not be reached lately: "eSpeak NG", or "" where that is not so.

    Args:
        services: As everywhere.
        engine: That is asked for, or `auto`.
        voice: Id of one that is asked for, or nothing.
        language: Tag of what will be spoken.
    """
    if engine != "auto" or voice or services.settings.tts_engine != "auto":
        return ""
    others = [name for name in services.engines if name != GOOGLE and voices.has_engine(language, name)]
    if not others or not away.is_away(services.settings.queue_dir, GOOGLE, services.clock()):
        return ""
    return voices.LABELS.get(others[0], others[0])


def estimate(services: Services, request: SpeechRequest) -> Estimate:
    """Say what would be spoken and what it costs; never raises for bad input, the problem is in the answer."""
    limit = services.settings.max_text_chars
    shown = Estimate(len(request.text), limit)
    try:
        plan = planning.plan(request, max_chars=limit)
        engine = first_engine(services, request)
    except AppError as problem:
        return replace(shown, problem=problem)
    requests = services.engines[engine].requests(plan.parts)
    return replace(shown, spoken_text=plan.spoken_text, requests=requests, sound_s=plan.seconds, engine=engine)


def title_of(request: SpeechRequest) -> str:
    """The given title, or the first words of the text, with dots where more of it follows."""
    if given := request.title.strip():
        return given
    words = request.text.split(maxsplit=TITLE_WORDS)
    whole = " ".join(words[:TITLE_WORDS])
    if len(words) <= TITLE_WORDS and names.cut(whole, names.TITLE_BYTES) == whole:
        return whole
    return names.cut(whole, names.TITLE_BYTES - len(MORE.encode("utf-8"))).rstrip(" .,;:-–—") + MORE


def submit(services: Services, session_id: str, request: SpeechRequest) -> JobStatus:
    """Check the request and start the work.

    Raises:
        BadInput: or one of its children, with the reason; nothing was made.
        TooMany: too many open jobs.
        QuotaExceeded: no room left in this session.
    """
    planning.plan(request, max_chars=services.settings.max_text_chars)
    first_engine(services, request)
    return services.jobs.submit(session_id, NewJob("speech", title_of(request), "speech", request.as_dict()))


def sample(services: Services, session_id: str, request: SpeechRequest) -> JobStatus:
    """A few words in the request's voice; the same voice again answers with the sample that is there."""
    text = SAMPLE_TEXTS.get(request.language.partition("-")[0], SAMPLE_TEXTS["en"])
    wanted = replace(request, text=text, dictionary=(), title="Sample", format="mp3")
    key = "|".join(str(part) for part in (wanted.engine, wanted.language, wanted.accent, wanted.voice, wanted.speed, wanted.pitch))
    session = services.sessions.peek_session(session_id)
    if session is None:
        raise NotFound("This session has ended.", "Reload the page to begin a new one.")
    kept: dict[str, str] = dict(session.preferences.get("samples", {}))
    if key in kept:
        try:
            status = services.jobs.status(session_id, kept[key])
            if status.state in ("queued", "running", "done"):
                return status
        except NotFound:
            pass  # swept or deleted: make it anew
    status = services.jobs.submit(session_id, NewJob("sample", "Sample", "sample", wanted.as_dict()))
    kept[key] = status.id
    while len(kept) > KEPT_SAMPLES:
        oldest = next(iter(kept))
        try:
            services.sessions.delete_item(session_id, kept.pop(oldest))
        except AppError:
            continue  # gone already, or still being made: the sweep takes it with the session
    services.sessions.update_session(session_id, preferences={**session.preferences, "samples": kept})
    return status
