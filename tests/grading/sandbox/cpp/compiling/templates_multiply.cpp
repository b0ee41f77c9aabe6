// CE: 2^60 templates
template <unsigned long N, int Depth> struct Tree { static const int value = Tree<2 * N, Depth - 1>::value + Tree<2 * N + 1, Depth - 1>::value; };
template <unsigned long N> struct Tree<N, 0> { static const int value = 1; };
int main() { return Tree<1, 60>::value; }
