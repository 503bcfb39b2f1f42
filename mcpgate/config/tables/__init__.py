"""The tables of the configuration file, as frozen values: one class per table, one file per concern."""
