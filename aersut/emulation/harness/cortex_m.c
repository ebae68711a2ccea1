/* Start of a Cortex-M, and Arm's semihosting calls. The emulator has loaded the data section. */
#include "board.h"

extern uint32_t bss_low[], bss_high[];
int main(void);

static int semihosting(int operation, const void *argument) {
  register int r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

void board_write(const char *text) { semihosting(0x04, text); }

void board_exit(int status) {
  const uint32_t reason[2] = {0x20026, (uint32_t)status};
  semihosting(0x20, reason);
  for (;;) {
  }
}

#define SYSTICK ((volatile uint32_t *)0xe000e010)
#define COUNTER_MASK 0x00ffffffu

uint32_t board_counter(void) { return COUNTER_MASK - SYSTICK[2]; }

uint32_t board_elapsed(uint32_t since) { return (board_counter() - since) & COUNTER_MASK; }

__attribute__((naked, noinline)) void board_spin(uint32_t loops) {
  (void)loops;
  __asm__ volatile(".syntax unified\n1: subs r0, r0, #1\n bne 1b\n bx lr\n");
}

static void fault(void) {
  board_write("fault\n");
  board_exit(2);
}

/* Without optimization of the loops to calls of memset and memcpy, which may use the stack that is being painted. */
__attribute__((noreturn, optimize("no-tree-loop-distribute-patterns"))) void reset(void) {
#if defined(__ARM_FP)
  *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20; /* access to the FPU */
  __asm__ volatile("dsb\n isb\n");
#endif
  for (volatile uint32_t *p = bss_low; p < bss_high; ++p) *p = 0;
  uint32_t *here = __builtin_frame_address(0);
  for (volatile uint32_t *p = stack_low; p < here - 64; ++p) *p = PAINT;
  SYSTICK[1] = COUNTER_MASK;
  SYSTICK[2] = 0;
  SYSTICK[0] = 5; /* enabled, clock of the processor */
  board_exit(main());
  for (;;) {
  }
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    stack_high, (const void *)reset, (const void *)fault, (const void *)fault, (const void *)fault,
    (const void *)fault, (const void *)fault, (const void *)fault};
