"""One module per family of artefacts; each is a function from a machine to findings."""
