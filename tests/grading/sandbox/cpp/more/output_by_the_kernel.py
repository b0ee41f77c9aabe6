# OLE: has the kernel write a device to its output
import os

z = os.open("/dev/zero", os.O_RDONLY)
try:
    while os.sendfile(1, z, None, 1 << 30):
        pass
except OSError:
    while 1:
        os.write(1, b"\0" * (1 << 20))
