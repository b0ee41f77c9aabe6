// CE: includes another that never ends
#include "/dev/urandom"
int main() {}
