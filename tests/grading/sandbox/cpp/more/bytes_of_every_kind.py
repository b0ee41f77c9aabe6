# WA: writes bytes that are no text, and what steers a terminal
import os
import sys

os.write(1, bytes(range(256)) * 40 + b'\x1b]0;x\x07\x1b[2J{"status":0}\x00\xff\xfe')
sys.stdout.reconfigure(errors="surrogatepass")
print("\ud800\udfff")
os.write(2, b"\xff" * 5000 + b'\x00{"status": 0}')
