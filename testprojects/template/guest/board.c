#include "board.h"

#define FINISHER 0x00100000UL
#define MTIMECMP 0x02004000UL
#define MTIME 0x0200bff8UL
#define PLIC 0x0c000000UL
#define UART 0x10000000UL

/* mtime counts at 10 MHz. */
#define NS_PER_TICK 100

enum { MIE_TIMER = 1 << 7, MIE_EXTERNAL = 1 << 11 };

_Noreturn void board_off(uint32_t code)
{
    REG32(FINISHER) = code == 0 ? 0x5555 : code << 16 | 0x3333;
    for (;;) __asm__ volatile("wfi");
}

uint64_t board_now(void)
{
    return REG64(MTIME) * NS_PER_TICK;
}

void board_listen(int irq)
{
    REG32(PLIC + 4 * irq) = 1;              /* its priority, above 0 */
    REG32(PLIC + 0x2000) |= 1u << irq;      /* enabled for this hart's machine mode */
    REG32(PLIC + 0x200000) = 0;             /* every priority above 0 counts */
}

void board_wait(uint64_t until_ns)
{
    REG64(MTIMECMP) = until_ns / NS_PER_TICK;
    __asm__ volatile("csrw mie, %0" ::"r"(MIE_TIMER | MIE_EXTERNAL));
    /* Interrupts are disabled in mstatus, so this only sleeps until one is pending. */
    __asm__ volatile("wfi" ::: "memory");
    uint32_t irq = REG32(PLIC + 0x200004);
    if (irq != 0) REG32(PLIC + 0x200004) = irq;
}

static void put(char c)
{
    /* Bit 5 of the line status: the transmitter takes another byte. */
    while ((*(volatile uint8_t *)(UART + 5) & 0x20) == 0) {}
    *(volatile uint8_t *)UART = (uint8_t)c;
}

void print(const char *text)
{
    while (*text != 0) put(*text++);
}

void print_line(const char *text)
{
    print(text);
    put('\n');
}

void print_number(uint64_t value)
{
    if (value >= 10) print_number(value / 10);
    put((char)('0' + value % 10));
}

void print_hex(uint64_t value, int digits)
{
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
        put("0123456789abcdef"[value >> shift & 15]);
}
