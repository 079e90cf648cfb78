"""Citing: what is said of a collection, version or cart, written in the forms in which others read it."""
