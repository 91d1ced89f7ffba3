"""The claims that are put to the test: how they are read, by which rules, with what verdicts."""
