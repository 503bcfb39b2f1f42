"""C{python -m tests.docs PAGE...} runs pages; without any, all of them."""

import sys
import time

from tests.docs.pages import faults, pages, told

if __name__ == "__main__":
    failed = 0
    for page in sys.argv[1:] or pages():
        began = time.monotonic()
        found = faults(page)
        failed += bool(found)
        print(f"{page}: {len(found)} faults, {time.monotonic() - began:.1f} s", flush=True)
        if found:
            print(told(page, found), end="\n\n", flush=True)
    sys.exit(1 if failed else 0)
