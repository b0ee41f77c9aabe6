// RE OK CE: names another program as the one that loads it
#include <cstdio>
extern "C" const char interpreter[] __attribute__((section(".interp"), used)) = "/usr/bin/python3";
int main() { puts("3"); }
