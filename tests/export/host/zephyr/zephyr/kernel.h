/* What the example uses of Zephyr's kernel and devicetree. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device {
  const char *name;
};

struct k_mem_slab {
  char *buffer;
  size_t block_size;
  uint32_t num_blocks;
};

#define K_MEM_SLAB_DEFINE_STATIC(name, size, count, align)                                   \
  _Static_assert((size) % (align) == 0, "the size of a block is a multiple of its alignment"); \
  static char __attribute__((aligned(align))) name##_buffer[(count) * (size)];                 \
  static struct k_mem_slab name = {name##_buffer, size, count}

#define DT_NODELABEL(label) device_##label
#define DEVICE_DT_GET(node) (&node)

extern const struct device device_dmic_dev;

void k_mem_slab_free(struct k_mem_slab *slab, void *block);
bool device_is_ready(const struct device *device);
