"""Texts and images on their way to the model."""
