"""The training of the embedded encoder: data, vocabulary, pairs, training, figures."""
