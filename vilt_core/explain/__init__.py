"""Explanations: a model and its inputs in, arrays out."""
