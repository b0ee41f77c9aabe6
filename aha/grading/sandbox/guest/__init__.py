"""The code that runs inside a sandbox, beside what a stranger wrote. The package reads these files as text and imports none of them."""
