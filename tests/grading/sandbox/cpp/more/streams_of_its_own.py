# TLE: puts a pipe of its own in place of its streams and waits
import os
import time

r, w = os.pipe()
os.dup2(w, 1)
os.dup2(r, 0)
os.write(1, b"3\n")

time.sleep(30)
