"""Where results are kept, and how they are kept whole."""
