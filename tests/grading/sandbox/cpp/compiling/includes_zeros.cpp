// CE: includes a file that never ends
#include "/dev/zero"
int main() {}
