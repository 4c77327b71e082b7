"""The three stages that embed a day, one after the other, for callers that want nothing between them."""

from __future__ import annotations

from pinsage.store import Version
from tasks.embed.embed_items import embed_items
from tasks.embed.encode_for_model import encode_for_model
from tasks.embed.fill_neighborhoods import fill_neighborhoods
from tasks.embed.sources import EmbeddingSources
from tasks.prepare.prepared import Prepared
from tasks.runtime.session import Session


def embed_day(session: Session, prepared: Prepared, model: Version) -> Version:
    """Encode the items of a day for a model, lend neighborhoods to those without saves if asked to, and embed them.

    Returns:
        The committed version of ``embeddings``; see `tasks.embed.embed_items.embed_items`.
    """
    return embed_items(embedding_sources(session, prepared, model))


def embedding_sources(session: Session, prepared: Prepared, model: Version) -> EmbeddingSources:
    """Do the two stages before the embedding, and return what it reads."""
    features = encode_for_model(session, prepared, model)
    neighborhoods = fill_neighborhoods(session, features, prepared.neighborhoods)
    return EmbeddingSources.of(session, prepared, model, features, neighborhoods)
