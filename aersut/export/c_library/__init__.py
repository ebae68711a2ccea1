"""A C99 library from the two .tflite files of the firmware: no interpreter, no heap, only libc and libm."""
