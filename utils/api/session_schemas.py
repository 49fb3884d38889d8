"""What the operator sends and gets about all sessions: no titles, no names of files."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from utils.api.schemas import Body, Seconds, Whole
from utils.session_manager import KnownSession as Known
from utils.session_manager import SweepReport
from utils.storage import names

Hours = Annotated[
    float | None, Field(ge=0, le=1e9, description="Instead of the setting; 0 = nothing goes by this rule.", examples=[24])
]


class KnownSession(BaseModel):
    """A session as the operator sees it."""

    session_id: str = Field(description="Its id, which opens nothing.", examples=["7d9e8a52-6a7e-4c1f-9a55-0f2f6f8f6a11"])
    created_at: Seconds
    last_activity: Seconds = Field(description="The newest change inside counts, too.")
    size_bytes: int = Field(description="On disk.", examples=[48213])
    status: str = Field(description="`idle`, `recording`, `processing`, `complete` or `error`.", examples=["idle"])
    permanent: bool = Field(description="Never removed by age or count.")
    is_current: bool = Field(description="The session of the browser that asks.")
    is_active: bool = Field(description="Work is open or a page is connected: no sweep takes it.")

    @classmethod
    def of(cls, known: Known, own_id: str | None) -> KnownSession:
        """From the store's answer."""
        return cls(
            session_id=known.id,
            created_at=known.created_at,
            last_activity=known.last_used,
            size_bytes=known.size_bytes,
            status=known.status,
            permanent=known.permanent,
            is_current=known.id == own_id,
            is_active=known.active,
        )


class AllSessions(BaseModel):
    """All sessions of this server, the most recently used first."""

    current_session_id: str | None = Field(
        description="The session of the browser that asks, if it has one.", examples=["7d9e8a52-6a7e-4c1f-9a55-0f2f6f8f6a11"]
    )
    all_sessions: list[KnownSession] = Field(description="Without anything of their content.")


class Cleanup(Body):
    """One sweep."""

    max_age_hours: Hours = None
    max_sessions: Annotated[Whole | None, Field(ge=0, description="Instead of MAX_SESSIONS; 0 = no limit.", examples=[100])] = None
    item_age_hours: Hours = None
    dry_run: bool = Field(False, description="Only say what would go.")


class Gone(BaseModel):
    """A session that went, or would go."""

    session_id: str = Field(description="Which.", examples=["7d9e8a52-6a7e-4c1f-9a55-0f2f6f8f6a11"])
    reason: str = Field(description="`age` or `count`.", examples=["age"])
    size_bytes: int = Field(description="That it took on disk.", examples=[48213])
    last_used: Seconds


class GoneItem(BaseModel):
    """An item that went, or would go, by its own age from a session that stays. Its id is without the words of its title."""

    session_id: str = Field(description="Where it was.", examples=["7d9e8a52-6a7e-4c1f-9a55-0f2f6f8f6a11"])
    item: str = Field(description="Time and last four digits of its id.", examples=["20261121-120000-1a2b"])
    size_bytes: int = Field(description="That it took on disk.", examples=[48213])
    last_changed: Seconds


class CleanupReport(BaseModel):
    """What the sweep did, or would do."""

    dry_run: bool = Field(description="Nothing was removed.")
    looked_at: int = Field(description="Sessions that there were.", examples=[12])
    removed: list[Gone] = Field(description="Oldest use first.")
    items: list[GoneItem] = Field(description="Oldest change first.")
    kept: int = Field(description="Sessions that stay.", examples=[11])
    active: int = Field(description="Of those kept: with open work or a page connected.", examples=[2])
    odd: list[str] = Field(
        description="Entries of the outputs folder that are not ours; they are left alone.", examples=[["single"]]
    )
    errors: list[str] = Field(description="Sessions that could not be judged or removed.", examples=[[]])
    freed_bytes: int = Field(description="Of everything that went, or would go.", examples=[48213])
    seconds: float = Field(description="How long it took.", examples=[0.02])

    @classmethod
    def of(cls, report: SweepReport) -> CleanupReport:
        """From the store's answer."""
        return cls(
            dry_run=report.dry_run,
            looked_at=report.looked_at,
            removed=[
                Gone(session_id=gone.id, reason=gone.reason, size_bytes=gone.size_bytes, last_used=gone.last_used)
                for gone in report.removed
            ],
            items=[
                GoneItem(
                    session_id=item.session_id,
                    item=names.without_words(item.id),
                    size_bytes=item.size_bytes,
                    last_changed=item.last_changed,
                )
                for item in report.items
            ],
            kept=report.kept,
            active=report.active,
            odd=list(report.odd),
            errors=list(report.errors),
            freed_bytes=report.freed_bytes,
            seconds=report.seconds,
        )
