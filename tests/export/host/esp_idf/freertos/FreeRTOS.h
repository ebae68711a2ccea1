// What the example uses of FreeRTOS.
#pragma once

#include <stdint.h>

#define portMAX_DELAY ((uint32_t)0xffffffff)
