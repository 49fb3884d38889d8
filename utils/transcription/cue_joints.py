"""How good a place the end of each atom is to end a cue, or to break a line: what belongs together stays together."""

from __future__ import annotations

from collections.abc import Sequence

from utils.subtitles import script
from utils.subtitles.script import Break
from utils.transcription.cue_atoms import Atom

# What a cut costs. Order of the guides: sentence, clause, before a conjunction or preposition, a pause, the limit.
SENTENCE, CLAUSE, SEGMENT, BEFORE, PAUSE, WORD = 0.0, 6.0, 8.0, 10.0, 12.0, 20.0
_PART, _CHARACTER, _NUMBER, _NAME, _HELD = 26.0, 36.0, 32.0, 40.0, 60.0
PAUSE_MS = 300

# Articles, possessives, pronouns of a verb that follows, auxiliaries that are nothing alone: never last in a cue or line.
_HELD_WORDS = {
    "en": "a an the my your his her its our their this that these those i he she we they i'm you're he's she's it's we're "
    "they're i'll we'll to of in on at by for with from into very no not and or but nor so because if as than mr mrs "
    "ms dr",
    "de": "der die das den dem des ein eine einen einem einer eines kein keine keinen keinem keiner mein meine meinen "
    "meinem meiner dein deine sein seine seinen seinem seiner ihr ihre ihren ihrem ihrer unser unsere euer eure "
    "dieser diese dieses diesen diesem ich du er es wir man zu im am vom zum zur beim ins ans in an auf mit von bei "
    "nach aus für über unter vor um und oder aber dass weil wenn als sehr nicht herr frau dr",
    "fr": "le la les un une des du de au aux mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs ce cet cette "
    "ces je tu il elle on nous vous ils elles ne se me te y en à dans par pour sur avec sans chez et ou mais que qui "
    "très plus m mme dr",
    "es": "el la los las un una unos unas del al mi mis tu tus su sus nuestro nuestra nuestros nuestras este esta estos "
    "estas ese esa esos esas yo él ella nosotros ellos ellas me te se le les nos no de en a por para con sin sobre y "
    "e o u pero que muy sr sra",
    "it": "il lo la i gli le un uno una del dello della dei degli delle al allo alla ai agli alle dal dalla nel nella nei "
    "nelle sul sulla mio mia miei mie tuo tua suo sua nostro nostra questo questa questi queste io tu lui lei noi voi "
    "loro mi ti si ci vi non di a da in con su per tra fra e o ma che molto",
    "pt": "o a os as um uma uns umas do da dos das no na nos nas ao à aos às pelo pela meu minha meus minhas teu tua seu "
    "sua seus suas nosso nossa este esta estes estas esse essa eu tu ele ela nós vós eles elas me te se lhe não de em "
    "por para com sem e ou mas que muito",
    "nl": "de het een mijn jouw zijn haar ons onze hun dit dat deze die ik jij je hij zij ze wij we u te van in op aan met "
    "voor bij naar uit over en of maar omdat als dan niet heel zeer geen",
}  # fmt: skip
# Conjunctions and prepositions: a good place is before them.
_LEADING_WORDS = {
    "en": "and or but nor so because if when while although though unless until since that which who whom whose where than "
    "as with without from into of in on at by for to about after before between during over through under against",
    "de": "und oder aber denn sondern weil dass wenn als ob obwohl während damit bevor nachdem bis der die das wo wie mit "
    "ohne von vom bei beim nach aus für über unter vor um zu zum zur in im an am auf gegen durch zwischen seit",
    "fr": "et ou mais donc car parce quand lorsque si comme que qui dont où pour avec sans dans par sur sous chez vers "
    "entre avant après pendant depuis à de",
    "es": "y e o u pero porque cuando si como que quien donde aunque mientras para por con sin en de del al sobre entre "
    "hasta desde hacia según ante bajo tras",
    "it": "e o ma però perché quando se come che chi cui dove mentre per con senza in di da del della su tra fra verso dopo "
    "prima durante",
    "pt": "e ou mas porque quando se como que quem onde embora enquanto para por com sem em de do da sobre entre até desde",
    "nl": "en of maar want omdat als toen wanneer dat die wie waar hoewel terwijl met zonder van voor bij naar uit over "
    "onder in op aan door tussen",
}  # fmt: skip
_HELD_SETS = {language: frozenset(words.split()) for language, words in _HELD_WORDS.items()}
_LEADING_SETS = {language: frozenset(words.split()) for language, words in _LEADING_WORDS.items()}
_NAMES_STAND_OUT = frozenset(_HELD_SETS) - {"de"}  # German writes all nouns with a capital
_NOTHING: frozenset[str] = frozenset()


def cut_costs(atoms: Sequence[Atom], language: str) -> list[float]:
    """What a cut behind each atom costs, 0 (end of a sentence) to 60 (between article and noun).

    Args:
        atoms: In order.
        language: BCP 47 tag; where nothing is known about it, punctuation, pauses and segments decide alone.
    """
    main = language.partition("-")[0].lower()
    held, leading = _HELD_SETS.get(main, _NOTHING), _LEADING_SETS.get(main, _NOTHING)
    names = main in _NAMES_STAND_OUT
    costs = []
    for number, atom in enumerate(atoms[:-1]):
        if atom.after is Break.SENTENCE:
            costs.append(SENTENCE)
        elif atom.after is Break.CLAUSE:
            costs.append(CLAUSE)
        else:
            costs.append(_inner(atom, atoms[number + 1], held, leading, names))
    return [*costs, SENTENCE] if atoms else []


def _inner(atom: Atom, following: Atom, held: frozenset[str], leading: frozenset[str], names: bool) -> float:
    """Behind a word that ends neither a sentence nor a clause."""
    ends_segment = following.segment != atom.segment
    paused = following.start_ms - atom.end_ms > PAUSE_MS
    if atom.after is Break.INSIDE:
        cost = _CHARACTER if following.inside else _PART
    elif held and atom.text.lower() in held:
        return _HELD - (20.0 if ends_segment or paused else 0.0)
    elif leading and following.text.lower() in leading:
        cost = BEFORE
    elif script.without_spaces(atom.text[-1]):
        cost = SEGMENT  # Thai, Khmer and others write a space where a phrase ends
    elif atom.text[-1].isdigit() and following.text[0].isalpha():
        cost = _NUMBER  # a number and what is counted
    elif names and _is_name(atom.text) and _is_name(following.text):
        cost = _NAME
    else:
        cost = WORD
    if paused:
        cost = min(cost, PAUSE)
    return min(cost, SEGMENT) if ends_segment else cost


def _is_name(text: str) -> bool:
    return len(text) > 1 and text[0].isupper() and text[1].islower()
