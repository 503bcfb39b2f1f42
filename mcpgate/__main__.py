"""C{python -m mcpgate}: the same as the C{mcpgate} command."""

from mcpgate.cli import main

if __name__ == "__main__":
    main()
