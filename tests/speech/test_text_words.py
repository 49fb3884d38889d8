"""What engines read wrongly is spelled out, what they read well is left, in six languages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.speech.text_words import normalise


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("en-US", "Dr. Lee and Mrs. Hall", "Doctor Lee and Missus Hall"),
        ("en", "e.g. this, i. e. that", "for example this, that is that"),
        ("en", "E.g. this", "For example this"),
        ("en", "apples etc. Then", "apples et cetera. Then"),
        ("en", "apples, etc., and", "apples, et cetera, and"),
        ("en", "No. 5, p. 7 and Fig. 2", "number 5, page 7 and Figure 2"),
        ("en", "No. That is wrong.", "No. That is wrong."),
        ("en", "on Jan. 5 and in May", "on January 5 and in May"),
        ("en", "in St. Louis on Wall St. today", "in Saint Louis on Wall St. today"),
        ("en", "a St.Gallen@x drive.dr.", "a St.Gallen@x drive.dr."),
        ("de", "z. B. Brot, z.B. Käse, d.h. Essen", "zum Beispiel Brot, zum Beispiel Käse, das heißt Essen"),
        ("de", "Z. B. Brot bzw. Käse usw.", "Zum Beispiel Brot beziehungsweise Käse und so weiter."),
        ("de", "Nr. 5, S. 7, Abs. 2", "Nummer 5, Seite 7, Absatz 2"),
        ("fr", "M. Dupont, p. ex. Jean M. Martin", "Monsieur Dupont, par exemple Jean M. Martin"),
        ("fr", "n° 5 et n°6", "numéro 5 et numéro 6"),
        ("es", "El Sr. López, p. ej., en EE. UU.", "El señor López, por ejemplo, en Estados Unidos."),
        ("it", "Il Sig. Rossi, pag. 5, ecc.", "Il signor Rossi, pagina 5, eccetera."),
        ("pt-BR", "O Sr. Silva, p. ex., na pág. 5", "O senhor Silva, por exemplo, na página 5"),
        ("nl", "Dr. Jansen, bv. dit", "Dr. Jansen, bv. dit"),
    ],
)
def test_normalise_abbreviations_are_spelled_out(language: str, written: str, spoken: str) -> None:
    assert normalise(written, language) == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("en", "$5 and $1", "5 dollars and 1 dollar"),
        ("en", "$1,250.75.", "1250 dollars and 75 cents."),
        ("en", "€3,50 or £0.99 or ¥500", "3 euros and 50 cents or 99 pence or 500 yen"),
        ("en", "$1.5 million, £3m, $2bn, $4 more", "1.5 million dollars, 3 million pounds, 2 billion dollars, 4 dollars more"),
        ("en", "US$20, ₹1,00,000", "20 dollars, 100000 rupees"),
        ("en", "costs 3.50€ now", "costs 3 euros and 50 cents now"),
        ("de", "1.250,75 € oder € 3", "1250 Euro und 75 Cent oder 3 Euro"),
        ("de", "€ 5 Millionen", "5 Millionen Euro"),
        ("fr", "3,50 € et 1 €", "3 euros et 50 centimes et 1 euro"),
        ("fr", "1\u202f250,50\u00a0€", "1250 euros et 50 centimes"),
        ("es", "$3,50", "3 dólares con 50 centavos"),
        ("it", "€ 2", "2 euro"),
        ("pt-BR", "R$ 3,50", "3 reais e 50 centavos"),
        ("nl", "€ 3,50", "€ 3,50"),
        ("en", "a $ sign, $x, cash$", "a $ sign, $x, cash$"),
    ],
)
def test_normalise_money_is_spelled_out(language: str, written: str, spoken: str) -> None:
    assert normalise(written, language) == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("en", "1,250.75 and 0.5 and 1,000,000", "1,250.75 and 0.5 and 1,000,000"),
        ("en", "1.250,75 and 1.250.000,5", "1250.75 and 1250000.5"),
        ("de", "1.250,75 und 3,14", "1.250,75 und 3,14"),
        ("de", "1,250.75", "1250,75"),
        ("sv", "1\u00a0000\u00a0000 and 1 000", "1000000 and 1 000"),
        ("en", "version 1.2.3, 192.168.0.1, 10:30, 50%", "version 1.2.3, 192.168.0.1, 10:30, 50%"),
    ],
)
def test_normalise_numbers_get_the_languages_own_notation(language: str, written: str, spoken: str) -> None:
    assert normalise(written, language) == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("en-US", "on 2026-03-12", "on March 12, 2026"),
        ("en-GB", "on 2026-03-12", "on 12 March 2026"),
        ("en-US", "12/03/2026 is left", "12/03/2026 is left"),
        ("en-US", "25/12/2026 12/25/2026 05/05/2026", "December 25, 2026 December 25, 2026 May 5, 2026"),
        ("de", "am 12.03.2026", "am zwölften März 2026"),
        ("de", "der 3. Juni, am 1. Mai, vom 31. Dezember", "der dritte Juni, am ersten Mai, vom einunddreißigsten Dezember"),
        ("de", "3. Juni", "dritter Juni"),
        ("fr", "le 01/03/2026", "le 1er mars 2026"),
        ("es", "el 12/03/2026", "el 12 de marzo de 2026"),
        ("it", "il 12.03.2026", "il 12 marzo 2026"),
        ("pt", "em 2026-03-12", "em 12 de março de 2026"),
        ("en", "2026-13-40, 1/2, 99/99/2026, 2026-03-12T10:00", "2026-13-40, 1/2, 99/99/2026, 2026-03-12T10:00"),
        ("nl", "2026-03-12", "2026-03-12"),
    ],
)
def test_normalise_dates_that_mean_one_day_are_said(language: str, written: str, spoken: str) -> None:
    assert normalise(written, language) == spoken


@given(
    st.text(alphabet="0123456789.,/-$€ \u00a0nNoDrzB.etcM", max_size=60), st.sampled_from(["en-US", "de", "fr", "es", "it", "pt"])
)
@settings(max_examples=400, deadline=None)
def test_normalise_any_figures_never_fail(text: str, language: str) -> None:
    assert isinstance(normalise(text, language), str)


@given(st.integers(0, 10**7), st.integers(1, 99))
@settings(max_examples=100, deadline=None)
def test_normalise_amounts_keep_their_figures(whole: int, hundredths: int) -> None:
    for written in (f"${whole:,}.{hundredths:02}", f"${whole}.{hundredths:02}"):
        figures = [int(word) for word in normalise(written, "en").split() if word.isdigit()]
        assert figures == ([whole, hundredths] if whole else [hundredths])
