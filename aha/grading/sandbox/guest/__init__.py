"""The code that runs inside a sandbox, beside untrusted programs. The package reads these files as text and imports none of them."""
