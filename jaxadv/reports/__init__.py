"""Finished datasets in words and tables: Markdown, with the pictures that belong to it."""
