"""OpenAI's routes for models: what can be asked for, by OpenAI's names and by ours."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter

from utils.api.identity import Here
from utils.api.keys import ApiCaller
from utils.api.openai_errors import ModelNotFound
from utils.api.openai_forms import DRAFT, OPENAI_MODELS
from utils.api.openai_speech_schemas import ModelOut, ModelsOut
from utils.services import Services
from utils.transcription import models

router = APIRouter(tags=["openai"])

CREATED = 1_763_683_200  # nobody here knows when a model was made; the day of the first release stands for all
SPEECH = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15", "sotto", "auto")


def engine_of(services: Services, model: str) -> str:
    """The engine that a model for speech means.

    Raises:
        ModelNotFound: It is none that is on offer.
    """
    name = model.strip().lower()
    if name in SPEECH:
        return "auto"
    if name in services.engines:
        return name
    known = ", ".join((*SPEECH, *services.engines))
    raise ModelNotFound(f"There is no model {model[:60]!r} for speech here.", f"Choose one of {known}.")


def offered(services: Services) -> list[str]:
    """Names of all models on offer, those for speech first."""
    settings = services.settings
    names = [*SPEECH, *services.engines]
    if settings.transcribe_workers or settings.jobs_url:
        heard = (
            [offer.name for offer in models.offers(settings) if offer.state != "missing"] if settings.stt_engine != DRAFT else []
        )
        names += [*OPENAI_MODELS, *heard, *([DRAFT] if settings.stt_engine != "whisper" else [])]
    return list(dict.fromkeys(names))


@router.get("/models", summary="List the models on offer, as OpenAI's API does")
async def openai_models(services: Here, who: ApiCaller) -> ModelsOut:
    """Models for speech and for recordings. OpenAI's own names are taken for what this server has in their place."""
    return ModelsOut(data=[_out(name) for name in await to_thread.run_sync(offered, services)])


@router.get("/models/{model:path}", summary="One model, as OpenAI's API does")
async def openai_model(model: str, services: Here, who: ApiCaller) -> ModelOut:
    """404 `model_not_found` for one that is not on offer."""
    if model not in await to_thread.run_sync(offered, services):
        raise ModelNotFound(f"There is no model {model[:60]!r} here.", "GET /v1/models lists those that are.")
    return _out(model)


def _out(name: str) -> ModelOut:
    return ModelOut(id=name, created=CREATED, owned_by="sotto")
