"""AWS for a laptop: moto, corrected where it differs from AWS in ways that would make a test pass or fail for the wrong reason."""
