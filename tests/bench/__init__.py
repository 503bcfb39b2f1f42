"""The gate under load beside its peers: C{make bench}, explained in docs/operate/performance.md.

C{load.c} calls and C{upstream.c} answers; between them stands one peer at a time, on a core of its
own. C{loads.py} and C{peers.py} are the tables of what is measured, C{bench.py} starts the processes,
C{turns.py} measures one peer under one load, C{rows.py} makes rows and the table of it all.
"""
