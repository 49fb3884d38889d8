"""Transcripts made from texts, with times as speech has them, and a made-up long interview."""

from __future__ import annotations

from utils.subtitles import script
from utils.transcription.contract import Segment, Transcript, Word

STORY = (
    "It was a bright cold day in April, and the clocks were striking thirteen. Dr. Smith, who had been walking along the quiet "
    "road towards the village, was thinking about the 3.5 letters he had not answered. Yes. No. Does anybody know why the river "
    "changed its course? Nobody could say for certain; the maps were lost in the fire of the previous century."
)
CHINESE = "今天天气很好，我们一起去公园散步吧。公园里有很多花，还有许多小朋友在玩耍。你想和我们一起去吗？当然想去！"
JAPANESE = "私たちは、昨日の夜に「東京タワー」を見に行きました。とてもきれいで、みんな喜んでいました。"
THAI = "สวัสดีครับ วันนี้อากาศดีมากเราไปเดินเล่นที่สวนสาธารณะกันเถอะ แล้วค่อยกลับมาทานข้าวเย็นด้วยกันที่บ้านของคุณแม่"
ARABIC = "كان الطقس جميلاً في ذلك اليوم، وخرجنا جميعاً إلى الحديقة. هل تريد أن تأتي معنا؟ نعم بالطبع أريد ذلك كثيراً."
HEBREW = "היה יום יפה, ויצאנו כולנו לגן. האם אתה רוצה לבוא \u200fאיתנו? כן, כמובן שאני רוצה מאוד."
FRENCH = "« Bonjour ! » dit le professeur : vous allez bien ? Oui, merci, mais la mère de mon ami est partie à la campagne."
GERMAN = "Der alte Mann ging mit seinem Hund durch den Wald, weil die Sonne schien und er noch 3 Kilometer vor sich hatte."
TEXTS = {
    "en": STORY, "zh": CHINESE, "ja": JAPANESE, "th": THAI, "ar": ARABIC, "he": HEBREW, "fr": FRENCH, "de": GERMAN,
}  # fmt: skip


def words(text: str, *, at: float = 0.0, a_letter_s: float = 0.06, rest_s: float = 0.35) -> tuple[Word, ...]:
    """Words as Whisper gives them: with the space before them, a rest behind sentences; characters where there are no spaces."""
    found: list[Word] = []
    for token in text.split(" "):
        for number, cluster in enumerate(script.clusters(token)):
            end = at + 0.05 + a_letter_s * script.width(cluster)
            space = " " if number == 0 and (found or token.isascii()) else ""
            found.append(Word(round(at, 3), round(end, 3), space + cluster, 0.9))
            at = end + (rest_s if script.break_after(cluster, "") is script.Break.SENTENCE else 0.0)
    return tuple(found)


def segment(text: str, *, at: float = 0.0, a_letter_s: float = 0.06, rest_s: float = 0.35, timed: bool = True) -> Segment:
    """One segment of a text."""
    found = words(text, at=at, a_letter_s=a_letter_s, rest_s=rest_s)
    return Segment(found[0].start, found[-1].end, text, found if timed else (), avg_logprob=-0.2, no_speech_prob=0.01)


def transcript(*segments: Segment, language: str = "en", seconds: float | None = None, engine: str = "whisper") -> Transcript:
    """A transcript of segments."""
    end = max((part.end for part in segments), default=0.0)
    return Transcript(tuple(segments), language, None, engine, "Whisper base", end if seconds is None else seconds)


def spoken(
    text: str, *, language: str = "en", seconds: float | None = None, timed: bool = True, a_letter_s: float = 0.06
) -> Transcript:
    """A transcript of one segment."""
    return transcript(segment(text, timed=timed, a_letter_s=a_letter_s), language=language, seconds=seconds)


def interview(count: int, *, language: str = "en", timed: bool = True) -> Transcript:
    """A long one: `count` segments of about ten words."""
    text, at, found = TEXTS[language], 0.0, []
    parts = _parts(text)
    for number in range(count):
        found.append(segment(parts[number % len(parts)], at=at, timed=timed))
        at = found[-1].end + (0.2, 0.7, 2.5)[number % 3]
    return transcript(*found, language=language)


def _parts(text: str) -> list[str]:
    """About as long as the segments of Whisper."""
    if " " not in text:
        return [text[at : at + 25] for at in range(0, len(text), 25)]
    tokens = text.split(" ")
    return [" ".join(tokens[at : at + 10]) for at in range(0, len(tokens), 10)]
