/* Start of a RISC-V processor in machine mode, and semihosting calls. The emulator has loaded the data section. */
#include "board.h"

extern uint32_t bss_low[], bss_high[];
int main(void);

/* An instruction of the extension Zicsr, which all processors have and GCC's -march may omit. */
#define CSR(instruction) ".option push\n .option arch, +zicsr\n " instruction "\n .option pop\n"

/* The three instructions are not compressed, and on one page of memory: so the emulator knows a semihosting call. */
__attribute__((noinline, aligned(16))) static int semihosting(int operation, const void *argument) {
  register int a0 __asm__("a0") = operation;
  register const void *a1 __asm__("a1") = argument;
  __asm__ volatile(
      ".option push\n .option norvc\n slli x0, x0, 0x1f\n ebreak\n srai x0, x0, 7\n .option pop\n"
      : "+r"(a0)
      : "r"(a1)
      : "memory");
  return a0;
}

void board_write(const char *text) { semihosting(0x04, text); }

void board_exit(int status) {
  const uint32_t reason[2] = {0x20026, (uint32_t)status};
  semihosting(0x20, reason);
  for (;;) {
  }
}

uint32_t board_counter(void) {
  uint32_t count;
  __asm__ volatile(CSR("csrr %0, minstret") : "=r"(count));
  return count;
}

uint32_t board_elapsed(uint32_t since) { return board_counter() - since; }

__attribute__((naked, noinline)) void board_spin(uint32_t loops) {
  (void)loops;
  __asm__ volatile("1: addi a0, a0, -1\n bnez a0, 1b\n ret\n");
}

__attribute__((aligned(4))) static void fault(void) {
  board_write("fault\n");
  board_exit(2);
}

/* Variables of the thread, among them errno. */
static uint32_t thread[64];

/* Without optimization of the loops to calls of memset and memcpy, which may use the stack that is being painted. */
__attribute__((noreturn, used, optimize("no-tree-loop-distribute-patterns"))) static void start(void) {
  __asm__ volatile(CSR("csrw mtvec, %0") : : "r"(fault));
#if defined(__riscv_flen)
  __asm__ volatile(CSR("csrs mstatus, %0") : : "r"(1u << 13)); /* access to the FPU */
#endif
  for (volatile uint32_t *p = bss_low; p < bss_high; ++p) *p = 0;
  uint32_t *here = __builtin_frame_address(0);
  for (volatile uint32_t *p = stack_low; p < here - 64; ++p) *p = PAINT;
  board_exit(main());
  for (;;) {
  }
}

/* The first instruction of the memory for code. */
__attribute__((naked, noreturn, used, section(".vectors"))) void reset(void) {
  __asm__ volatile("la sp, stack_high\n la tp, %0\n j start\n" : : "i"(thread));
}
