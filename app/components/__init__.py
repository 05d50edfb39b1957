"""Pieces of the page that tabs are made of."""
