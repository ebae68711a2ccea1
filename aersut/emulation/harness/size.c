/* The smallest program that uses the whole library, for its size in flash. */
#include "aersut.h"
#include "board.h"

aersut ser;
int16_t block[160];

int main(void) {
  aersut_result result;
  aersut_init(&ser);
  for (;;) {
    aersut_push(&ser, block, 160);
    if (!aersut_ready(&ser)) continue;
    aersut_classify(&ser, &result);
    board_write(aersut_name(&result));
  }
}
