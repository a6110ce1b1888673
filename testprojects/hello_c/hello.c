/* Prints two lines and switches the machine off. */
#include <stdint.h>

#define UART (*(volatile uint8_t *)0x10000000)
#define FINISHER (*(volatile uint32_t *)0x00100000)

/* Where the board starts: C needs a stack, and gets one. */
__attribute__((naked, section(".text.start"))) void _start(void)
{
    __asm__ volatile("la sp, stack_top\n"
                     "j hello");
}

static void print(const char *text)
{
    while (*text != 0) UART = (uint8_t)*text++;
}

__attribute__((used)) _Noreturn void hello(void)
{
    volatile int one = 1; /* Computed by the machine, not by the compiler. */
    char sum[] = "1 + 1 = ?\n";
    sum[8] = (char)('0' + one + one);
    print("hello from C\n");
    print(sum);
    FINISHER = 0x5555;
    for (;;) {}
}
