"""The container image, built without a daemon and run without one: C{make container-test}."""
