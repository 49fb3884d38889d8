"""English that nobody wrote: the same text for the same seed, with the lengths of words, clauses and sentences of a novel.

Calibrated on plain gTTS, which cuts 100,000 characters of real novels into about 2,540 requests.
"""

from __future__ import annotations

import random

# Share of running text in per mille, roughly as in large corpora of English fiction; the rest comes from _RARE.
_FREQUENT = {
    "the": 60, "and": 34, "of": 30, "to": 28, "a": 25, "in": 18, "was": 14, "he": 14, "that": 13, "it": 12, "his": 10, "her": 10,
    "with": 9, "as": 9, "had": 9, "she": 8, "for": 8, "at": 7, "not": 7, "but": 6, "on": 6, "they": 5, "be": 5, "have": 5, "him": 5,
    "which": 5, "from": 5, "all": 4, "were": 4, "this": 4, "one": 4, "so": 4, "said": 4, "their": 4, "there": 4, "would": 4,
    "been": 3, "when": 3, "what": 3, "them": 3, "no": 3, "or": 3, "by": 3, "if": 3, "an": 3, "are": 3, "who": 3, "more": 3,
    "out": 3, "up": 3, "then": 2, "into": 2, "could": 2, "little": 2, "time": 2, "some": 2, "now": 2, "than": 2, "very": 2,
}  # fmt: skip
_RARE_WORDS = (
    "house man old know before down like such about good must great our only over see any other well might should never after "
    "long made how come hand day way mind thought where again came these eyes first much without nothing young away face night "
    "room moment looked door turned being upon heart father mother head felt seemed however always window morning garden letter "
    "evening answer friend silence country yellow whether believe against remember towards already through between suddenly "
    "perhaps herself something everything certainly happiness beautiful conversation understand afternoon acquaintance considered "
    "circumstances satisfaction extraordinary street water light voice table white stood sat went gave told left kept ran sea "
    "wind road horse dark"
)
_RARE = _RARE_WORDS.split()


def prose(characters: int, seed: int = 1, *, paragraphs: bool = False) -> str:
    """That many characters of text that reads like English from afar.

    Args:
        characters: Exact length.
        seed: Another one, another text.
        paragraphs: Empty lines between paragraphs of one to seven sentences.
    """
    dice = random.Random(seed)
    sentences: list[str] = []
    length = left = 0
    while length <= characters:
        left = left or dice.randint(1, 7)
        left -= 1
        sentences.append(_sentence(dice) + ("\n\n" if paragraphs and not left else " "))
        length += len(sentences[-1])
    return "".join(sentences)[:characters].rstrip().ljust(characters, ".")


def _sentence(dice: random.Random) -> str:
    count = max(2, round(dice.lognormvariate(2.75, 0.6)))
    words = [_word(dice) for _ in range(count)]
    for at in range(1, count - 1):
        if dice.random() < 0.105:
            words[at] += dice.choices([",", ";", ":", " -"], [85, 9, 3, 3])[0]
    text = " ".join(words)
    text = text[0].upper() + text[1:] + dice.choices([".", "!", "?", "..."], [84, 7, 8, 1])[0]
    return f'"{text}"' if dice.random() < 0.2 else text


def _word(dice: random.Random) -> str:
    if dice.random() < sum(_FREQUENT.values()) / 1000:
        return dice.choices([*_FREQUENT], [*_FREQUENT.values()])[0]
    return dice.choice(_RARE)
