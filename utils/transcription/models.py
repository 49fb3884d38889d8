"""Which Whisper models there are, where they lie, and what they can do; read from names and small files, no library is loaded.

A model is a folder with what CTranslate2 and faster-whisper need. It is found in three ways: WHISPER_MODEL is that folder; or it
is a size or a hub name whose snapshot lies in the hub's cache; or it has to be fetched. People choose among what `offers` lists: a
request never makes the server load another folder or fetch another model.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from utils.errors import BadInput
from utils.settings import Settings
from utils.transcription.contract import ModelInfo, TranscriptionRequest
from utils.transcription.model_folder import can_translate, is_multilingual, lacking, never_translates
from utils.transcription.model_table import ALIASES, KNOWN, Known, pin_of, repo_of

MAX_HINT_TOKENS = 100  # prompt and names together: 223 each would fill all of Whisper's 448 places and leave none for the text
DRAFT_NOTE = (
    "Draft quality, and English only: made by the small built-in recogniser. "
    "A Whisper model such as base or small, installed by whoever runs this server, gives better text."
)
INSTALL_HINT = "Set WHISPER_MODEL to a folder with a CTranslate2 Whisper model, or let the server reach the model hub."


@dataclass(frozen=True)
class Offer:
    """A model that this server offers.

    Attributes:
        name: What a request calls it: a size, a hub name, or the last part of a folder's path.
        label: For people, "Whisper base".
        state: `here`, `fetchable` (on first use, from the hub) or `missing`.
        reason: Why it is missing, one sentence, or "".
        multilingual: It knows more than English; None where that is not known before it is here.
        can_translate: It was trained to translate into English; None where that is not known.
        size_bytes: On disk, or to fetch, about; None where that is not known.
    """

    name: str
    label: str
    state: str
    reason: str = ""
    multilingual: bool | None = None
    can_translate: bool | None = None
    size_bytes: int | None = None


def offers(settings: Settings, cache: Path | None = None) -> list[Offer]:
    """What can be chosen: WHISPER_MODEL first, then LIVE_MODEL if it is another one, then what lies in the hub's cache."""
    found = []
    for name in _names(settings, cache):
        folder = find(name, settings, cache)
        if folder is not None:
            found.append(_here(name, folder))
        else:
            found.append(_elsewhere(name, _said(name, settings), settings))
    return found


def offer_of(name: str, settings: Settings, cache: Path | None = None) -> Offer:
    """The offer that a request means; "" = the first one.

    Raises:
        BadInput: This server does not offer it.
    """
    listed = offers(settings, cache)
    wanted = ALIASES.get(name, name) if name not in (settings.whisper_model, settings.live_model) else _short(name)
    for offer in listed:
        if offer.name == wanted or not wanted:
            return offer
    names = ", ".join(offer.name for offer in listed)
    raise BadInput(f"This server does not offer the model “{name[:60]}”.", f"Choose one of {names}.")


def find(name: str, settings: Settings, cache: Path | None = None) -> Path | None:
    """The folder of a model that is complete, or None.

    Args:
        name: As in an offer, or as in the settings; "" = WHISPER_MODEL.
        settings: What the server is set to.
        cache: The hub's cache; None = where the hub's library looks for it.
    """
    said = _said(name, settings)
    if is_folder(said):
        folder = Path(said)
        return folder if not lacking(folder) else None
    return _snapshot(repo_of(said), pin_of(said), cache or cache_dir())


def label_of(name: str) -> str:
    """A model's name for people, without any path: "Whisper base"."""
    short = _short(name).rpartition("/")[2]
    for piece in ("faster-distil-whisper-", "faster-whisper-", "whisper-"):
        if short.startswith(piece):
            short = ("distil-" if "distil" in piece else "") + short.removeprefix(piece)
            break
    return f"Whisper {short}" if "whisper" not in short.lower() else short


def cache_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Where the hub's library keeps what it fetched, by its own variables."""
    env = os.environ if environ is None else environ
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if env.get(name):
            return Path(env[name]).expanduser()
    home = env.get("HF_HOME") or os.path.join(env.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(home).expanduser() / "hub"


def repo_dir(repo: str, cache: Path) -> Path:
    """The folder of a hub name in the cache."""
    return cache / ("models--" + repo.replace("/", "--"))


def check_request(request: TranscriptionRequest, offer: Offer | ModelInfo) -> None:
    """Refuse what cannot work with this model, before anything is made.

    Raises:
        BadInput: One sentence for each reason.
    """
    label = offer.label if isinstance(offer, Offer) else offer.name
    if request.language and request.language != "en" and offer.multilingual is False:
        raise BadInput(
            f"The model {label} knows English only, “{request.language[:12]}” was asked for.", "Choose a multilingual model."
        )
    if request.multilingual and offer.multilingual is False:
        raise BadInput(f"The model {label} knows English only, no change of language can be heard.", "Choose a multilingual model.")
    if request.task == "translate" and offer.can_translate is False:
        raise BadInput(
            f"The model {label} was not trained to translate.",
            "Choose tiny, base, small, medium or large, or ask for a transcript.",
        )
    if hint_tokens(request.prompt) + hint_tokens(request.hotwords) > MAX_HINT_TOKENS:
        raise too_many_hints()


def too_many_hints() -> BadInput:
    """The error for prompt and names that are too long together."""
    return BadInput(
        f"Prompt and names together have more than about {MAX_HINT_TOKENS} tokens, too many beside Whisper's own text.",
        "Shorten them to about 60 words.",
    )


def hint_tokens(text: str) -> int:
    """About how many tokens Whisper makes of a text, rather too many than too few; counted without its tokenizer.

    Common words are one token, names fall into pieces of two letters, digits and signs stand alone; other alphabets take about two
    thirds of a token a letter, and Chinese, Japanese and Korean one and a bit. The engine counts exactly.
    """
    count = 0.0
    for word in text.split():
        letters = sum(sign.isascii() and sign.isalpha() for sign in word)
        signs = sum(sign.isascii() and not sign.isalpha() for sign in word)
        wide = sum(ord(sign) >= 0x800 for sign in word)
        others = len(word) - letters - signs - wide
        count += max(1.0, letters / (3.5 if word.islower() else 2.0)) + signs + 0.7 * others + 1.3 * wide
    return round(count)


def source(name: str, settings: Settings) -> str:
    """The size, hub name or folder that a name of an offer stands for; "" = WHISPER_MODEL."""
    return _said(name, settings)


def missing_reason(said: str) -> str:
    """Why a model that is neither here nor on the hub is missing."""
    if is_folder(said):
        folder = Path(said)
        if not folder.is_dir():
            return "The folder that WHISPER_MODEL names does not exist."
        return f"The folder that WHISPER_MODEL names is no complete model: {lacking(folder)} is missing."
    return f"The model “{said[:60]}” is unknown: it is neither a size of Whisper, nor a hub name, nor a folder."


# ---- names and folders ----------------------------------------------------------------------------------------------


def _names(settings: Settings, cache: Path | None) -> list[str]:
    """Names of all offers, each once, in order."""
    wanted = [settings.whisper_model, *filter(None, [settings.live_model]), *_cached(cache or cache_dir())]
    return list(dict.fromkeys(_short(name) for name in wanted))


def _cached(cache: Path) -> list[str]:
    """Short or hub names of the complete models in the cache."""
    shorts = {known.repo: short for short, known in KNOWN.items()}
    names = []
    for folder in sorted(cache.glob("models--*--*")) if cache.is_dir() else ():
        repo = folder.name.removeprefix("models--").replace("--", "/", 1)
        if _snapshot(repo, None, cache) is not None:
            names.append(shorts.get(repo, repo))
    return names


def _short(name: str) -> str:
    """The name of an offer: of a folder the last part, of an alias what it stands for."""
    if is_folder(name):
        return Path(name).name
    return ALIASES.get(name, name)


def _said(name: str, settings: Settings) -> str:
    """The size, hub name or folder that a name of an offer stands for."""
    for said in (settings.whisper_model, settings.live_model):
        if said and (not name or name in (said, _short(said))):
            return said
    return name if not is_folder(name) else ""


def is_folder(said: str) -> bool:
    """A path rather than a name: absolute, begins with a dot or the home folder, or exists as a folder."""
    return bool(said) and (said.startswith(("/", ".", "~")) or os.path.isabs(said) or (not repo_of(said) and Path(said).is_dir()))


def _snapshot(repo: str, pin: Known | None, cache: Path) -> Path | None:
    """A complete snapshot: the pinned one, else what a reference names, else any."""
    if not repo:
        return None
    folder = repo_dir(repo, cache)
    revisions = [pin.revision] if pin is not None and pin.revision else []
    for reference in ("sotto", "main"):
        try:
            revisions.append((folder / "refs" / reference).read_text("ascii").strip())
        except (OSError, UnicodeDecodeError):
            continue
    try:
        revisions += sorted(path.name for path in (folder / "snapshots").iterdir())
    except OSError:
        return None
    for revision in dict.fromkeys(revisions):
        path = folder / "snapshots" / revision
        if revision and path.is_dir() and not lacking(path):
            return path
    return None


# ---- what a model can do --------------------------------------------------------------------------------------------


def _here(name: str, folder: Path) -> Offer:
    multilingual = is_multilingual(name, folder)
    size = (folder / "model.bin").stat().st_size
    return Offer(name, label_of(name), "here", "", multilingual, multilingual and can_translate(name, folder), size)


def _elsewhere(name: str, said: str, settings: Settings) -> Offer:
    if is_folder(said) or not repo_of(said):
        return Offer(name, label_of(name), "missing", missing_reason(said))
    known = pin_of(said)
    english_only = name.endswith(".en")
    multilingual = False if english_only else True if known is not None else None
    translates = False if english_only or never_translates(name) else True if known is not None else None
    size = known.size_bytes if known is not None else None
    if settings.hf_hub_offline:
        return Offer(name, label_of(name), "missing", offline_reason(said), multilingual, translates, size)
    return Offer(name, label_of(name), "fetchable", "", multilingual, translates, size)


def offline_reason(said: str) -> str:
    return f"The model {label_of(said)} is not on this machine, and HF_HUB_OFFLINE forbids fetching it."
