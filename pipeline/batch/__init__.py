"""Applies a model to any amount of text, on any Beam runner: `predict` and `embed`.

A job goes in three stages, between which only small descriptions of files travel, so
that memory stays flat on every runner and nothing that is finished is done twice:

    files -> SplitFiles -> chunks -> ScoreChunks -> parts -> JoinParts -> shards

Chunks and parts lie in a folder beside the output. The output appears when all is done.
"""
