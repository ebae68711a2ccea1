/* What the harness needs of a processor: start, output and exit through the emulator (semihosting), a counter. */
#ifndef BOARD_H_
#define BOARD_H_

#include <stdint.h>

void board_write(const char *text);
void board_exit(int status);

/* A counter of a constant number of instructions per tick, and the ticks since an earlier value of it. */
uint32_t board_counter(void);
uint32_t board_elapsed(uint32_t since);

/* Executes 2 * `loops` instructions. */
void board_spin(uint32_t loops);

/* The stack, painted at the start. */
extern uint32_t stack_low[], stack_high[];
#define PAINT 0xa5a5a5a5u

#endif /* BOARD_H_ */
