"""The gate under load beside its peers: C{make bench}, explained in docs/performance.md.

C{load.c} calls and C{upstream.c} answers; between them stands one peer at a time, on a core of its
own. C{loads.py} and C{peers.py} are the tables of what is measured, C{turns.py} measures one peer
under one load, C{rounds.py} is the order of turns, C{rows.py} makes the table and the JSON of them.
"""
