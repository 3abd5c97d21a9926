#pragma once
#include <stddef.h>

// Counts what the calling thread takes from malloc and its kin and from mmap, between start and stop. Linking this
// target puts its malloc and mmap in the place of the C library's, which it calls: for measurements and tests only.
typedef struct {
  size_t count;    // allocations of our own code and the Swift runtime
  size_t bytes;    // their sizes as asked for
  size_t largest;
  size_t maps;     // calls of mmap, likewise: arenas are made by it
  size_t library;  // allocations of C++ libraries, that is of oneDNN: for packed factors and kernels
} ca_counts;

void ca_start(void);
ca_counts ca_stop(void);
