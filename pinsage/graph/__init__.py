"""The bipartite graph of items and boards: vocabulary and CSR both ways."""
