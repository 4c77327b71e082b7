"""The datasets whose versions only save work: of the day that is running, or of the day after it."""

CHECKPOINTS = "checkpoints/model"
EMBEDDING_LAYERS = "embedding_layers"
INDEX_SHARDS = "index_shards"

INTERMEDIATE = (CHECKPOINTS, EMBEDDING_LAYERS, INDEX_SHARDS)
