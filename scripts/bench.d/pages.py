"""The marked sections of docs/performance.md: what stands between the two marks of a table is the program's."""
import os
import re
import sys

PAGE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../docs/performance.md")


def write(tables):
    with open(PAGE) as page:
        text = page.read()
    for table in tables:
        section = re.compile(rf"(<!-- bench {re.escape(table.name)} -->\n).*?(<!-- end -->\n)", re.DOTALL)
        if not section.search(text):
            print(f"bench: docs/performance.md has no section '<!-- bench {table.name} -->' ... '<!-- end -->': its table is not written",
                  file=sys.stderr)
        text = section.sub(lambda found: f"{found[1]}\n{table}\n{found[2]}", text)
    # A page is replaced whole or not at all.
    with open(PAGE + ".new", "w") as page:
        page.write(text)
    os.replace(PAGE + ".new", PAGE)
