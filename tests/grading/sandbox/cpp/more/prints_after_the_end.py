# WA: prints again from handlers, a destructor and the end of its threads
import atexit
import os
import sys
import threading

a = sum(map(int, input().split()))
print(a)


def late():
    print(a, flush=True)


atexit.register(late)
threading._shutdown = late


class D:
    def __del__(self):
        os.write(1, b"3\n")


sys.keep = D()
