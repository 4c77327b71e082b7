"""PinSage (Ying et al., KDD 2018): graph, walks, model, training, evaluation, index, store and serving."""
