"""The documentation, executed: every fence of every page is run or checked, or the suite says which is not.

A page is a story. Its fences are run from top to bottom in one bash, in an empty home directory, on a machine
of its own (L{tests.docs.machine}): network, ports, F{/etc/mcpgate} and F{/var/lib/mcpgate} are fresh,
C{mcpgate} is on the path, and all of it is gone with the page.

C{console}
    A line that begins with C{$ } is a command; one that ends in a backslash, or is followed by lines with
    C{> }, goes on. The lines below are what it prints, on either stream; without any, it may print what it
    likes. A line C{...} stands for any lines, C{...} or C{…} in a line for any text. Spaces count as one;
    times, ids, digests, keys, pins, tokens, sizes and durations need only be of one kind
    (L{tests.docs.alike}). An id or token that was shown may stand in a later command, as a reader copies it:
    what was printed in its place is put there. A command has to end with 0, unless it says otherwise at its
    end: C{# exits with 78}. One that ends in C{&} goes on until the page ends; the next command is given once
    it listens, or has printed what is expected.
C{toml}, C{yaml}, C{json}, C{python}, C{ini}
    With a first line C{# path/of/file.toml} it is that file, in the page's directory (or at any other place).
    C{toml} without a name is a piece of a configuration: what it says is put into the world's configuration,
    by the names of tables, and C{mcpgate check} judges the whole. With C{<!-- into: gate/mcpgate.toml -->}
    above it, it is put into that file, and stays. C{python} without a name is run, C{json} read.
C{text}
    Is for drawings and output, and never run.

What a page presumes, such as an MCP server or an issuer, is its world, a module of L{tests.docs.worlds} that
C{<!-- world: NAME -->} at its top names; there the names in the page (C{files.example.com}, on port 443) are
true. What cannot be run says above it who checks it: C{<!-- checked: workflow -->}, a module of
L{tests.docs.checkers}. Nothing can be skipped.

C{make docs-test} runs all pages, C{python -m tests.docs docs/howto/policy.md} one. They need Linux and
C{unshare}, as root or where others may make namespaces.
"""
