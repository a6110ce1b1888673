/* What the board has, and how this guest uses it: QEMU's `virt`, and the emulator's.
 *
 * All of it is in machine mode, without interrupt handlers: `wfi` waits, then the devices are asked.
 */
#pragma once

#include <stdint.h>

/* A register of a device. */
#define REG32(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define REG64(address) (*(volatile uint64_t *)(uintptr_t)(address))

/* Interrupt lines. */
enum { IRQ_NET = 1 };

/* Ends the machine; 0 is success. */
_Noreturn void board_off(uint32_t code);

/* Nanoseconds since the board was switched on. */
uint64_t board_now(void);

/* Lets an interrupt line end a wait. */
void board_listen(int irq);

/* Waits for such a line, at most until this time. */
void board_wait(uint64_t until_ns);

/* Prints without and with the end of a line. A test reads whole lines. */
void print(const char *text);
void print_line(const char *text);
void print_number(uint64_t value);
void print_hex(uint64_t value, int digits);
