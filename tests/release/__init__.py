"""What is tried before a release, and seldom otherwise: lanes of versions, and C{make release-check}."""
