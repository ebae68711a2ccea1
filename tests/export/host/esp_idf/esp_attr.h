// What the example uses of ESP-IDF's attributes.
#pragma once

#define IRAM_ATTR __attribute__((section(".iram1")))
