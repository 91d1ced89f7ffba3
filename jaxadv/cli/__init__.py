"""The command `jaxadv`: its flags are the fields of specifications, every mistake is one line."""
