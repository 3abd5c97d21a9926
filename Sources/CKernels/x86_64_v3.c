#include "include/ckernels.h"
#if defined(__x86_64__)
#include <math.h>
#include <string.h>
#define CK(name) name##_v3
#pragma clang attribute push(__attribute__((target("arch=x86-64-v3"))), apply_to = function)
#include "kernels/all.h"
#pragma clang attribute pop
#endif
