"""Timed text files: cues from the marks of a speech, as SRT and VTT."""

from utils.subtitles.cue import Cue, TimedText
from utils.subtitles.group import cues_from_marks
from utils.subtitles.render import srt, vtt
from utils.subtitles.words import Word, words_from_marks

__all__ = ["Cue", "TimedText", "Word", "cues_from_marks", "srt", "vtt", "words_from_marks"]
