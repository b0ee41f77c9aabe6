// CE: a line that becomes 4^20 lines
#define A B B B B
#define B C C C C
#define C D D D D
#define D E E E E
#define E F F F F
#define F G G G G
#define G H H H H
#define H I I I I
#define I J J J J
#define J K K K K
#define K L L L L
#define L M M M M
#define M N N N N
#define N O O O O
#define O P P P P
#define P 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,
int numbers[] = {A};
int main() {}
