"""A durable grid of independent work: blocks, chunks with checksums, locks, resume, growth."""
