"""The archive's own records: collections, people, grants and what else decides who may see what."""
