// RE: the same from a constructor, before main, and by a handler after it
static void again() { if (forge(1, 20)) PWNED("wrote a report at exit"); }
__attribute__((constructor)) static void before() { if (forge(1, 20)) PWNED("wrote a report before main"); atexit(again); }
int main() { return 3; }
